"""A client of X as small as may be: it draws on the root window, and gets what is typed."""

from __future__ import annotations

import socket  # noqa: TID251 - X's own
import struct
from typing import Final, Self

CREATE_WINDOW, MAP_WINDOW, GRAB_KEYBOARD, SET_INPUT_FOCUS, GET_INPUT_FOCUS = 1, 8, 31, 42, 43
CREATE_GC, PUT_IMAGE, GET_KEYBOARD_MAPPING, QUERY_POINTER = 55, 72, 101, 38
Z_PIXMAP: Final = 2
KEY_PRESS, KEY_RELEASE = 2, 3
OVERRIDE_REDIRECT, EVENT_MASK = 0x200, 0x800
SHIFT: Final = 1
PATIENCE: Final = 20.0  # seconds


class XClient:
    """Connected to one display."""

    def __init__(self, display: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(f"/tmp/.X11-unix/X{display}")  # noqa: S108 - where X has it
        self._socket.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        status, length = struct.unpack("<BxxxxxH", self._take(8))
        setup = self._take(4 * length)
        assert status == 1, setup
        self._ids: int
        self._ids, _, _, vendor = struct.unpack_from("<IIIH", setup, 4)
        formats = setup[21]
        screen = 32 + (vendor + 3 & ~3) + 8 * formats
        self.root: int = struct.unpack_from("<I", setup, screen)[0]
        self.first_key, self.last_key = setup[26], setup[27]
        self._gc = self._new_id()
        self._request(CREATE_GC, 0, struct.pack("<III", self._gc, self.root, 0))
        self._events: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def draw(self, x: int, y: int, width: int, height: int, pixels: bytes) -> None:
        """Put an image on the root window; *pixels* are four bytes each: blue, green, red, anything."""
        rows = max(1, 200_000 // (4 * width))
        for top in range(0, height, rows):
            part = pixels[4 * width * top : 4 * width * (top + rows)]
            head = struct.pack("<IIHHhhBBxx", self.root, self._gc, width, len(part) // (4 * width), x, y + top, 0, 24)
            self._request(PUT_IMAGE, Z_PIXMAP, head + part)
        self.sync()

    def listen(self) -> None:
        """Get all keys from now on."""
        window = self._new_id()
        body = struct.pack(
            "<IIhhHHHHIIII", window, self.root, 700, 500, 50, 50, 0, 1, 0, OVERRIDE_REDIRECT | EVENT_MASK, 1, 3
        )
        self._request(CREATE_WINDOW, 0, body)
        self._request(MAP_WINDOW, 0, struct.pack("<I", window))
        self.sync()
        self._request(SET_INPUT_FOCUS, 1, struct.pack("<II", window, 0))
        self.sync()
        self._keysyms = self._get_keysyms()

    def _get_keysyms(self) -> list[tuple[int, ...]]:
        count = self.last_key - self.first_key + 1
        self._request(GET_KEYBOARD_MAPPING, 0, struct.pack("<BBxx", self.first_key, count))
        reply = self._reply()
        return list(struct.iter_unpack(f"<{reply[1]}I", reply[32:]))

    def next_keysym(self) -> int:
        """The next key that goes down, with Shift counted in."""
        while True:
            event = self._events.pop(0) if self._events else self._take(32)
            if event[0] & 0x7F == KEY_PRESS:
                state: int = struct.unpack_from("<H", event, 28)[0]
                keysyms = self._get_keysyms()[event[1] - self.first_key]  # servers add keys when they need them
                return keysyms[state & SHIFT] or keysyms[0]

    def pointer(self) -> tuple[int, int]:
        """Where it is."""
        self._request(QUERY_POINTER, 0, struct.pack("<I", self.root))
        x, y = struct.unpack_from("<hh", self._reply(), 16)
        return x, y

    def sync(self) -> None:
        """Until all that was asked for is done."""
        self._request(GET_INPUT_FOCUS, 0, b"")
        self._reply()

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids

    def _request(self, kind: int, detail: int, body: bytes) -> None:
        self._socket.sendall(struct.pack("<BBH", kind, detail, 1 + len(body) // 4) + body)

    def _reply(self) -> bytes:
        while True:
            head = self._take(32)
            if head[0] == 1:
                return head + self._take(4 * struct.unpack_from("<I", head, 4)[0])
            assert head[0] != 0, f"X refuses: {head.hex()}"
            self._events.append(head)

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            received = self._socket.recv(count - len(data))
            assert received, "X has gone"
            data += received
        return data
