"""What the services find when ``conduit up`` starts them: accounts, join tokens, configuration."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conduit.cli.up.fleet import ACME, GLOBEX, HOST, USER, Fleet, Screen
from conduit.cli.up.kept import Kept, Ports
from conduit.errors import LocalProtocolError
from conduit.services.manager.database import opened
from conduit.services.manager.manager import Manager, open_manager
from conduit.services.manager.run import ManagerSettings
from conduit.services.manager.vault import make_master_key, read_master_key
from conduit.services.secret import Secret

STAFF: Final = "staff@provider.example"
DATACENTER: Final = "dc1"
REGION: Final = "local"
_MACHINES: Final = {"gateway": "gw1", "agent": "agent1"}
_TTL: Final = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Seed:
    """Where everything is, and who may log in."""

    data: Path
    ports: Ports
    passwords: dict[str, Secret]

    @property
    def manager_url(self) -> str:
        """For clients."""
        return f"http://{HOST}:{self.ports.manager}"

    @property
    def gateway_url(self) -> str:
        """For clients."""
        return f"http://{HOST}:{self.ports.gateway}"

    def config(self, name: str) -> Path:
        """A service's configuration."""
        return self.data / f"{name}.toml"


async def plant(data: Path, ports: Ports, fleet: Fleet, *, password: str | None = None) -> Seed:
    """Make it all, in a folder that has none of it.

    :raises LocalProtocolError: it has.
    """
    if Kept.read(data) is not None:
        raise LocalProtocolError(f"{data} was used before")
    accounts = {email: Secret(password or secrets.token_urlsafe(9)) for email in (ACME, GLOBEX, STAFF)}
    seed = Seed(data, ports, accounts)
    settings = _manager_settings(seed)
    settings.state.mkdir(mode=0o700, parents=True)
    with opened(settings.database_url) as database:
        async with open_manager(database, make_master_key(settings.master_key)) as manager:
            for email, secret in seed.passwords.items():
                await manager.accounts.create(email, secret, is_staff=email == STAFF)
            for kind in _MACHINES:
                await _write_join_token(seed, manager, kind)
    _write_configurations(seed, fleet)
    _keep(seed, fleet)
    return seed


async def plant_again(data: Path, ports: Ports, fleet: Fleet, kept: Kept) -> Seed:
    """What was there, at the ports of now. Machines whose certificate has expired meanwhile get a join token."""
    seed = Seed(data, ports, {email: Secret(password) for email, password in kept.accounts.items()})
    settings = _manager_settings(seed)
    with opened(settings.database_url) as database:
        async with open_manager(database, read_master_key(settings.master_key)) as manager:
            certified = {each.id: each.certificate_expires_at for each in await manager.machines.list()}
            for kind, name in _MACHINES.items():
                machine = f"{kind}/{name}"
                if certified.get(machine, 0.0) > manager.clock():
                    continue
                if machine in certified:
                    await manager.machines.revoke(machine)
                await _write_join_token(seed, manager, kind)
    _write_configurations(seed, fleet)
    _keep(seed, fleet)
    return seed


def _manager_settings(seed: Seed) -> ManagerSettings:
    return ManagerSettings(state=seed.data / "manager", host=HOST, port=seed.ports.manager)


async def _write_join_token(seed: Seed, manager: Manager, kind: str) -> None:
    datacenter_id = DATACENTER if kind == "agent" else ""
    token, _ = await manager.machines.create_join_token(
        kind=kind, datacenter_id=datacenter_id, region=REGION, ttl=_TTL, uses=1, created_by="conduit up"
    )
    write_private(seed.data / f"{kind}.join-token", token.reveal())


def _keep(seed: Seed, fleet: Fleet) -> None:
    """Last: a folder that has this has everything."""
    accounts = {email: password.reveal() for email, password in seed.passwords.items()}
    servers = {server_id: plan.password for server_id, plan in fleet.plans.items()}
    Kept(ports=seed.ports, accounts=accounts, servers=servers).write(seed.data)


def _write_configurations(seed: Seed, fleet: Fleet) -> None:
    data, ports = seed.data, seed.ports
    settings: dict[str, dict[str, object]] = {
        "manager": {"state": f"{data}/manager", "host": HOST, "port": ports.manager},
        "gateway": {
            "manager": seed.manager_url,
            "name": _MACHINES["gateway"],
            "state": f"{data}/gateway",
            "join_token_file": f"{data}/gateway.join-token",
            "host": HOST,
            "port": ports.gateway,
            "tunnel_host": HOST,
            "tunnel_port": ports.tunnel,
        },
        "agent": {
            "manager": seed.manager_url,
            "name": _MACHINES["agent"],
            "state": f"{data}/agent",
            "join_token_file": f"{data}/agent.join-token",
            "health": "",
        },
    }
    for name, values in settings.items():
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
        write_private(seed.config(name), text + (_servers(seed, fleet) if name == "agent" else ""))


def _servers(seed: Seed, fleet: Fleet) -> str:
    """The Agent's servers; each password is in a file of its own."""
    text = []
    for server_id, plan in fleet.plans.items():
        secret = seed.data / f"{server_id}.password"
        write_private(secret, plan.password)
        text += [
            f"\n[servers.{server_id}]",
            f"customer = {_toml(plan.owner)}",
            f"display_name = {_toml(f'{server_id} ({plan.words})')}",
            f"tags = {_toml(list(plan.tags))}",
            f"[[servers.{server_id}.control]]",
            f"type = {_toml(plan.control_type)}",
            f"address = {_toml(HOST)}",
            f"port = {fleet.served[server_id].port}",
            f"user = {_toml(USER)}",
            f"password_file = {_toml(str(secret))}",
        ]
        if plan.control_type == "ipmi":
            text.append(f"[servers.{server_id}.console]")
        screen = fleet.screens.get(server_id)
        if screen is not None:
            text += _display(seed, server_id, screen)
    return "\n".join(text) + "\n"


def _display(seed: Seed, server_id: str, screen: Screen) -> list[str]:
    text = [f"[servers.{server_id}.display]", f"url = {_toml(f'vnc://{HOST}:{screen.port}')}"]
    if screen.password:
        secret = seed.data / f"{server_id}.display-password"
        write_private(secret, screen.password)
        text.append(f"password_file = {_toml(str(secret))}")
    return text


def _toml(value: object) -> str:
    """Texts, numbers and lists of texts: JSON's notation is TOML's."""
    return json.dumps(value)


def write_private(path: Path, text: str) -> None:
    """A file that only we read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


__all__ = ["DATACENTER", "REGION", "STAFF", "Ports", "Seed", "plant", "plant_again", "write_private"]
