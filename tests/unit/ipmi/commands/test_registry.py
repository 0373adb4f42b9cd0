from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
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
    "SetEventReceiver": (0x04, 0x00, Privilege.ADMINISTRATOR, True, 2, 0),
    "GetEventReceiver": (0x04, 0x01, Privilege.USER, True, 0, 2),
    "PlatformEvent": (0x04, 0x02, Privilege.OPERATOR, False, 7, 0),
    "GetPefCapabilities": (0x04, 0x10, Privilege.USER, True, 0, 3),
    "ArmPefPostponeTimer": (0x04, 0x11, Privilege.ADMINISTRATOR, True, 1, 1),
    "SetPefConfiguration": (0x04, 0x12, Privilege.ADMINISTRATOR, True, 1, 0),
    "GetPefConfiguration": (0x04, 0x13, Privilege.OPERATOR, True, 3, 1),
    "SetLastProcessedEvent": (0x04, 0x14, Privilege.ADMINISTRATOR, True, 3, 0),
    "GetLastProcessedEvent": (0x04, 0x15, Privilege.ADMINISTRATOR, True, 0, 10),
    "AlertImmediate": (0x04, 0x16, Privilege.ADMINISTRATOR, False, 3, 0),
    "PetAcknowledge": (0x04, 0x17, Privilege.CALLBACK, True, 12, 0),
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
    "GetDeviceSdrInfo": (0x04, 0x20, Privilege.USER, True, 0, 2),
    "GetDeviceSdr": (0x04, 0x21, Privilege.USER, True, 6, 2),
    "ReserveDeviceSdrRepository": (0x04, 0x22, Privilege.USER, True, 0, 2),
    "GetSensorReadingFactors": (0x04, 0x23, Privilege.USER, True, 2, 7),
    "SetSensorHysteresis": (0x04, 0x24, Privilege.OPERATOR, True, 4, 0),
    "GetSensorHysteresis": (0x04, 0x25, Privilege.USER, True, 1, 2),
    "SetSensorThresholds": (0x04, 0x26, Privilege.OPERATOR, True, 8, 0),
    "GetSensorThresholds": (0x04, 0x27, Privilege.USER, True, 1, 7),
    "SetSensorEventEnable": (0x04, 0x28, Privilege.OPERATOR, True, 2, 0),
    "GetSensorEventEnable": (0x04, 0x29, Privilege.USER, True, 1, 1),
    "RearmSensorEvents": (0x04, 0x2A, Privilege.OPERATOR, True, 2, 0),
    "GetSensorEventStatus": (0x04, 0x2B, Privilege.USER, True, 1, 1),
    "GetSensorReading": (0x04, 0x2D, Privilege.USER, True, 1, 2),
    "SetSensorType": (0x04, 0x2E, Privilege.OPERATOR, True, 3, 0),
    "GetSensorType": (0x04, 0x2F, Privilege.USER, True, 1, 2),
    "SetSensorReading": (0x04, 0x30, Privilege.OPERATOR, True, 3, 0),
    "GetSdrRepositoryInfo": (0x0A, 0x20, Privilege.USER, True, 0, 14),
    "GetSdrRepositoryAllocationInfo": (0x0A, 0x21, Privilege.USER, True, 0, 9),
    "ReserveSdrRepository": (0x0A, 0x22, Privilege.USER, True, 0, 2),
    "GetSdr": (0x0A, 0x23, Privilege.USER, True, 6, 2),
    "AddSdr": (0x0A, 0x24, Privilege.OPERATOR, False, 0, 2),
    "PartialAddSdr": (0x0A, 0x25, Privilege.OPERATOR, False, 6, 2),
    "DeleteSdr": (0x0A, 0x26, Privilege.OPERATOR, False, 4, 2),
    "ClearSdrRepository": (0x0A, 0x27, Privilege.OPERATOR, False, 6, 1),
    "GetSdrRepositoryTime": (0x0A, 0x28, Privilege.USER, True, 0, 4),
    "SetSdrRepositoryTime": (0x0A, 0x29, Privilege.OPERATOR, False, 4, 0),
    "RunInitializationAgent": (0x0A, 0x2C, Privilege.OPERATOR, True, 1, 1),
    "GetSelInfo": (0x0A, 0x40, Privilege.USER, True, 0, 14),
    "GetSelAllocationInfo": (0x0A, 0x41, Privilege.USER, True, 0, 9),
    "ReserveSel": (0x0A, 0x42, Privilege.USER, True, 0, 2),
    "GetSelEntry": (0x0A, 0x43, Privilege.USER, True, 6, 2),
    "AddSelEntry": (0x0A, 0x44, Privilege.OPERATOR, False, 16, 2),
    "PartialAddSelEntry": (0x0A, 0x45, Privilege.OPERATOR, False, 6, 2),
    "DeleteSelEntry": (0x0A, 0x46, Privilege.OPERATOR, False, 4, 2),
    "ClearSel": (0x0A, 0x47, Privilege.OPERATOR, False, 6, 1),
    "GetSelTime": (0x0A, 0x48, Privilege.USER, True, 0, 4),
    "SetSelTime": (0x0A, 0x49, Privilege.OPERATOR, False, 4, 0),
    "GetAuxiliaryLogStatus": (0x0A, 0x5A, Privilege.USER, True, 1, 4),
    "SetAuxiliaryLogStatus": (0x0A, 0x5B, Privilege.ADMINISTRATOR, True, 5, 0),
    "GetSelTimeUtcOffset": (0x0A, 0x5C, Privilege.USER, True, 0, 2),
    "SetSelTimeUtcOffset": (0x0A, 0x5D, Privilege.OPERATOR, True, 2, 0),
    "GetNetFnSupport": (0x06, 0x09, Privilege.USER, True, 1, 17),
    "GetCommandSupport": (0x06, 0x0A, Privilege.USER, True, 3, 16),
    "GetSubfunctionSupport": (0x06, 0x0B, Privilege.USER, True, 4, 4),
    "GetConfigurableCommands": (0x06, 0x0C, Privilege.USER, True, 3, 16),
    "GetConfigurableSubfunctions": (0x06, 0x0D, Privilege.USER, True, 4, 4),
    "SetCommandEnables": (0x06, 0x60, Privilege.ADMINISTRATOR, True, 19, 0),
    "GetCommandEnables": (0x06, 0x61, Privilege.USER, True, 3, 16),
    "GetSubfunctionEnables": (0x06, 0x63, Privilege.USER, True, 4, 4),
    "SetSubfunctionEnables": (0x06, 0x62, Privilege.ADMINISTRATOR, True, 8, 0),
    "EnterSdrUpdateMode": (0x0A, 0x2A, Privilege.OPERATOR, True, 0, 0),
    "ExitSdrUpdateMode": (0x0A, 0x2B, Privilege.OPERATOR, True, 0, 0),
    "GetPicmgProperties": (0x2C, 0x00, Privilege.USER, True, 0, 3),
    "GetUpgradeCapabilities": (0x2C, 0x2E, Privilege.USER, True, 0, 7),
    "GetComponentProperties": (0x2C, 0x2F, Privilege.USER, True, 2, 0),
    "GetUpgradeStatus": (0x2C, 0x34, Privilege.USER, True, 0, 2),
    "GetFruInventoryAreaInfo": (0x0A, 0x10, Privilege.USER, True, 1, 3),
    "ReadFruData": (0x0A, 0x11, Privilege.USER, True, 4, 1),
    "WriteFruData": (0x0A, 0x12, Privilege.OPERATOR, True, 3, 1),
    "SetLanConfiguration": (0x0C, 0x01, Privilege.ADMINISTRATOR, True, 2, 0),
    "GetLanConfiguration": (0x0C, 0x02, Privilege.OPERATOR, True, 4, 1),
    "SuspendBmcArps": (0x0C, 0x03, Privilege.ADMINISTRATOR, True, 2, 1),
    "GetLanStatistics": (0x0C, 0x04, Privilege.USER, False, 2, 18),
    "GetDcmiCapabilities": (0x2C, 0x01, Privilege.USER, True, 1, 3),
    "GetPowerReading": (0x2C, 0x02, Privilege.USER, True, 3, 17),
    "GetPowerLimit": (0x2C, 0x03, Privilege.USER, True, 0, 13),
    "SetPowerLimit": (0x2C, 0x04, Privilege.OPERATOR, True, 14, 0),
    "ActivatePowerLimit": (0x2C, 0x05, Privilege.OPERATOR, True, 3, 0),
    "GetAssetTag": (0x2C, 0x06, Privilege.USER, True, 2, 1),
    "GetDcmiSensorInfo": (0x2C, 0x07, Privilege.OPERATOR, True, 4, 4),
    "SetAssetTag": (0x2C, 0x08, Privilege.OPERATOR, True, 3, 1),
    "GetControllerId": (0x2C, 0x09, Privilege.USER, True, 2, 1),
    "SetControllerId": (0x2C, 0x0A, Privilege.ADMINISTRATOR, True, 3, 1),
    "SetThermalLimit": (0x2C, 0x0B, Privilege.OPERATOR, True, 6, 0),
    "GetThermalLimit": (0x2C, 0x0C, Privilege.USER, True, 2, 4),
    "GetTemperatureReadings": (0x2C, 0x10, Privilege.USER, True, 4, 4),
    "SetDcmiSetting": (0x2C, 0x12, Privilege.ADMINISTRATOR, True, 2, 0),
    "GetDcmiSetting": (0x2C, 0x13, Privilege.USER, True, 2, 3),
}

