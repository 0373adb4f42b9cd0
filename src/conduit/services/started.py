"""What a service tells when it serves: how it is reached, and what it does at SIGHUP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from conduit.errors import LocalProtocolError
from conduit.services.web.bindings import Bound

Reload = Callable[[], Awaitable[None]]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A service that serves."""

    service: str
    "manager, gateway or agent"
    name: str = ""
    "Among its kind."
    addresses: Mapping[str, str]
    "By who comes there: clients, Agents."
    reload: Reload | None = None
    "What SIGHUP does; None: it does so by itself."

    def __str__(self) -> str:
        """For people."""
        where = ", ".join(f"{who} at {address}" for who, address in self.addresses.items())
        return " ".join(filter(None, (self.service, self.name))) + (f": {where}" if where else "")


async def reload_certificate(bound: Bound) -> None:
    """For the connections that come; one that cannot be used changes nothing."""
    if bound.tls is None:
        logger.info("there is no certificate to read again: this serves plain text")
        return
    try:
        bound.reload_certificate()
    except LocalProtocolError as error:
        logger.warning("the certificate stays as it was", reason=str(error))
    else:
        logger.info("certificate read again", file=str(bound.binding.certificate))
