"""Completion codes: the first byte of every response, in words (table 5-2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from conduit.ipmi import commands


class CompletionCode(IntEnum):
    """The codes that mean the same for every command."""

    OK = 0x00
    NODE_BUSY = 0xC0
    INVALID_COMMAND = 0xC1
    INVALID_FOR_LUN = 0xC2
    TIMEOUT = 0xC3
    OUT_OF_SPACE = 0xC4
    RESERVATION_CANCELED = 0xC5
    DATA_TRUNCATED = 0xC6
    DATA_LENGTH_INVALID = 0xC7
    FIELD_TOO_LONG = 0xC8
    PARAMETER_OUT_OF_RANGE = 0xC9
    CANNOT_RETURN_THAT_MUCH = 0xCA
    NOT_PRESENT = 0xCB
    INVALID_FIELD = 0xCC
    ILLEGAL_FOR_SENSOR = 0xCD
    RESPONSE_UNAVAILABLE = 0xCE
    DUPLICATE_REQUEST = 0xCF
    SDR_UPDATE_MODE = 0xD0
    FIRMWARE_UPDATE_MODE = 0xD1
    INITIALIZING = 0xD2
    DESTINATION_UNAVAILABLE = 0xD3
    INSUFFICIENT_PRIVILEGE = 0xD4
    NOT_IN_THIS_STATE = 0xD5
    SUBFUNCTION_DISABLED = 0xD6
    UNSPECIFIED = 0xFF


GENERIC_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        CompletionCode.OK: "done",
        CompletionCode.NODE_BUSY: "the BMC is busy",
        CompletionCode.INVALID_COMMAND: "the BMC does not know this command",
        CompletionCode.INVALID_FOR_LUN: "the command does not exist at this LUN",
        CompletionCode.TIMEOUT: "the BMC ran out of time while it worked on the command",
        CompletionCode.OUT_OF_SPACE: "the BMC has no storage left for this",
        CompletionCode.RESERVATION_CANCELED: "the reservation is canceled or was never made",
        CompletionCode.DATA_TRUNCATED: "the request was cut short",
        CompletionCode.DATA_LENGTH_INVALID: "the request is too short or too long",
        CompletionCode.FIELD_TOO_LONG: "a field of the request is too long",
        CompletionCode.PARAMETER_OUT_OF_RANGE: "a parameter is out of range",
        CompletionCode.CANNOT_RETURN_THAT_MUCH: "the BMC cannot return that many bytes at once",
        CompletionCode.NOT_PRESENT: "the sensor, data or record is not there",
        CompletionCode.INVALID_FIELD: "a field of the request is invalid",
        CompletionCode.ILLEGAL_FOR_SENSOR: "the command does not fit this sensor or record type",
        CompletionCode.RESPONSE_UNAVAILABLE: "the BMC cannot give the response",
        CompletionCode.DUPLICATE_REQUEST: "the BMC will not carry out the same request twice",
        CompletionCode.SDR_UPDATE_MODE: "the SDR repository is being updated",
        CompletionCode.FIRMWARE_UPDATE_MODE: "firmware is being updated",
        CompletionCode.INITIALIZING: "the BMC is still starting",
        CompletionCode.DESTINATION_UNAVAILABLE: "the destination cannot be reached",
        CompletionCode.INSUFFICIENT_PRIVILEGE: "the session's privilege is too low, or a firmware firewall forbids it",
        CompletionCode.NOT_IN_THIS_STATE: "not possible in the present state",
        CompletionCode.SUBFUNCTION_DISABLED: "this function of the command is disabled",
        CompletionCode.UNSPECIFIED: "failed, and the BMC does not say why",
    }
)


def text(code: int, netfn: int, command: int, group: int | None = None) -> str:
    """What *code* means as an answer to this command.

    :param code: completion code, 0 to 255.
    :param netfn: network function of the request or of its response.
    :param command: command number.
    :param group: whose command it is, in network function 2Ch.
    """
    requested = commands.COMMANDS.get((netfn & ~1, command, group))
    if requested is not None and code in requested.errors:
        return requested.errors[code]
    return GENERIC_TEXTS.get(code) or _unknown(code)


def _unknown(code: int) -> str:
    if 0x01 <= code <= 0x7E:
        return "unknown, an OEM code of this device"
    if 0x80 <= code <= 0xBE:
        return "unknown, a code of this command's own"
    return "unknown, a reserved code"
