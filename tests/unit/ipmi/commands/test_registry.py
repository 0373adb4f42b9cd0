from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from conduit.errors import DecodeError
from conduit.ipmi import commands
from conduit.ipmi.commands import COMMANDS
from conduit.rmcp.command import Command
from conduit.rmcp.privilege import Privilege

Class = type[Command[Any]]

# Network function, command, privilege (appendix G; where it has none, what the module's comment says), safe to repeat,
# least bytes of the request's data, least bytes of the response's data.
TABLE = {
    "GetChassisCapabilities": (0x00, 0x00, Privilege.USER, True, 0, 5),
    "GetChassisStatus": (0x00, 0x01, Privilege.USER, True, 0, 3),
    "ChassisControl": (0x00, 0x02, Privilege.OPERATOR, False, 1, 0),
    "ChassisIdentify": (0x00, 0x04, Privilege.OPERATOR, True, 0, 0),
    "SetChassisCapabilities": (0x00, 0x05, Privilege.ADMINISTRATOR, True, 5, 0),
    "SetPowerRestorePolicy": (0x00, 0x06, Privilege.OPERATOR, True, 1, 1),
    "GetSystemRestartCause": (0x00, 0x07, Privilege.USER, True, 0, 2),
    "SetSystemBootOptions": (0x00, 0x08, Privilege.OPERATOR, True, 1, 0),
    "GetSystemBootOptions": (0x00, 0x09, Privilege.OPERATOR, True, 3, 2),
    "SetFrontPanelEnables": (0x00, 0x0A, Privilege.ADMINISTRATOR, True, 1, 0),
    "SetPowerCycleInterval": (0x00, 0x0B, Privilege.ADMINISTRATOR, True, 1, 0),
    "GetPohCounter": (0x00, 0x0F, Privilege.USER, True, 0, 5),
    "GetDeviceId": (0x06, 0x01, Privilege.USER, True, 0, 11),
    "ColdReset": (0x06, 0x02, Privilege.ADMINISTRATOR, False, 0, 0),
    "WarmReset": (0x06, 0x03, Privilege.ADMINISTRATOR, False, 0, 0),
    "GetSelfTestResults": (0x06, 0x04, Privilege.USER, True, 0, 2),
    "SetAcpiPowerState": (0x06, 0x06, Privilege.ADMINISTRATOR, True, 2, 0),
    "GetAcpiPowerState": (0x06, 0x07, Privilege.USER, True, 0, 2),
    "GetDeviceGuid": (0x06, 0x08, Privilege.USER, True, 0, 16),
    "ResetWatchdogTimer": (0x06, 0x22, Privilege.OPERATOR, True, 0, 0),
    "SetWatchdogTimer": (0x06, 0x24, Privilege.OPERATOR, True, 6, 0),
    "GetWatchdogTimer": (0x06, 0x25, Privilege.USER, True, 0, 8),
    "SetBmcGlobalEnables": (0x06, 0x2E, Privilege.ADMINISTRATOR, True, 1, 0),
    "GetBmcGlobalEnables": (0x06, 0x2F, Privilege.USER, True, 0, 1),
    "GetMessage": (0x06, 0x33, Privilege.ADMINISTRATOR, False, 0, 1),
    "SendMessage": (0x06, 0x34, Privilege.USER, False, 1, 0),
    "GetSystemGuid": (0x06, 0x37, Privilege.CALLBACK, True, 0, 16),
    "GetSessionInfo": (0x06, 0x3D, Privilege.USER, True, 1, 3),
    "SetChannelAccess": (0x06, 0x40, Privilege.ADMINISTRATOR, True, 3, 0),
    "GetChannelAccess": (0x06, 0x41, Privilege.USER, True, 2, 2),
    "GetChannelInfo": (0x06, 0x42, Privilege.USER, True, 1, 9),
    "SetUserAccess": (0x06, 0x43, Privilege.ADMINISTRATOR, True, 3, 0),
    "GetUserAccess": (0x06, 0x44, Privilege.OPERATOR, True, 2, 4),
    "SetUserName": (0x06, 0x45, Privilege.ADMINISTRATOR, True, 17, 0),
    "GetUserName": (0x06, 0x46, Privilege.OPERATOR, True, 1, 16),
    "SetUserPassword": (0x06, 0x47, Privilege.ADMINISTRATOR, False, 2, 0),
    "ActivatePayload": (0x06, 0x48, Privilege.USER, True, 6, 10),
    "DeactivatePayload": (0x06, 0x49, Privilege.USER, True, 6, 0),
    "GetPayloadActivationStatus": (0x06, 0x4A, Privilege.USER, True, 1, 3),
    "GetPayloadInstanceInfo": (0x06, 0x4B, Privilege.USER, True, 2, 4),
    "SetUserPayloadAccess": (0x06, 0x4C, Privilege.ADMINISTRATOR, True, 6, 0),
    "GetUserPayloadAccess": (0x06, 0x4D, Privilege.OPERATOR, True, 2, 4),
    "GetChannelPayloadSupport": (0x06, 0x4E, Privilege.USER, True, 1, 8),
    "GetChannelPayloadVersion": (0x06, 0x4F, Privilege.USER, True, 2, 1),
    "SetPayloadEncryption": (0x06, 0x55, Privilege.USER, True, 3, 0),
    "SetSolConfiguration": (0x0C, 0x21, Privilege.ADMINISTRATOR, True, 2, 0),
    "GetSolConfiguration": (0x0C, 0x22, Privilege.USER, True, 4, 1),
    "MasterWriteRead": (0x06, 0x52, Privilege.OPERATOR, False, 3, 0),
    "SetSystemInfo": (0x06, 0x58, Privilege.ADMINISTRATOR, True, 1, 0),
    "GetSystemInfo": (0x06, 0x59, Privilege.USER, True, 4, 1),
}

