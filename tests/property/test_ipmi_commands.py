"""Round trips, garbage and truncation for every command in the registry and every boot option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import IntEnum, IntFlag
from functools import partial
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.ipmi.commands import COMMANDS
from conduit.ipmi.commands.boot_options import BOOT_OPTIONS
from conduit.ipmi.commands.channel import ChannelAccess
from conduit.ipmi.commands.guid import Guid, GuidOrder
from conduit.ipmi.commands.messaging import GlobalEnables
from conduit.ipmi.commands.payloads import UserPayloadAccess
from conduit.ipmi.commands.power import FrontPanelButtons
from conduit.ipmi.commands.sessions import ActiveSession, GetSessionInfo, LanPeer, SerialPeer
from conduit.ipmi.commands.sol import SOL_PARAMETERS
from conduit.ipmi.commands.users import LONG_PASSWORD_SIZE, SHORT_PASSWORD_SIZE, PasswordOperation, SetUserPassword

Strategy = st.SearchStrategy[Any]


def upto(high: int) -> Strategy:
    return st.integers(0, high)


def numbers(values: Strategy) -> Strategy:
    """Sets, filled in ascending order as decoders fill them: their repr tells the difference."""
    return st.sets(values).map(lambda found: frozenset(sorted(found)))


NAMES = st.binary(max_size=16).filter(lambda name: b"\0" not in name)
NIBBLE, SIX_BITS, SEVEN_BITS, BYTE, WORD, LONG = map(upto, (0xF, 0x3F, 0x7F, 0xFF, 0xFFFF, 0xFFFFFFFF))

# What fields of a name hold in every class; booleans and classes in OBJECTS need no entry.
RANGES: dict[str, Strategy] = {
    "access_mode": upto(7),
    "action": upto(7),
    "activity": BYTE,
    "active_sessions": SIX_BITS,
    "address": upto(0x7F).map(lambda address: address << 1),
    "aux_firmware": st.none() | st.binary(min_size=4, max_size=4),
    "aux_info": st.binary(min_size=2, max_size=2),
    "block_selector": BYTE,
    "bridge_address": st.none() | BYTE,
    "bus": upto(7),
    "can_disable": NIBBLE,
    "cause": NIBBLE,
    "channel": NIBBLE,
    "clear_expired": BYTE,
    "console_redirection": upto(3),
    "count": LONG,
    "data": st.binary(max_size=40),
    "destination": NIBBLE,
    "detail": BYTE,
    "device_id": BYTE,
    "device_instance": upto(0x1F),
    "device_revision": NIBBLE,
    "disabled": NIBBLE,
    "enabled_users": SIX_BITS,
    "expired": BYTE,
    "firmware_major": SEVEN_BITS,
    "firmware_minor_bcd": BYTE,
    "fixed_names": SIX_BITS,
    "fru_address": BYTE,
    "handle": BYTE,
    "identify_state": st.none() | upto(3),
    "initial_countdown": WORD,
    "interval": BYTE,
    "ipmi_major": NIBBLE,
    "ipmi_minor": NIBBLE,
    "last_event": BYTE,
    "limit_store": upto(3),
    "mac": st.binary(min_size=6, max_size=6),
    "management_address": BYTE,
    "manufacturer_id": upto(0xFFFFF),
    "max_users": SIX_BITS,
    "medium": SEVEN_BITS,
    "message": st.binary(max_size=40),
    "minutes_per_count": BYTE,
    "mux": upto(7),
    "name": NAMES,
    "oem": upto(7),
    "outcome": BYTE,
    "policy": upto(7),
    "port": WORD,
    "present_countdown": WORD,
    "pretimeout_interrupt": upto(7),
    "pretimeout_interval": BYTE,
    "privilege": NIBBLE,
    "privilege_limit": NIBBLE,
    "product_id": WORD,
    "protocol": NIBBLE,
    "raw": st.binary(min_size=16, max_size=16),
    "read_count": BYTE,
    "restore_policy": upto(3),
    "revision": BYTE,
    "sdr_address": BYTE,
    "sel_address": BYTE,
    "session_limit": st.none() | NIBBLE,
    "session_support": upto(3),
    "set_selector": BYTE,
    "settings_store": upto(3),
    "slots": SIX_BITS,
    "state": upto(3),
    "store": upto(3),
    "support": BYTE,
    "system": SEVEN_BITS,
    "tracking": upto(3),
    "use": upto(7),
    "user_id": st.integers(1, 63),
    "vendor_id": upto(0xFFFFFF),
    "verbosity": upto(3),
    "version": NIBBLE,
    "write_mask": BYTE,
}

RANGES |= {  # payloads and serial over LAN
    "active": numbers(st.integers(1, 16)),
    "aux": st.binary(min_size=4, max_size=4),
    "capacity": NIBBLE,
    "inbound_size": WORD,
    "info": st.binary(min_size=8, max_size=8),
    "instance": NIBBLE,
    "major": NIBBLE,
    "minor": NIBBLE,
    "operation": upto(3),
    "outbound_size": WORD,
    "payload_type": SIX_BITS,
    "rate": NIBBLE,
    "selector": BYTE,
    "session_id": LONG,
    "standard": WORD,
    "threshold": BYTE,
    "types": numbers(upto(47)),
    "vlan": WORD,
}

# Fields whose name means something else in one class.
OVERRIDES: dict[tuple[str, str], Strategy] = {
    ("AcpiPowerState", "device"): SEVEN_BITS,
    ("BootFlags", "device"): NIBBLE,
    ("BootInfoAcknowledge", "oem"): st.booleans(),
    ("GetSystemBootOptions", "parameter"): SEVEN_BITS,
    ("GetSystemInfo", "parameter"): BYTE,
    ("LanPeer", "address"): st.ip_addresses(v=4),
    ("SerialPeer", "address"): st.ip_addresses(v=4),
    ("SerialPeer", "port"): st.none() | WORD,
    ("SetAcpiPowerState", "device"): st.none() | SEVEN_BITS,
    ("SetAcpiPowerState", "system"): st.none() | SEVEN_BITS,
    ("SetSystemBootOptions", "parameter"): SEVEN_BITS,
    ("SetSystemInfo", "parameter"): BYTE,
    ("SetPayloadEncryption", "operation"): upto(0x1F),
    ("SolRetry", "count"): upto(7),
    ("UserPayloadAccess", "oem"): WORD,
    ("SystemBootOptions", "parameter"): SEVEN_BITS,
}


def instances(codec: type[Any]) -> Strategy:
    """Every value that *codec* may have."""
    if codec is GetSessionInfo:
        lookups = (st.fixed_dictionaries({key: values}) for key, values in LOOKUPS.items())
        return st.one_of(*lookups).map(lambda lookup: GetSessionInfo(**lookup))
    if codec is SetUserPassword:
        return st.sampled_from((SHORT_PASSWORD_SIZE, LONG_PASSWORD_SIZE)).flatmap(passwords)
    hints = get_type_hints(codec)
    return st.builds(codec, **{f.name: values_of(codec.__name__, f.name, hints[f.name]) for f in fields(codec)})


LOOKUPS: dict[str, Strategy] = {"index": upto(0xFD), "handle": BYTE, "session_id": LONG}


def passwords(size: int) -> Strategy:
    secrets = st.binary(max_size=size).map(lambda secret: secret.rstrip(b"\0"))
    return st.builds(
        SetUserPassword,
        user_id=RANGES["user_id"],
        operation=st.sampled_from(PasswordOperation),
        password=secrets,
        size=st.just(size),
    )


def values_of(owner: str, name: str, hint: Any) -> Strategy:  # Any: type hints are plain objects
    if name in OBJECTS:
        return OBJECTS[name]()
    if hint is bool:
        return st.booleans()
    values = OVERRIDES[owner, name] if (owner, name) in OVERRIDES else RANGES[name]
    for kind in get_args(hint) or (hint,):
        if isinstance(kind, type) and issubclass(kind, IntEnum | IntFlag):
            return values.map(partial(as_member, kind))
    return values


def as_member(kind: type[IntEnum | IntFlag], value: int | None) -> int | None:
    """A member where there is one: what our callers pass, and what a decoder gives back."""
    try:
        return None if value is None else kind(value)
    except ValueError:
        return value


OBJECTS: dict[str, Callable[[], Strategy]] = {
    "access": lambda: instances(ChannelAccess),
    "enables": lambda: instances(GlobalEnables),
    "front_panel": lambda: st.none() | instances(FrontPanelButtons),
    "payloads": lambda: instances(UserPayloadAccess),
    "peer": lambda: st.none() | instances(LanPeer) | instances(SerialPeer),
    "session": lambda: st.none() | instances(ActiveSession),
}

REQUESTS = tuple(COMMANDS.values())
RESPONSES = tuple(dict.fromkeys(command.response for command in REQUESTS))
CODECS = (*REQUESTS, *RESPONSES, *BOOT_OPTIONS.values(), *SOL_PARAMETERS.values())
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)


@pytest.mark.property
@each_codec
@given(data=st.data())
def test_a_message_survives_the_wire(codec: type[Any], data: st.DataObject) -> None:
    message = data.draw(instances(codec))
    encoded = message.encode()
    decoded = codec.decode(encoded)
    assert decoded == message
    assert repr(decoded) == repr(message)  # equal numbers are not enough: enumerations stay enumerations


@pytest.mark.property
@each_codec
@given(garbage=st.binary(max_size=64))
def test_garbage_is_decoded_or_refused_by_one_error(codec: type[Any], garbage: bytes) -> None:
    decoded = decode_or_refuse(codec, garbage)
    if decoded is not None:
        assert codec.decode(decoded.encode()) == decoded


@pytest.mark.property
@each_codec
@given(data=st.data())
def test_a_message_cut_at_any_length_is_decoded_or_refused_by_one_error(codec: type[Any], data: st.DataObject) -> None:
    encoded = data.draw(instances(codec)).encode()
    for size in range(len(encoded)):
        decode_or_refuse(codec, encoded[:size])


def decode_or_refuse(codec: type[Any], data: bytes) -> Any:  # Any: what the codec decodes
    """The message, or None for a DecodeError; any other exception fails the test."""
    try:
        return codec.decode(data)
    except DecodeError:
        return None


@pytest.mark.property
@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: response.__name__)
@given(data=st.data(), extra=st.binary(min_size=1, max_size=8))
def test_no_response_is_refused_for_bytes_a_vendor_adds(response: type[Any], data: st.DataObject, extra: bytes) -> None:
    # Zeros first fill the optional parts, for bytes after those are what a vendor adds.
    complete = response.decode(data.draw(instances(response)).encode() + bytes(20)).encode()
    response.decode(complete + extra)


@pytest.mark.property
@given(value=st.uuids(version=4), order=st.sampled_from((GuidOrder.IPMI, GuidOrder.SMBIOS)))
def test_ipmi_and_smbios_order_are_never_confused(value: UUID, order: GuidOrder) -> None:
    guid = Guid.from_uuid(value, order)
    assert guid.likely_order is order
    assert guid.uuid() == value


@pytest.mark.property
@given(data=st.data())
def test_no_password_is_ever_in_a_repr(data: st.DataObject) -> None:
    request = data.draw(instances(SetUserPassword))
    assert "password=" not in repr(request)
