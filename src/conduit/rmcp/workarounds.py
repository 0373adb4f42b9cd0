"""Named switches for BMCs that break the rules: the set that ipmitool (``-o``) and FreeIPMI (``-W``) know.

All are off by default. Each says what the BMC does wrong and what we then do differently.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Self

from conduit._machine import Label


class Workaround(Label):
    """A deviation that somebody's BMC needs; values are the names that ``-W`` takes."""

    meaning: str
    "What the BMC does wrong, and what we then do differently."

    def __new__(cls, name: str, meaning: str) -> Self:
        """Take the name for the value, and the meaning along."""
        member = object.__new__(cls)
        member._value_ = name
        member.meaning = meaning
        return member

    # IPMI 1.5 and what comes before a session
    AUTHCAP = ("authcap", "The BMC lists the wrong auth types: use the one asked for although it is not offered.")
    FORCEPERMSG = (
        "forcepermsg",
        "The BMC says that per-message authentication is off and drops what comes without: authenticate every packet.",
    )
    IDZERO = ("idzero", "The BMC answers with session ID 0: accept it.")
    NOAUTHCODECHECK = (
        "noauthcodecheck",
        "The BMC's AuthCodes are blank or wrong: do not check them. Anybody on the way may then answer in its place.",
    )
    UNEXPECTEDAUTH = (
        "unexpectedauth",
        "The BMC authenticates although per-message authentication is off. Always accepted when the AuthCode is right.",
    )
    ENDIANSEQ = (
        "endianseq",
        "The BMC sends its session sequence numbers most significant byte first: swap those received.",
    )
    SUPERMICRO = (
        "supermicro",
        "The BMC has an OEM auth type only: answer MD5(challenge XOR MD5(password)), then send that with every packet.",
    )
    QUANTA = ("quanta", "The BMC has an OEM auth type only: send the password as the AuthCode, in the clear.")
    INTELWV2 = ("intelwv2", "The BMC stalls until nudged: a stray datagram follows every packet.")

    # both versions
    NOCHECKSUMCHECK = ("nochecksumcheck", "The checksums of IPMI messages are wrong: do not check them.")

    # RMCP+
    OPENSESSPRIV = (
        "opensesspriv",
        "Open Session Response names less privilege than the session gets: do not believe it.",
    )
    INTEGRITYCHECKVALUE = (
        "integritycheckvalue",
        "RAKP 4 has an integrity check value without authentication (suite 0): ignore it.",
    )
    INTELPLUS = ("intelplus", "RAKP 3 is computed without the look-up bit, RAKP 4 with the integrity algorithm's hash.")
    INTEL20 = ("intel20", "As intelplus; names are padded to 16 bytes and passwords cut to 16 where the hash is MD5.")
    I82571SPT = (
        "i82571spt",
        "RAKP 1 always has 44 bytes, hashes leave the look-up bit out, and Set Session Privilege Level is not sent.",
    )
    SUPERMICRO20 = ("supermicro20", "The code in RAKP 2 is one byte too long: cut it.")
    SUN20 = ("sun20", "The SHA-1 code in RAKP 2 is one byte too long: cut it; and as opensesspriv.")
    ICTS = ("icts", "The integrity pad is counted without its own two bytes.")

    # serial over LAN
    SOLPAYLOADSIZE = ("solpayloadsize", "The payload sizes in the activation are wrong: send small packets.")
    SOLPORT = ("solport", "The port in the activation is wrong: stay on the session's.")
    SOLSTATUS = ("solstatus", "The BMC misreports whose console is active: do not ask it.")
    SOLPACKETSEQ = (
        "solpacketseq",
        "SOL packets are not numbered properly: take every packet for a new one. Repeats then show twice.",
    )

    # names that ipmitool takes and that change no session there either
    IBM = ("ibm", "Nothing in a session; ipmitool reads OEM texts of log entries.")
    KONTRON = ("kontron", "Nothing in a session; ipmitool enlarges firmware buffers.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RakpDialect:
    """How a BMC computes RAKP where it departs from the specification."""

    padded_name: bool = False
    "Names are NUL-padded to 16 bytes in RAKP 1, RAKP 2 and SIK."
    short_password: bool = False
    "With RAKP-HMAC-MD5 only 16 bytes of the password count."
    bare_role_in_rakp3: bool = False
    "RAKP 3 is computed without the look-up bit."
    bare_role: bool = False
    "So are RAKP 2 and SIK."
    check_by_integrity: bool = False
    "RAKP 4 is computed with the integrity algorithm's hash."
    surplus_byte: bool = False
    "The code in RAKP 2 has one byte too many."
    long_rakp1: bool = False
    "RAKP 1 has room for 16 bytes of name, whatever its length."

    @classmethod
    @functools.cache
    def of(cls, workarounds: frozenset[Workaround]) -> Self:
        """What *workarounds* add up to."""

        def any_of(*names: Workaround) -> bool:
            return any(name in workarounds for name in names)

        return cls(
            padded_name=any_of(Workaround.INTEL20),
            short_password=any_of(Workaround.INTEL20),
            bare_role_in_rakp3=any_of(Workaround.INTELPLUS, Workaround.INTEL20, Workaround.I82571SPT),
            bare_role=any_of(Workaround.I82571SPT),
            check_by_integrity=any_of(Workaround.INTELPLUS, Workaround.INTEL20),
            surplus_byte=any_of(Workaround.SUPERMICRO20, Workaround.SUN20),
            long_rakp1=any_of(Workaround.I82571SPT),
        )
