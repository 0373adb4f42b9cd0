"""``session``: how ours came about, and who else is logged in."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import Noun, Number
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import CompletionCodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.sessions import ActiveSession, GetSessionInfo, LanPeer, SessionInfo, SessionProtocol
from conduit.rmcp.privilege import Privilege

COLUMNS: Final = (
    Column("handle", "Handle", right=True),
    Column("user_id", "User ID", right=True),
    Column("privilege", "Privilege"),
    Column("protocol", "Protocol"),
    Column("channel", "Channel", right=True),
    Column("console", "Console"),
    Column("mac", "MAC"),
)
SESSION_ID: Final = Number(0, 0xFFFFFFFF, "a session ID")
HANDLE: Final = Number(0, 255, "a session handle")
WHICH: Final = ["active", "all", "id", "handle"]


@click.group(cls=Noun, example="session info")
def session() -> None:
    """Sessions: ours, and those of others."""


@session.command(example="session info all")
@click.argument("which", type=click.Choice(WHICH), default="active")
@click.argument("number", required=False)
@click.pass_context
async def info(ctx: click.Context, which: str, number: str | None) -> None:
    """How our own session came about (active), all sessions, or the one with an ID or a handle."""
    settings: Settings = ctx.obj
    if (number is not None) != (which in ("id", "handle")):
        raise click.UsageError("give a number after `id` or `handle`, and only there")
    if which == "active":
        await run(settings, _own)
        return
    if which == "all":
        await run(settings, _all)
        return
    value = (SESSION_ID if which == "id" else HANDLE).convert(number, None, ctx)
    command = GetSessionInfo(session_id=value) if which == "id" else GetSessionInfo(handle=value)

    async def operation(bmc: Bmc) -> Report:
        answer = await bmc.request(command)
        if answer.session is None:
            raise click.ClickException(f"there is no session with {which} {number}")
        return _table([answer])

    await run(settings, operation)


async def _own(bmc: Bmc) -> Report:
    """What we know of our session, and what the BMC says of it, if it does."""
    fields = own_fields(bmc)
    try:
        answer = await bmc.request(GetSessionInfo())
    except CompletionCodeError:
        answer = None
    if answer is not None and answer.session is not None:
        row = dict(zip((column.key for column in COLUMNS), _row(answer), strict=True))
        fields += [Field(column.key, column.label, row[column.key]) for column in COLUMNS if column.key != "privilege"]
        fields += [
            Field("active_sessions", "Active sessions", answer.active_sessions),
            Field("slots", "Session slots", answer.slots),
        ]
    return Report(summary="; ".join(f"{field.label.lower()} {field.words}" for field in fields[:4]), fields=fields)


def own_fields(bmc: Bmc) -> list[Field]:
    """How the session came about."""
    own = bmc.session
    limit = Privilege(own.limit).name.lower() if own.limit in list(Privilege) else None
    return [
        Field("interface", "Interface", own.interface.value),
        Field("cipher_suite", "Cipher suite", own.cipher_suite),
        Field("algorithms", "Algorithms", own.algorithms),
        Field("privilege", "Privilege", own.privilege.name.lower()),
        Field("privilege_limit", "Privilege limit", limit, limit or "not reported"),
        Field("reason", "Reason", own.reason),
        Field("session_id", "Session ID", own.session_id, f"{own.session_id:#010x}"),
    ]


async def _all(bmc: Bmc) -> Report:
    """Every active session, by its place in the BMC's table."""
    first = await bmc.request(GetSessionInfo(index=1))
    answers = [first]
    for index in range(2, first.active_sessions + 1):
        try:
            answers.append(await bmc.request(GetSessionInfo(index=index)))
        except CompletionCodeError:  # one was closed meanwhile
            break
    return _table(answers)


def _table(answers: list[SessionInfo]) -> Report:
    rows = [_row(answer) for answer in answers if answer.session is not None]
    fields = [
        Field("active_sessions", "Active sessions", answers[0].active_sessions),
        Field("slots", "Session slots", answers[0].slots),
    ]
    summary = f"{answers[0].active_sessions} of {answers[0].slots} sessions are active"
    return Report(summary=summary, fields=fields, rows=Rows(key="sessions", columns=COLUMNS, rows=rows))


def _row(answer: SessionInfo) -> list[Value]:
    found = answer.session
    if found is None:
        return [answer.handle] + [None] * (len(COLUMNS) - 1)
    privilege = found.privilege.name.lower() if isinstance(found.privilege, Privilege) else str(found.privilege)
    return [answer.handle, found.user_id, privilege, _protocol(found), found.channel, *_console(found)]


def _protocol(found: ActiveSession) -> str:
    if found.protocol == SessionProtocol.RMCP_PLUS:
        return "IPMI 2.0"
    return "IPMI 1.5" if found.protocol == SessionProtocol.IPMI_1_5 else f"unknown ({found.protocol:#x})"


def _console(found: ActiveSession) -> tuple[str | None, str | None]:
    peer = found.peer
    if peer is None:
        return None, None
    return f"{peer.address}:{peer.port or 0}", peer.mac_text if isinstance(peer, LanPeer) else None
