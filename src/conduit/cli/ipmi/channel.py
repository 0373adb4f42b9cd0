"""``channel``: what channels the BMC has, who may use them, and with which cipher suites."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import CHANNEL, Noun
from conduit.cli.ipmi.hosts import Host
from conduit.cli.ipmi.runner import run, run_without_session
from conduit.cli.ipmi.settings import Settings
from conduit.cli.ipmi.user import limit_name
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import CompletionCodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.channel import (
    AccessMode,
    ChannelAccess,
    ChannelInfo,
    GetChannelAccess,
    GetChannelInfo,
    Store,
)
from conduit.ipmi.messages import PRESENT_CHANNEL
from conduit.rmcp.ciphers import PREFERENCE, SUITES, CipherSuite
from conduit.rmcp.endpoint import Endpoint
from conduit.rmcp.port import Address
from conduit.rmcp.session_commands import (
    CipherSuiteRecord,
    CipherSuiteRecords,
    GetChannelCipherSuites,
    decode_cipher_suites,
)

MAX_PARTS: Final = 64  # of the list of cipher suites; the index has six bits
CIPHER_COLUMNS: Final = (
    Column("id", "ID", right=True),
    Column("authentication", "Authentication"),
    Column("integrity", "Integrity"),
    Column("confidentiality", "Encryption"),
    Column("remark", "Remark"),
)
ACCESS_COLUMNS: Final = (
    Column("store", "Setting"),
    Column("access_mode", "Access"),
    Column("privilege_limit", "Privilege limit"),
    Column("pef_alerting", "Alerts"),
    Column("per_message_authentication", "Per-message auth"),
    Column("user_level_authentication", "User-level auth"),
)


@click.group(cls=Noun, example="channel info")
def channel() -> None:
    """Channels: what they are, who may use them."""


@channel.command(example="channel info 1")
@click.argument("number", metavar="[CHANNEL]", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def info(settings: Settings, number: int) -> None:
    """What CHANNEL (the one we talk over) is."""

    async def operation(bmc: Bmc) -> Report:
        return info_report(await bmc.request(GetChannelInfo(channel=number)))

    await run(settings, operation)


def info_report(answer: ChannelInfo) -> Report:
    """All of Get Channel Info."""
    fields = [
        Field("channel", "Channel", answer.channel),
        Field("medium", "Medium", answer.medium_text),
        Field("protocol", "Protocol", answer.protocol_text),
        Field("session_support", "Sessions", answer.session_support_text),
        Field("active_sessions", "Active sessions", answer.active_sessions),
        Field("vendor_id", "Protocol vendor ID", answer.vendor_id),
    ]
    return Report(summary=f"channel {answer.channel}: {answer.medium_text}, {answer.protocol_text}", fields=fields)


@channel.command(example="channel access 1")
@click.argument("number", metavar="[CHANNEL]", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def access(settings: Settings, number: int) -> None:
    """Who may use CHANNEL (the one we talk over): now, and after the next reset."""

    async def operation(bmc: Bmc) -> Report:
        rows = []
        for store, name in ((Store.VOLATILE, "active"), (Store.NON_VOLATILE, "saved")):
            rows.append(_access_row(name, await bmc.request(GetChannelAccess(channel=number, store=store))))
        summary = f"access {rows[0][1]}, privilege limit {rows[0][2]}"
        return Report(summary=summary, rows=Rows(key="access", columns=ACCESS_COLUMNS, rows=rows))

    await run(settings, operation)


def _access_row(name: str, answer: ChannelAccess) -> list[Value]:
    mode = answer.access_mode
    return [
        name,
        mode.name.lower().replace("_", "-") if isinstance(mode, AccessMode) else f"unknown ({mode:#x})",
        limit_name(answer.privilege_limit),
        answer.pef_alerting,
        answer.per_message_authentication,
        answer.user_level_authentication,
    ]


@channel.command(example="channel ciphers")
@click.argument("number", metavar="[CHANNEL]", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def ciphers(settings: Settings, number: int) -> None:
    """Cipher suites of CHANNEL (the one we talk over), best first as we would choose. Needs no password."""

    async def operation(endpoint: Endpoint, host: Host) -> Report:
        address = (await endpoint.resolve(host.name, host.port or settings.port))[0]
        records = await _read_cipher_suites(endpoint, address, settings, number)
        rows = [_cipher_row(record) for record in sorted(records, key=_rank)]
        names = ", ".join(str(row[0]) for row in rows) or "none"
        return Report(summary=f"cipher suites: {names}", rows=Rows(key="suites", columns=CIPHER_COLUMNS, rows=rows))

    await run_without_session(settings, operation)


async def _read_cipher_suites(
    endpoint: Endpoint, address: Address, settings: Settings, number: int
) -> list[CipherSuiteRecord]:
    """The whole list, which comes in parts."""
    records = b""
    for index in range(MAX_PARTS):
        try:
            part = await endpoint.ask(address, GetChannelCipherSuites(channel=number, index=index), settings.retry)
        except CompletionCodeError:
            if not index:
                raise
            break  # some BMCs refuse to give a part after the last
        records += part.records
        if len(part.records) < CipherSuiteRecords.PART:
            break
    return decode_cipher_suites(records)


def _rank(record: CipherSuiteRecord) -> int:
    known = record.oem is None and record.number in PREFERENCE
    return PREFERENCE.index(record.number) if known else len(PREFERENCE) + record.number


def _cipher_row(record: CipherSuiteRecord) -> list[Value]:
    suite = SUITES.get(record.number) if record.oem is None else None
    if suite is None:
        maker = "unknown" if record.oem is None else f"OEM {record.oem}"
        return [record.number, "?", "?", "?", maker]
    names: list[Value] = [*str(suite).split("/")]
    return [record.number, *names, _remark(suite)]


def _remark(suite: CipherSuite) -> str:
    if suite.is_weak:
        return "weak: only when asked for with -C"
    return "" if suite.confidentiality else "not encrypted"
