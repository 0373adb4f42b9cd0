"""``user``: names, passwords and rights. A new password is typed, piped or read from a file, but is no argument."""

from __future__ import annotations

from typing import Final

import asyncclick as click

from conduit.cli.ipmi.base import CHANNEL, USER_ID, Noun
from conduit.cli.ipmi.runner import run
from conduit.cli.ipmi.settings import Settings
from conduit.cli.params import to_bytes
from conduit.cli.prompts import ask, ask_twice, first_line, is_interactive
from conduit.cli.render import Column, Field, Report, Rows, Value
from conduit.errors import CompletionCodeError, LocalProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.users import (
    GetUserAccess,
    GetUserName,
    PasswordOperation,
    SetUserAccess,
    SetUserName,
    SetUserPassword,
    UserAccess,
    UserState,
)
from conduit.ipmi.messages import PRESENT_CHANNEL, PrivilegeLimit

LIMITS: Final = {
    "callback": PrivilegeLimit.CALLBACK,
    "user": PrivilegeLimit.USER,
    "operator": PrivilegeLimit.OPERATOR,
    "administrator": PrivilegeLimit.ADMINISTRATOR,
    "oem": PrivilegeLimit.OEM,
    "no-access": PrivilegeLimit.NO_ACCESS,
}
ENABLED: Final[dict[int, bool]] = {UserState.ENABLED: True, UserState.DISABLED: False}
SIZES: Final = ["16", "20"]
COLUMNS: Final = (
    Column("id", "ID", right=True),
    Column("name", "Name"),
    Column("enabled", "Enabled"),
    Column("privilege", "Privilege limit"),
    Column("ipmi_messaging", "IPMI"),
    Column("link_authentication", "Link auth"),
    Column("callback_only", "Callback only"),
    Column("fixed_name", "Fixed name"),
)


@click.group(cls=Noun, example="user list")
def user() -> None:
    """Users of the BMC: names, passwords, privileges."""


def limit_name(limit: int) -> str:
    """A privilege limit as people write it."""
    return next((name for name, number in LIMITS.items() if number == limit), f"unknown ({limit:#x})")


@user.command("list", example="user list 1")
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.option("--all", "everything", is_flag=True, help="Also the places that nobody uses.")
@click.pass_obj
async def list_users(settings: Settings, channel: int, everything: bool) -> None:
    """Users and their rights on CHANNEL (the one we talk over)."""

    async def operation(bmc: Bmc) -> Report:
        access = await bmc.request(GetUserAccess(channel=channel, user_id=1))
        rows = [await _row(bmc, channel, user_id) for user_id in range(1, access.max_users + 1)]
        shown = [row for row in rows if everything or _is_used(row)]
        summary = f"{access.enabled_users} of {access.max_users} users are enabled"
        fields = [
            Field("max_users", "Places for users", access.max_users),
            Field("enabled_users", "Enabled users", access.enabled_users),
            Field("fixed_names", "Fixed names", access.fixed_names),
        ]
        return Report(summary=summary, fields=fields, rows=Rows(key="users", columns=COLUMNS, rows=shown))

    await run(settings, operation)


async def _row(bmc: Bmc, channel: int, user_id: int) -> list[Value]:
    access = await bmc.request(GetUserAccess(channel=channel, user_id=user_id))
    return [
        user_id,
        await _name(bmc, user_id),
        _enabled(access),
        limit_name(access.privilege_limit),
        access.ipmi_messaging,
        access.link_authentication,
        access.callback_only,
        user_id <= access.fixed_names,
    ]


async def _name(bmc: Bmc, user_id: int) -> str:
    try:
        return (await bmc.request(GetUserName(user_id=user_id))).text
    except CompletionCodeError:  # BMCs say so of a user who has no name
        return ""


def _enabled(access: UserAccess) -> bool | None:
    return ENABLED.get(access.state)


def _is_used(row: list[Value]) -> bool:
    _, name, enabled, limit, messaging, *_ = row
    return bool(name or enabled or messaging) or limit not in ("no-access", "unknown (0x0)")


@user.group("set", cls=Noun, example="user set password 3")
def set_() -> None:
    """Name or password."""


@set_.command("name", example="user set name 3 alice")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.argument("name")
@click.pass_obj
async def set_name(settings: Settings, user_id: int, name: str) -> None:
    """Give user ID a name of up to 16 bytes."""
    command = SetUserName(user_id=user_id, name=to_bytes(name))

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        return _done(f"Name of user {user_id} set to {name}", user_id, Field("name", "Name", name))

    await run(settings, operation)


@set_.command("password", example="user set password 3 --password-file new-password")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.argument("unwanted", nargs=-1, metavar="")
@click.option("--password-file", metavar="FILE", help="Read the password from FILE's first line; - is standard input.")
@click.option("--new-password", metavar="PASSWORD", help="The password, which every user of this machine can then see.")
@click.option("--size", type=click.Choice(SIZES), help="Bytes that the BMC keeps (16, or 20 if it is longer).")
@click.pass_obj
async def set_password(
    settings: Settings,
    user_id: int,
    unwanted: tuple[str, ...],
    password_file: str | None,
    new_password: str | None,
    size: str | None,
) -> None:
    """Give user ID a new password: typed on the terminal, or the first line of standard input or of a file."""
    _refuse_argument(unwanted)
    password = _new_password(password_file, new_password)
    command = _password_command(user_id, PasswordOperation.SET_PASSWORD, password, size)

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        return _done(f"Password of user {user_id} set", user_id, Field("size", "Bytes", command.size))

    await run(settings, operation)


def _refuse_argument(words: tuple[str, ...]) -> None:
    """Ipmitool takes a password here. We do not, and do not repeat it in the error either."""
    if words:
        raise click.UsageError("too many arguments; a password comes from --password-file, a prompt or standard input")


