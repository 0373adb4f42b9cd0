"""Oracles for the shared console: both directions of its protocol, a hub that hears anything, a viewer that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from conduit.console import Happening, Hub, Ring, ViewerSession, decode_from_hub, decode_from_viewer
from conduit.console import messages as m
from conduit.console.words import Mode, State
from conduit.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from conduit.tunnel.framing import MessageReader, encode_message

Oracle = Callable[[bytes], None]
_WISH: Final = m.Attach(mode=Mode.WRITE, name="Li")
_ATTACHED: Final = m.Attached(viewer=1, epoch="e", state=State.LIVE)
CONSOLE_SEEDS: Final[Mapping[str, list[bytes]]] = {
    "console_from_viewer": [
        _WISH.encode(),
        m.Attach(start=1, epoch="e", history=2, take=True).encode(),
        m.Input(1, b"ls\r").encode(),
        m.Give(viewer=1).encode(),
        m.Ping(id=1).encode(),
    ],
    "console_from_hub": [
        _ATTACHED.encode(),
        m.Output(1, b"login: ").encode(),
        m.Gap(at=1, bytes=2, ms=3).encode(),
        m.WriterChanged(viewer=1, name="Li", asking=m.Asking(viewer=2, name="Omar", ms=1)).encode(),
        m.ViewersChanged(viewers=(m.Viewer(viewer=1, name="Li"),), count=1).encode(),
        m.Ended(text="t", retry=True).encode(),
    ],
    "console_hub": [
        b"".join(encode_message(each.encode()) for each in (_WISH, m.Input(1, b"a"), m.Ask(), m.Release(), m.Detach()))
    ],
    "console_viewer": [
        b"".join(
            encode_message(each.encode())
            for each in (_ATTACHED, m.Output(0, b"a"), m.Gap(at=1, bytes=2), m.Output(3, b"b"), m.Ended())
        )
    ],
}


def codec(decode: Callable[[bytes], m.Message | None]) -> Oracle:
    """What is understood survives being encoded again, unless that makes it longer than messages may be."""

    def oracle(data: bytes) -> None:
        with suppress(DecodeError):
            message = decode(data)
            if message is not None:
                with suppress(LocalProtocolError):
                    assert decode(message.encode()) == message

    return oracle


def hub(data: bytes) -> None:
    """Whatever one viewer sends, the hub's answers can be read, and another viewer sees all output."""
    machine = Hub(epoch="e", ring=Ring(64), now=0.0)
    machine.happen(Happening.WANTED, 0.0)
    machine.happen(Happening.OPENED, 0.0)
    other = ViewerSession()
    number = machine.attach(m.Attach(), 0.0, name="other")
    other.attach()
    viewer = 0
    with suppress(RemoteProtocolError):
        for at, wire in enumerate(MessageReader(1024).receive(data)):
            message = decode_from_viewer(wire)
            if isinstance(message, m.Attach) and not viewer:
                viewer = machine.attach(message, 0.0, name="", mode=Mode.WRITE, may_take=True)
            elif message is not None:
                machine.receive(viewer, message, float(at))
            machine.output(b"x")
            for answer in machine.messages_for(viewer, float(at)):
                assert decode_from_hub(answer) is not None
    shown = [one for wire in machine.messages_for(number, 0.0) for one in other.receive(wire)]
    assert sum(len(one.data) for one in shown if isinstance(one, m.Output)) + other.missing == machine.ring.live


def viewer(data: bytes) -> None:
    """Whatever a hub says, each offset is shown or missing once, in order."""
    session = ViewerSession()
    session.attach()
    with suppress(RemoteProtocolError):
        for wire in MessageReader(1024).receive(data):
            before = session.position
            for message in session.receive(wire):
                if isinstance(message, m.Output):
                    assert before is None or message.offset >= before
                    assert session.position == message.offset + len(message.data)


CONSOLE_TARGETS: Final[Mapping[str, Oracle]] = {
    "console_from_viewer": codec(decode_from_viewer),
    "console_from_hub": codec(decode_from_hub),
    "console_hub": hub,
    "console_viewer": viewer,
}
