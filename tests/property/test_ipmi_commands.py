"""Round trips, garbage and truncation for every command in the registry and every boot option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import IntEnum, IntFlag
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit.errors import DecodeError
from conduit.ipmi.commands import COMMANDS
from conduit.ipmi.commands.alerts import AlertImmediate, AlertOperation
from conduit.ipmi.commands.boot_options import BOOT_OPTIONS
from conduit.ipmi.commands.channel import ChannelAccess
from conduit.ipmi.commands.dcmi import DCMI_PARAMETERS
from conduit.ipmi.commands.dcmi_power import PowerLimit, ThermalLimit
from conduit.ipmi.commands.firewall import CommandsAddress, LunSupport
from conduit.ipmi.commands.guid import Guid, GuidOrder
from conduit.ipmi.commands.hpm import UpgradeAbility
from conduit.ipmi.commands.lan import LAN_PARAMETERS
from conduit.ipmi.commands.lan_access import EVERY_AUTH_TYPE, LanAuthTypes
from conduit.ipmi.commands.lan_alerts import DestinationAddress
from conduit.ipmi.commands.messaging import GlobalEnables
from conduit.ipmi.commands.pef_filters import DataMatch
from conduit.ipmi.commands.pef_parameters import PEF_SETTINGS
from conduit.ipmi.commands.platform_event import EventReceiver
from conduit.ipmi.commands.power import FrontPanelButtons
from conduit.ipmi.commands.sel_time import AuxiliaryLogStatus
from conduit.ipmi.commands.sessions import ActiveSession, GetSessionInfo, LanPeer, SerialPeer
from conduit.ipmi.commands.sol import SOL_PARAMETERS
from conduit.ipmi.commands.user_payloads import UserPayloadAccess
from conduit.ipmi.commands.users import LONG_PASSWORD_SIZE, SHORT_PASSWORD_SIZE, PasswordOperation, SetUserPassword
from conduit.ipmi.messages import PrivilegeLimit
from conduit.ipmi.records.conversion import Factors
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import decode_sel_record

Strategy = st.SearchStrategy[Any]
FEW = settings(max_examples=max(settings().max_examples // 2, 1))  # of each of hundreds of messages


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


FACTORS = st.builds(
    Factors,
    m=st.integers(-512, 511),
    b=st.integers(-512, 511),
    b_exponent=st.integers(-8, 7),
    result_exponent=st.integers(-8, 7),
    tolerance=SIX_BITS,
    accuracy=upto(1023),
    accuracy_exponent=upto(3),
    direction=upto(3),
)
# What a field name means in the modules of one subject, by the start of the module's name.
DCMI_RANGES: dict[str, Strategy] = {
    "average": WORD,
    "averaging": BYTE,
    "celsius": BYTE,
    "correction_ms": LONG,
    "current": WORD,
    "entity": BYTE,
    "entries": upto(0xFFF),
    "first": BYTE,
    "instance": BYTE,
    "instances": BYTE,
    "lan": st.none() | upto(0xFE),
    "major": BYTE,
    "maximum": WORD,
    "minimum": WORD,
    "minor": BYTE,
    "mode": BYTE,
    "offset": BYTE,
    "period": LONG,
    "periods": st.binary(max_size=20),
    "readings": st.lists(st.tuples(BYTE, st.integers(-127, 127)), max_size=8).map(tuple),
    "record_ids": st.lists(WORD, max_size=8).map(tuple),
    "sampling": WORD,
    "second_lan": st.none() | upto(0xFE),
    "seconds": WORD,
    "sensor_type": BYTE,
    "serial": st.none() | upto(0xFE),
    "setting": BYTE,
    "size": BYTE,
    "text": st.binary(max_size=16),
    "timestamp": LONG,
    "total": BYTE,
    "watts": WORD,
}
INVENTORY_RANGES: dict[str, Strategy] = {
    "block": BYTE,
    "body": st.binary(max_size=3),
    "community": st.binary(max_size=18).filter(lambda text: b"\0" not in text),
    "component": BYTE,
    "components": BYTE,
    "dynamic_addresses": BYTE,
    "flags": upto(7),
    "flow": upto(0xFFFFF),
    "fru_id": BYTE,
    "in_progress": BYTE,
    "inaccessible_timeout": BYTE,
    "ip_address_errors": WORD,
    "ip_fragments": WORD,
    "ip_header_errors": WORD,
    "ip_received": WORD,
    "ip_sent": WORD,
    "last_code": BYTE,
    "lockout_interval": WORD,
    "max_fru_id": BYTE,
    "number": BYTE,
    "offset": WORD,
    "percent": st.none() | upto(0x7F),
    "precedence": upto(7),
    "prefix_length": BYTE,
    "proxy_dropped": WORD,
    "proxy_received": WORD,
    "reset_interval": WORD,
    "retries": upto(7),
    "returned": BYTE,
    "rmcp_received": WORD,
    "rollback_timeout": BYTE,
    "selector": BYTE,
    "self_test_timeout": BYTE,
    "size": WORD,
    "static_addresses": BYTE,
    "suites": st.lists(BYTE, max_size=16).map(tuple),
    "threshold": BYTE,
    "time_to_live": BYTE,
    "timeout": BYTE,
    "type_of_service": NIBBLE,
    "udp_received": WORD,
    "upgrade_timeout": BYTE,
    "value": BYTE,
    "vlan": upto(0xFFF),
    "written": BYTE,
}
SENSORS_RANGES: dict[str, Strategy] = {
    "actions": SIX_BITS,
    "added": LONG,
    "added_at": LONG,
    "assertions": upto(0x7FFF),
    "block": BYTE,
    "by_software": WORD,
    "changed_at": st.none() | LONG,
    "confirmation": st.binary(min_size=3, max_size=3),
    "deassertions": upto(0x7FFF),
    "enabled_actions": SIX_BITS,
    "entries": WORD,
    "erased": LONG,
    "erased_at": LONG,
    "event_data": st.binary(min_size=3, max_size=3),
    "event_type": SEVEN_BITS,
    "exact": BYTE,
    "filter_number": SEVEN_BITS,
    "filters": BYTE,
    "flags": upto(7).map(lambda flags: flags << 5),
    "format_version": BYTE,
    "free_bytes": WORD,
    "free_space": WORD,
    "free_units": WORD,
    "generator_address": BYTE,
    "generator_lun": BYTE,
    "largest_free": WORD,
    "limits": st.binary(min_size=6, max_size=6),
    "lun": upto(3),
    "luns": BYTE,
    "mask": BYTE,
    "max_record": BYTE,
    "minutes": st.none() | st.integers(-1440, 1440),
    "negative": BYTE,
    "newest": WORD,
    "next_reading": BYTE,
    "next_record": WORD,
    "next_record_id": WORD,
    "number": SEVEN_BITS,
    "offset": BYTE,
    "offsets": WORD,
    "operation": upto(3),
    "policy_number": NIBBLE,
    "positive": BYTE,
    "processed": WORD,
    "progress": NIBBLE,
    "readable": SIX_BITS,
    "reading": BYTE,
    "record_count": WORD,
    "record_id": WORD,
    "reservation": WORD,
    "rule": upto(7),
    "seconds": BYTE,
    "sensor_device": BYTE,
    "sensor_number": BYTE,
    "sensor_type": BYTE,
    "sequence": WORD,
    "severity": BYTE,
    "source_type": BYTE,
    "states": st.none() | upto(0x7FFF),
    "string": SEVEN_BITS,
    "string_set": SEVEN_BITS,
    "supported_actions": SIX_BITS,
    "text": st.binary(max_size=16),
    "time": LONG,
    "timestamp": LONG,
    "trigger": BYTE,
    "unit_size": WORD,
    "units": WORD,
    "value": BYTE,
    "which": SIX_BITS,
}
EVENTS_RANGES: dict[str, Strategy] = {
    "actions": SIX_BITS,
    "added": LONG,
    "block": BYTE,
    "by_software": WORD,
    "enabled_actions": SIX_BITS,
    "entries": WORD,
    "erased": LONG,
    "event_data": st.binary(min_size=3, max_size=3),
    "event_type": SEVEN_BITS,
    "exact": BYTE,
    "filter_number": SEVEN_BITS,
    "filters": BYTE,
    "format_version": BYTE,
    "free_bytes": WORD,
    "free_units": WORD,
    "generator_address": BYTE,
    "generator_lun": BYTE,
    "largest_free": WORD,
    "lun": upto(3),
    "mask": BYTE,
    "max_record": BYTE,
    "minutes": st.none() | st.integers(-1440, 1440),
    "newest": WORD,
    "next_record_id": WORD,
    "number": SEVEN_BITS,
    "offset": BYTE,
    "offsets": WORD,
    "operation": upto(3),
    "policy_number": NIBBLE,
    "processed": WORD,
    "progress": NIBBLE,
    "record_id": WORD,
    "reservation": WORD,
    "rule": upto(7),
    "seconds": BYTE,
    "sensor_device": BYTE,
    "sensor_number": BYTE,
    "sensor_type": BYTE,
    "sequence": WORD,
    "severity": BYTE,
    "source_type": BYTE,
    "string": SEVEN_BITS,
    "string_set": SEVEN_BITS,
    "supported_actions": SIX_BITS,
    "text": st.binary(max_size=16),
    "timestamp": LONG,
    "trigger": BYTE,
    "unit_size": WORD,
    "units": WORD,
    "value": BYTE,
}
SERIAL_RANGES: dict[str, Strategy] = {
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
SUBJECTS = {
    "alerts": EVENTS_RANGES,
    "channel_payloads": SERIAL_RANGES,
    "dcmi": DCMI_RANGES,
    "event": EVENTS_RANGES,
    "firewall": INVENTORY_RANGES,
    "fru": INVENTORY_RANGES,
    "hpm": INVENTORY_RANGES,
    "lan": INVENTORY_RANGES,
    "payloads": SERIAL_RANGES,
    "user_payloads": SERIAL_RANGES,
    "pef": EVENTS_RANGES,
    "platform_event": EVENTS_RANGES,
    "sdr": SENSORS_RANGES,
    "sel": EVENTS_RANGES,
    "sensor": SENSORS_RANGES,
    "sol": SERIAL_RANGES,
}


# Fields whose name means something else in one class.
OVERRIDES: dict[tuple[str, str], Strategy] = {
    ("DeviceSdrInfo", "count"): BYTE,
    ("GetDeviceSdr", "count"): BYTE,
    ("GetSdr", "count"): BYTE,
    ("RawReading", "flags"): upto(7).map(lambda flags: flags << 5),
    ("SdrRepositoryInfo", "version"): BYTE,
    ("SetSensorEventEnable", "flags"): BYTE,
    ("SetSensorReading", "operation"): BYTE,
    ("SetSensorType", "event_type"): BYTE,
    ("SensorFactors", "factors"): FACTORS,
    ("AcpiPowerState", "device"): SEVEN_BITS,
    ("CommandMask", "mask"): st.binary(min_size=16, max_size=16),
    ("SetSubfunctionEnables", "mask"): st.binary(min_size=4, max_size=8),
    ("SetCommandEnables", "mask"): st.binary(min_size=16, max_size=16),
    ("SubfunctionMask", "mask"): st.binary(min_size=4, max_size=8),
    ("NetFnSupport", "luns"): st.tuples(*4 * [upto(3).map(lambda bits: as_member(LunSupport, bits))]),
    ("NetFnSupport", "pairs"): st.tuples(*4 * [LONG]),
    ("PicmgProperties", "version"): BYTE,
    ("UpgradeCapabilities", "version"): BYTE,
    ("UpgradeCapabilities", "abilities"): BYTE.map(UpgradeAbility),
    ("BadPasswordThreshold", "event"): st.booleans(),
    ("SlaacTiming", "data"): st.binary(max_size=32),
    ("Dhcpv6Timing", "data"): st.binary(max_size=32),
    ("Ipv6DynamicDuid", "data"): st.binary(max_size=32),
    ("Ipv6StaticDuid", "data"): st.binary(max_size=32),
    ("CipherSuiteCount", "count"): upto(0x1F),
    ("CipherSuitePrivileges", "limits"): st.lists(
        NIBBLE.map(lambda v: as_member(PrivilegeLimit, v)), min_size=16, max_size=16
    ).map(tuple),
    ("DestinationCount", "count"): NIBBLE,
    ("GetLanConfiguration", "parameter"): BYTE,
    ("SetLanConfiguration", "parameter"): BYTE,
    ("GratuitousArpInterval", "interval"): BYTE,
    ("IpAddressSource", "source"): NIBBLE,
    ("Ipv6Enables", "mode"): BYTE,
    ("Ipv6StaticAddress", "source"): NIBBLE,
    ("Ipv6StaticAddress", "status"): BYTE,
    ("Ipv6DynamicAddress", "source"): NIBBLE,
    ("Ipv6DynamicAddress", "status"): BYTE,
    ("ReadFruData", "count"): BYTE,
    ("DestinationType", "alert_type"): upto(7),
    ("VlanPriority", "priority"): upto(7),
    ("DestinationVlan", "priority"): upto(7),
    ("BootFlags", "device"): NIBBLE,
    ("BootInfoAcknowledge", "oem"): st.booleans(),
    ("AlertImmediate", "generator"): BYTE,
    ("AlertStatus", "status"): st.none() | BYTE,
    ("Event", "data"): st.binary(min_size=3, max_size=3),
    ("GetAuxiliaryLogStatus", "log"): NIBBLE,
    ("GetPefConfiguration", "parameter"): SEVEN_BITS,
    ("GetSelEntry", "count"): BYTE,
    ("EventReceiver", "address"): BYTE,
    ("PlatformEvent", "generator"): st.none() | BYTE,
    ("SelInfo", "version"): BYTE,
    ("PefCapabilities", "version"): BYTE,
    ("SetAuxiliaryLogStatus", "log"): NIBBLE,
    ("SetPefConfiguration", "parameter"): SEVEN_BITS,
    ("DcmiPowerDevice", "revision"): NIBBLE,
    ("GetDcmiCapabilities", "parameter"): BYTE,
    ("GetSystemBootOptions", "parameter"): SEVEN_BITS,
    ("PowerLimit", "action"): BYTE,
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
    if codec is AlertImmediate:
        return alerts()
    if codec is SetUserPassword:
        return st.sampled_from((SHORT_PASSWORD_SIZE, LONG_PASSWORD_SIZE)).flatmap(passwords)
    if codec is DestinationAddress:
        return destinations()
    hints = get_type_hints(codec)
    return st.builds(codec, **{f.name: values_of(codec, f.name, hints[f.name]) for f in fields(codec)})


LOOKUPS: dict[str, Strategy] = {"index": upto(0xFD), "handle": BYTE, "session_id": LONG}


EVENTS = st.deferred(lambda: instances(Event))


def alerts() -> Strategy:
    """Without an event nobody found it."""
    where = {"channel": NIBBLE, "destination": NIBBLE, "operation": upto(3).map(partial(as_member, AlertOperation))}
    what = {"send_string": st.booleans(), "string": SEVEN_BITS}
    return st.builds(AlertImmediate, **where, **what) | st.builds(
        AlertImmediate, **where, **what, event=EVENTS, generator=BYTE
    )


def passwords(size: int) -> Strategy:
    secrets = st.binary(max_size=size).map(lambda secret: secret.rstrip(b"\0"))
    return st.builds(
        SetUserPassword,
        user_id=RANGES["user_id"],
        operation=st.sampled_from(PasswordOperation),
        password=secrets,
        size=st.just(size),
    )


def destinations() -> Strategy:
    """Gateway and MAC address go with IPv4 only."""
    number = RANGES["destination"]
    return st.builds(DestinationAddress, destination=number, address=st.ip_addresses(v=6)) | st.builds(
        DestinationAddress,
        destination=number,
        address=st.ip_addresses(v=4),
        backup_gateway=st.booleans(),
        mac=RANGES["mac"],
    )


def range_of(codec: type[Any], name: str) -> Strategy:
    """What the field may be, where it matters who has it."""
    if (codec.__name__, name) in OVERRIDES:
        return OVERRIDES[codec.__name__, name]
    module = codec.__module__.rpartition(".")[2]
    for start, ranges in SUBJECTS.items():
        if module.startswith(start) and name in ranges:
            return ranges[name]
    return RANGES[name]


def values_of(codec: type[Any], name: str, hint: Any) -> Strategy:  # Any: type hints are plain objects
    if name in OBJECTS and (codec.__name__, name) not in OVERRIDES:
        return OBJECTS[name]()
    if hint is LanAuthTypes:
        return AUTH_TYPES
    if hint in (IPv4Address, IPv6Address):
        return st.ip_addresses(v=4 if hint is IPv4Address else 6)
    if hint is bool:
        return st.booleans()
    values = range_of(codec, name)
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


AUTH_TYPES = st.integers(0, 0x3F).map(lambda bits: LanAuthTypes(bits) & EVERY_AUTH_TYPE)

OBJECTS: dict[str, Callable[[], Strategy]] = {
    "data_1": lambda: instances(DataMatch),
    "data_2": lambda: instances(DataMatch),
    "data_3": lambda: instances(DataMatch),
    "event": lambda: EVENTS,
    "record": lambda: st.binary(min_size=16, max_size=16).map(decode_sel_record),
    "receiver": lambda: instances(EventReceiver),
    "of": lambda: st.builds(CommandsAddress, channel=NIBBLE, netfn=SIX_BITS, upper=st.booleans(), lun=upto(3)),
    "access": lambda: instances(ChannelAccess),
    "enables": lambda: instances(GlobalEnables),
    "limit": lambda: instances(PowerLimit),
    "thermal_limit": lambda: instances(ThermalLimit),
    "front_panel": lambda: st.none() | instances(FrontPanelButtons),
    "status": lambda: instances(AuxiliaryLogStatus),
    "payloads": lambda: instances(UserPayloadAccess),
    "peer": lambda: st.none() | instances(LanPeer) | instances(SerialPeer),
    "session": lambda: st.none() | instances(ActiveSession),
}

REQUESTS = tuple(COMMANDS.values())
RESPONSES = tuple(dict.fromkeys(command.response for command in REQUESTS))
SETTINGS = (BOOT_OPTIONS, DCMI_PARAMETERS, LAN_PARAMETERS, PEF_SETTINGS, SOL_PARAMETERS)
CODECS = (*REQUESTS, *RESPONSES, *(codec for codecs in SETTINGS for codec in codecs.values()), Event)
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.__name__)


@pytest.mark.property
@each_codec
@FEW
@given(data=st.data())
def test_a_message_survives_the_wire(codec: type[Any], data: st.DataObject) -> None:
    message = data.draw(instances(codec))
    encoded = message.encode()
    decoded = codec.decode(encoded)
    assert decoded == message
    assert repr(decoded) == repr(message)  # equal numbers are not enough: enumerations stay enumerations


@pytest.mark.property
@each_codec
@FEW
@given(garbage=st.binary(max_size=64))
def test_garbage_is_decoded_or_refused_by_one_error(codec: type[Any], garbage: bytes) -> None:
    decoded = decode_or_refuse(codec, garbage)
    if decoded is not None:
        assert codec.decode(decoded.encode()) == decoded


@pytest.mark.property
@each_codec
@FEW
@given(data=st.data())
def test_a_message_cut_at_any_length_is_decoded_or_refused_by_one_error(codec: type[Any], data: st.DataObject) -> None:
    encoded = data.draw(instances(codec)).encode()
    for size in range(len(encoded)):
        decoded = decode_or_refuse(codec, encoded[:size])
        assert decoded is None or codec.decode(decoded.encode()) == decoded


def decode_or_refuse(codec: type[Any], data: bytes) -> Any:  # Any: what the codec decodes
    """The message, or None for a DecodeError; any other exception fails the test."""
    try:
        return codec.decode(data)
    except DecodeError:
        return None


@pytest.mark.property
@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: response.__name__)
@FEW
@given(data=st.data(), extra=st.binary(min_size=1, max_size=8))
def test_no_response_is_refused_for_bytes_a_vendor_adds(response: type[Any], data: st.DataObject, extra: bytes) -> None:
    # Zeros first fill the optional parts, for bytes after those are what a vendor adds.
    complete = response.decode(data.draw(instances(response)).encode() + bytes(20)).encode()
    taken = response.decode(complete + extra).encode()
    assert taken[: len(complete)] == complete
    assert extra.startswith(taken[len(complete) :])  # none of it, or what the response has room for


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
