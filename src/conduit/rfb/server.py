"""A server that VNC viewers connect to: it lets them in, and shows them one picture."""

from __future__ import annotations

import logging
import math
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from conduit._tcp import keep_alive
from conduit._trio import open_background_nursery, wait_before
from conduit.errors import AuthenticationError, ConduitError, DisplayFull, LocalProtocolError, TransportError
from conduit.rfb.audience import Audience
from conduit.rfb.des import CHALLENGE
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import METHODS, Cover, Method, Proof
from conduit.rfb.server_handshake import (
    ClientReady,
    Event,
    ProofShown,
    ServerHandshake,
    TlsWanted,
    VersionAgreed,
)
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.viewing import Input

logger = logging.getLogger(__name__)

HANDSHAKE: Final = 30.0  # seconds that a viewer has to log in
WRONG_PASSWORD_DELAY: Final = 1.0  # seconds before it hears that it is not let in
CHUNK: Final = 16 << 10  # bytes of a viewer that are taken at a time
SHARE: Final = 0.5  # of a processor for all viewers together, whatever they ask for
SEND_WITHIN: Final = 60.0  # seconds in which a viewer takes one update; one that does not is gone
MAX_HANDSHAKES: Final = 64  # at once
GRACE: Final = 1.0  # seconds to close a connection in
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How viewers get in."""

    methods: tuple[Method, ...] = (SecurityType.NONE,)
    "Ways of logging in, best first."
    username: str = ""
    password: str = field(default="", repr=False)
    "With VncAuth the first eight characters count, as always."
    view_password: str = field(default="", repr=False)
    "Who knows only this one may look and not type."
    tls: ssl.SSLContext | None = None
    "The server's certificate, for the ways of VeNCrypt that have one."

    def __post_init__(self) -> None:
        for method in self.methods:
            cover, proof = METHODS[method]
            if cover is not Cover.BARE and self.tls is None:
                raise LocalProtocolError("TLS needs a certificate")
            if proof is not Proof.NONE and not self.password:
                raise LocalProtocolError("a display with a password needs one")


def access_by_password(password: str) -> Access:
    """VncAuth, or nothing to know without a password."""
    return Access(methods=(SecurityType.VNC_AUTH,), password=password) if password else Access()


def access_by_certificate(certificate: Path, key: Path, username: str, password: str) -> Access:
    """User name and password inside TLS (VeNCrypt X509Plain).

    :param certificate: PEM file, with those above it.
    :param key: PEM file.
    :raises LocalProtocolError: the files are not what they should be.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.num_tickets = 0  # TigerVNC's viewer waits for ever once session tickets come before the first answer
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise LocalProtocolError(f"{certificate} and {key} are no certificate and its key: {error}") from error
    return Access(methods=(VeNCryptType.X509_PLAIN,), username=username, password=password, tls=context)


