"""The options before the command, which are ipmitool's where ipmitool has them."""

from __future__ import annotations

import os
from typing import Any, Final

import asyncclick as click

from conduit.cli.ipmi.base import BYTE, CHANNEL, Number
from conduit.cli.ipmi.passwords import KG_VARIABLE, PasswordSource
from conduit.cli.ipmi.settings import AUTH_TYPES, FANOUT, Bridge, Settings
from conduit.cli.params import Seconds, to_bytes
from conduit.cli.prompts import ask
from conduit.cli.render import Format
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.credentials import Interface
from conduit.rmcp.packets import PORT
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.retry import RETRIES, TIMEOUT
from conduit.rmcp.workarounds import Workaround

SUITE: Final = Number(0, max(SUITES), "a cipher suite")
LUN: Final = Number(0, 3, "a LUN")
LIST: Final = "list"
ABBREVIATIONS: Final = {"ADMIN": Privilege.ADMINISTRATOR.name}


class PrivilegeName(click.ParamType[Privilege]):
    """A privilege by name in any case, or by number."""

    name = "privilege"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Privilege:
        """:raises click.BadParameter: there is none such."""
        if isinstance(value, Privilege):
            return value
        wanted = ABBREVIATIONS.get(value.upper(), value.upper())
        found = next((level for level in Privilege if wanted in (level.name, str(level.value))), None)
        if found is None:
            self.fail(f"{value!r} is not one of {', '.join(level.name for level in Privilege)}", param, ctx)
        return found


