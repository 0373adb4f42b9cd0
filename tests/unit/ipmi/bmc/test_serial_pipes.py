"""TCP, ptys and programs on a serial port; upper-casing programs, so that no echo can pass for them."""

from __future__ import annotations

import os
import socket  # noqa: TID251  # asks for a free port
import sys
import termios
from functools import partial
from typing import Final

import pytest
import trio
import trio.lowlevel

from conduit.errors import TransportError
from conduit.ipmi.bmc.power_states import PowerCommand
from conduit.ipmi.bmc.serial_pipes import (
    BREAK,
    MAX_BREAKS,
    HostEnd,
    connect_tcp,
    listen_tcp,
    run_program,
    serve_pty,
)
from conduit.ipmi.bmc.serial_port import SerialPort
from conduit.ipmi.bmc.virtual_machine import Timings, VirtualMachine

LIMIT: Final = 20.0  # seconds
HOST: Final = "127.0.0.1"


async def says(port: SerialPort, text: bytes) -> bytes:
    """What the port's inhabitant has said, as soon as *text* is in it."""
    said = b""
    with trio.fail_after(LIMIT):
        while text not in said:
            said += port.sol_read(4096)
            await trio.sleep(0.005)
    return said


async def upper_case(stream: trio.SocketStream) -> None:
    await stream.send_all(b"hello;")
    async for data in stream:
        await stream.send_all(data.upper())
        if b"end" in data:
            return


async def test_connection_to_a_tcp_peer_comes_back() -> None:
    port = SerialPort()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, upper_case, 0, host=HOST))
        nursery.start_soon(connect_tcp, port, HOST, listeners[0].socket.getsockname()[1])
        assert await says(port, b"hello;") == b"hello;"
        port.sol_write(b"abc end")
        assert await says(port, b"ABC END") == b"ABC END"
        assert await says(port, b"hello;") == b"hello;"  # the peer has hung up, and is greeted anew
        nursery.cancel_scope.cancel()


async def test_nobody_at_the_tcp_port_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    port = SerialPort()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        tcp_port = probe.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connect_tcp, port, HOST, tcp_port)
        await trio.sleep(30)
        assert port.pending == 0
        await nursery.start(partial(trio.serve_tcp, upper_case, tcp_port, host=HOST))
        assert await says(port, b"hello;") == b"hello;"
        nursery.cancel_scope.cancel()


async def test_tcp_listener_takes_one_after_the_other() -> None:
    port = SerialPort()
    async with trio.open_nursery() as nursery:
        tcp_port = await nursery.start(listen_tcp, port, HOST, 0)
        for text in (b"one", b"two"):
            async with await trio.open_tcp_stream(HOST, tcp_port) as stream:
                await stream.send_all(text)
                assert await says(port, text) == text
                port.sol_write(text.upper())
                assert await stream.receive_some() == text.upper()
        with pytest.raises(TransportError, match=f"TCP port {tcp_port}: "):
            await listen_tcp(port, HOST, tcp_port)
        nursery.cancel_scope.cancel()


async def test_megabytes_through_a_port_are_whole() -> None:
    port, data = SerialPort(), bytes(range(256)) * 4096
    port.watch(cts=True, dcd=True)
    said = bytearray()
    async with trio.open_nursery() as nursery:
        tcp_port = await nursery.start(listen_tcp, port, HOST, 0)
        async with await trio.open_tcp_stream(HOST, tcp_port) as stream:
            nursery.start_soon(stream.send_all, data)
            with trio.fail_after(LIMIT):
                while len(said) < len(data):
                    said += port.sol_read(1000)
                    await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert said == data


async def test_pty_serves_one_program_after_the_other() -> None:
    port = SerialPort()
    async with trio.open_nursery() as nursery:
        path = await nursery.start(serve_pty, port)
        for text in (b"one", b"two"):
            slave = os.open(path, os.O_RDWR | os.O_NOCTTY)
            os.write(slave, text)
            assert await says(port, text) == text
            port.sol_write(b"\x03\r\n")
            with trio.fail_after(LIMIT):
                assert await trio.to_thread.run_sync(os.read, slave, 10) == b"\x03\r\n"
            os.close(slave)
        nursery.cancel_scope.cancel()


