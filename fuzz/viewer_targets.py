"""Oracles for what RFB clients and servers say before pixels flow, and for what passes a relay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit.errors import ConduitError, DecodeError, LocalProtocolError
from conduit.rfb.addresses import DisplayAddress
from conduit.rfb.client_handshake import ClientHandshake, CredentialsNeeded, LoggedIn, TlsNeeded
from conduit.rfb.client_messages import ClientMessageReader
from conduit.rfb.client_sizes import MAX_HELD, measure
from conduit.rfb.encoders import UpdateEncoder
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.messages import (
    Area,
    ClientMessage,
    CutText,
    ExtendedKeyEvent,
    FenceMessage,
    FramebufferUpdateRequest,
    KeyEvent,
    PointerEvent,
    Screen,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    Xvp,
)
from conduit.rfb.mirror import Mirror
from conduit.rfb.names import Encoding, SecurityType, ServerKind, VeNCryptType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import METHODS, Credentials, LoginRules
from conduit.rfb.server_filter import ServerFilter
from conduit.rfb.server_handshake import ClientReady, ProofShown, ServerHandshake, TlsWanted, VersionAgreed
from conduit.rfb.server_heads import MAX_NAME, RectangleHeader, ServerInit, encode_update
from conduit.rfb.server_messages import ServerMessageReader, TextCut
from conduit.rfb.viewer_filter import ViewerFilter, ViewerRules
from conduit.rfb.viewing import Viewing
from fuzz.picture_targets import PICTURE_SEEDS

Oracle = Callable[[bytes], None]
CHALLENGE: Final = bytes(range(16))
VERSION: Final = b"RFB 003.008\n"
INIT: Final = ServerInit(800, 600, PixelFormat.BGRX, "rack 7")
USER: Final = Credentials("admin", "geheim")
HELD: Final = MAX_HELD + 64  # bytes that a handshake or a reader may keep
OFFERED: Final = [each for each in METHODS if each is not SecurityType.NONE]
SOUND: Final = b"\xff\x01"
INPUT: Final = KeyEvent | PointerEvent | CutText | Xvp | SetDesktopSize | ExtendedKeyEvent


def client_handshake(data: bytes) -> None:
    """Whatever a server says, in whatever pieces, the client goes the same way, and keeps little."""
    assert _client(data, len(data) or 1) == _client(data, 1)


def _client(data: bytes, step: int) -> tuple[bytes, str, list[str]]:
    rules = LoginRules(anonymous_tls=True, is_covered=True, may_ask=True)
    machine = ClientHandshake(Credentials(), rules)
    sent, seen, failure = b"", [], ""
    try:
        for at in range(0, len(data), step):
            events = machine.receive_data(data[at : at + step])
            while events:
                event = events.pop(0)
                seen.append(type(event).__name__)
                match event:
                    case TlsNeeded():
                        events += machine.tls_started()
                    case CredentialsNeeded():
                        events += machine.give(USER)
                    case LoggedIn(init):
                        assert len(init.name) <= MAX_NAME
                        return sent + machine.data_to_send(), "", seen
            sent += machine.data_to_send()
            assert machine.held_bytes <= HELD
    except ConduitError as error:
        failure = str(error)
    assert "geheim" not in failure
    return sent + machine.data_to_send(), failure, seen


def server_handshake(data: bytes) -> None:
    """Whatever a viewer says, nobody is let in who shows no proof."""
    machine = ServerHandshake(CHALLENGE)
    with suppress(DecodeError, ConduitError):
        events = machine.receive_data(VERSION + data)
        proven = False
        while events:
            event = events.pop(0)
            match event:
                case VersionAgreed():
                    events += machine.offer(
                        [SecurityType.VNC_AUTH, *(each for each in METHODS if each >= VeNCryptType.PLAIN)]
                    )
                case TlsWanted():
                    events += machine.tls_started()
                case ProofShown(proof):
                    proven = proof.proves("admin", "geheim")
                    if not proven:
                        machine.refuse("no")
                        return
                    events += machine.accept()
                case ClientReady():
                    assert proven or machine.method in (VeNCryptType.TLS_NONE, VeNCryptType.X509_NONE)
                    machine.start(INIT)
    assert machine.held_bytes <= max(HELD, len(data) + 12)


def server_init(data: bytes) -> None:
    """What is decoded has the size that was announced, and is the same again."""
    with suppress(DecodeError):
        init = ServerInit.decode(data)
        assert ServerInit.needed(data[:24]) == len(data)
        assert ServerInit.decode(init.encode()) == init or "\N{REPLACEMENT CHARACTER}" in init.name


def _read(data: bytes, step: int) -> tuple[list[ClientMessage], bool]:
    reader = ClientMessageReader(clipboard=100)
    messages: list[ClientMessage] = []
    try:
        for at in range(0, len(data), step):
            messages += reader.receive_data(data[at : at + step])
            assert reader.held_bytes <= HELD
    except DecodeError:
        return messages, False
    return messages, True


def client_messages(data: bytes) -> None:
    """However the bytes come, the same messages are read; each is the same again."""
    whole, well = _read(data, HELD)
    again, well_again = _read(data, 7)
    assert well is well_again
    if well:
        assert whole == again
    for message in whole:
        encoded = message.encode()
        assert measure(encoded) == len(encoded)
        assert _read(encoded, HELD) == ([message], True)


def _through(rules: ViewerRules, data: bytes, step: int) -> tuple[bytes, bool]:
    viewer_filter, passed = ViewerFilter(rules), b""
    try:
        for at in range(0, len(data), step):
            passed += b"".join(viewer_filter.receive_data(data[at : at + step]))
            assert viewer_filter.held_bytes <= MAX_HELD
    except DecodeError:
        return passed, False
    return passed, True


def viewer_filter(data: bytes) -> None:
    """Whatever a viewer sends, of what reaches the server nothing is input, and what is no input passes."""
    rules = ViewerRules(view_only=True)
    passed, well = _through(rules, data, len(data) or 1)
    messages, _ = _read(passed, HELD)
    assert not any(isinstance(message, INPUT) for message in messages)
    if well:
        assert _through(rules, data, 5) == (passed, True)
        assert _through(rules, passed, HELD) == (passed, True)


def display_address(data: bytes) -> None:
    """It is shown without what may be secret, and what is shown leads to the same place."""
    with suppress(LocalProtocolError, UnicodeDecodeError):
        address = DisplayAddress.parse(data.decode())
        again = DisplayAddress.parse(str(address))
        assert (again.host, again.transport) == (address.host, address.transport)
        assert again.port == address.port


def server_filter(data: bytes) -> None:
    """What a viewer reads passes, but for clipboards, whatever the pieces; what does not, is an error."""
    reader = ServerMessageReader(Framebuffer(70, 5))
    if SOUND in data:  # which the reader knows, and the relay never asks for
        return
    try:
        events = reader.receive_data(data)
        reader.receive_eof()
    except DecodeError:
        _counted(data, 0, HELD)
        return
    assert _counted(data, 1 << 20, HELD) == _counted(data, 1 << 20, 3) == data
    without = ServerMessageReader(Framebuffer(70, 5)).receive_data(_counted(data, 0, 5))
    assert without == [event for event in events if not isinstance(event, TextCut)]


def _counted(data: bytes, clipboard: int, step: int) -> bytes:
    machine, passed = ServerFilter(clipboard, lambda: PixelFormat.BGRX), b""
    with suppress(DecodeError):
        for at in range(0, len(data), step):
            passed += b"".join(machine.receive_data(data[at : at + step]))
    return passed


def passing(data: bytes) -> None:
    """Whatever a display says, one that is alone gets it as it is, up to where a message ends once it is not alone."""
    at, data = (data[0] * len(data) >> 8, data[1:]) if data else (0, b"")
    mirror = Mirror(ServerInit(70, 5, PixelFormat.BGRX, ""))
    viewing = Viewing(mirror.picture)
    viewing.receive_data(_ASKED + FramebufferUpdateRequest(Area(0, 0, 70, 5)).encode())
    mirror.attend([viewing], looks=False)
    with suppress(DecodeError):
        for start in range(0, at, 11):
            mirror.receive_data(data[start : min(start + 11, at)])
        mirror.attend([viewing], looks=True)
        for start in range(at, len(data), 11):
            mirror.receive_data(data[start : start + 11])
    passed = b"".join(viewing._passed)  # noqa: SLF001  # and nothing else
    assert data.startswith(passed)
    if mirror.is_passing:
        return
    reader = ServerMessageReader(Framebuffer(70, 5))
    try:
        reader.receive_data(passed)
    except DecodeError:  # what it is to show is nobody's business
        return
    reader.receive_eof()


_KEY: Final = KeyEvent(65, down=True).encode()
_ASKED: Final = SetEncodings((Encoding.TIGHT, Encoding.GII, Encoding.EXTENDED_CLIPBOARD)).encode()
_MESSAGES: Final = [
    SetPixelFormat(PixelFormat.BGRX).encode() + _ASKED + FramebufferUpdateRequest(Area(0, 0, 9, 9)).encode(),
    _KEY + PointerEvent(1, 2, 0x81).encode() + ExtendedKeyEvent(65, 30, down=True).encode() + _KEY,
    CutText(b"a" * 200).encode() + CutText(b"abc", extended=True).encode() + FenceMessage(1, b"x" * 64).encode(),
    Xvp(2).encode() + SetDesktopSize(8, 6, (Screen(1, 0, 0, 8, 6),)).encode() + b"\xff\x01\x00\x02" + bytes(6),
]


def _shown(encoding: Encoding) -> bytes:
    pixels = bytes(at * at % 11 if at % 4 < 3 else 0 for at in range(4 * 70 * 5))
    picture, encoder = Framebuffer(70, 5, bytearray(pixels)), UpdateEncoder()
    encoder.set_encodings([encoding])
    return encoder.encode(picture, [picture.whole])


_TEXT: Final = CutText(b"text", kind=ServerKind.CUT_TEXT).encode()
_SHOWN: Final = [
    *(_shown(each) + _TEXT for each in (Encoding.RAW, Encoding.HEXTILE, Encoding.ZRLE, Encoding.TIGHT)),
    *PICTURE_SEEDS["rfb_server_messages"],
    encode_update(1) + RectangleHeader(0, 0, 0, 1, Encoding.COPY_RECT).encode() + bytes(4),
]
VIEWER_TARGETS: Final[Mapping[str, Oracle]] = {
    "rfb_client_handshake": client_handshake,
    "rfb_server_handshake": server_handshake,
    "rfb_server_init": server_init,
    "rfb_client_messages": client_messages,
    "rfb_viewer_filter": viewer_filter,
    "rfb_server_filter": server_filter,
    "rfb_passing": passing,
    "rfb_address": display_address,
}
VIEWER_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "rfb_client_handshake": [
        VERSION + b"\x02\x01\x02" + bytes(4) + INIT.encode(),
        VERSION + b"\x01\x13\x00\x02\x00\x02\x00\x00\x01\x05\x00\x00\x01\x06\x01" + bytes(4) + INIT.encode(),
        VERSION + b"\x01\x12\x01\x02" + CHALLENGE + b"\x00\x00\x00\x01\x00\x00\x00\x03no!",
        b"RFB 003.003\n\x00\x00\x00\x02" + CHALLENGE + bytes(4) + INIT.encode(),
        b"RFB 003.007\n\x01\x01" + INIT.encode(),
        VERSION + b"\x00\x00\x00\x00\x04full",
    ],
    "rfb_server_handshake": [
        b"\x02" + CHALLENGE + b"\x01",
        b"\x13\x00\x02\x00\x00\x01\x00\x00\x00\x00\x05\x00\x00\x00\x06admingeheim\x01",
        b"\x13\x00\x02\x00\x00\x01\x01\x01",
    ],
    "rfb_server_init": [INIT.encode()],
    "rfb_client_messages": _MESSAGES,
    "rfb_viewer_filter": _MESSAGES,
    "rfb_server_filter": _SHOWN,
    "rfb_passing": [b"\x64" + shown for shown in _SHOWN],
    "rfb_address": [
        b"192.0.2.7::1",
        b"[2001:db8::7]:5901",
        b"wss://bmc.example/kvm/0?token=x",
        b"vncs://bmc.example",
    ],
}