MODULES = {
    module.name: import_module(module.name) for module in iter_modules(commands.__path__, "conduit.ipmi.commands.")
}
BY_NAME = {command.__name__: command for command in COMMANDS.values()}
each = pytest.mark.parametrize("name", TABLE)


def test_the_registry_has_exactly_the_tables_commands() -> None:
    assert set(BY_NAME) == set(TABLE)


@each
def test_numbers_privilege_and_safety_are_the_tables(name: str) -> None:
    command = BY_NAME[name]
    assert (command.netfn, command.command, command.privilege, command.safe) == TABLE[name][:4]
    assert COMMANDS[command.key()] is command


@each
def test_requests_and_responses_are_exported(name: str) -> None:
    assert getattr(commands, name) is BY_NAME[name]
    response = BY_NAME[name].response
    if response.__module__ in MODULES:
        assert getattr(commands, response.__name__) is response


def test_whatever_a_module_calls_a_command_is_in_the_registry() -> None:
    found = {value for module in MODULES.values() for name, value in vars(module).items() if is_command(name, value)}
    assert found == set(COMMANDS.values())


def test_what_is_loaded_late_is_what_type_checkers_are_told() -> None:
    told = re.findall(
        r"^    from conduit\.ipmi\.commands\.(\w+) import \*$", Path(commands.__file__).read_text(), re.MULTILINE
    )
    assert told == list(commands._SUBJECTS)


