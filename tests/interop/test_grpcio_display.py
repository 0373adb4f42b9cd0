"""Google's gRPC for Python at a screen: RFB in a bidirectional stream."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

import grpc
import pytest

from conduit.rfb.client_handshake import ClientHandshake, Event, LoggedIn
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import FramebufferUpdateRequest, KeyEvent, SetEncodings, SetPixelFormat
from conduit.rfb.names import Encoding
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Credentials, LoginRules
from conduit.rfb.server_messages import FramebufferUpdated, ServerMessageReader
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.services.api.gateway.v1.gateway_pb import VNCDataChunk
from tests.interop.grpc_client import GATEWAY, MANAGER, Client, open_client, server_token
from tests.whole_path import WholePath

pytestmark = [pytest.mark.interop, pytest.mark.rfb]
SERVER = "db-01"
WORD = "zq7"


@pytest.fixture
def gateway(path: WholePath) -> Iterator[Client]:
    with open_client(path.gateway_address, GATEWAY) as client:
        yield client


@pytest.fixture
def token(path: WholePath) -> str:
    with open_client(path.manager_address, MANAGER) as manager:
        return server_token(manager, path, SERVER)


class Screen:
    """A VNC viewer."""

    def __init__(self, gateway: Client, token: str, *, read_only: bool = False) -> None:
        request = pb.CreateVNCSessionRequest(server_id=SERVER, read_only=read_only)
        created = gateway.call("CreateVNCSession", request, pb.CreateVNCSessionResponse, token=token)
        self.session_id = created.session_id
        self.says: queue.Queue[VNCDataChunk | None] = queue.Queue()
        self.says.put(VNCDataChunk(is_handshake=True, session_id=created.session_id, server_id=SERVER))
        self.call = gateway.display(iter(self.says.get, None), token=token)
        init, rest = self._log_in()
        self.reader = ServerMessageReader(Framebuffer(*init))
        self.reader.receive_data(rest)
        self.send(SetPixelFormat(PixelFormat.BGRX).encode() + SetEncodings((Encoding.ZRLE, Encoding.RAW)).encode())
        self.ask(incremental=False)

    def _log_in(self) -> tuple[tuple[int, int], bytes]:
        handshake, events = ClientHandshake(Credentials(), LoginRules()), list[Event]()
        while not events:
            events = handshake.receive_data(next(self.call).data)
            self.send(handshake.data_to_send())
        (event,) = events
        assert isinstance(event, LoggedIn)
        return (event.init.width, event.init.height), handshake.take_leftover()

    def send(self, data: bytes) -> None:
        if data:
            self.says.put(VNCDataChunk(data=data))

    def ask(self, *, incremental: bool = True) -> None:
        self.send(FramebufferUpdateRequest(self.reader.picture.whole, incremental=incremental).encode())

    def press(self, text: str) -> None:
        self.send(b"".join(KeyEvent(ord(each), down).encode() for each in text for down in (True, False)))

    def until(self, condition: Callable[[], bool]) -> None:
        """The call's own deadline ends it."""
        while not condition():
            events = self.reader.receive_data(next(self.call).data)
            if any(isinstance(event, FramebufferUpdated) for event in events):
                self.ask()

    def shows(self, path: WholePath) -> bool:
        return bytes(self.reader.picture.pixels) == path.screen(SERVER)[1]


@pytest.fixture
def screen(gateway: Client, token: str) -> Iterator[Screen]:
    opened = Screen(gateway, token)
    yield opened
    opened.call.cancel()
    opened.says.put(None)


def test_a_viewer_sees_every_dot_and_types(path: WholePath, screen: Screen) -> None:
    screen.until(lambda: screen.shows(path))
    screen.press(WORD)
    screen.until(lambda: WORD in path.screen(SERVER)[0] and screen.shows(path))
    screen.press("\b" * len(WORD))


def test_a_viewer_that_leaves_ends_in_good_order(gateway: Client, token: str) -> None:
    for last in (None, VNCDataChunk(close_stream=True)):
        screen = Screen(gateway, token)
        screen.says.put(last)
        for _ in screen.call:
            pass
        assert screen.call.code() is grpc.StatusCode.OK
        screen.says.put(None)


def test_closing_the_session_tells_its_viewer_why(gateway: Client, token: str, screen: Screen) -> None:
    request = pb.CloseVNCSessionRequest(session_id=screen.session_id)
    gateway.call("CloseVNCSession", request, pb.CloseVNCSessionResponse, token=token)
    with pytest.raises(grpc.RpcError) as caught:
        for _ in screen.call:
            pass
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.CANCELLED, "This session was closed.")


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (VNCDataChunk(data=b"x"), grpc.StatusCode.INVALID_ARGUMENT),
        (VNCDataChunk(is_handshake=True, session_id="x"), grpc.StatusCode.NOT_FOUND),
        (VNCDataChunk(is_handshake=True, session_id="x", server_id="web-01"), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_a_stream_that_does_not_begin_with_its_session_is_refused(
    gateway: Client, token: str, chunk: VNCDataChunk, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(gateway.display([chunk], token=token))
    assert caught.value.code() is code


def test_a_consoles_session_opens_no_screen(gateway: Client, token: str) -> None:
    request = pb.CreateSOLSessionRequest(server_id=SERVER)
    created = gateway.call("CreateSOLSession", request, pb.CreateSOLSessionResponse, token=token)
    chunk = VNCDataChunk(is_handshake=True, session_id=created.session_id)
    with pytest.raises(grpc.RpcError) as caught:
        next(gateway.display([chunk], token=token))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_stream_without_a_token_is_refused(gateway: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(gateway.display([VNCDataChunk(is_handshake=True)], token=""))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
