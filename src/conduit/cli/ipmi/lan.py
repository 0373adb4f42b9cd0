"""``lan``: the BMC's network settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import CHANNEL, Noun
from conduit.cli.ipmi.lan_changes import Edit, edited, parse_change
from conduit.cli.ipmi.lan_values import NAMES
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import ConduitError
from conduit.ipmi._fields import label
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands import lan_access, lan_ipv6_routers
from conduit.ipmi.commands import lan_alerts as alerts
from conduit.ipmi.commands import lan_ipv6 as ipv6
from conduit.ipmi.commands import lan_parameters as ipv4
from conduit.ipmi.commands.channel import AccessMode
from conduit.ipmi.commands.lan import GetLanStatistics
from conduit.ipmi.commands.lan_access import LanSetInProgress
from conduit.ipmi.commands.lan_shapes import (
    BlocksShape,
    Ipv4Shape,
    Ipv6Shape,
    LanParameter,
    LanValue,
    MacShape,
    NumberShape,
    PortShape,
)
from conduit.ipmi.messages import PRESENT_CHANNEL
from conduit.ipmi.operations.lan import LanConfigurationRead, read_lan, set_access, set_lan

DESTINATION_COLUMNS: Final = (
    Column("destination", "Alert to", right=True),
    Column("address", "Address"),
    Column("type", "What"),
    Column("acknowledged", "Acknowledged"),
    Column("timeout", "Timeout", right=True),
    Column("retries", "Retries", right=True),
)


@click.group(cls=Noun, example="lan print")
def lan() -> None:
    """Network settings: addresses, VLAN, alerts, cipher suites."""


@lan.command("print", example="lan print 1")
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def print_all(settings: Settings, channel: int) -> None:
    """All settings of CHANNEL (the one we talk over)."""

    async def operation(bmc: Bmc) -> Report:
        read = await read_lan(bmc, channel)
        if not read.values and not read.notes:
            raise ConduitError(f"channel {channel} has no LAN settings; `channel info` shows what it is")
        return lan_report(read)

    await run(settings, operation)


def lan_report(read: LanConfigurationRead) -> Report:
    """What the BMC has, parameters that it lacks left out."""
    fields = [field for value in read.values for field in _fields(value)]
    fields += _blocks(read)
    if read.notes:
        fields.append(Field("notes", "Broken", list(read.notes)))
    address = read.first(ipv4.IpAddress)
    summary = f"address {address.address}" if address else f"{len(read.values)} LAN parameters"
    return Report(summary=summary, fields=fields, rows=_destinations(read))


def _blocks(read: LanConfigurationRead) -> Iterator[Field]:
    """DUIDs and timers, each put together of its blocks, in hex; a DUID has its length in front."""
    texts: dict[tuple[LanParameter, int], bytes] = {}
    for value in read.values:
        if isinstance(value, BlocksShape):
            key = value.PARAMETER, value.set_selector
            texts[key] = texts.get(key, b"") + value.data
    for (parameter, number), data in texts.items():
        name = f"{parameter.name.lower()}_{number}"
        is_duid = parameter in (LanParameter.IPV6_STATIC_DUID, LanParameter.IPV6_DYNAMIC_DUID)
        content = data[1 : 1 + data[0]] if is_duid and data else data
        yield Field(name, _label(name), content.hex(":"))


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Ip", "IP", 1)


def _destinations(read: LanConfigurationRead) -> Rows | None:
    kinds = {kind.destination: kind for kind in read.all(alerts.DestinationType)}
    rows: list[list[Value]] = []
    for where in read.all(alerts.DestinationAddress):
        kind = kinds.get(where.destination, alerts.DestinationType(destination=where.destination))
        what = label(kind.alert_type)
        rows.append([where.destination, str(where.address), what, kind.acknowledged, kind.timeout, kind.retries])
    return Rows(key="destinations", columns=DESTINATION_COLUMNS, rows=rows) if rows else None


def _fields(value: LanValue) -> Sequence[Field]:
    """A parameter for people and programs; destinations have a table of their own."""
    name = NAMES[type(value)] if type(value) in NAMES else value.PARAMETER.name.lower()
    shown = _shown(value)
    if shown is None:
        return ()
    if isinstance(value, ipv6.Ipv6StaticAddress | ipv6.Ipv6DynamicAddress):
        name = f"{name}_{value.set_selector}"
    return (Field(name, _label(name), shown),)


def _shown(value: LanValue) -> Value:
    match value:
        case Ipv4Shape() | Ipv6Shape():
            return str(value.address)
        case MacShape():
            return value.text
        case PortShape():
            return value.port
        case NumberShape():
            return value.value
        case LanSetInProgress():
            return label(value.state)
        case alerts.CommunityString():
            return value.text
        case ipv4.VlanId():
            return value.vlan if value.enabled else None if not value.vlan else f"{value.vlan}, disabled"
    return _shown_4(value) if value.PARAMETER < 50 else _shown_6(value)


def _shown_4(value: LanValue) -> Value:
    match value:
        case lan_access.AuthTypeSupport():
            return _auth_types(value.auth_types)
        case lan_access.AuthTypeEnables():
            levels = ("callback", "user", "operator", "administrator", "oem")
            return [
                f"{level}: {' '.join(_auth_types(bits)) or 'none'}"
                for level, bits in zip(levels, value.levels, strict=True)
            ]
        case ipv4.IpAddressSource():
            return label(value.source)
        case ipv4.Ipv4Header():
            service = f"precedence {value.precedence}, TOS {value.type_of_service}"
            return f"TTL {value.time_to_live}, flags {value.flags}, {service}"
        case lan_access.BadPasswordThreshold():
            forgotten, locked = (10 * tens for tens in (value.reset_interval, value.lockout_interval))
            return f"{value.threshold}, forgotten after {forgotten} s, locked for {locked} s"
    return _shown_network(value)


def _shown_network(value: LanValue) -> Value:
    match value:
        case ipv4.ArpControl():
            return f"responses {_on(value.responses)}, gratuitous {_on(value.gratuitous)}"
        case ipv4.GratuitousArpInterval():
            return value.seconds
        case ipv4.VlanPriority():
            return value.priority
        case lan_access.CipherSuites():
            return list(value.suites)
        case lan_access.CipherSuitePrivileges():
            return "".join("XcuoaO"[limit] if limit < 6 else "?" for limit in value.limits)
    return None


def _shown_6(value: LanValue) -> Value:
    match value:
        case ipv6.Ipv6Support():
            return [word for word, has in (("alone", value.only_ipv6), ("with IPv4", value.both)) if has]
        case ipv6.Ipv6Enables():
            return label(value.mode)
        case ipv6.Ipv6FlowLabel():
            return value.flow
        case ipv6.Ipv6Status():
            return f"{value.static_addresses} static and {value.dynamic_addresses} dynamic addresses"
        case ipv6.Ipv6StaticAddress() | ipv6.Ipv6DynamicAddress():
            if not value.enabled:
                return "disabled"
            return f"{value.address}/{value.prefix_length} ({label(value.source)}, {label(value.status)})"
        case lan_ipv6_routers.Ipv6RouterControl():
            return f"advertised {_on(value.dynamic)}, static {_on(value.static)}"
    return None


def _auth_types(bits: lan_access.LanAuthTypes) -> list[str]:
    return [str(kind.name).lower() for kind in lan_access.LanAuthTypes if kind in bits]


def _on(flag: bool) -> str:
    return "on" if flag else "off"


@lan.command("set", example="lan set 1 ipaddr 10.0.0.5")
@click.argument("channel", type=CHANNEL)
@click.argument("words", nargs=-1, required=True, metavar="PARAMETER VALUE ...")
@click.pass_obj
async def set_one(settings: Settings, channel: int, words: tuple[str, ...]) -> None:
    """Change PARAMETER: ipaddr, netmask, defgw ipaddr, ipsrc static|dhcp, macaddr, vlan id N|off, vlan priority N,
    snmp COMMUNITY, ipv6 ADDRESS/LENGTH|off, ipv6mode, bad_pass_thresh COUNT SECONDS SECONDS, cipher_privs LETTERS,
    arp interval SECONDS, arp respond|generate on|off, alert N ADDRESS, bakgw ipaddr,
    auth LEVELS TYPES (admin,operator md5), access on|off.
    """
    change = parse_change(words)

    async def operation(bmc: Bmc) -> Report:
        if isinstance(change, AccessMode):
            await set_access(bmc, change, channel)
        else:
            await set_lan(bmc, [await edited(bmc, change, channel)] if isinstance(change, Edit) else change, channel)
        what = " ".join(words)
        return Report(summary=f"LAN channel {channel}: {what}", fields=[Field("set", "Set", what)], brief=True)

    await run(settings, operation)


@lan.command(example="lan stats 1")
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.option("--clear", is_flag=True, help="Count from zero again.")
@click.pass_obj
async def stats(settings: Settings, channel: int, clear: bool) -> None:
    """Packets that came and went on CHANNEL (the one we talk over)."""

    async def operation(bmc: Bmc) -> Report:
        answer = await bmc.request(GetLanStatistics(channel=channel, clear=clear))
        names = (
            "ip_received", "ip_header_errors", "ip_address_errors", "ip_fragments", "ip_sent", "udp_received",
            "rmcp_received", "proxy_received", "proxy_dropped",
        )  # fmt: skip
        fields = [Field(name, name.replace("_", " ").capitalize(), getattr(answer, name)) for name in names]
        return Report(summary=f"{answer.rmcp_received} RMCP packets received", fields=fields)

    await run(settings, operation)