def test_a_star_has_all_names_and_an_unknown_one_is_an_attribute_error() -> None:
    star: dict[str, object] = {}
    exec("from conduit.ipmi.commands import *", star)  # noqa: S102  # a function may have no star
    assert {*TABLE, "COMMANDS", "MANUFACTURERS"} <= star.keys()
    with pytest.raises(AttributeError, match="nonsense"):
        _ = commands.nonsense


def test_no_two_modules_export_the_same_name() -> None:
    exported = Counter(name for module in MODULES.values() for name in getattr(module, "__all__", ()))
    assert {name for name, times in exported.items() if times > 1} == set()


def is_command(name: str, value: object) -> bool:
    """Whether a command that can be sent; what commands only inherit from is private or has no number."""
    return isinstance(value, type) and issubclass(value, Command) and hasattr(value, "command") and name[0] != "_"


# User 1, a set password and the like: nothing in it is out of range.
VALID = b"\x01\x01" + bytes(62)
PREFIXES = {"ClearSel": b"\x01\x00CLR"}
"Where a request has a key in it."


@each
def test_a_request_is_refused_only_when_shorter_than_its_least_size(name: str) -> None:
    assert_least_size(BY_NAME[name], TABLE[name][4], PREFIXES.get(name, b""))


@each
def test_a_response_is_refused_only_when_shorter_than_its_least_size(name: str) -> None:
    assert_least_size(BY_NAME[name].response, TABLE[name][5])


def assert_least_size(codec: type[Any], least: int, prefix: bytes = b"") -> None:
    valid = prefix + VALID[len(prefix) :]
    for size in range(least):
        with pytest.raises(DecodeError) as caught:
            codec.decode(valid[:size])
        assert caught.value.offset <= size
    codec.decode(valid[:least])
    codec.decode(valid)


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
