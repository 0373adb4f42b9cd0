"""Every command at every level: what a session may do depends on its privilege, and is checked before anything else."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.ipmi.bmc import HANDLERS
from conduit.ipmi.commands import COMMANDS
from conduit.rmcp.command import Command
from conduit.rmcp.lan_message import decode_frame, encode_frame
from conduit.rmcp.packets import decode_lan_packet, encode_lan_packet
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import COMMANDS as SESSION_COMMANDS
from conduit.rmcp.session_commands import (
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
)
from tests.wired import Wire, make_bmc

INSUFFICIENT = 0xD4
EVERY_COMMAND: list[type[Command[Any]]] = sorted(
    {*COMMANDS.values(), *SESSION_COMMANDS}, key=lambda command: (command.netfn, command.command, command.prefix())
)
OUTSIDE = {key for key, entry in HANDLERS.items() if entry.outside}
LEVELS = [Privilege.CALLBACK, Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR]


def test_every_command_that_has_a_class_is_answered() -> None:
    missing = [command.__name__ for command in EVERY_COMMAND if command.key() not in HANDLERS]
    assert not missing


def test_only_what_a_log_in_and_who_receives_traps_needs_is_answered_outside_of_a_session() -> None:
    assert {(0x04, 0x17, None), (0x06, 0x37, None), (0x06, 0x38, None), (0x06, 0x54, None)} == OUTSIDE


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda command: command.__name__)
@pytest.mark.parametrize("level", LEVELS)
def test_privilege_is_enforced(command: type[Command[Any]], level: Privilege) -> None:
    wire = Wire(make_bmc())
    console = wire.connect()
    (session,) = wire.bmc.state.sessions
    session.privilege = level
    code, data = console.raw(command.netfn, command.command, command.prefix())
    allowed = level >= command.privilege or command.key() in OUTSIDE
    assert (code != INSUFFICIENT) == allowed
    if not allowed:
        assert data == command.prefix()  # whose command it was, and nothing else


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda command: command.__name__)
def test_without_a_session_almost_nothing_is_allowed(command: type[Command[Any]]) -> None:
    wire = Wire(make_bmc())
    (answer,) = wire.deliver(
        encode_lan_packet(encode_frame(command.netfn, command.command, command.prefix(), sequence=1))
    )
    code = decode_frame(decode_lan_packet(answer).payload).data[0]
    answered = command.key() in OUTSIDE or command is GetSessionChallenge
    assert (code != INSUFFICIENT) == answered


@pytest.mark.parametrize("question", [GetChannelAuthenticationCapabilities(), GetChannelCipherSuites()])
def test_questions_before_a_log_in_are_answered_in_a_session_too(question: Command[Any]) -> None:
    assert Wire(make_bmc()).connect().code(question) == 0


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda command: command.__name__)
def test_truncated_requests_are_refused_by_length(command: type[Command[Any]]) -> None:
    console = Wire(make_bmc()).connect()
    code, _ = console.raw(command.netfn, command.command, command.prefix())
    try:
        command.decode(b"")
    except Exception:  # noqa: BLE001 - whatever it is, the BMC must have refused
        assert code == 0xC7
