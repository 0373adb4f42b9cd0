"""``conduit bmc``: virtual BMCs to test against."""

from __future__ import annotations

import ipaddress
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.displays import Displays
from conduit.cli.listening import Endpoint, parse_listen
from conduit.cli.params import Seconds, WholeNumber, to_bytes
from conduit.cli.serial import USAGE, Serial, attach_all, parse_qemu, parse_serial, with_qemu
from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.guest.config import DEFAULT_EPOCH
from conduit.ipmi.bmc.serve import serve_many
from conduit.rmcp.ciphers import SUITES
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege

DEFAULT_USER: Final = b"admin"
RANDOM_PASSWORD_BYTES: Final = 9  # 12 characters, which IPMI 1.5 takes too
USERS_VARIABLE: Final = "CONDUIT_BMC_USERS"
MAX_COUNT: Final = 60_000
USER_HELP: Final = (
    f"PRIVILEGE is {', '.join(level.name.lower() for level in Privilege)}; any other word there is part of the "
    "password, which may have colons. May be repeated."
)
MAX_PREFIX: Final = 20  # bytes of a host name before its number


def spread_out(first: Endpoint, count: int, *, spread: bool) -> Iterator[Endpoint]:
    """*count* endpoints from *first* on: consecutive ports, or with *spread* consecutive addresses.

    :raises click.BadParameter: there are not so many.
    """
    if spread:
        base = ipaddress.ip_address(first.host)
        if not base.is_loopback or not (base + (count - 1)).is_loopback:
            raise click.BadParameter("--spread takes consecutive addresses of 127.0.0.0/8; this leaves it")
        yield from (Endpoint(str(base + offset), first.port) for offset in range(count))
    else:
        if first.port + count - 1 > 0xFFFF:
            raise click.BadParameter(f"there are not {count} ports from {first.port} on; see --spread")
        yield from (Endpoint(first.host, first.port + offset if first.port else 0) for offset in range(count))


def parse_user(text: str) -> UserConfig:
    """``NAME:PASSWORD:PRIVILEGE``; the password may contain colons, and the privilege may be left out.

    What follows the last colon is a privilege only if it is the name of one, else the end of the password.

    :raises click.BadParameter: it is no such thing. The message does not quote the password.
    """
    name, colon, rest = text.partition(":")
    password, last, level = rest.rpartition(":")
    privileges = {privilege.name.lower(): privilege for privilege in Privilege}
    if not last or level.lower() not in privileges:
        password, level = rest, "administrator"
    if not colon:
        raise click.BadParameter("a user is NAME:PASSWORD or NAME:PASSWORD:PRIVILEGE")
    try:
        return UserConfig(name=to_bytes(name), password=to_bytes(password), privilege=privileges[level.lower()])
    except LocalProtocolError as error:
        raise click.BadParameter(f"user {name!r}: {error}") from error


def parse_suites(text: str) -> tuple[int, ...]:
    """``3,17``.

    :raises click.BadParameter: not numbers of cipher suites.
    """
    try:
        suites = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter("suites are numbers and commas, such as 3,17") from None
    if not set(suites) <= set(SUITES):
        raise click.BadParameter(f"suites are 0 to {max(SUITES)}")
    return suites


def read_users(users: tuple[str, ...], listed: str) -> tuple[UserConfig, ...]:
    """Users of the command line, of a file with one a line, and of the environment."""
    lines = [*users, *listed.splitlines()]
    lines += os.environ.get(USERS_VARIABLE, "").splitlines()
    return tuple(parse_user(line) for line in lines if line.strip() and not line.lstrip().startswith("#"))


def random_user() -> UserConfig:
    """An administrator whose password is told once, on stderr: a password known to all is none."""
    password = secrets.token_urlsafe(RANDOM_PASSWORD_BYTES)
    click.echo(f"no user was given: log in as {DEFAULT_USER.decode()} with password {password}", err=True)
    return UserConfig(name=DEFAULT_USER, password=password.encode())


@click.group(name="bmc")
def command() -> None:
    """Virtual BMCs: hardware for tests and demos."""


