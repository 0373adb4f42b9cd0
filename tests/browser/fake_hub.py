"""The hub's side of the console protocol (docs/protocol/console.md) for the pages' tests: it answers in upper case."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import trio

ATTACH, INPUT, BREAK, ASK, GIVE, KEEP, TAKE, RELEASE, PING, DETACH, FREE = range(11)
ATTACHED, OUTPUT, GAP, STATE, WRITER, VIEWERS, REFUSED, TAKEN, PONG, ENDED = range(0x40, 0x4A)

CHUNK = 4_096  # bytes of output in a message
ASK_MS = 10_000


def encode(kind: int, body: object) -> bytes:
    return bytes([kind]) + json.dumps(body).encode()


@dataclass
class FakeHub:
    """One server's console: its output since the epoch began, its state, and who looks and types."""

    log: bytearray = field(default_factory=bytearray)
    epoch: str = "e1"
    oldest: int = 0
    "Offset of the first byte still kept."
    state: str = "live"
    text: str = ""
    since_ms: int = 0
    holder: str | None = None
    may_take: bool = True
    bmc_ms: int | None = None
    frees: int = 0
    typed: bytearray = field(default_factory=bytearray)
    breaks: list[int] = field(default_factory=list)
    "Each with how much had been typed before it."
    refusals: list[str] = field(default_factory=list)
    viewers: list[HubViewer] = field(default_factory=list)
    writer: HubViewer | None = None
    cut_after: int | None = None
    "Bytes of output after which every viewer's connection is cut, once."
    answers_pings: bool = True
    attaches: list[dict[str, Any]] = field(default_factory=list)
    numbers: int = 0
    on_hand: Callable[[], None] = lambda: None
    "Is called when somebody else has the keyboard."

    def connect(
        self, send: Callable[[bytes], Awaitable[None]], scope: trio.CancelScope, *, may_write: bool
    ) -> HubViewer:
        return HubViewer(self, send, scope, may_write=may_write)

    def emit(self, data: bytes) -> None:
        self.log += data
        self.wake()

    def wake(self) -> None:
        for viewer in self.viewers:
            viewer.wake()

    def say(self, kind: int, body: object) -> None:
        """To every viewer, in order with the output."""
        for viewer in self.viewers:
            viewer.post(encode(kind, body))

    def turn(self, state: str, text: str = "") -> None:
        self.state, self.text = state, text
        self.say(STATE, self.news())

    def news(self) -> dict[str, object]:
        return {"state": self.state, "text": self.text, "since_ms": self.since_ms, "holder": self.holder}

    def hand(self, viewer: HubViewer | None) -> None:
        self.writer = viewer
        self.on_hand()
        self.say(WRITER, {} if viewer is None else {"viewer": viewer.number, "name": viewer.name})

    def end(self, reason: str, text: str, *, retry: bool) -> None:
        self.say(ENDED, {"reason": reason, "text": text, "retry": retry})

    def drop(self) -> None:
        """As a cable pulled: no goodbye."""
        for viewer in self.viewers:
            viewer.cut()

    def people(self) -> list[dict[str, object]]:
        return [{"viewer": viewer.number, "name": viewer.name, "mode": viewer.mode} for viewer in self.viewers]


