"""Who records a session: any number of files, each with what is typed or without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import trio

from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.recording import RecordingWriter
from conduit.rfb.server_messages import Belled, FramebufferUpdated, Resized, ServerEvent


class Recorders:
    """All of one session."""

    def __init__(self) -> None:
        self._writers: list[tuple[RecordingWriter, bool]] = []

    @contextmanager
    def recording(
        self, file: BinaryIO, picture: Framebuffer, *, name: str, with_input: bool
    ) -> Iterator[RecordingWriter]:
        """Record to *file* until the end of the block; *picture* is whole.

        :param with_input: also what is typed; passwords may be among it.
        """
        started, now = time.time_ns() // 1_000_000, trio.current_time()
        writer = RecordingWriter(file, picture, started=started, now=now, name=name)
        entry = (writer, with_input)
        self._writers.append(entry)
        try:
            yield writer
        finally:
            self._writers.remove(entry)
            writer.close(trio.current_time())

    def shown(self, event: ServerEvent) -> None:
        """The display has said something, and the picture has it already."""
        now = trio.current_time()
        for writer, _ in self._writers:
            if isinstance(event, FramebufferUpdated) and event.areas:
                writer.updated(event.areas, now)
            elif isinstance(event, Resized):
                writer.resized(now)
            elif isinstance(event, Belled):
                writer.belled(now)

    def typed(self, *messages: bytes) -> None:
        """Something was done to the machine."""
        for writer, with_input in self._writers:
            for message in messages if with_input else ():
                writer.typed(message, trio.current_time())
