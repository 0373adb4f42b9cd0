"""The Agents that are connected: one live tunnel each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trio

from conduit.errors import AuthenticationError, CallError, ConduitError, TunnelRefused
from conduit.services.api.agent.v1.agent_pb import Registration
from conduit.services.certificates import Identity
from conduit.tunnel import Tunnel
from conduit.tunnel.call_frames import Code
from conduit.tunnel.control import Hello
from conduit.tunnel.handshake import Revoked


def is_agent(uri: str) -> bool:
    """Whether a certificate's identity is an Agent's."""
    try:
        return Identity.parse(uri).kind == "agent"
    except AuthenticationError:
        return False


async def admit(uri: str, hello: Hello) -> bytes:
    """Refuses an Agent whose registration cannot be read."""
    try:
        Registration.from_binary(hello.registration)
    except ValueError as error:
        raise TunnelRefused("the registration makes no sense", may_retry=False) from error
    return b""


class Agents:
    """Finds the tunnel to an Agent."""

    def __init__(self) -> None:
        self._tunnels: dict[str, Tunnel] = {}
        self._changed = trio.Event()
        self.registrations = 0  # since we began

    @contextmanager
    def connected(self, tunnel: Tunnel) -> Iterator[str]:
        """Its Agent can be found while the block lasts; gives its name."""
        name = Identity.parse(tunnel.identity).name
        self._tunnels[name] = tunnel
        self.registrations += 1
        self._tell()
        try:
            yield name
        finally:
            if self._tunnels.get(name) is tunnel:  # and no newer one
                del self._tunnels[name]
                self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Return when an Agent has come or gone."""
        await self._changed.wait()

    def sweep(self, revoked: Revoked) -> None:
        """End the tunnels of those whose certificate is worth nothing any more."""
        for tunnel in list(self._tunnels.values()):
            if revoked(tunnel.identity, tunnel.certified_at):
                tunnel.end("the certificate is revoked")

    async def drain(self, seconds: float) -> None:
        """End all tunnels in good order: their Agents know why, and dial again."""
        async with trio.open_nursery() as nursery:
            for tunnel in self._tunnels.values():
                nursery.start_soon(_drain, tunnel, seconds)

    def names(self) -> list[str]:
        """Of those that are connected."""
        return sorted(self._tunnels)

    def round_trips(self) -> list[tuple[str, float]]:
        """Of each that is connected, by name, in seconds."""
        return [(name, tunnel.round_trip) for name, tunnel in sorted(self._tunnels.items())]

    def tunnel_to(self, name: str) -> Tunnel:
        """:raises CallError: UNAVAILABLE: it is not connected."""
        tunnel = self._tunnels.get(name)
        if tunnel is None or tunnel.is_closed:
            message = f"the Agent {name} is not connected to this Gateway; the server itself may be running"
            raise CallError(Code.UNAVAILABLE, message, safe_to_retry=True)
        return tunnel


async def _drain(tunnel: Tunnel, seconds: float) -> None:
    with suppress(ConduitError):
        await tunnel.drain(seconds, "the Gateway is being restarted")