class HubViewer:
    """One viewer's connection."""

    def __init__(
        self, hub: FakeHub, send: Callable[[bytes], Awaitable[None]], scope: trio.CancelScope, *, may_write: bool
    ) -> None:
        hub.numbers += 1
        self.number = hub.numbers
        self.name = f"viewer {self.number}"
        self.mode = "read"
        self._hub = hub
        self._send = send
        self._scope = scope
        self._may_write = may_write
        self._posts: list[bytes] = []
        self._woken = trio.Event()
        self._at = 0

    def wake(self) -> None:
        self._woken.set()

    def post(self, message: bytes) -> None:
        self._posts.append(message)
        self.wake()

    def cut(self) -> None:
        self._scope.cancel()

    def leave(self) -> None:
        if self in self._hub.viewers:
            self._hub.viewers.remove(self)
        if self._hub.writer is self:
            self._hub.hand(None)

    async def receive(self, message: bytes, nursery: trio.Nursery) -> None:
        kind, body = message[0], message[1:]
        if kind == ATTACH:
            self._attach(json.loads(body))
            nursery.start_soon(self._pump)
        elif kind == INPUT:
            self._input(int.from_bytes(body[:4], "big"), body[4:])
        elif kind == BREAK:
            self._hub.breaks.append(len(self._hub.typed))
        elif kind == FREE:
            self._hub.frees += 1
            self._hub.turn("live")
        elif kind == PING and self._hub.answers_pings:
            self.post(encode(PONG, {"id": json.loads(body)["id"], "bmc_ms": self._hub.bmc_ms}))
        else:
            self._lease(kind, json.loads(body))

    def _attach(self, wish: dict[str, Any]) -> None:
        hub = self._hub
        hub.attaches.append(wish)
        self.mode = wish["mode"] if self._may_write else "read"
        same = wish.get("epoch") == hub.epoch
        self._at = max(hub.oldest, wish["from"] if same else len(hub.log) - wish["history"])
        hub.viewers.append(self)
        if self.mode == "write" and hub.writer is None:
            hub.writer = self
        body = {"version": 1, "viewer": self.number, "epoch": hub.epoch, "from": self._at, "live": len(hub.log)}
        people = {"oldest": hub.oldest, "state": hub.state, "viewers": len(hub.viewers), "may_take": hub.may_take}
        writer = {} if hub.writer is None else {"writer": hub.writer.number}
        self.post(encode(ATTACHED, body | people | writer))
        if hub.writer is not None:
            self.post(encode(WRITER, {"viewer": hub.writer.number, "name": hub.writer.name}))
        hub.say(VIEWERS, {"viewers": hub.people(), "count": len(hub.viewers)})
        if hub.text:
            self.post(encode(STATE, hub.news()))

    def _input(self, sequence: int, data: bytes) -> None:
        hub = self._hub
        reason = "not-live" if hub.state != "live" else "read-only" if self.mode == "read" else ""
        if not reason and hub.writer is not self:
            reason = "not-writer"
        if reason:
            hub.refusals.append(reason)
            self.post(encode(REFUSED, {"sequence": sequence, "bytes": len(data), "reason": reason, "text": ""}))
            return
        hub.typed += data
        hub.emit(data.upper())
        self.post(encode(TAKEN, {"sequence": sequence}))

    def _lease(self, kind: int, body: dict[str, Any]) -> None:
        hub = self._hub
        if kind == ASK and hub.writer is not None and hub.writer is not self:
            asking = {"viewer": self.number, "name": self.name, "ms": ASK_MS}
            hub.say(WRITER, {"viewer": hub.writer.number, "name": hub.writer.name, "asking": asking})
        elif kind in {ASK, TAKE}:
            hub.hand(self)
        elif kind == GIVE:
            hub.hand(next(viewer for viewer in hub.viewers if viewer.number == body["viewer"]))
        elif kind == KEEP:
            hub.hand(self)
        elif kind == RELEASE and hub.writer is self:
            hub.hand(None)

    async def _pump(self) -> None:
        hub = self._hub
        while True:
            while self._posts:
                await self._send(self._posts.pop(0))
            while self._at < len(hub.log):
                await self._output(bytes(hub.log[self._at : self._at + CHUNK]))
            if not self._posts and self._at >= len(hub.log):
                await self._woken.wait()
                self._woken = trio.Event()

    async def _output(self, data: bytes) -> None:
        hub = self._hub
        if hub.cut_after is not None and hub.cut_after < len(data):
            data = data[: hub.cut_after]
        await self._send(bytes([OUTPUT]) + self._at.to_bytes(8, "big") + data)
        self._at += len(data)
        if hub.cut_after is not None:
            hub.cut_after -= len(data)
            if hub.cut_after <= 0:
                hub.cut_after = None
                hub.drop()
                await trio.lowlevel.checkpoint()
