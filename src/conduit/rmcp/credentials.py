"""Who logs in, with what, and how: what a remote console is told before it opens a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.rmcp.auth_codes import AUTH_CODES
from conduit.rmcp.ciphers import KG_LENGTH, PASSWORD_LENGTH, SUITES
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import MAX_USERNAME
from conduit.rmcp.retry import DEFAULT_RETRY, RetryPolicy
from conduit.rmcp.workarounds import Workaround


class Interface(Enum):
    """Which kind of session to open; values are ipmitool's names."""

    AUTO = "auto"
    "RMCP+ where the BMC has it, else IPMI 1.5."
    LANPLUS = "lanplus"
    "RMCP+ (IPMI 2.0) and nothing else."
    LAN = "lan"
    "IPMI 1.5 and nothing else."


NO_WORKAROUNDS: Final[frozenset[Workaround]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """All that decides how a session is opened.

    :raises LocalProtocolError: something is longer, or a number other, than the protocol takes.
    """

    username: bytes = b""
    "0 to 16 bytes; empty logs in as the null user."
    password: bytes = field(default=b"", repr=False)
    "0 to 20 bytes, of which IPMI 1.5 takes 16."
    kg: bytes = field(default=b"", repr=False)
    "The BMC's key for two-key log-ins, 0 to 20 bytes; empty where the BMC has none."
    privilege: Privilege = Privilege.ADMINISTRATOR
    "Privilege to raise the session to, and no further."
    interface: Interface = Interface.AUTO
    cipher_suite: int | None = None
    "Cipher suite by number, 0 to 19, or None for the best that both sides have."
    auth_type: int | None = None
    "IPMI 1.5 auth type by number, or None for the best that the BMC offers, never an unprotected one."
    name_only: bool = True
    "Whether the BMC finds the user by name alone (as ipmitool asks) or by name and privilege."
    workarounds: frozenset[Workaround] = NO_WORKAROUNDS
    retry: RetryPolicy = DEFAULT_RETRY

    def __post_init__(self) -> None:
        _check_length("user name", self.username, MAX_USERNAME)
        _check_length("password", self.password, PASSWORD_LENGTH)
        _check_length("BMC key Kg", self.kg, KG_LENGTH)
        if self.cipher_suite is not None and self.cipher_suite not in SUITES:
            raise LocalProtocolError(f"there is no cipher suite {self.cipher_suite}; take one of 0 to {max(SUITES)}")
        if self.auth_type is not None and self.auth_type not in AUTH_CODES:
            raise LocalProtocolError(f"there is no IPMI 1.5 auth type {self.auth_type}")

    @property
    def role(self) -> int:
        """The role byte of RAKP message 1."""
        return self.privilege | (0x10 if self.name_only else 0)


def _check_length(what: str, value: bytes, most: int) -> None:
    if len(value) > most:
        raise LocalProtocolError(f"the {what} has {len(value)} bytes; IPMI takes at most {most}")