class RfbServer:
    """Any number of viewers of one :class:`~conduit.rfb.audience.Audience`.

    :param on_input: is called with what viewers do to the machine; must not block.
    :param on_viewers: is called when viewers come or go; must not block.
    :param on_viewing: is called when a viewer has said or taken something; must not block.
    """

    def __init__(
        self,
        audience: Audience,
        access: Access | None = None,
        *,
        on_input: Callable[[Input], None] | None = None,
        on_viewers: Callable[[], None] | None = None,
        on_viewing: Callable[[], None] | None = None,
    ) -> None:
        self.audience = audience
        self._access = access or Access()
        self._on_input = on_input
        self._on_viewers = on_viewers
        self._on_viewing = on_viewing
        self._news = trio.lowlevel.ParkingLot()
        self._handshakes = 0

    def stir(self) -> None:
        """The picture has changed, or somebody has the keyboard: look again at what viewers are to be sent."""
        if self._on_input is not None:
            for done in self.audience.take_inputs():
                self._on_input(done)
        self._news.unpark_all()

    # --- connections ---

    async def serve(
        self, host: str, port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Take TCP connections until cancelled; ``nursery.start`` returns the port.

        :raises TransportError: the address cannot be had.
        """
        try:
            listeners = await trio.open_tcp_listeners(port, host=host)
        except (OSError, OverflowError) as error:
            raise TransportError(f"cannot listen on {host} TCP port {port}: {error}") from error
        task_status.started(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(self._serve_connection, listeners)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        try:
            keep_alive(stream)
            await self.serve_stream(stream)
        except ConduitError as error:
            logger.info("display %s: a viewer is gone: %s", self.audience.source.name, error)
        except Exception:  # one viewer's, and not the others'
            logger.exception("display %s: serving a viewer failed", self.audience.source.name)

    async def serve_stream(
        self,
        stream: trio.abc.Stream,
        *,
        name: str = "",
        may_type: bool = True,
        may_take: bool = False,
        has_keyboard: Callable[[], bool] | None = None,
    ) -> None:
        """Serve one viewer on a stream that is ours from now on, until it leaves.

        :param name: who it is, for others.
        :param has_keyboard: see :meth:`Audience.attach`.
        :raises ConduitError: it broke the rules, or was not let in.
        """
        entry = Entry(stream)
        try:
            with trio.move_on_after(HANDSHAKE) as scope:
                await self._let_in(entry)
            if scope.cancelled_caught:
                raise TransportError("it did not log in in time")
            await self._show(
                entry,
                name=name,
                may_type=may_type and entry.may_type,
                may_take=may_take,
                has_keyboard=has_keyboard,
            )
        finally:
            with trio.move_on_after(GRACE, shield=True):
                await entry.stream.aclose()

    async def _show(
        self, entry: Entry, *, name: str, may_type: bool, may_take: bool, has_keyboard: Callable[[], bool] | None
    ) -> None:
        audience = self.audience
        viewer = audience.attach(
            trio.current_time(), name=name, may_type=may_type, may_take=may_take, has_keyboard=has_keyboard
        )
        self._tell_viewers()
        try:
            async with open_background_nursery() as nursery:
                nursery.start_soon(self._write, viewer, entry, nursery.cancel_scope)
                await self._read(viewer, entry)
        finally:
            audience.leave(viewer, trio.current_time())
            self.stir()
            self._tell_viewers()

    async def _read(self, viewer: int, entry: Entry) -> None:
        data: bytes | bytearray = entry.leftover
        while True:
            self.audience.receive(viewer, data)
            self._tell_viewing()
            self.stir()
            try:
                data = await entry.stream.receive_some(CHUNK)
            except _GONE:
                return
            if not data:
                return

    async def _write(self, viewer: int, entry: Entry, scope: trio.CancelScope) -> None:
        data = entry.greeting
        with trio.CancelScope() as patience:  # one for all: to make a scope costs more than to send a little
            while True:
                patience.deadline = trio.current_time() + SEND_WITHIN
                try:
                    await entry.stream.send_all(data)
                except _GONE:  # what it said before it left may not have been read yet
                    scope.deadline = trio.current_time() + GRACE
                    return
                patience.deadline = math.inf
                data = await self._next_data(viewer)
        scope.cancel()  # it takes nothing

    async def _next_data(self, viewer: int) -> bytes:
        """Wait for something to send."""
        while True:
            now, began = trio.current_time(), time.perf_counter()
            if data := self.audience.data_to_send(viewer, now):
                dear = (time.perf_counter() - began) * len(self.audience.seats) / SHARE
                self.audience.rest(viewer, dear, now)
                self._tell_viewing()
                return data
            await wait_before(self.audience.deadline_of(viewer), self._news.park)

    def _tell_viewers(self) -> None:
        if self._on_viewers is not None:
            self._on_viewers()

    def _tell_viewing(self) -> None:
        if self._on_viewing is not None:
            self._on_viewing()

    # --- letting in ---

    async def _let_in(self, entry: Entry) -> None:
        """:raises ConduitError: the viewer broke the rules, or is not let in and has been told why."""
        self._handshakes += 1
        try:
            await self._shake_hands(ServerHandshake(secrets.token_bytes(CHALLENGE)), entry)
        except _GONE as error:
            raise TransportError("it left before it was in") from error
        finally:
            self._handshakes -= 1

    async def _shake_hands(self, handshake: ServerHandshake, entry: Entry) -> None:
        events: list[Event] = []
        while True:
            await self._flush(handshake, entry.stream)
            if handshake.is_refused:
                raise AuthenticationError("it was not let in")
            if not events:
                data = await entry.stream.receive_some(CHUNK)
                if not data:
                    raise TransportError("it left before it was in")
                events = handshake.receive_data(data)
                continue
            event = events.pop(0)
            if isinstance(event, ClientReady):
                return self._welcome(handshake, entry)
            events += await self._answer(handshake, entry, event)

    @staticmethod
    async def _flush(handshake: ServerHandshake, stream: trio.abc.Stream) -> None:
        if data := handshake.data_to_send():
            await stream.send_all(data)

    async def _answer(self, handshake: ServerHandshake, entry: Entry, event: Event) -> list[Event]:
        if isinstance(event, VersionAgreed):
            return self._offer(handshake)
        if isinstance(event, TlsWanted):
            await self._flush(handshake, entry.stream)
            entry.stream = await self._start_tls(entry.stream, handshake.take_leftover())
            return handshake.tls_started()
        if isinstance(event, ProofShown):
            return await self._judge(handshake, entry, event)
        raise LocalProtocolError(f"nothing is known about {type(event).__name__}")

    def _offer(self, handshake: ServerHandshake) -> list[Event]:
        try:
            self.audience.check_room()
        except DisplayFull as error:
            handshake.refuse(str(error))
            return []
        if self._handshakes > MAX_HANDSHAKES:
            handshake.refuse("too many viewers log in at once")
            return []
        return handshake.offer(self._access.methods)

    async def _judge(self, handshake: ServerHandshake, entry: Entry, event: ProofShown) -> list[Event]:
        access = self._access
        knows = event.proof.proves(access.username, access.password)
        looks = bool(access.view_password) and event.proof.proves(access.username, access.view_password)
        if not knows and not looks:
            await trio.sleep(WRONG_PASSWORD_DELAY)
            handshake.refuse("the password is wrong")
            return []
        entry.may_type = knows
        return handshake.accept()

    async def _start_tls(self, stream: trio.abc.Stream, leftover: bytes) -> trio.abc.Stream:
        if leftover or self._access.tls is None:
            raise TransportError("it began TLS before it was asked to")
        secured = trio.SSLStream(stream, self._access.tls, server_side=True, https_compatible=True)
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError as error:
            raise TransportError(f"TLS with a viewer failed: {error.__cause__ or error}") from error
        return secured

    def _welcome(self, handshake: ServerHandshake, entry: Entry) -> None:
        source = self.audience.source
        picture = source.picture
        handshake.start(ServerInit(picture.width, picture.height, PixelFormat.BGRX, source.name))
        entry.greeting = handshake.data_to_send()
        entry.leftover = handshake.take_leftover()


@dataclass(slots=True)
class Entry:
    """A viewer on its way in."""

    stream: trio.abc.Stream
    greeting: bytes = b""
    "To send first."
    leftover: bytes = b""
    "What it has said after its handshake."
    may_type: bool = True
