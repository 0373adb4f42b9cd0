"""Our HTTP/2 side against clients that do what none should, or what few do."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import h2.errors
import h2.events
import h2.settings
import trio

from conduit.services.web.asgi import Receive, Scope, Send, answer
from conduit.services.web.limits import Limits
from conduit.tunnel.floods import LIMITS, Nuisance
from tests.fakes.h2_client import H2Client, h2_client
from tests.fakes.web_servers import ours

BIG = 300_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    if scope["path"] == "/big":
        await answer(send, 200, b"x" * BIG, [])
    elif scope["path"] == "/fail":
        raise ZeroDivisionError
    elif scope["path"] == "/cut":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError
    elif scope["path"] == "/wait":
        while (await receive())["type"] != "http.disconnect":
            pass
    else:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await answer(send, 200, b"%d" % len(body), [(b"connection", b"close")])


async def status_of(client: H2Client, stream_id: int) -> str | None:
    event: Any = await client.until(h2.events.ResponseReceived, stream_id)
    return None if event is None else dict(event.headers)[":status"]


async def still_answers(client: H2Client) -> bool:
    return await status_of(client, await client.request("/")) == "200"


async def test_a_response_waits_for_credit_and_other_streams_go_on() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        big = await client.request("/big")
        assert await status_of(client, big) == "200"
        while len(client.body(big)) < 65_535:
            await client.read()
        client.h2.increment_flow_control_window(BIG)
        await client.flush()
        assert await still_answers(client)
        client.h2.increment_flow_control_window(BIG, big)
        await client.flush()
        assert await client.until(h2.events.StreamEnded, big)
        assert len(client.body(big)) == BIG


async def test_a_stream_without_credit_is_reset_after_a_while() -> None:
    async with ours(app, limits=Limits(grace=0.2, stalled=0.1)) as server, h2_client(server.port) as client:
        big = await client.request("/big")
        reset = await client.until(h2.events.StreamReset, big)
        assert reset is not None
        assert reset.error_code == h2.errors.ErrorCodes.CANCEL


async def test_a_client_that_opens_and_resets_without_end_is_sent_away() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        for _ in range(LIMITS[Nuisance.RESET] + 10):
            client.h2.reset_stream(await client.request("/wait"))
        with suppress(trio.BrokenResourceError):
            await client.flush()
        assert await client.until_closed()
        async with h2_client(server.port) as other:
            assert await still_answers(other)


async def test_a_client_that_pings_without_end_is_told_to_be_calm() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        for _ in range(LIMITS[Nuisance.PING] + 10):
            client.h2.ping(b"12345678")
        await client.flush()
        end = await client.until(h2.events.ConnectionTerminated)
        assert end is not None
        assert end.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM


async def test_more_applications_than_streams_are_refused_and_may_be_tried_again() -> None:
    release = trio.Event()

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP")
        await release.wait()

    async with ours(stubborn, limits=Limits(grace=0.2, streams=2)) as server, h2_client(server.port) as client:
        for _ in range(4):
            stream_id = await client.request("/")
            client.h2.reset_stream(stream_id)
            await client.flush()
        refused = await client.request("/")
        reset = await client.until(h2.events.StreamReset, refused)
        release.set()
        assert reset is not None
        assert reset.error_code == h2.errors.ErrorCodes.REFUSED_STREAM


async def test_nonsense_ends_the_connection_with_goaway() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        assert await still_answers(client)
        await client.stream.send_all(bytes.fromhex("000005 06 00 00000000 0000000000"))  # a PING of five bytes
        assert await client.until(h2.events.ConnectionTerminated)
        assert await client.until_closed()


async def test_connect_is_not_offered() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        stream_id = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream_id, [(":method", "CONNECT"), (":authority", "elsewhere:22")])
        await client.flush()
        assert await status_of(client, stream_id) == "501"
        assert await still_answers(client)


async def test_an_application_that_fails_is_a_500_or_a_reset_and_the_connection_goes_on() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        assert await status_of(client, await client.request("/fail")) == "500"
        cut = await client.request("/cut")
        assert await status_of(client, cut) == "200"
        assert await client.until(h2.events.StreamReset, cut)
        assert await still_answers(client)


async def test_a_silent_connection_is_pinged_and_then_given_up() -> None:
    async with ours(app, limits=Limits(grace=0.2, ping=0.1)) as server:
        async with h2_client(server.port) as client:
            waiting = await client.request("/wait")
            assert await client.until(h2.events.PingReceived)
            assert waiting
        async with h2_client(server.port) as dead:
            await dead.request("/wait")
            with trio.fail_after(20):
                while await dead.stream.receive_some():  # hears, and never answers
                    pass


async def test_a_client_that_takes_nothing_is_given_up() -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})

    async with ours(endless, limits=Limits(grace=0.2, send=0.2)) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            await trio.sleep(1)
            with trio.fail_after(10):
                await read_to_the_end(stream)


async def read_to_the_end(stream: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):
        while await stream.receive_some(1_000_000):
            pass


async def test_padding_is_credited_and_a_body_is_counted_once() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        stream_id = await client.request("/count", method="POST", body=b"12345")
        client.h2.send_data(stream_id, b"67890", pad_length=200, end_stream=True)
        await client.flush()
        assert await client.until(h2.events.StreamEnded, stream_id)
        assert client.body(stream_id) == b"10"


async def test_leaving_tells_idle_clients_and_closes() -> None:
    leave = trio.Event()
    async with ours(app, limits=Limits(grace=5), leave=leave) as server, h2_client(server.port) as client:
        assert await still_answers(client)
        leave.set()
        assert await client.until(h2.events.ConnectionTerminated)
        assert await client.until_closed()


async def test_grpc_is_told_at_once_and_has_the_rest_of_its_answer() -> None:
    told = trio.Event()

    async def patient(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP")
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await told.wait()
        await send({"type": "http.response.body", "body": b", last"})
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")], "more_trailers": False})

    leave = trio.Event()
    async with ours(patient, limits=Limits(grace=5), leave=leave) as server, h2_client(server.port) as client:
        request = await client.request("/", headers=(("content-type", "application/grpc"), ("te", "trailers")))
        assert await client.until(h2.events.DataReceived, request)
        leave.set()
        goaway = await client.until(h2.events.ConnectionTerminated)
        assert isinstance(goaway, h2.events.ConnectionTerminated)
        assert (goaway.error_code, goaway.last_stream_id) == (0, request)
        told.set()
        assert await client.until(h2.events.TrailersReceived, request)
        assert client.body(request) == b"first, last"
        assert await client.until_closed()


async def test_cancelling_the_server_drains_too() -> None:
    async with ours(app, limits=Limits(grace=1)) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        client = H2Client(stream)
        client.h2.initiate_connection()
        await client.flush()
        assert await still_answers(client)
    assert await client.until(h2.events.ConnectionTerminated)
    assert await client.until_closed()
    await stream.aclose()


async def test_a_small_response_leaves_as_a_whole() -> None:
    async with ours(app) as server, h2_client(server.port) as client:
        assert await still_answers(client)  # the settings are behind us
        client.events.clear()
        request = await client.request("/")
        while client.first(h2.events.ResponseReceived, request) is None:
            await client.read()
        assert client.first(h2.events.StreamEnded, request) is not None


async def test_over_http1_too() -> None:
    async with ours(app) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            first = bytes(await stream.receive_some())
    assert first.startswith(b"HTTP/1.1 200")
    assert first.endswith((b"0\r\n\r\n", b"\r\n\r\n0"))


async def test_what_is_held_leaves_when_the_application_waits() -> None:
    async def slow(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await trio.sleep_forever()

    async with ours(slow, limits=Limits(grace=0.2)) as server, h2_client(server.port) as client:
        request = await client.request("/")
        assert await client.until(h2.events.DataReceived, request) is not None
        assert client.body(request) == b"first"
