"""``conduit rfb HOST screenshot``, ``type``, ``press``, ``record`` and ``play``."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
import trio

from conduit.cli import root
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import decode_png
from conduit.rfb.messages import Area
from conduit.rfb.recording import RecordingWriter
from tests.fakes.rfb_bytes import BLUE, GREEN, RED, chequered
from tests.fakes.rfb_display import FakeDisplay, serving


class Line:
    """Types commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        monkeypatch.setenv("CONDUIT_RFB_PASSWORD", "secret")

    async def run(self, *words: str, status: int = 0) -> str:
        """What it says."""
        with pytest.raises(SystemExit) as ended:
            await root.main(["rfb", *words], prog_name="conduit", standalone_mode=True)
        said = self.capsys.readouterr()
        assert ended.value.code == status, said
        return said.err if status else said.out


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(capsys, monkeypatch)


async def test_a_screenshot_is_written_to_a_file(line: Line, tmp_path: Path) -> None:
    picture, file = chequered(80, 60, 5), tmp_path / "x.png"
    async with serving(FakeDisplay(picture)) as port:
        await line.run(f"127.0.0.1:{port}", "screenshot", "-o", str(file))
        assert decode_png(file.read_bytes()) == (80, 60, bytes(picture.pixels))
        await line.run(f"127.0.0.1:{port}", "screenshot", "-o", str(file), "--longest", "40")
        assert decode_png(file.read_bytes())[:2] == (40, 30)


async def test_a_display_that_shows_nothing_is_one_line(line: Line, tmp_path: Path) -> None:
    async with serving(FakeDisplay(Framebuffer(4, 4), shows=False)) as port:
        said = await line.run(
            f"127.0.0.1:{port}", "screenshot", "-o", str(tmp_path / "x"), "--wait", "0.2", status=1
        )  # fmt: skip
    assert said == "Error: the server sent no whole picture within 0.2 s; the machine may be off\n"
    assert not (tmp_path / "x").exists()


async def test_a_folder_that_is_not_there_is_one_line(line: Line) -> None:
    async with serving(FakeDisplay(Framebuffer(4, 4))) as port:
        said = await line.run(f"127.0.0.1:{port}", "screenshot", "-o", "/nowhere/x.png", status=1)
    assert said == "Error: /nowhere/x.png: No such file or directory\n"


async def test_a_text_is_typed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeDisplay(Framebuffer(4, 4))
    async with serving(server) as port:
        await line.run(f"127.0.0.1:{port}", "type", "ab", "--enter")
        monkeypatch.setattr("sys.stdin", io.StringIO("c"))
        await line.run(f"127.0.0.1:{port}", "type", "-")
        monkeypatch.setattr("sys.stdin", io.StringIO("c" * 100_000))
        said = await line.run(f"127.0.0.1:{port}", "type", "-", status=2)
    assert said == "Error: a text of more than 65536 characters\n"
    assert [key.keysym for key in server.keys if key.down] == [0x61, 0x62, 0xFF0D, 0x63]


async def test_keys_are_pressed(line: Line) -> None:
    server = FakeDisplay(Framebuffer(4, 4))
    async with serving(server) as port:
        await line.run(f"127.0.0.1:{port}", "press", "ctrl+c", "F1")
        said = await line.run(f"127.0.0.1:{port}", "press", "hyper", status=2)
    assert said.startswith("Error: no key 'hyper'; there are characters without Shift, and alt, ")
    assert [key.keysym for key in server.keys if key.down] == [0xFFE3, 0x63, 0xFFBE]


async def test_what_is_shown_is_recorded_and_played(line: Line, tmp_path: Path) -> None:
    server, file = FakeDisplay(Framebuffer(4, 4, RED * 16)), tmp_path / "session.rfb"
    async with serving(server) as port, trio.open_nursery() as nursery:

        async def change() -> None:
            with trio.fail_after(20):
                while not server.requests or server.requests[-1].incremental is False:  # noqa: ASYNC110 - a fake's
                    await trio.sleep(0.01)
            server.picture.fill(server.picture.whole, BLUE)
            await server.show()

        nursery.start_soon(change)
        said = await line.run(f"127.0.0.1:{port}", "record", str(file), "--duration", "0.5")
        assert said.startswith(f"{file}: 0.")
        again = await line.run(f"127.0.0.1:{port}", "record", str(file), "--duration", "0", status=1)
        assert again == f"Error: {file}: File exists\n"
    said = await line.run("play", str(file))
    assert "4 x 4" in said
    assert await line.run("play", str(file), "--at", "9", "-o", str(tmp_path / "x.png")) == ""
    assert decode_png((tmp_path / "x.png").read_bytes()) == (4, 4, BLUE * 16)


async def test_a_signal_ends_a_recording_in_good_order(line: Line, tmp_path: Path) -> None:
    server, file = FakeDisplay(Framebuffer(4, 4, GREEN * 16)), tmp_path / "session.rfb"
    async with serving(server) as port, trio.open_nursery() as nursery:

        async def interrupt() -> None:
            with trio.fail_after(20):
                while not file.exists() or not file.stat().st_size:  # noqa: ASYNC110 - a file tells nobody
                    await trio.sleep(0.01)
            await trio.sleep(0.05)
            os.kill(os.getpid(), signal.SIGTERM)

        nursery.start_soon(interrupt)
        await line.run(f"127.0.0.1:{port}", "record", "--force", str(file))
    assert "Segments      : 1" in await line.run("play", str(file))


def three_frames(file: Path) -> None:
    picture = Framebuffer(2, 2)
    with file.open("wb") as opened:
        writer = RecordingWriter(opened, picture, started=0, now=0.0)
        for second in (1, 2, 3):
            picture.fill(Area(0, 0, 1, 1), bytes((second, 0, 0, 0)))
            writer.updated([picture.whole], second)
        writer.close(4.0)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), ["000000000", "000001000", "000002000", "000003000"]),
        (("--every", "2"), ["000000000", "000002000"]),
        (("--from", "1.5", "--to", "2.5"), ["000001500", "000002000"]),
    ],
)
async def test_pictures_of_a_recording_become_files(
    line: Line, tmp_path: Path, options: tuple[str, ...], names: list[str]
) -> None:
    three_frames(tmp_path / "r")
    said = await line.run("play", str(tmp_path / "r"), "--frames", str(tmp_path / "frames"), *options)
    assert said == f"{tmp_path / 'frames'}: {len(names)} pictures\n"
    assert sorted(file.stem for file in (tmp_path / "frames").iterdir()) == names


async def test_what_is_no_recording_is_one_line(line: Line, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"something else that is long enough")
    assert "no recording of a display" in await line.run("play", str(tmp_path / "r"), status=1)
    said = await line.run("play", str(tmp_path / "r"), "--at", "1", status=2)
    assert said.endswith("--at and -o belong together: which picture, and where to\n")
