"""The viewer's side (sans-IO): attaching, going on where one was, and noticing what is missing or comes twice."""

from __future__ import annotations

from conduit.console.messages import (
    MAX_DATA,
    Attach,
    Attached,
    Ended,
    Gap,
    Input,
    Message,
    Output,
    StateChanged,
    WriterChanged,
    decode_from_hub,
)
from conduit.console.words import Cause, Mode, State
from conduit.errors import LocalProtocolError, RemoteProtocolError


class ViewerSession:
    """One viewer, through any number of connections with the hub.

    :param history: bytes of the past wanted at first; None for all that the hub has.
    :param position: offset of the first byte wanted, where it is known, in *epoch*.
    """

    def __init__(
        self,
        *,
        name: str = "",
        mode: Mode = Mode.READ,
        history: int | None = None,
        take: bool = False,
        position: int | None = None,
        epoch: str | None = None,
    ) -> None:
        self._name = name
        self._mode = mode
        self._history = history
        self._take = take
        self._last_gap: Gap | None = None
        self._sequence = 0
        self.position = position
        "Offset of the next byte, where it is known."
        self.epoch = epoch
        "To which that belongs."
        self.attached: Attached | None = None
        "What the hub said first on this connection."
        self.state: StateChanged | None = None
        self.writer: WriterChanged | None = None
        self.ended: Ended | None = None
        self.missing = 0
        "Bytes that nobody gave us, as far as they were counted."
        self.doubled = 0
        "Bytes that came twice and were dropped."

    @property
    def is_writer(self) -> bool:
        """Whether the keyboard is ours."""
        return self.attached is not None and self.writer is not None and self.writer.viewer == self.attached.viewer

    @property
    def is_live(self) -> bool:
        """Whether typing is of use."""
        return self.state is not None and self.state.state is State.LIVE and self.ended is None

    @property
    def is_catching_up(self) -> bool:
        """Whether what comes is the past."""
        return self.attached is not None and self.position is not None and self.position < self.attached.live

    def attach(self) -> bytes:
        """The first message on a new connection."""
        self.attached = self.state = self.writer = self.ended = None
        known = self.position is not None and self.epoch is not None
        wish = Attach(
            start=self.position if known else None,
            epoch=self.epoch if known else None,
            history=self._history,
            mode=self._mode,
            take=self._take,
            name=self._name,
        )
        self._take = False  # once: what somebody took from us meanwhile is theirs
        return wish.encode()

    def type(self, data: bytes) -> list[bytes]:
        """Messages that type *data*.

        :raises LocalProtocolError: there is nobody to type to.
        """
        if self.attached is None or self.ended is not None:
            raise LocalProtocolError("the viewer is not attached")
        return [self._input(data[at : at + MAX_DATA]) for at in range(0, len(data), MAX_DATA)]

    def _input(self, data: bytes) -> bytes:
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        return Input(self._sequence, data).encode()

    def receive(self, data: bytes) -> list[Message]:
        """A message of the hub: what there is to show, each byte once.

        :raises DecodeError: it is none.
        :raises RemoteProtocolError: it does not begin as it should.
        """
        message = decode_from_hub(data)
        if message is None:
            return []
        if not isinstance(message, Ended) and isinstance(message, Attached) is (self.attached is not None):
            raise RemoteProtocolError("a hub says ATTACHED first, and once")
        return self._note(message)

    def _note(self, message: Message) -> list[Message]:
        match message:
            case Attached():
                return self._note_attached(message)
            case Output():
                return self._note_output(message)
            case Gap():
                return self._note_gap(message)
            case StateChanged():
                self.state = message
            case WriterChanged():
                self.writer = message
            case Ended():
                self.ended = message
            case _:
                pass
        return [message]

    def _note_attached(self, message: Attached) -> list[Message]:
        self.attached = message
        goes_on = message.epoch == self.epoch and self.position is not None and message.start >= self.position
        if not goes_on:
            self.position, self.epoch, self._last_gap = message.start, message.epoch, None
        return [message]

    def _note_output(self, message: Output) -> list[Message]:
        position = message.offset if self.position is None else self.position
        end = message.offset + len(message.data)
        shown: list[Message] = []
        if message.offset > position:  # a hub that does not tell
            shown.append(self._miss(Gap(at=position, bytes=message.offset - position, cause=Cause.HISTORY)))
            position = message.offset
        fresh = message.data[max(0, position - message.offset) :]
        self.doubled += len(message.data) - len(fresh)
        self.position = max(position, end)
        if fresh:
            self._last_gap = None
            shown.append(Output(end - len(fresh), fresh))
        return shown

    def _note_gap(self, gap: Gap) -> list[Message]:
        if gap == self._last_gap:
            return []  # told again to who goes on just there
        end = gap.at + (gap.bytes or 0)
        if self.position is not None and end < self.position:
            return []
        if gap.bytes and self.position is not None and gap.at < self.position:
            gap = Gap(at=self.position, bytes=end - self.position, ms=gap.ms, cause=gap.cause)
        self._last_gap = gap
        self.position = end
        return [self._miss(gap)]

    def _miss(self, gap: Gap) -> Gap:
        self.missing += gap.bytes or 0
        return gap