async def test_break_at_a_pty_is_read_as_nul_in_its_place_among_the_characters() -> None:
    port = SerialPort()
    async with trio.open_nursery() as nursery:
        slave = os.open(await nursery.start(serve_pty, port), os.O_RDWR | os.O_NOCTTY)
        port.sol_write(b"before")
        port.sol_break()
        port.sol_write(b"after")
        assert await read_exactly(slave, 12) == b"before\0after"
        flags = termios.tcgetattr(slave)
        flags[0] |= termios.IGNBRK
        termios.tcsetattr(slave, termios.TCSANOW, flags)
        port.sol_break()
        port.sol_write(b"ignored")
        assert await read_exactly(slave, 7) == b"ignored"
        os.close(slave)
        nursery.cancel_scope.cancel()


async def read_exactly(handle: int, size: int) -> bytes:
    data = b""
    with trio.fail_after(LIMIT):
        while len(data) < size:
            data += await trio.to_thread.run_sync(os.read, handle, size - len(data), abandon_on_cancel=True)
    return data


async def test_break_where_the_terminal_wants_it_interrupts_the_program() -> None:
    port, machine = SerialPort(), VirtualMachine(Timings(power_on=0, post=0))
    machine.command(PowerCommand.ON, 0.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_program, port, machine, "stty brkint; trap 'echo interrupted' INT; echo up; cat; cat")
        assert b"up" in await says(port, b"up")
        port.sol_break()
        assert b"interrupted" in await says(port, b"interrupted")
        nursery.cancel_scope.cancel()


async def test_more_breaks_than_anybody_can_mean_are_lost() -> None:
    port = SerialPort()
    end = HostEnd(port)
    for _ in range(MAX_BREAKS + 1):
        port.sol_break()
    port.sol_write(b"x")
    assert [await end.receive_some() for _ in range(MAX_BREAKS + 1)] == [BREAK] * MAX_BREAKS + [b"x"]


async def test_break_in_front_of_which_everything_was_flushed_still_comes() -> None:
    port = SerialPort()
    end = HostEnd(port)
    port.sol_write(b"gone")
    port.sol_break()
    port.flush_input()
    port.sol_write(b"x")
    assert [await end.receive_some() for _ in range(2)] == [b"x", BREAK]


async def test_break_over_tcp_is_lost_and_nothing_else() -> None:
    port = SerialPort()
    async with trio.open_nursery() as nursery:
        tcp_port = await nursery.start(listen_tcp, port, HOST, 0)
        async with await trio.open_tcp_stream(HOST, tcp_port) as stream:
            port.sol_write(b"a")
            port.sol_break()
            port.sol_write(b"b")
            data = b""
            while len(data) < 2:
                data += await stream.receive_some()
            assert data == b"ab"
        nursery.cancel_scope.cancel()


PROGRAM: Final = """
import sys
print("started", flush=True)
for line in sys.stdin:
    print(line.upper(), end="", flush=True)
    if line == "end\\n":
        break
"""


async def test_program_runs_while_there_is_power(tmp_path: os.PathLike[str]) -> None:
    script = trio.Path(tmp_path) / "upper.py"
    await script.write_text(PROGRAM)
    port, machine = SerialPort(), VirtualMachine(Timings(power_on=0, post=0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_program, port, machine, f"exec {sys.executable} {script}")
        await trio.sleep(0.2)
        assert port.pending == 0
        machine.command(PowerCommand.ON, 0.0)
        assert await says(port, b"started")
        port.sol_write(b"shout\r")
        assert b"SHOUT" in await says(port, b"SHOUT")
        port.sol_write(b"end\r")
        assert b"END\r\nstarted" in await says(port, b"started")  # it has ended, and runs again
        machine.command(PowerCommand.RESET, 1.0)
        assert await says(port, b"started")
        machine.command(PowerCommand.OFF, 2.0)
        await trio.sleep(0.3)
        port.sol_read(4096)
        port.sol_write(b"nobody\r")
        await trio.sleep(0.2)
        assert port.pending == 0
        nursery.cancel_scope.cancel()
