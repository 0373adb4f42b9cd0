"""How a virtual BMC is set up: one frozen object, from Python or from a TOML file."""

from __future__ import annotations

import math
import tomllib
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Address
from typing import Any, Final

from conduit.errors import LocalProtocolError
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.bmc.event_log import DEFAULT_CAPACITY, MAX_CAPACITY
from conduit.ipmi.bmc.fru import FruConfig
from conduit.ipmi.bmc.guest.config import GuestConfig
from conduit.ipmi.bmc.sensor_specs import SensorConfig
from conduit.ipmi.bmc.sol import SolConfig
from conduit.ipmi.bmc.users import LockOutPolicy
from conduit.ipmi.bmc.virtual_machine import Timings
from conduit.ipmi.commands.guid import Guid
from conduit.ipmi.commands.users import LONG_PASSWORD_SIZE, MAX_USER_ID, NAME_SIZE, SHORT_PASSWORD_SIZE
from conduit.ipmi.records.sdr_fields import MAX_RECORD
from conduit.ipmi.records.snmp_trap import TRAP_PORT
from conduit.rmcp.auth_codes import AUTH_CODES
from conduit.rmcp.ciphers import KG_LENGTH, SUITES
from conduit.rmcp.misbehaviour import WELL_BEHAVED, Misbehaviour
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege

MAX_SESSIONS: Final = 63  # what Get Session Info can count
MAX_HALF_OPEN: Final = 1024  # looked through at each log-in
MIN_TIMEOUT: Final = 0.001  # seconds
MAX_HOURS: Final = 0xFFFF_FFFF  # what Get POH Counter can count
DEFAULT_SUITES: Final = (1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserConfig:
    """A user who is there from the start."""

    name: bytes = b""
    "0 to 16 bytes; empty for the null user, of whom there is one."
    password: bytes = field(default=b"", repr=False)
    "0 to 20 bytes; more than 16 cannot be used with IPMI 1.5."
    privilege: Privilege = Privilege.ADMINISTRATOR
    enabled: bool = True
    session_limit: int = 0
    "Sessions at once, 0 to 15; 0 is no limit but the BMC's."

    def __post_init__(self) -> None:
        check_size("a user name", self.name, 0, NAME_SIZE)
        check_size("a password", self.password, 0, LONG_PASSWORD_SIZE)
        check_range("a session limit", self.session_limit, 0, 15)

    @property
    def password_size(self) -> int:
        """16, or 20 for a password that needs it."""
        return SHORT_PASSWORD_SIZE if len(self.password) <= SHORT_PASSWORD_SIZE else LONG_PASSWORD_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the BMC says it is."""

    manufacturer_id: int = 0
    "IANA private enterprise number; 0 is nobody's."
    product_id: int = 0
    device_id: int = 0x20
    device_revision: int = 1
    firmware_major: int = 1
    firmware_minor_bcd: int = 0x00
    guid: bytes = bytes(range(16))
    "The system's GUID, 16 bytes as they travel."

    def __post_init__(self) -> None:
        check_size("the GUID", self.guid, 16, 16)
        for what, value, bits in (
            ("manufacturer_id", self.manufacturer_id, 20),
            ("product_id", self.product_id, 16),
            ("device_id", self.device_id, 8),
            ("device_revision", self.device_revision, 4),
            ("firmware_major", self.firmware_major, 7),
            ("firmware_minor_bcd", self.firmware_minor_bcd, 8),
        ):
            check_range(what, value, 0, (1 << bits) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanConfig:
    """IPMI 1.5."""

    enabled: bool = True
    auth_types: frozenset[AuthType] = frozenset({AuthType.MD2, AuthType.MD5})
    "Passwords in the clear, and none at all, are for those who ask for them."
    per_message: bool = True
    "Whether every packet is authenticated."
    user_level: bool = True
    "Whether commands at User privilege are."
    hide_unknown_users: bool = False
    "See :class:`~conduit.rmcp.challenge_server.ChallengePolicy`."

    def __post_init__(self) -> None:
        if not self.auth_types <= set(AUTH_CODES):
            raise LocalProtocolError("auth types are none, md2, md5 and straight_password")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """What the LAN configuration parameters say at the start. None of it moves the socket."""

    address: str = ""
    "IPv4; empty is the address that the BMC is served at."
    netmask: str = "255.255.255.0"
    gateway: str = "0.0.0.0"  # noqa: S104 - no gateway
    mac: str = ""
    "As ``52:54:00:12:34:56``; empty makes one of the GUID."
    vlan: int = 0
    "0 to 4094; 0 is none."
    community: bytes = b"public"
    "SNMP community of alerts, 0 to 18 bytes."
    destinations: int = 4
    "Alert destinations besides number 0, 0 to 15."
    trap_port: int = TRAP_PORT
    "UDP port that alerts are sent to, 1 to 65535."
    rollback: bool = False
    "Whether what is set counts only once it is committed, as with few BMCs."

    def __post_init__(self) -> None:
        try:
            for text in (self.address or "0.0.0.0", self.netmask, self.gateway):  # noqa: S104 - no address
                IPv4Address(text)
            mac = bytes.fromhex(self.mac.replace(":", ""))
        except ValueError as error:
            raise LocalProtocolError(f"network: {error}") from error
        check_size("mac", mac or bytes(6), 6, 6)
        check_range("vlan", self.vlan, 0, 4094)
        check_size("community", self.community, 0, 18)
        check_range("destinations", self.destinations, 0, 15)
        check_range("trap_port", self.trap_port, 1, 0xFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlusConfig:
    """IPMI 2.0 (RMCP+)."""

    enabled: bool = True
    suites: tuple[int, ...] = DEFAULT_SUITES
    "Cipher suites, 0 to 19. Suite 0, which lets anybody in, is for those who ask for it."
    kg: bytes = field(default=b"", repr=False)
    "The BMC's key for two-key log-ins, 0 to 20 bytes."
    hide_unknown_users: bool = False
    "See :class:`~conduit.rmcp.rakp_server.RakpPolicy`."

    def __post_init__(self) -> None:
        check_size("Kg", self.kg, 0, KG_LENGTH)
        for suite in self.suites:
            check_range("a cipher suite", suite, 0, max(SUITES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much, how long."""

    sessions: int = 16
    "Sessions at once."
    half_open: int = 16
    "Log-ins at once; one more pushes the oldest out."
    users: int = 16
    "Slots in the user table."
    idle_timeout: float = 60.0
    "Seconds without a packet after which a session ends."
    half_open_timeout: float = 30.0
    "Seconds that a log-in may take."
    privilege: Privilege = Privilege.ADMINISTRATOR
    "Most that the channel allows."
    events: int = DEFAULT_CAPACITY
    "Records in the event log, 1 to 4095."

    def __post_init__(self) -> None:
        check_range("sessions", self.sessions, 1, MAX_SESSIONS)
        check_range("half_open", self.half_open, 1, MAX_HALF_OPEN)
        check_range("idle_timeout", self.idle_timeout, MIN_TIMEOUT, math.inf)
        check_range("half_open_timeout", self.half_open_timeout, MIN_TIMEOUT, math.inf)
        check_range("users", self.users, 1, MAX_USER_ID)
        check_range("events", self.events, 1, MAX_CAPACITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong on purpose."""

    drop_rate: float = 0.0
    "Share of datagrams lost, each way, 0 to 1."
    seed: int = 0
    "Which datagrams: the same number loses the same ones again."
    drop_sessions_after: float = 0.0
    "Seconds after which a session is forgotten without a word; 0 is never."
    misbehaviours: frozenset[Misbehaviour] = WELL_BEHAVED

    def __post_init__(self) -> None:
        check_range("drop_rate", self.drop_rate, 0, 1)
        check_range("seed", self.seed, -(1 << 63), (1 << 63) - 1)
        check_range("drop_sessions_after", self.drop_sessions_after, 0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcConfig:
    """Everything about one virtual BMC."""

    users: tuple[UserConfig, ...] = ()
    identity: Identity = Identity()
    lan: LanConfig = LanConfig()
    plus: PlusConfig = PlusConfig()
    limits: Limits = Limits()
    network: NetworkConfig = field(default_factory=NetworkConfig)
    fru: FruConfig = field(default_factory=FruConfig)
    lock_out: LockOutPolicy = field(default_factory=LockOutPolicy)
    allow_empty_passwords: bool = False
    "Whether users without a password may log in."
    sol: SolConfig = field(default_factory=SolConfig)
    guest: GuestConfig = field(default_factory=GuestConfig)
    timings: Timings = field(default_factory=Timings)
    running: bool = False
    "Whether the machine is on at the start."
    power_on_hours: int = 0
    sensors: tuple[SensorConfig, ...] = ()
    "Sensors besides the usual ones, and fixed values of these."
    sdr_read_limit: int = MAX_RECORD
    "Bytes that one Get SDR may have, 16 to 260; more is refused, as many BMCs do."
    faults: Faults = Faults()

    def __post_init__(self) -> None:
        check_range("power_on_hours", self.power_on_hours, 0, MAX_HOURS)
        check_range("sdr_read_limit", self.sdr_read_limit, 16, MAX_RECORD)

    @classmethod
    def from_toml(cls, text: str) -> BmcConfig:
        """The configuration that a TOML document describes; its tables and keys are the fields here.

        Names, passwords and keys are strings, GUIDs too; privileges, auth types and misbehaviours go by name.

        :raises LocalProtocolError: no TOML, an unknown key, a value of the wrong kind or out of range.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise LocalProtocolError(f"not a TOML file: {error}") from error
        built: BmcConfig = _structure(cls, table, "configuration")
        return built


# --- from TOML's few types to ours; Any, for a type is a value here ---


def _structure(kind: Any, value: Any, where: str) -> Any:
    """*value* as a *kind*."""
    origin = typing.get_origin(kind)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise LocalProtocolError(f"{where}: a list belongs here")
        item = typing.get_args(kind)[0]
        return origin(_structure(item, entry, f"{where}[{place}]") for place, entry in enumerate(value))
    if is_dataclass(kind) and isinstance(kind, type):
        return _structure_dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _structure_enum(kind, value, where)
    try:
        return _CONVERTERS[kind](value, where)
    except (TypeError, ValueError) as error:
        raise LocalProtocolError(f"{where}: {error}") from error


def _structure_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise LocalProtocolError(f"{where}: a table belongs here")
    hints = typing.get_type_hints(kind)
    names = {entry.name for entry in fields(kind)}
    for key in value:
        if key not in names:
            raise LocalProtocolError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(names))}")
    return kind(**{key: _structure(hints[key], entry, key) for key, entry in value.items()})


def _structure_enum(kind: type[Enum], value: Any, where: str) -> Enum:
    for member in kind:
        if value in (member.value, member.name.lower()) and not isinstance(value, bool):
            return member
    raise LocalProtocolError(f"{where}: {value!r} is none of {', '.join(member.name.lower() for member in kind)}")


def _bytes(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError("a string belongs here")
    return uuid_bytes(value) if where == "guid" else value.encode()


def uuid_bytes(text: str) -> bytes:
    """The bytes of a GUID in the order that the IPMI specification has them travel."""
    return Guid.from_uuid(uuid.UUID(text)).raw


def _plain(kind: type) -> Callable[[Any, str], Any]:
    def convert(value: Any, where: str) -> Any:
        number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not kind and not number:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return kind(value)

    return convert


_CONVERTERS: Final = types.MappingProxyType(
    {bytes: _bytes, int: _plain(int), float: _plain(float), bool: _plain(bool), str: _plain(str)}
)