@command.command(
    epilog="Example: conduit bmc sim --listen 127.0.0.1:9001 --count 3 --user-file users.txt\n\n"
    f"Passwords on a command line can be seen by every user of this machine; put them into --user-file, into the "
    f"configuration or, a user a line, into the environment variable {USERS_VARIABLE}."
)
@click.option("--listen", default="127.0.0.1:623", show_default=True, metavar="ADDRESS:PORT", help="First BMC's.")
@click.option("--count", default=1, show_default=True, type=WholeNumber(1, MAX_COUNT), help="How many BMCs.")
@click.option("--spread", is_flag=True, help="On consecutive addresses of 127.0.0.0/8, not on consecutive ports.")
@click.option("--user", "users", multiple=True, metavar="NAME:PASSWORD[:PRIVILEGE]", help=USER_HELP)
@click.option(
    "--user-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with one NAME:PASSWORD[:PRIVILEGE] a line.",
)
@click.option("--kg", envvar="CONDUIT_BMC_KG", help="The BMC's key for two-key log-ins.  [env: CONDUIT_BMC_KG]")
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file."
)
@click.option("--suites", metavar="N,N", help="Cipher suites to allow, 0 to 19.")
@click.option(
    "--auth", "auth_types", multiple=True, metavar="TYPE", help="IPMI 1.5 auth type: none, md2, md5, password."
)
@click.option("--idle-timeout", type=Seconds(min=0.1), help="Seconds until an idle session ends.  [default: 60]")
@click.option("--serial", default="guest", show_default=True, metavar="WHAT", help=f"On the serial ports: {USAGE}.")
@click.option(
    "--qemu", is_flag=False, flag_value="", metavar="[IMAGE]", help="A real virtual machine, with this disk image."
)
@click.option(
    "--vnc", type=WholeNumber(0, 0xFFFF), metavar="PORT", help="Displays for VNC viewers, the first one's TCP port."
)
@click.option(
    "--vnc-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File whose first line is the displays' password.",
)
@click.option("--vnc-user", default="", metavar="NAME", help="User name that the displays want, with --vnc-cert.")
@click.option(
    "--vnc-cert",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate of the displays (PEM): they want TLS, a user name and the password (VeNCrypt X509Plain).",
)
@click.option(
    "--vnc-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its private key, where that is in another file.",
)
@click.option("--on", "running", is_flag=True, help="Start with the machines running.")
async def sim(
    listen: str,
    count: int,
    *,
    spread: bool,
    config_file: Path | None,
    user_file: Path | None,
    serial: str,
    qemu: str | None,
    vnc: int | None,
    vnc_password_file: Path | None,
    vnc_user: str,
    vnc_cert: Path | None,
    vnc_key: Path | None,
    **options: object,
) -> None:
    """Serve virtual BMCs on loopback or elsewhere, until Ctrl+C.

    Prints one line "ready ADDRESS:PORT" for each when all of them answer.
    """
    inhabitant = parse_serial(serial) if qemu is None else parse_qemu(qemu, count)
    endpoints = list(spread_out(parse_listen(listen), count, spread=spread))
    password = (await read_text(vnc_password_file)).partition("\n")[0].strip() if vnc_password_file else None
    hosts = [endpoint.host for endpoint in endpoints]
    covered = {"user": vnc_user, "certificate": vnc_cert, "key": vnc_key}
    displays = Displays.parse(vnc, password, hosts=hosts, serial=inhabitant.kind, **covered)
    config = BmcConfig.from_toml(await read_text(config_file)) if config_file else BmcConfig()
    listed = await read_text(user_file) if user_file else ""
    config = apply_options(config, listed=listed, **options)  # type: ignore[arg-type]  # click has checked them
    config = with_qemu(config) if qemu is not None else config
    await run(with_guest(config, inhabitant), endpoints, inhabitant, displays)


async def read_text(path: Path) -> str:
    """A file of the user's.

    :raises LocalProtocolError: it cannot be read, or is not UTF-8.
    """
    try:
        return await trio.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise LocalProtocolError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LocalProtocolError(f"{path} is not a text file: it is no UTF-8") from error


def apply_options(
    config: BmcConfig,
    *,
    users: tuple[str, ...] = (),
    listed: str = "",
    kg: str | None = None,
    suites: str | None = None,
    auth_types: tuple[str, ...] = (),
    idle_timeout: float | None = None,
    running: bool = False,
) -> BmcConfig:
    """*config* with what the command line says otherwise."""
    more = read_users(users, listed)
    everybody = (*config.users, *more) or (random_user(),)
    plus, lan, limits = config.plus, config.lan, config.limits
    if kg is not None:
        plus = replace(plus, kg=to_bytes(kg))
    if suites is not None:
        plus = replace(plus, suites=parse_suites(suites))
    if auth_types:
        lan = replace(lan, auth_types=frozenset(parse_auth_type(name) for name in auth_types))
    if idle_timeout is not None:
        limits = replace(limits, idle_timeout=idle_timeout)
    return replace(config, users=everybody, plus=plus, lan=lan, limits=limits, running=running or config.running)


def parse_auth_type(name: str) -> AuthType:
    """:raises click.BadParameter: there is none called so."""
    known = {
        "none": AuthType.NONE,
        "md2": AuthType.MD2,
        "md5": AuthType.MD5,
        "password": AuthType.STRAIGHT_PASSWORD,
    }
    if name.lower() not in known:
        raise click.BadParameter(f"auth types are {', '.join(known)}")
    return known[name.lower()]


def with_guest(config: BmcConfig, serial: Serial) -> BmcConfig:
    """The guest gets the serial port and today's date, or stays away."""
    epoch = datetime.now(UTC).timestamp() if config.guest.epoch == DEFAULT_EPOCH else config.guest.epoch
    return replace(config, guest=replace(config.guest, enabled=serial.kind == "guest", epoch=epoch))


async def run(config: BmcConfig, endpoints: list[Endpoint], serial: Serial, displays: Displays | None = None) -> None:
    """Serve until somebody asks us to stop.

    :raises TransportError: an address cannot be had.
    """
    bmcs = [
        (VirtualBmc(_numbered(config, number), entropy=secrets.token_bytes), endpoint.host, endpoint.port)
        for number, endpoint in enumerate(endpoints)
    ]
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_background_nursery() as nursery:
            served = await nursery.start(serve_many, bmcs)
            for one in served:
                sys.stdout.write(f"ready {Endpoint(one.host, one.port)}\n")
            addresses = [str(Endpoint(one.host, one.port)) for one in served]
            await attach_all(serial, served, addresses, nursery)
            if displays is not None:
                await displays.start(served, addresses, nursery)
            sys.stdout.flush()
            async for _ in signals:
                return


def _numbered(config: BmcConfig, number: int) -> BmcConfig:
    """The *number*-th BMC's configuration: GUID and host name are its own, the first one's are the configured ones."""
    guid = (int.from_bytes(config.identity.guid, "big") + number) % (1 << 128)
    guest = config.guest
    if number:
        name = guest.hostname.rstrip(b"0123456789")
        start = int(guest.hostname[len(name) :] or b"0")
        guest = replace(guest, hostname=b"%s%d" % (name[:MAX_PREFIX], start + number))
    return replace(config, identity=replace(config.identity, guid=guid.to_bytes(16, "big")), guest=guest)
