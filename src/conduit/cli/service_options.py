"""What ``conduit manager``, ``gateway`` and ``agent`` have in common."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncclick as click
import structlog
import trio

from conduit.services.process import Service, logs_json, run_service, set_up_logging
from conduit.services.settings import load
from conduit.services.started import Started

_Settings = TypeVar("_Settings")
logger = structlog.get_logger(__name__)

config_option = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file; each setting may also be in the environment.",
)
until_eof_option = click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input ends.")


def settings_of(kind: type[_Settings], config: Path | None, section: str) -> _Settings:
    """From the file and the environment."""
    return load(kind, config, section, os.environ)


async def serve_until_stopped(service: Service, leave: trio.Event, *, until_eof: bool, **parameters: Any) -> None:
    """Run a service as this process; say where it is reached."""
    set_up_logging()

    def tell(started: Started) -> None:
        click.echo(f"ready: {started}")
        if logs_json():
            logger.info("ready", service=started.service, name=started.name, **started.addresses)

    await run_service(partial(service, **parameters), leave=leave, on_started=tell, until_eof=until_eof)
