"""The machine's serial port: who may write how much, and who is woken."""

from __future__ import annotations

from conduit.ipmi.bmc.serial_port import SerialPort


class Watched:
    """A port that a console has, with a count of who was woken."""

    def __init__(self, **options: int) -> None:
        self.port = SerialPort(**options)
        self.woken: list[str] = []
        self.port.watch(cts=True, dcd=True)
        self.port.wake_host = lambda: self.woken.append("host")
        self.port.wake_sol = lambda: self.woken.append("sol")


def test_without_a_console_the_last_output_is_kept() -> None:
    port = SerialPort(history=4)
    assert port.host_write(b"abcdef") == 6
    assert port.dropped == 2
    assert port.room == (64 << 10) - 4
    port.watch(cts=True, dcd=True)
    assert (port.pending, port.sol_read(10)) == (4, b"cdef")


def test_with_a_console_the_host_is_held_back_and_told() -> None:
    watched = Watched(room=4)
    port = watched.port
    assert (port.host_write(b"abcdef"), port.host_write(b"ef"), port.room) == (4, 0, 0)
    assert port.sol_read(1) == b"a"
    assert watched.woken == ["sol"]
    assert port.sol_read(1) == b"b"
    assert watched.woken == ["sol", "host"]
    assert port.host_write(b"ef") == 2


def test_a_pause_of_the_console_stops_the_host() -> None:
    watched = Watched()
    watched.port.sol_lines(cts=False, dcd=True)
    assert watched.port.host_write(b"a") == 0
    watched.port.sol_lines(cts=True, dcd=True)
    watched.port.sol_lines(cts=True, dcd=True)
    assert watched.woken == ["host", "host"]
    assert watched.port.host_write(b"a") == 1


def test_input_is_bounded_and_the_console_is_told_of_room() -> None:
    watched = Watched(input_room=4)
    port = watched.port
    assert (port.sol_write(b"abcdef"), port.sol_write(b"ef"), port.input_room) == (4, 0, 0)
    assert watched.woken == ["host"]
    assert (port.host_read(1), port.host_read(9), port.host_read(9)) == (b"a", b"bcd", b"")
    assert watched.woken == ["host", "sol"]


def test_a_host_without_rts_takes_no_input() -> None:
    watched = Watched()
    watched.port.host_lines(dtr=False, rts=False)
    assert (watched.port.sol_write(b"a"), watched.port.dtr) == (0, False)
    assert watched.woken == ["sol"]


def test_breaks_and_rings_are_counted_on_the_other_side() -> None:
    watched = Watched()
    watched.port.sol_break()
    watched.port.sol_ring()
    watched.port.host_break()
    assert (watched.port.breaks, watched.port.rings, watched.port.host_breaks) == (1, 1, 1)
    assert watched.woken == ["host", "host", "sol"]


def test_flushing_forgets_what_waits() -> None:
    watched = Watched()
    watched.port.sol_write(b"abc")
    watched.port.host_write(b"defg")
    watched.port.flush_input()
    watched.port.flush_output()
    assert (watched.port.host_read(9), watched.port.sol_read(9)) == (b"", b"")
    assert (watched.port.overruns, watched.port.dropped) == (3, 4)


def test_a_console_that_leaves_drops_the_lines_and_keeps_the_history() -> None:
    watched = Watched(history=3)
    watched.port.host_write(b"cdef")
    watched.port.sol_unread(b"ab")
    watched.port.unwatch()
    assert (watched.port.cts, watched.port.dcd, watched.port.watched) == (False, False, False)
    watched.port.watch(cts=False, dcd=False)
    assert watched.port.sol_read(9) == b"def"


def test_nobody_needs_to_be_woken() -> None:
    port = SerialPort()
    port.sol_write(b"a")
    port.host_break()
    assert port.host_read(1) == b"a"


def test_a_display_hears_what_is_accepted_and_who_looks_takes_nothing_away() -> None:
    port = SerialPort(room=4)
    heard: list[bytes] = []
    port.tap = heard.append
    port.host_write(b"ab")
    assert port.peek() == port.peek() == b"ab"
    port.watch(cts=True, dcd=True)
    assert port.host_write(b"cdef") == 2
    assert heard == [b"ab", b"cd"]
