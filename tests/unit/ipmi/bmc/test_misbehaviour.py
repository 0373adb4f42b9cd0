"""A BMC that misbehaves, and the workaround with which our console copes."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import ConduitError
from conduit.ipmi.bmc import Misbehaviour
from conduit.ipmi.bmc.config import Faults, LanConfig
from conduit.ipmi.commands import GetDeviceId
from conduit.rmcp.credentials import Interface
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.workarounds import Workaround
from tests.wired import EVERY_AUTH_TYPE, Wire, make_bmc

QUICK = RetryPolicy(timeout=0.1, retries=2)


def make_wire(misbehaviour: Misbehaviour) -> Wire:
    faults = Faults(misbehaviours=frozenset({misbehaviour}))
    return Wire(make_bmc(faults=faults, lan=LanConfig(auth_types=EVERY_AUTH_TYPE)))


def works(wire: Wire, **login: Any) -> bool:
    try:
        wire.connect(retry=QUICK, **login).ask(GetDeviceId())
    except ConduitError:
        return False
    return True


PLUS: dict[str, Any] = {"interface": Interface.LANPLUS}
LAN: dict[str, Any] = {"interface": Interface.LAN, "auth_type": 2}


@pytest.mark.parametrize(
    ("misbehaviour", "login"),
    [
        (Misbehaviour.WRONG_SUITE, {**PLUS, "cipher_suite": 3}),
        (Misbehaviour.WRONG_RAKP2_CODE, PLUS),
        (Misbehaviour.WRONG_RAKP4_CHECK, PLUS),
        (Misbehaviour.WRONG_PACKET_CODES, PLUS),
        (Misbehaviour.BAD_CHECKSUMS, PLUS),
        (Misbehaviour.CHECK_IN_SUITE_0, {**PLUS, "cipher_suite": 0}),
        (Misbehaviour.WRONG_CAPABILITIES, LAN),
        (Misbehaviour.WRONG_PACKET_CODES, LAN),
        (Misbehaviour.BAD_CHECKSUMS, LAN),
        (Misbehaviour.ZERO_SESSION_ID, LAN),
        (Misbehaviour.FORCED_PER_MESSAGE, LAN),
    ],
)
def test_without_a_workaround_it_fails(misbehaviour: Misbehaviour, login: dict[str, Any]) -> None:
    assert not works(make_wire(misbehaviour), **login)


@pytest.mark.parametrize(
    ("misbehaviour", "workaround", "login"),
    [
        (Misbehaviour.BAD_CHECKSUMS, Workaround.NOCHECKSUMCHECK, PLUS),
        (Misbehaviour.BAD_CHECKSUMS, Workaround.NOCHECKSUMCHECK, LAN),
        (Misbehaviour.CHECK_IN_SUITE_0, Workaround.INTEGRITYCHECKVALUE, {**PLUS, "cipher_suite": 0}),
        (Misbehaviour.WRONG_CAPABILITIES, Workaround.AUTHCAP, LAN),
        (Misbehaviour.WRONG_PACKET_CODES, Workaround.NOAUTHCODECHECK, LAN),
        (Misbehaviour.ZERO_SESSION_ID, Workaround.IDZERO, LAN),
        (Misbehaviour.SWAPPED_SEQUENCES, Workaround.ENDIANSEQ, LAN),
        (Misbehaviour.FORCED_PER_MESSAGE, Workaround.FORCEPERMSG, LAN),
    ],
)
def test_with_its_workaround_it_works(
    misbehaviour: Misbehaviour, workaround: Workaround, login: dict[str, Any]
) -> None:
    assert works(make_wire(misbehaviour), workarounds=frozenset({workaround}), **login)


@pytest.mark.parametrize(
    "misbehaviour",
    [Misbehaviour.REFUSES_CIPHER_LIST, Misbehaviour.SILENT_CIPHER_LIST, Misbehaviour.ECHOES_PRIVILEGE],
)
def test_some_faults_need_no_workaround(misbehaviour: Misbehaviour) -> None:
    wire = make_wire(misbehaviour)
    assert works(wire, **PLUS)


def test_a_bmc_that_forgets_sessions() -> None:
    wire = Wire(make_bmc(faults=Faults(drop_sessions_after=5)))
    console = wire.connect(retry=QUICK)
    wire.let_pass(4)
    assert console.ask(GetDeviceId())
    wire.now += 2  # time passes, and nobody tells the BMC
    assert console.is_dead(GetDeviceId())
    assert len(wire.bmc.state.sessions) == 0
