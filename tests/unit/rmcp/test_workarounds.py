"""Workarounds: their names, and the dialects of RAKP they add up to."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from conduit.rmcp.workarounds import RakpDialect, Workaround


def flags(*workarounds: Workaround) -> set[str]:
    return {name for name, on in asdict(RakpDialect.of(frozenset(workarounds))).items() if on}


def test_names_are_those_of_ipmitool_and_freeipmi_in_lower_case() -> None:
    assert {workaround.value for workaround in Workaround} == {
        *("authcap", "forcepermsg", "idzero", "noauthcodecheck", "unexpectedauth", "endianseq", "nochecksumcheck"),
        *("opensesspriv", "integritycheckvalue", "intel20", "supermicro20", "sun20"),
        *("supermicro", "intelwv2", "intelplus", "icts", "ibm", "i82571spt", "kontron", "quanta"),
        *("solpayloadsize", "solport", "solstatus", "solpacketseq"),
    }


def test_no_workaround_is_the_specification() -> None:
    assert flags() == set()


@pytest.mark.parametrize(
    ("workaround", "dialect"),
    [
        (Workaround.INTELPLUS, {"bare_role_in_rakp3", "check_by_integrity"}),
        (Workaround.INTEL20, {"padded_name", "short_password", "bare_role_in_rakp3", "check_by_integrity"}),
        (Workaround.I82571SPT, {"bare_role", "bare_role_in_rakp3", "long_rakp1"}),
        (Workaround.SUPERMICRO20, {"surplus_byte"}),
        (Workaround.SUN20, {"surplus_byte"}),
        (Workaround.ICTS, set()),
    ],
)
def test_workaround_turns_on_its_dialect(workaround: Workaround, dialect: set[str]) -> None:
    assert flags(workaround) == dialect


def test_dialects_add_up() -> None:
    assert flags(Workaround.SUN20, Workaround.INTELPLUS) == {"surplus_byte", "bare_role_in_rakp3", "check_by_integrity"}
