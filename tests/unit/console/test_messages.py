"""The console protocol's messages on the wire."""

from __future__ import annotations

import pytest

from conduit.console import messages as m
from conduit.console.bodies import MAX_NUMBER
from conduit.console.words import Cause, End, Mode, Refusal, State
from conduit.errors import DecodeError, LocalProtocolError

WIRE = [
    (m.Attach(start=5, epoch="e", mode=Mode.WRITE, name="Li"), (b'\x00{"version":1,"from":5,"epoch":"e","mode":"write",'
     b'"take":false,"name":"Li"}')),
    (m.Input(7, b"ls\r"), b"\x01\0\0\0\x07ls\r"),
    (m.Break(), b"\x02{}"),
    (m.Ask(), b"\x03{}"),
    (m.Give(viewer=2), b'\x04{"viewer":2}'),
    (m.Keep(), b"\x05{}"),
    (m.Take(), b"\x06{}"),
    (m.Release(), b"\x07{}"),
    (m.Ping(id=9), b'\x08{"id":9}'),
    (m.Detach(), b"\x09{}"),
    (m.Free(), b"\x0a{}"),
    (m.Attached(viewer=1, epoch="e", start=2, live=3, oldest=1, state=State.LIVE, viewers=4), (b'\x40{"version":1,'
     b'"viewer":1,"epoch":"e","from":2,"live":3,"oldest":1,"state":"live","viewers":4,"may_take":false}')),
    (m.Output(258, b"login: "), b"\x41\0\0\0\0\0\0\x01\x02login: "),
    (m.Gap(at=1, bytes=2, cause=Cause.SLOW), b'\x42{"at":1,"bytes":2,"cause":"slow"}'),
    (m.StateChanged(state=State.BUSY, text="held", since_ms=1, holder="10.0.4.9"), (b'\x43{"state":"busy",'
     b'"text":"held","since_ms":1,"holder":"10.0.4.9"}')),
    (m.WriterChanged(viewer=1, name="Li", asking=m.Asking(viewer=2, name="Omar", ms=9)), (b'\x44{"viewer":1,'
     b'"name":"Li","asking":{"viewer":2,"name":"Omar","ms":9}}')),
    (m.ViewersChanged(viewers=(m.Viewer(viewer=1, name="Li"),), count=1), (b'\x45{"viewers":[{"viewer":1,'
     b'"name":"Li","mode":"read"}],"count":1}')),
    (m.Refused(sequence=1, bytes=2, reason=Refusal.TOO_FAST, text="t"), (b'\x46{"sequence":1,"bytes":2,'
     b'"reason":"too-fast","text":"t"}')),
    (m.Taken(sequence=3), b'\x47{"sequence":3}'),
    (m.Pong(id=1, bmc_ms=26), b'\x48{"id":1,"bmc_ms":26}'),
    (m.Ended(reason=End.DRAIN, text="t", retry=True), b'\x49{"reason":"drain","text":"t","retry":true}'),
]  # fmt: skip
DECODERS = (m.decode_from_viewer, m.decode_from_hub)


@pytest.mark.parametrize(("message", "wire"), WIRE)
def test_each_message_is_on_the_wire_as_the_document_says(message: m.Message, wire: bytes) -> None:
    assert message.encode() == wire
    ours, others = DECODERS if wire[0] < 0x40 else reversed(DECODERS)
    assert ours(wire) == message
    assert others(wire) is None


def test_every_message_is_in_the_table() -> None:
    assert {type(message) for message, _ in WIRE} == {*m.FROM_VIEWER.values(), *m.FROM_HUB.values()}


def test_unknown_types_keys_and_words_are_ignored_and_null_is_absence() -> None:
    assert m.decode_from_hub(b"\x7fwhat") is None
    assert m.decode_from_viewer(b'\x04{"viewer":null,"colour":[{}]}') == m.Give()
    assert m.decode_from_viewer(b'\x00{"mode":"admin"}') == m.Attach(mode=Mode.READ)


def test_a_message_of_its_type_alone_is_an_empty_object() -> None:
    assert m.decode_from_viewer(b"\x02") == m.Break()


def test_secrets_that_are_typed_are_in_no_repr() -> None:
    assert "hunter2" not in repr(m.Input(1, b"hunter2")) + repr(m.Output(1, b"hunter2"))


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x00[]",
        b"\x00null",
        b"\x00{",
        b"\x00\xff",
        b'\x00{\x00"\x00}\x00',
        b'\x00{"version":true}',
        b'\x00{"version":1.0}',
        b'\x00{"version":NaN}',
        b'\x00{"version":-1}',
        b'\x00{"version":%d}' % (MAX_NUMBER + 1),
        b'\x00{"version":' + b"1" * 5000 + b"}",
        b'\x00{"take":1}',
        b'\x00{"mode":[]}',
        b'\x00{"name":"\\ud800"}',
        b"\x00" + b"[" * 60_000,
        b"\x01\0\0\0",
        b"\x01\0\0\0\x01",
        b"\x01\0\0\0\x01" + bytes(m.MAX_DATA + 1),
        b"\x00" + bytes(m.MAX_MESSAGE),
    ],
)
def test_what_a_viewer_may_not_send(wire: bytes) -> None:
    with pytest.raises(DecodeError):
        m.decode_from_viewer(wire)


@pytest.mark.parametrize(
    "wire",
    [b"\x41" + bytes(8), b"\x41\xff" + bytes(8), b'\x44{"asking":1}', b'\x45{"viewers":{}}', b'\x45{"viewers":[1]}'],
)
def test_what_a_hub_may_not_send(wire: bytes) -> None:
    with pytest.raises(DecodeError):
        m.decode_from_hub(wire)


@pytest.mark.parametrize(
    "message",
    [
        m.Input(0, b""),
        m.Input(1 << 32, b"a"),
        m.Input(-1, b"a"),
        m.Output(-1, b"a"),
        m.Output(MAX_NUMBER, b"a"),
        m.Output(0, bytes(m.MAX_DATA + 1)),
        m.Attach(name="x" * m.MAX_MESSAGE),
    ],
)
def test_what_cannot_travel_is_not_sent(message: m.Message) -> None:
    with pytest.raises(LocalProtocolError):
        message.encode()