class HexKey(click.ParamType[bytes]):
    """A key in hex. It is a secret: the error does not repeat it."""

    name = "hex key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """:raises click.BadParameter: it is no hex."""
        if isinstance(value, bytes):
            return value
        try:
            return bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            self.fail("the key is not hexadecimal", param, ctx)


def list_workarounds() -> str:
    """What ``-W list`` shows."""
    width = max(len(workaround.value) for workaround in Workaround)
    return "\n".join(f"{workaround.value:<{width}}  {workaround.meaning}" for workaround in Workaround)


def _parse_workarounds(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> frozenset[Workaround]:
    """``-W a,b -W c``; ``-W list`` shows them all and ends.

    :raises click.BadParameter: there is none of that name.
    """
    names = [name.strip().lower() for value in values for name in value.split(",")]
    if LIST in names:
        click.echo(list_workarounds())
        raise click.exceptions.Exit(0)
    known = {workaround.value: workaround for workaround in Workaround}
    for name in names:
        if name not in known:
            raise click.BadParameter(f"there is no workaround {name!r}; -W list shows all", ctx, param)
    return frozenset(known[name] for name in names)


OPTIONS: Final[list[click.Parameter]] = [
    click.Option(
        ["-H", "--host", "hosts"],
        multiple=True,
        metavar="HOST",
        help="BMC, or many: a list with commas, node[01-12], 10.0.0.[1-40], 10.0.0.0/26, HOST:[9001-9010], or a file "
        "with one in each line (@FILE). May be repeated.",
    ),
    click.Option(["-p", "--port"], type=Number(1, 65_535, "a port"), default=PORT, show_default=True, help="UDP port."),
    click.Option(["-U", "--username"], default="", help="User name, up to 16 bytes; none is the null user."),
    click.Option(["-P", "--password"], help="Password, which every user of this machine can see. Better: -E or -f."),
    click.Option(["-f", "--password-file"], metavar="FILE", help="Password is FILE's first line; - is stdin."),
    click.Option(["-E", "from_environment"], is_flag=True, help="Take the password from IPMI_PASSWORD."),
    click.Option(["-a", "prompt"], is_flag=True, help="Ask for the password, as without any of these on a terminal."),
    click.Option(
        ["-I", "--interface"],
        type=click.Choice([interface.value for interface in Interface], case_sensitive=False),
        default=Interface.AUTO.value,
        show_default=True,
        help="IPMI 2.0 (lanplus), IPMI 1.5 (lan), or what the BMC has.",
    ),
    click.Option(
        ["-A", "--auth-type"],
        type=click.Choice(list(AUTH_TYPES), case_sensitive=False),
        help="Auth type of IPMI 1.5; implies -I lan unless that says otherwise.",
    ),
    click.Option(
        ["-C", "--cipher-suite"], type=SUITE, help="Cipher suite of IPMI 2.0, 0 to 19; else the best both sides have."
    ),
    click.Option(
        ["-L", "--privilege"],
        type=PrivilegeName(),
        default=Privilege.ADMINISTRATOR.name,
        show_default=True,
        help="Privilege to ask for: CALLBACK, USER, OPERATOR, ADMINISTRATOR.",
    ),
    click.Option(["-k", "--kg"], metavar="KEY", help="BMC key for two-key log-ins, as text; visible, like -P."),
    click.Option(["-y", "--hex-kg"], type=HexKey(), metavar="HEX", help="The same in hex."),
    click.Option(["-K", "kg_from_environment"], is_flag=True, help=f"Take it from {KG_VARIABLE}."),
    click.Option(["-Y", "kg_prompt"], is_flag=True, help="Ask for it."),
    click.Option(
        ["-W", "-o", "--workaround", "workarounds"],
        multiple=True,
        metavar="NAME",
        callback=_parse_workarounds,
        help="Work around a BMC's fault; -W list shows them. May be repeated, or a list with commas.",
    ),
    click.Option(
        ["-N", "--timeout"],
        type=Seconds(min=0, min_open=True, max=3600),
        default=TIMEOUT,
        show_default=True,
        help="Seconds before a request is first repeated.",
    ),
    click.Option(
        ["-R", "--retries"],
        type=Number(0, 100, "a number of repeats"),
        default=RETRIES,
        show_default=True,
        help="Repeats before the BMC counts as silent.",
    ),
    click.Option(["-t", "target"], type=BYTE, metavar="ADDRESS", help="Bridge raw and mc info to this slave address."),
    click.Option(["-b", "channel"], type=CHANNEL, default=0, metavar="CHANNEL", help="The channel it is on."),
    click.Option(["-T", "transit"], type=BYTE, metavar="ADDRESS", help="A second bridge on the way there."),
    click.Option(["-B", "transit_channel"], type=CHANNEL, default=0, metavar="CHANNEL", help="The channel that is on."),
    click.Option(["-l", "lun"], type=LUN, default=0, metavar="LUN", help="Logical unit for raw."),
    click.Option(
        ["--fanout"],
        type=Number(1, 10_000, "a number of hosts"),
        default=FANOUT,
        show_default=True,
        help="Hosts at once at most.",
    ),
]


def make_settings(
    options: dict[str, Any],  # Any: each option has its own type
    *,
    verbose: int = 0,
    output: Format = Format.TABLE,
) -> Settings:
    """What the parsed OPTIONS add up to.

    :raises click.UsageError: two of them contradict each other.
    """
    return Settings(
        hosts=options["hosts"],
        port=options["port"],
        username=options["username"],
        password=PasswordSource(
            argument=options["password"],
            file=options["password_file"],
            environment=options["from_environment"],
            prompt=options["prompt"],
        ),
        interface=Interface(options["interface"].lower()),
        auth_type=options["auth_type"],
        cipher_suite=options["cipher_suite"],
        privilege=options["privilege"],
        kg=_kg(options),
        workarounds=options["workarounds"],
        timeout=options["timeout"],
        retries=options["retries"],
        bridge=Bridge(**{name: options[name] for name in Bridge.__slots__}),
        fanout=options["fanout"],
        output=output,
        verbose=verbose,
    )


def _kg(options: dict[str, Any]) -> bytes:  # Any: as above
    """The BMC key.

    :raises click.UsageError: it is said twice, or is not where it was said to be.
    """
    names = ("kg", "hex_kg", "kg_from_environment", "kg_prompt")
    if sum(bool(options[name]) for name in names) > 1:
        raise click.UsageError("give the BMC key once: with -k, -y, -K or -Y")
    if options["kg_prompt"]:
        return to_bytes(ask("BMC key: "))
    if options["kg_from_environment"]:
        if KG_VARIABLE not in os.environ:
            raise click.UsageError(f"-K was given, but {KG_VARIABLE} is not set")
        return to_bytes(os.environ[KG_VARIABLE])
    key: bytes = options["hex_kg"] or to_bytes(options["kg"] or "")
    return key
