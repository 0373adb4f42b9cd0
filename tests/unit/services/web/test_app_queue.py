from __future__ import annotations

from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from conduit.services.web.app_queue import OVERHEAD, AppQueue

GONE = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_pieces_of_a_body_are_joined() -> None:
    queue = AppQueue()
    for each in (b"a", b"b", b""):
        await queue.put(piece(each))
    assert await queue.receive() == piece(b"ab")
    await queue.put(piece(b"c", more=False))
    assert await queue.receive() == piece(b"c", more=False)


async def test_credit_is_given_back_for_what_the_application_takes_and_for_what_it_leaves() -> None:
    returned: list[int] = []

    async def taken(count: int) -> None:
        returned.append(count)

    queue = AppQueue(taken=taken)
    await queue.put(piece(b"abc"))
    assert returned == []
    await queue.receive()
    await queue.put(piece(b"left"))
    await queue.drop()
    await queue.put(piece(b"late"))
    assert returned == [3, 4, 4]


async def test_a_request_that_is_cut_off_is_not_delivered_as_if_whole() -> None:
    queue = AppQueue()
    await queue.put(piece(b"half"))
    await queue.put(GONE)
    assert await queue.receive() == GONE


async def test_a_whole_request_is_delivered_before_the_disconnect() -> None:
    queue = AppQueue()
    await queue.put(piece(b"whole", more=False))
    await queue.put(GONE)
    assert await queue.receive() == piece(b"whole", more=False)
    assert await queue.receive() == GONE
    assert await queue.receive() == GONE


async def test_who_puts_waits_at_the_limit_until_the_application_takes() -> None:
    queue = AppQueue(limit=2 * OVERHEAD)
    order: list[str] = []

    async def put() -> None:
        for number in range(3):
            await queue.put({"type": "websocket.receive", "bytes": b"", "text": None})
            order.append(f"put {number}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put)
        await wait_all_tasks_blocked()
        assert order == ["put 0", "put 1"]  # empty messages count too
        await queue.receive()
    assert order[-1] == "put 2"


async def test_the_end_wakes_who_waits_to_put() -> None:
    queue = AppQueue(limit=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.put, piece(b"too much"))
        await wait_all_tasks_blocked()
        await queue.drop()


async def test_the_application_waits_for_what_comes() -> None:
    queue = AppQueue()
    got: list[Any] = []

    async def receive() -> None:
        got.append(await queue.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        await queue.put(piece(b"x", more=False))
    assert got == [piece(b"x", more=False)]


async def test_what_comes_while_credit_is_given_back_is_the_next_message() -> None:
    async def taken(_: int) -> None:
        if not ended:
            ended.append(True)
            await queue.put(piece(b"last", more=False))

    ended: list[bool] = []
    queue = AppQueue(taken=taken)
    await queue.put(piece(b"first"))
    assert await queue.receive() == piece(b"first")
    assert await queue.receive() == piece(b"last", more=False)
