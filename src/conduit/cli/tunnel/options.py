"""What the arguments of ``conduit tunnel`` mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import asyncclick as click

from conduit.tunnel.link import TlsFiles

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
AGENT_URI: Final = "conduit://agent/"
GATEWAY_URI: Final = "conduit://gateway/"
Address = tuple[str, int]
F = TypeVar("F", bound=Callable[..., Any])  # Any: it is whatever click decorates


class Forward(NamedTuple):
    """One ``--forward``."""

    host: str
    port: int
    agent: str
    "Whose target it is; empty for the Agent that came last."
    name: str


def parse_address(text: str, *, lowest: int = 1) -> Address:
    """``gateway.example:7443``, ``127.0.0.1:7443`` or ``[::1]:7443``.

    :raises click.BadParameter: none of them.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare) != host.startswith("["):
        raise click.BadParameter(f"{text!r} is not HOST:PORT, such as 127.0.0.1:7443 or [::1]:7443")
    if not port.isascii() or not port.isdecimal() or not lowest <= int(port) <= 0xFFFF:
        raise click.BadParameter(f"{text!r}: a port is a number from {lowest} to 65535")
    return bare, int(port)


def show_address(host: str, port: int) -> str:
    """As :func:`parse_address` takes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_name(text: str) -> str:
    """:raises click.BadParameter: it cannot be a target's name, or an Agent's."""
    if not _NAME.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no name: letters, digits, hyphens, dots and underscores, 63 at most")
    return text


def parse_expose(texts: tuple[str, ...]) -> dict[str, Address]:
    """``NAME=HOST:PORT``, several.

    :raises click.BadParameter: one is something else, or a name comes twice.
    """
    targets: dict[str, Address] = {}
    for text in texts:
        name, equals, address = text.partition("=")
        if not equals:
            raise click.BadParameter(f"--expose {text!r} is not NAME=HOST:PORT, such as web=127.0.0.1:80")
        if parse_name(name) in targets:
            raise click.BadParameter(f"--expose: {name!r} is there twice")
        targets[name] = parse_address(address)
    return targets


def parse_forward(text: str) -> Forward:
    """``HOST:PORT=NAME`` or ``HOST:PORT=AGENT/NAME``.

    :raises click.BadParameter: neither.
    """
    local, equals, target = text.partition("=")
    if not equals:
        raise click.BadParameter(f"--forward {text!r} is not HOST:PORT=NAME, such as 127.0.0.1:8080=web")
    agent, _, name = target.rpartition("/")
    return Forward(*parse_address(local, lowest=0), parse_name(agent) if agent else "", parse_name(name))


def find_files(role: str, keys: Path | None, cert: Path | None, key: Path | None, ca: Path | None) -> TlsFiles:
    """From ``--keys``, or from all of the others.

    :raises click.UsageError: some are missing.
    """
    if keys is not None:
        cert, key, ca = cert or keys / f"{role}.pem", key or keys / f"{role}.key", ca or keys / "ca.pem"
    if cert is None or key is None or ca is None:
        raise click.UsageError("certificates are needed: --cert, --key and --ca, or --keys DIR (conduit tunnel keys)")
    for path in (cert, key, ca):
        if not path.is_file():
            raise click.UsageError(f"there is no file {str(path)!r}; conduit tunnel keys makes some for trying it out")
    return TlsFiles(certificate=cert, key=key, ca=ca)


def tls_options(function: F) -> F:
    """``--keys``, ``--cert``, ``--key``, ``--ca``."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--ca", type=path, metavar="FILE", help="the CA that signs the other side's certificate (PEM)"),
        click.option("--key", type=path, metavar="FILE", help="its private key (PEM)"),
        click.option("--cert", type=path, metavar="FILE", help="our certificate (PEM)"),
        click.option("--keys", type=path, metavar="DIR", help="where conduit tunnel keys put all three"),
    ):
        function = option(function)
    return function


def output_option(function: F) -> F:
    """``--output``."""
    option = click.option(
        "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="how events look"
    )
    decorated: F = option(function)
    return decorated
