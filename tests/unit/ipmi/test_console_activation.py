"""Whose activation is in the way: what a BMC says about it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import pytest

from conduit.errors import CompletionCodeError
from conduit.ipmi.commands import (
    ActivatePayload,
    ActiveSession,
    DeactivatePayload,
    GetPayloadInstanceInfo,
    GetSessionInfo,
    LanPeer,
    PayloadActivation,
    PayloadInstanceInfo,
    SessionInfo,
)
from conduit.ipmi.console_activation import Activation, ConsoleOptions, Holder
from conduit.ipmi.sol import SolCause, SolMachine
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.workarounds import Workaround

FIRST, SECOND, OTHER = 0x11, 0x22, 0x33  # what the BMC calls sessions
HERE, ELSEWHERE = 40_000, 50_000  # ports of consoles


class Session:
    """As much of a session, its connection and its attachment as an activation looks at."""

    def __init__(self, remote_id: int) -> None:
        self.session = SimpleNamespace(remote_id=remote_id, local_id=remote_id << 8)
        self.protection = (True, True)
        self.is_lost = False
        self.sol: SolMachine | None = None
        self.address = ("127.0.0.1", 623)
        self.port = SimpleNamespace(subscribe=lambda: None, unsubscribe=lambda: None)

    def attach_sol(self, machine: SolMachine) -> None:
        self.sol = machine

    def detach_sol(self, machine: SolMachine) -> None:
        self.sol = None


class FakeBmc:
    """A client whose BMC has one console, and an owner of it."""

    workarounds: Collection[Workaround] = ()

    def __init__(self) -> None:
        self.session = Session(FIRST)
        self.owner: int | None = None
        self.owner_port: int | None = HERE  # None: this BMC does not tell
        self.names_owner = True

    async def live_connection(self) -> Any:
        return self.session, self.session

    def flush(self, attachment: object) -> None:
        raise NotImplementedError

    async def request(self, command: Command[Any], *, deadline: float | None = None) -> Any:
        present = self.session.session.remote_id
        match command:
            case ActivatePayload():
                if self.owner is not None:
                    raise refusal(0x80)
                self.owner = present
                return PayloadActivation(inbound_size=259, outbound_size=259, port=623)
            case DeactivatePayload():
                self.owner = None
            case GetPayloadInstanceInfo():
                if not self.names_owner:
                    raise refusal(0xC1)
                return PayloadInstanceInfo(session_id=self.owner or 0)
            case GetSessionInfo(session_id=None):
                return session_info(HERE)
            case GetSessionInfo():
                if self.owner_port is None:
                    raise refusal(0xCC)
                return session_info(self.owner_port)
        return None


def refusal(code: int) -> CompletionCodeError:
    return CompletionCodeError(code, netfn=6, command=0, text="no")


def session_info(port: int) -> SessionInfo:
    peer = LanPeer(address=IPv4Address("127.0.0.1"), mac=bytes(6), port=port)
    session = ActiveSession(user_id=2, privilege=Privilege.ADMINISTRATOR, channel=1, peer=peer)
    return SessionInfo(handle=1, slots=4, active_sessions=2, session=session)


async def lost(bmc: FakeBmc) -> Activation:
    """An activation whose session was lost; the next one is there."""
    activation = Activation(bmc, ConsoleOptions(), SolMachine("me"))
    await activation.begin(steal=False)
    activation.detach(SolCause.LOST)
    bmc.session = Session(SECOND)
    return activation


@pytest.mark.parametrize("name", [FIRST, FIRST << 8, SECOND])
@pytest.mark.parametrize("port", [HERE, None])
async def test_what_is_under_a_name_of_our_sessions_is_ours(name: int, port: int | None) -> None:
    bmc = FakeBmc()
    activation = await lost(bmc)
    bmc.owner, bmc.owner_port = name, port
    await activation.begin(steal=False)
    assert (bmc.owner, activation.holder, activation.count) == (SECOND, Holder.OURS, 2)


async def test_an_id_of_ours_that_somebody_elsewhere_has_by_now_is_not_ours() -> None:
    bmc = FakeBmc()
    activation = await lost(bmc)
    bmc.owner_port = ELSEWHERE
    with pytest.raises(CompletionCodeError, match="somebody else"):
        await activation.begin(steal=False)
    assert (bmc.owner, activation.holder, activation.count) == (FIRST, Holder.STRANGER, 1)


async def test_another_session_is_a_strangers_where_ours_was_named_before() -> None:
    bmc = FakeBmc()
    activation = await lost(bmc)
    bmc.owner = OTHER
    with pytest.raises(CompletionCodeError, match="somebody else"):
        await activation.begin(steal=False)
    assert (bmc.owner, activation.holder) == (OTHER, Holder.STRANGER)
    await activation.begin(steal=True)
    assert bmc.owner == SECOND


@pytest.mark.parametrize("names_owner", [False, True])
async def test_nothing_is_known_where_the_bmc_did_not_name_ours(names_owner: bool) -> None:
    bmc = FakeBmc()
    bmc.names_owner = False
    activation = await lost(bmc)
    bmc.owner, bmc.names_owner = OTHER, names_owner
    with pytest.raises(CompletionCodeError):
        await activation.begin(steal=False)
    assert (bmc.owner, activation.holder) == (OTHER, Holder.UNKNOWN)


async def test_after_an_end_that_was_told_nothing_stale_is_left() -> None:
    bmc = FakeBmc()
    activation = Activation(bmc, ConsoleOptions(), SolMachine("me"))
    await activation.begin(steal=False)
    activation.detach(SolCause.DEACTIVATING)
    bmc.session, bmc.owner = Session(SECOND), FIRST
    with pytest.raises(CompletionCodeError):
        await activation.begin(steal=False)
    assert bmc.owner == FIRST


async def test_an_owner_that_was_not_told_at_first_is_learned_later() -> None:
    bmc = FakeBmc()
    bmc.names_owner = False
    activation = Activation(bmc, ConsoleOptions(), SolMachine("me"))
    await activation.begin(steal=False)
    bmc.names_owner = True
    assert not await activation.is_anothers()
    bmc.owner = OTHER
    assert await activation.is_anothers()
