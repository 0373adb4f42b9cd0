"""``conduit admin``: what staff do at the Manager."""

from __future__ import annotations

from typing import Final

from conduit.cli.lazy import Part
from conduit.cli.nouns import Noun

__all__ = ["command"]

PARTS: Final = {
    "customer": Part("conduit.cli.admin.customer", "Accounts: make them, set passwords, end their log-ins."),
    "gateway": Part("conduit.cli.admin.machine", "The Gateways, and which are alive.", "gateway"),
    "join-token": Part("conduit.cli.admin.join_token", "What lets a new Agent or Gateway in."),
    "machine": Part("conduit.cli.admin.machine", "Agents and Gateways: their certificates.", "machine"),
    "server": Part("conduit.cli.admin.server", "Whose server is which."),
    "status": Part("conduit.cli.admin.status", "How much there is of everything."),
}

command = Noun(
    "admin",
    parts=PARTS,
    example="admin join-token create --kind agent --datacenter dc1 --ttl 1h",
    help="For staff: accounts, machines, whose server is which.",
)
