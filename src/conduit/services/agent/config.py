"""The Agent's configuration file (TOML).

::

    manager = "https://manager.example"
    name = "ams1-a"
    join_token_file = "/etc/conduit/join-token"

    [servers.db-02]
    customer = "ops@acme.example"
    tags = ["database"]

    [[servers.db-02.control]]
    type = "ipmi"
    address = "10.0.4.12"
    user = "conduit"
    password_file = "/etc/conduit/db-02.password"
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from conduit.errors import LocalProtocolError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.client_handshake import encode_repeater_id
from conduit.rfb.security import parse_method
from conduit.rfb.trust import parse_fingerprint
from conduit.rfb.websocket_stream import SUBPROTOCOLS
from conduit.services.agent.console_log import KEEP, MAX_BYTES
from conduit.services.agent.secret_store import SecretStore
from conduit.services.certificates import check_name
from conduit.services.secret import Secret
from conduit.services.settings import read_secret, read_toml, structure
from conduit.services.web.clients import LOOPBACK, Networks

IPMI_PORT: Final = 623
HEALTH_PORT: Final = 8082
DISPLAY_USER: Final = "display"  # in the sealed store, where a display wants no name
_SERVER_ID: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Where a password is, which does not belong in the configuration."""

    password_file: Path | None = None
    "File with the password, readable by the Agent's user only."
    password_env: str | None = None
    "Or the environment variable that has it."
    sealed_password: bool = False
    "It is in the Agent's sealed store: ``conduit agent secret set SERVER``."
    password: str | None = field(default=None, repr=False)
    "Refused, unless ``inline_secrets`` is set."

    @property
    def places(self) -> int:
        """How many of them are named."""
        ways = (self.password_file, self.password_env, self.password, self.sealed_password or None)
        return sum(way is not None for way in ways)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control(Credentials):
    """A control endpoint of a BMC; the first of a server is preferred."""

    type: Literal["ipmi", "ipmi-1.5"]
    "ipmi: RMCP+ (2.0). ipmi-1.5: only the older protocol, said on purpose."
    address: str
    port: int = IPMI_PORT
    "UDP port."
    user: str
    cipher_suite: int | None = None
    "Number of the only cipher suite to use; by default the best that the BMC offers."
    workarounds: Sequence[str] = ()
    "Names of the BMC's faults to allow for; `conduit ipmi --help` lists them."

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise LocalProtocolError(f"{self.port} is no port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """How a server's serial console is reached."""

    type: Literal["ipmi"] = "ipmi"
    "Serial over LAN, by the first control endpoint that speaks IPMI 2.0."
    log: Path | None = None
    "Everything it says goes there too, even when nobody looks."
    log_bytes: int = MAX_BYTES
    "Size at which a log is moved aside."
    log_keep: int = KEEP
    "Older logs to keep."
    log_timestamps: bool = True
    "The time (UTC) before each line; otherwise the bytes as they came."
    steal: bool = False
    "Take the console from whoever holds it."
    own_session: bool = False
    "A session for the console alone, beside that of the commands; most BMCs are short of sessions."

    def __post_init__(self) -> None:
        if self.log_bytes < 1 or self.log_keep < 0:
            raise LocalProtocolError("log_bytes is at least 1, log_keep at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Display(Credentials):
    """How a server's screen is reached: a VNC server, of its BMC or of its hypervisor."""

    url: str
    "``vnc://host:port``, ``vncs://`` where TLS comes first (iDRAC), ``ws://host:port/path`` or ``wss://``."
    user: str = ""
    "For security types that want one."
    security: Sequence[str] = ()
    "Names of the only security types to accept; by default all that prove the password, or None without one."
    ca_file: Path | None = None
    "PEM: whom to trust where there is TLS, when not the system's CAs."
    fingerprint: str = ""
    "Or the SHA-256 of the server's certificate, in hexadecimal."
    insecure_tls: bool = False
    "Or anybody's certificate: whoever stands between reads along."
    tls_name: str = ""
    "Name in the certificate, if it is not the host."
    anonymous_tls: bool = False
    "Take TLS from a server that has no certificate, too (VeNCrypt's TLS types)."
    certificate: Path | None = None
    "PEM: our own certificate, for a server that wants one."
    key: Path | None = None
    "PEM: its key, where that is in another file."
    http_user: str = ""
    "User name for the WebSocket (HTTP Basic)."
    http_password_file: Path | None = None
    "File with its password, readable by the Agent's user only."
    http_password_env: str | None = None
    "Or the environment variable that has it."
    http_headers_file: Path | None = None
    "File with header fields for the WebSocket, one in each line, such as X-Auth-Token; readable by the Agent only."
    subprotocols: Sequence[str] = SUBPROTOCOLS
    "Of the WebSocket; empty for none."
    repeater_id: str = ""
    "Which server it is, if ``url`` is a repeater of UltraVNC."
    hide_encodings: Sequence[int] = ()
    "Numbers of RFB encodings that the server does not do well."

    def __post_init__(self) -> None:
        if self.url.partition("://")[0] not in ("vnc", "vncs", "ws", "wss"):
            raise LocalProtocolError("a display's url is vnc://host:port, vncs://, ws:// or wss://")
        address = DisplayAddress.parse(self.url)
        if self.places > 1:
            raise LocalProtocolError(f"display {address}: the password is in one place, or there is none")
        if self.insecure_tls and (self.ca_file or self.fingerprint):
            raise LocalProtocolError(f"display {address}: believe anybody, or ca_file or fingerprint; not both")
        if self.fingerprint:
            parse_fingerprint(self.fingerprint)
        for method in self.security:
            parse_method(method)
        if self.repeater_id:
            encode_repeater_id(self.repeater_id)
        self._check_http(address)

    def _check_http(self, address: DisplayAddress) -> None:
        passwords = (self.http_password_file, self.http_password_env)
        places = sum(place is not None for place in passwords)
        if address.websocket is None and (self.http_user or places or self.http_headers_file):
            raise LocalProtocolError(f"display {address}: what begins with http_ is for ws:// and wss://")
        if places != bool(self.http_user):
            raise LocalProtocolError(
                f"display {address}: http_user belongs to one of http_password_file and http_password_env"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One server."""

    control: Sequence[Control]
    "Ways to its BMC, the preferred one first."
    console: Console | None = None
    "Without this table it has none."
    display: Display | None = None
    "Likewise."
    customer: str = ""
    "Email of its owner; without one it is the staff's until they assign it."
    display_name: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """All of it."""

    manager: str
    "URL of the Manager."
    name: str
    "This Agent's; unique."
    state: Path = Path("/var/lib/conduit-agent")
    "Folder for its certificate and the consoles' recent output."
    join_token_file: Path | None = None
    "File with the join token; needed until the machine has enrolled."
    join_token_env: str | None = None
    "Or the environment variable that has it."
    manager_ca: Path | None = None
    "PEM: whom to trust as the Manager, when not the system's CAs."
    secret_key_file: Path | None = None
    "The key of the sealed passwords; by default beside them."
    inline_secrets: bool = False
    "Allow passwords in this file."
    health: str = "127.0.0.1:8082"
    "Where /health, /ready and /metrics are; empty for nowhere."
    metrics_readers: Sequence[str] = LOOPBACK
    "Networks that may read /metrics."
    servers: Mapping[str, ServerConfig] = field(default_factory=dict)

    @property
    def health_address(self) -> tuple[str, int]:
        """Host and port of ``health``."""
        return host_and_port(self.health, HEALTH_PORT)

    def __post_init__(self) -> None:
        check_name(self.name)
        Networks(self.metrics_readers)
        if self.health:
            host_and_port(self.health, HEALTH_PORT)
        for server_id, server in self.servers.items():
            if _SERVER_ID.fullmatch(server_id) is None:
                raise LocalProtocolError(f"{server_id!r} is no server's id: use letters, digits, '.', '_' and '-'")
            if not server.control:
                raise LocalProtocolError(f"server {server_id} has no control endpoint")
            self._check_secrets(server_id, server)

    def _check_secrets(self, server_id: str, server: ServerConfig) -> None:
        if any(control.places != 1 for control in server.control):
            raise LocalProtocolError(f"server {server_id}: give one of password_file, password_env and sealed_password")
        displays = () if server.display is None else (server.display,)
        for credentials in (*server.control, *displays):
            if credentials.password is not None and not self.inline_secrets:
                raise LocalProtocolError(
                    f"server {server_id}: a password does not belong in this file; use password_file, password_env"
                    " or sealed_password (or say inline_secrets = true)"
                )


def load_config(path: Path) -> AgentConfig:
    """:raises LocalProtocolError: with the name of what is wrong."""
    return structure(read_toml(path), AgentConfig, where=str(path))


def password_of(server_id: str, control: Control | Display, store: SecretStore) -> Secret:
    """A BMC's password, or its display's, as its configuration says.

    :raises LocalProtocolError: it is not there.
    """
    if control.password is not None:
        return Secret(control.password)
    if control.sealed_password:
        return store.get(server_id, control.user or DISPLAY_USER)
    what = f"password of {server_id}"
    return read_secret(file=control.password_file, environment=control.password_env, what=what)


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """``host``, ``host:port``, ``[::1]:port`` or a bare IPv6 address.

    :raises LocalProtocolError: it is none of these.
    """
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), default_port
    except ValueError:
        host, colon, port = text.rpartition(":")
    if not colon:
        return text, default_port
    if not port.isdecimal() or not 0 <= int(port) < 65536 or not host:
        raise LocalProtocolError(f"{text!r} is no host:port")
    return host.strip("[]"), int(port)
