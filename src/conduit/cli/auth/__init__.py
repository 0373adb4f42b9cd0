"""``conduit auth``: logs in to a Manager, and out."""

from __future__ import annotations

from typing import Final

from conduit.cli.lazy import Part
from conduit.cli.nouns import Noun

__all__ = ["command"]

PARTS: Final = {
    "login": Part("conduit.cli.auth.login", "Log in, with a password."),
    "logout": Part("conduit.cli.auth.logout", "End the log-in, here and at the Manager."),
    "refresh": Part("conduit.cli.auth.refresh", "Renew the log-in now; commands do it by themselves."),
    "status": Part("conduit.cli.auth.status", "Who is logged in where, and until when."),
    "use": Part("conduit.cli.auth.use", "Choose the profile that counts where none is named."),
}

command = Noun(
    "auth",
    parts=PARTS,
    example="auth login --manager https://manager.example:8080 --email alice@acme.example",
    help="Log-ins. Each is a profile: a Manager, and an account there.",
)
