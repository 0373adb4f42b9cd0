"""The six virtual servers of ``conduit up``, each of another kind."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import trio

from conduit.cli.serial import free_vnc_port, with_qemu
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.config import LanConfig, PlusConfig
from conduit.ipmi.bmc.qemu import FIRST_VNC_PORT, PROGRAM, QemuConfig, run_qemu
from conduit.ipmi.bmc.serve import ServedBmc, serve_many
from conduit.ipmi.bmc.virtual_machine import Timings
from conduit.rfb.server import access_by_password
from conduit.virtual.screen import VirtualScreen

HOST: Final = "127.0.0.1"
USER: Final = "conduit"
ACME: Final = "alice@acme.example"
_MEMORY: Final = 64  # MiB
GLOBEX: Final = "bob@globex.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """One server: whose it is, and what kind of BMC it has."""

    id: str
    owner: str
    words: str
    "For people."
    tags: tuple[str, ...] = ()
    config: BmcConfig
    control_type: str = "ipmi"
    is_real: bool = False
    "Whether QEMU is the machine behind its BMC."
    password: str = field(repr=False)


def plans(password: str | None, known: Mapping[str, str] = MappingProxyType({})) -> list[ServerPlan]:
    """All six, with fresh passwords, or this one.

    :param known: passwords that stay as they were.
    """
    old = BmcConfig(plus=PlusConfig(enabled=False), lan=LanConfig())
    modern = BmcConfig(plus=PlusConfig(suites=(17,)), lan=LanConfig(enabled=False))
    mixed = BmcConfig()
    slow = BmcConfig(timings=Timings())
    kinds: list[tuple[str, str, str, tuple[str, ...], BmcConfig, str]] = [
        ("web-01", ACME, "IPMI 2.0, as most", ("web",), mixed, "ipmi"),
        ("web-02", ACME, "IPMI 2.0, strongest suite only", ("web",), modern, "ipmi"),
        ("db-01", ACME, "IPMI 2.0, running", ("database",), replace(mixed, running=True), "ipmi"),
        ("legacy-01", ACME, "IPMI 1.5 only", ("legacy",), old, "ipmi-1.5"),
        ("build-01", GLOBEX, "IPMI 2.0, running", ("ci",), replace(slow, running=True), "ipmi"),
        ("spare-01", "", "a QEMU machine, staff's" if has_qemu() else "nobody's: staff", (), mixed, "ipmi"),
    ]
    return [_plan(*kind, known.get(kind[0]) or password or secrets.token_urlsafe(9)) for kind in kinds]


def _plan(
    name: str, owner: str, words: str, tags: tuple[str, ...], config: BmcConfig, control: str, password: str
) -> ServerPlan:
    is_real = name == "spare-01" and has_qemu()
    config = with_qemu(config) if is_real else config
    guest = replace(config.guest, enabled=not is_real, hostname=name.encode(), epoch=datetime.now(UTC).timestamp())
    complete = replace(config, users=(UserConfig(name=USER.encode(), password=password.encode()),), guest=guest)
    return ServerPlan(
        id=name,
        owner=owner,
        words=words,
        tags=tags,
        config=complete,
        control_type=control,
        is_real=is_real,
        password=password,
    )


def has_qemu() -> bool:
    """Whether one of the servers can be a real virtual machine."""
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a server's display is, on loopback."""

    port: int
    password: str = field(default="", repr=False)
    "Empty: there is none."
    shown: VirtualScreen | None = None
    "What it shows, unless a real machine does."


@dataclass(frozen=True, slots=True)
class Fleet:
    """The servers as they run."""

    plans: Mapping[str, ServerPlan]
    served: Mapping[str, ServedBmc]
    screens: Mapping[str, Screen] = field(default_factory=dict)

    def owned_by(self, email: str) -> set[str]:
        """Ids of somebody's servers."""
        return {server_id for server_id, plan in self.plans.items() if plan.owner == email}

    def is_on(self, server_id: str) -> bool:
        """What the BMC itself knows, not what anybody says of it."""
        return self.served[server_id].bmc.state.machine.is_on


async def start_fleet(
    nursery: trio.Nursery,
    *,
    port: int = 0,
    password: str | None = None,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Fleet:
    """Serve all six on loopback, as tasks of *nursery*.

    :param port: UDP port of the first; the others follow. 0 for free ones.
    :param known: passwords that stay as they were, by server.
    """
    all_plans = plans(password, known)
    bmcs = [
        (VirtualBmc(plan.config, entropy=secrets.token_bytes), HOST, port + number if port else 0)
        for number, plan in enumerate(all_plans)
    ]
    served = await nursery.start(serve_many, bmcs)
    screens = {plan.id: await _open_screen(nursery, plan, one) for plan, one in zip(all_plans, served, strict=True)}
    names = [plan.id for plan in all_plans]
    return Fleet(dict(zip(names, all_plans, strict=True)), dict(zip(names, served, strict=True)), screens)


async def _open_screen(nursery: trio.Nursery, plan: ServerPlan, served: ServedBmc) -> Screen:
    if plan.is_real:
        port = await free_vnc_port(FIRST_VNC_PORT)
        nursery.start_soon(run_qemu, served, QemuConfig(memory=_MEMORY, vnc_port=port))
        return Screen(port)
    password = secrets.token_urlsafe(6)  # eight characters, which is all that counts
    shown = VirtualScreen(served, name=plan.id, access=access_by_password(password))
    return Screen(await nursery.start(shown.server.serve, HOST, 0), password, shown)