def _new_password(file: str | None, argument: str | None, *, twice: bool = True) -> bytes:
    if argument is not None:
        return to_bytes(argument)
    if file is not None:
        return to_bytes(first_line(file))
    if not is_interactive():
        return to_bytes(first_line("-"))
    return to_bytes(ask_twice("New password") if twice else ask("Password to test: "))


def _password_command(user_id: int, operation: PasswordOperation, password: bytes, size: str | None) -> SetUserPassword:
    """:raises click.UsageError: the password is too long."""
    chosen = int(size) if size else 20 if len(password) > 16 else 16
    try:
        return SetUserPassword(user_id=user_id, operation=operation, password=password, size=chosen)
    except LocalProtocolError as error:
        raise click.UsageError(str(error)) from None


@user.command(example="user enable 3")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.pass_obj
async def enable(settings: Settings, user_id: int) -> None:
    """Let user ID log in."""
    await _switch(settings, user_id, PasswordOperation.ENABLE_USER)


@user.command(example="user disable 3")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.pass_obj
async def disable(settings: Settings, user_id: int) -> None:
    """Do not let user ID log in."""
    await _switch(settings, user_id, PasswordOperation.DISABLE_USER)


async def _switch(settings: Settings, user_id: int, how: PasswordOperation) -> None:
    enabled = how is PasswordOperation.ENABLE_USER

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(SetUserPassword(user_id=user_id, operation=how))
        word = "enabled" if enabled else "disabled"
        return _done(f"User {user_id} {word}", user_id, Field("enabled", "Enabled", enabled))

    await run(settings, operation)


@user.command(example="user priv 3 operator 1")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.argument("level", type=click.Choice(list(LIMITS), case_sensitive=False))
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.pass_obj
async def priv(settings: Settings, user_id: int, level: str, channel: int) -> None:
    """Limit the privilege of user ID on CHANNEL (the one we talk over)."""
    command = SetUserAccess(channel=channel, user_id=user_id, change_flags=False, privilege_limit=LIMITS[level.lower()])

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        return _done(f"Privilege limit of user {user_id} set to {level}", user_id, Field("privilege", "Limit", level))

    await run(settings, operation)


@user.command(example="user access 3 1 --ipmi")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.argument("channel", type=CHANNEL, default=PRESENT_CHANNEL)
@click.option("--ipmi/--no-ipmi", "ipmi_messaging", default=None, help="May open IPMI sessions.")
@click.option("--link/--no-link", "link_authentication", default=None, help="May use PPP link authentication.")
@click.option("--callback-only/--no-callback-only", default=None, help="Over serial, may only be called back.")
@click.pass_obj
async def access(settings: Settings, /, user_id: int, channel: int, **wishes: bool | None) -> None:
    """Show what user ID may do on CHANNEL (the one we talk over), after changing what the options say."""
    changes = {name: wish for name, wish in wishes.items() if wish is not None}

    async def operation(bmc: Bmc) -> Report:
        present = await bmc.request(GetUserAccess(channel=channel, user_id=user_id))
        if changes:
            await bmc.request(_with_changes(present, channel, user_id, changes))
            present = await bmc.request(GetUserAccess(channel=channel, user_id=user_id))
        return _access_report(user_id, present)

    await run(settings, operation)


def _with_changes(present: UserAccess, channel: int, user_id: int, changes: dict[str, bool]) -> SetUserAccess:
    """The request that makes *changes* and leaves the rest as it is."""
    return SetUserAccess(
        channel=channel,
        user_id=user_id,
        privilege_limit=present.privilege_limit,
        ipmi_messaging=changes.get("ipmi_messaging", present.ipmi_messaging),
        link_authentication=changes.get("link_authentication", present.link_authentication),
        callback_only=changes.get("callback_only", present.callback_only),
    )


def _access_report(user_id: int, present: UserAccess) -> Report:
    limit = limit_name(present.privilege_limit)
    fields = [
        Field("user_id", "User ID", user_id),
        Field("enabled", "Enabled", ENABLED.get(present.state)),
        Field("privilege", "Privilege limit", limit),
        Field("ipmi_messaging", "IPMI sessions", present.ipmi_messaging),
        Field("link_authentication", "Link authentication", present.link_authentication),
        Field("callback_only", "Callback only", present.callback_only),
    ]
    messaging = "may" if present.ipmi_messaging else "may not"
    return Report(summary=f"user {user_id} {messaging} open IPMI sessions, up to {limit}", fields=fields)


@user.command(example="user test 3 16")
@click.argument("user_id", metavar="ID", type=USER_ID)
@click.argument("size", type=click.Choice(SIZES), default="16")
@click.argument("unwanted", nargs=-1, metavar="")
@click.option("--password-file", metavar="FILE", help="Read the password from FILE's first line; - is standard input.")
@click.pass_obj
async def test(
    settings: Settings, user_id: int, size: str, unwanted: tuple[str, ...], password_file: str | None
) -> None:
    """Ask the BMC whether user ID has this password, kept in SIZE bytes. Exit status 1 if not."""
    _refuse_argument(unwanted)
    password = _new_password(password_file, None, twice=False)
    command = _password_command(user_id, PasswordOperation.TEST_PASSWORD, password, size)

    async def operation(bmc: Bmc) -> Report:
        await bmc.request(command)
        return _done(f"The password of user {user_id} is right", user_id, Field("correct", "Correct", True))

    await run(settings, operation)


def _done(summary: str, user_id: int, field: Field) -> Report:
    return Report(summary=summary, fields=[Field("user_id", "User ID", user_id), field], brief=True)
