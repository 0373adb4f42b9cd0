"""Faults of real BMCs that a simulated one can show, so that clients and their workarounds can be tested."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Misbehaviour(Enum):
    """One deviation from the specification; values are the names that configuration files use."""

    WRONG_SUITE = "wrong-suite"
    "Open Session Response names algorithms that nobody proposed."
    WRONG_RAKP2_CODE = "wrong-rakp2-code"
    "RAKP 2 proves nothing, as with another password."
    WRONG_RAKP4_CHECK = "wrong-rakp4-check"
    "RAKP 4 has a wrong integrity check value, as with another Kg."
    CHECK_IN_SUITE_0 = "check-in-suite-0"
    "RAKP 4 has an integrity check value though nothing was authenticated."
    ECHOES_PRIVILEGE = "echoes-privilege"
    "Open Session Response repeats the privilege asked for, even 0, and not the highest possible."
    REFUSES_CIPHER_LIST = "refuses-cipher-list"
    "Get Channel Cipher Suites is answered with an error."
    SILENT_CIPHER_LIST = "silent-cipher-list"
    "Get Channel Cipher Suites is not answered."
    WRONG_PACKET_CODES = "wrong-packet-codes"
    "Packets of a session carry a wrong AuthCode."
    BAD_CHECKSUMS = "bad-checksums"
    "IPMI messages carry wrong checksums."
    WRONG_CAPABILITIES = "wrong-capabilities"
    "Get Channel Authentication Capabilities denies the auth types and users that there are."
    ZERO_SESSION_ID = "zero-session-id"
    "Packets of an IPMI 1.5 session carry session ID 0."
    SWAPPED_SEQUENCES = "swapped-sequences"
    "Packets of an IPMI 1.5 session carry sequence numbers most significant byte first."
    FORCED_PER_MESSAGE = "forced-per-message"
    "Per-message authentication is said to be off, but packets without AuthCode are dropped."


WELL_BEHAVED: Final[frozenset[Misbehaviour]] = frozenset()
