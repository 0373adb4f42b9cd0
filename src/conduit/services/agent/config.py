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
from urllib.parse import urlsplit

from conduit.errors import LocalProtocolError
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
    "``vnc://host``, ``vnc://host:port``, ``ws://host:port/path`` or ``wss://host:port/path``."
    user: str = ""
    "For security types that want one."
    security: Sequence[str] = ()
    "Names of the only security types to accept; by default all that prove the password, or None without one."
    ca_file: Path | None = None
    "PEM: whom to trust where there is TLS, when not the system's CAs."
    fingerprint: str = ""
    "Or the SHA-256 of the server's certificate, in hexadecimal."
    insecure_tls: bool = False
    "Or nobody: encrypted, with whoever is there."
    hide_encodings: Sequence[int] = ()
    "Numbers of RFB encodings that the server does not do well."

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("vnc", "ws", "wss"):
            raise LocalProtocolError(f"{self.url!r} is no display: say vnc://host:port, ws:// or wss://")
        if self.places > 1:
            raise LocalProtocolError(f"display {self.url}: the password is in one place, or there is none")


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
