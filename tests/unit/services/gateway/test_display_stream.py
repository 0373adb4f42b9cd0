"""What the Gateway tells a viewer whose way is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
import trio

from conduit.console.words import End
from conduit.services.gateway.display_stream import _to_screen, _to_viewer
from conduit.tunnel import TunnelStream
from conduit.tunnel.frames import ErrorCode


@dataclass
class Broken:
    """A stream that the Agent has reset."""

    reset_code: ErrorCode

    async def receive_some(self, _: int) -> bytes:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    async def send_all(self, _: bytes) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError


async def key() -> bytes:
    await trio.lowlevel.checkpoint()
    return b"\4\1\0\0\0\0\0a"


async def nothing(_: bytes) -> None:
    await trio.lowlevel.checkpoint()


async def test_a_lost_screen_is_told_alike_whichever_direction_notices_it() -> None:
    stream = cast("TunnelStream", Broken(ErrorCode.CONNECT_ERROR))
    seen, typed = await _to_viewer(stream, nothing), await _to_screen(stream, key)
    assert seen == typed
    assert typed is not None
    assert (typed.reason, typed.text) == (End.LOST, "The connection with the screen is lost. Connecting again.")


async def test_a_way_that_breaks_otherwise_is_not_a_lost_screen() -> None:
    stream = cast("TunnelStream", Broken(ErrorCode.CANCEL))
    with pytest.raises(trio.BrokenResourceError):
        await _to_viewer(stream, nothing)
    with pytest.raises(trio.BrokenResourceError):
        await _to_screen(stream, key)