BY_NAME = {command.__name__: command for command in COMMANDS.values()}
each = pytest.mark.parametrize("name", TABLE)


def test_the_registry_has_exactly_the_tables_commands() -> None:
    assert set(BY_NAME) == set(TABLE)


@each
def test_numbers_privilege_and_safety_are_the_tables(name: str) -> None:
    command = BY_NAME[name]
    assert (command.netfn, command.command, command.privilege, command.safe) == TABLE[name][:4]
    assert COMMANDS[command.netfn, command.command] is command


@each
def test_requests_and_responses_are_exported(name: str) -> None:
    assert getattr(commands, name) is BY_NAME[name]


# User 1, a set password and the like: nothing in it is out of range.
VALID = b"\x01\x01" + bytes(62)


@each
def test_a_request_is_refused_only_when_shorter_than_its_least_size(name: str) -> None:
    assert_least_size(BY_NAME[name], TABLE[name][4])


@each
def test_a_response_is_refused_only_when_shorter_than_its_least_size(name: str) -> None:
    assert_least_size(BY_NAME[name].response, TABLE[name][5])


def assert_least_size(codec: type[Any], least: int) -> None:
    for size in range(least):
        with pytest.raises(DecodeError) as caught:
            codec.decode(VALID[:size])
        assert caught.value.offset <= size
    codec.decode(VALID[:least])
    codec.decode(VALID)


@each
def test_messages_are_frozen_and_have_slots(name: str) -> None:
    messages: tuple[Any, ...] = (BY_NAME[name], BY_NAME[name].response)  # Any: dataclass internals
    for message in messages:
        assert message.__dataclass_params__.frozen
        assert "__dict__" not in dir(message)
        assert all(field.kw_only for field in fields(message))


@each
def test_own_completion_codes_are_in_the_commands_range(name: str) -> None:
    assert all(0x80 <= code <= 0xBE for code in BY_NAME[name].errors)
