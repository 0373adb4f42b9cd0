"""Which display, who we are to it, and how it is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncclick as click

from conduit.cli.prompts import ask, first_line, is_interactive
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.login import Ask, LoginOptions
from conduit.rfb.security import METHOD_WORDS, Credentials, LoginRules, parse_method
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust, parse_fingerprint
from conduit.rfb.websocket_fields import basic, parse_fields
from conduit.rfb.websocket_stream import SUBPROTOCOLS, WebSocketWishes
from conduit.websocket.handshake import check_fields

PASSWORD_VARIABLE: Final = "CONDUIT_RFB_PASSWORD"  # noqa: S105 - its name
_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)

OPTIONS: Final[list[click.Parameter]] = [
    click.Option(["-U", "--username"], default="", help="User name, where the display wants one."),
    click.Option(["-P", "--password"], help="Password, which every user of this machine can see."),
    click.Option(["-f", "--password-file"], metavar="FILE", help="Password is FILE's first line; - is stdin."),
    click.Option(
        ["--security", "methods"],
        multiple=True,
        metavar="METHOD",
        help=f"Log in this way and no other: {', '.join(METHOD_WORDS)}. May be repeated, best first.",
    ),
    click.Option(["--anonymous-tls"], is_flag=True, help="Take TLS from a server that does not say who it is, too."),
    click.Option(["--ca"], type=_FILE, metavar="FILE", help="Believe certificates that these sign (PEM)."),
    click.Option(["--fingerprint"], metavar="SHA256", help="Believe the certificate with this fingerprint alone."),
    click.Option(["--tls-name"], default="", metavar="NAME", help="Name in the certificate, if it is not HOST."),
    click.Option(["--insecure"], is_flag=True, help="Believe any certificate: whoever stands between reads along."),
    click.Option(["--cert"], type=_FILE, metavar="FILE", help="Our own certificate (PEM)."),
    click.Option(["--key"], type=_FILE, metavar="FILE", help="Its private key, where that is in another file."),
    click.Option(["--http-username"], default="", help="User name for the WebSocket (Basic)."),
    click.Option(["--http-password-file"], metavar="FILE", help="Its password is FILE's first line."),
    click.Option(
        ["--header-file"], type=_FILE, metavar="FILE", help="Header fields for the WebSocket, one in each line."
    ),
    click.Option(
        ["--subprotocol", "subprotocols"],
        multiple=True,
        metavar="NAME",
        help="Subprotocol of the WebSocket (binary); an empty one is none.",
    ),
    click.Option(["--repeater-id"], default="", metavar="ID", help="Which server, behind a repeater of UltraVNC."),
    click.Option(["--exclusive"], is_flag=True, help="Have the server throw out others who look at it."),
]


@dataclass(frozen=True, slots=True)
class Target:
    """A display, and how to get in."""

    address: DisplayAddress
    login: LoginOptions
    ask: Ask | None


def make_target(host: object, options: dict[str, Any]) -> Target:  # Any: each option has its own type
    """What the words before the command add up to.

    :raises click.UsageError: there is something wrong with them.
    """
    if not isinstance(host, str):
        raise click.UsageError("which display? conduit rfb HOST COMMAND, such as conduit rfb 192.0.2.7 info")
    credentials = Credentials(options["username"], _password(options))
    login = LoginOptions(
        credentials=credentials,
        rules=LoginRules(
            methods=tuple(parse_method(word) for word in options["methods"]), anonymous_tls=options["anonymous_tls"]
        ),
        transport=TransportOptions(trust=_trust(options), websocket=_websocket(options)),
        shared=not options["exclusive"],
        repeater_id=options["repeater_id"],
    )
    return Target(DisplayAddress.parse(host), login, _Asker(credentials).ask if is_interactive() else None)


def _password(options: dict[str, Any]) -> str | None:
    if options["password"] is not None:
        return str(options["password"])
    if options["password_file"] is not None:
        return first_line(options["password_file"])
    return os.environ.get(PASSWORD_VARIABLE)


def _trust(options: dict[str, Any]) -> Trust:
    return Trust(
        ca=options["ca"],
        fingerprint=parse_fingerprint(options["fingerprint"]) if options["fingerprint"] else b"",
        insecure=options["insecure"],
        name=options["tls_name"],
        certificate=options["cert"],
        key=options["key"],
    )


def _websocket(options: dict[str, Any]) -> WebSocketWishes:
    path: Path | None = options["header_file"]
    fields = {} if path is None else parse_fields(path.read_text(), str(path))
    if options["http_username"]:
        password = first_line(options["http_password_file"]) if options["http_password_file"] else ""
        fields["Authorization"] = basic(options["http_username"], password)
    check_fields(fields)
    subprotocols = tuple(name for name in options["subprotocols"] or SUBPROTOCOLS if name)
    return WebSocketWishes(subprotocols=subprotocols, fields=fields)


class _Asker:
    """Somebody at the terminal, who is asked once."""

    def __init__(self, known: Credentials) -> None:
        self._known = known

    async def ask(self, username: bool) -> Credentials:
        """What is missing."""
        name, password = self._known.username, self._known.password
        if username and not name:
            click.echo("User name: ", err=True, nl=False)
            name = click.get_text_stream("stdin").readline().strip()
        if password is None:
            password = ask("Password: ")
        self._known = Credentials(name, password)
        return self._known
