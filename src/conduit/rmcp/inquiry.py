"""One question asked outside a session, as a machine: repeats the question, waits for the answer.

IPMI commands that may be asked before anybody has logged in are few: authentication capabilities, cipher suites, the
system's GUID.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from conduit.errors import DecodeError, PeerTimeoutError
from conduit.rmcp.command import Command
from conduit.rmcp.lan_message import decode_frame, encode_frame
from conduit.rmcp.packets import decode_lan_packet, encode_lan_packet, require_ipmi
from conduit.rmcp.retry import RetryPolicy

AnswerT = TypeVar("AnswerT")


class Question(ABC, Generic[AnswerT]):
    """The same datagram, until it is answered; a :class:`~conduit._machine.DatagramMachine`.

    :param silence: what to say when nobody answers.
    """

    def __init__(self, datagram: bytes, retry: RetryPolicy, *, silence: str) -> None:
        self._datagram = datagram
        self._delays = retry.delays
        self._silence = silence
        self._attempt = 0
        self._outbox: list[bytes] = []
        self._deadline: float | None = None
        self.bad_datagrams = 0
        self.stale_replies = 0

    @abstractmethod
    def _read(self, data: bytes) -> AnswerT | None:
        """The answer in *data*, or None when it answers something else. :raises DecodeError: it makes no sense."""

    def start(self, now: float) -> None:
        """Queue the question."""
        self._send(now)

    def receive_datagram(self, data: bytes, now: float) -> Sequence[AnswerT]:
        """The answer, when *data* is the one to our question; anything else is counted and dropped."""
        try:
            answer = self._read(data)
        except DecodeError:
            self.bad_datagrams += 1
            return ()
        if answer is None or self._deadline is None:
            self.stale_replies += 1
            return ()
        self._deadline = None
        return (answer,)

    def datagrams_to_send(self) -> Iterable[bytes]:
        """Questions to send now."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_deadline(self) -> float | None:
        """When to ask again."""
        return self._deadline

    def handle_deadline(self, now: float) -> Sequence[AnswerT]:
        """Ask again.

        :raises PeerTimeoutError: nobody answered, however often.
        """
        if self._deadline is None or now < self._deadline:
            return ()
        self._attempt += 1
        if self._attempt >= len(self._delays):
            self._deadline = None
            raise PeerTimeoutError(self._silence)
        self._send(now)
        return ()

    def _send(self, now: float) -> None:
        self._outbox.append(self._datagram)
        self._deadline = now + self._delays[self._attempt]


class Inquiry(Question[bytes]):
    """An IPMI command outside a session; its answer starts with the completion code.

    :param sequence: rqSeq, 0 to 63; inquiries of one BMC that run at the same time have different ones.
    """

    def __init__(self, command: Command[Any], retry: RetryPolicy, *, sequence: int) -> None:
        frame = encode_frame(command.netfn, command.command, command.request_data(), sequence=sequence)
        super().__init__(encode_lan_packet(frame), retry, silence="the BMC does not answer")
        self._expected = (command.netfn | 1, command.command, sequence)

    def _read(self, data: bytes) -> bytes | None:
        require_ipmi(data)
        packet = decode_lan_packet(data)
        message = decode_frame(packet.payload)
        found = (message.netfn, message.command, message.sequence)
        return message.data if found == self._expected and message.data and not packet.session_id else None
