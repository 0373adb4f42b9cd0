"""Streams of an Agent for what is not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from trio.testing import memory_stream_pair

from conduit.console.messages import MAX_MESSAGE, Ended
from conduit.console.words import End
from conduit.services.agent.servers import Servers
from conduit.services.agent.serving import _serve_console
from conduit.services.agent.viewer_stream import ViewerStream


async def test_a_viewer_of_a_console_that_is_none_is_told_and_need_not_try_again() -> None:
    for servers in ({}, {"web-01": SimpleNamespace(hub=None)}):
        ours, theirs = memory_stream_pair()
        stream: Any = ours
        stream.metadata = {"server": "web-01"}
        await _serve_console(cast("Servers", SimpleNamespace(by_id=servers)), stream)
        expected = Ended(reason=End.DENIED, text="this server has no console here", retry=False)
        assert await ViewerStream(theirs, MAX_MESSAGE).receive() == expected.encode()
