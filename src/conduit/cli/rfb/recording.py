"""``conduit rfb HOST record`` and ``conduit rfb play``: what a display shows, in a file."""

from __future__ import annotations

import datetime as dt
import math
import signal
from pathlib import Path
from typing import Final

import asyncclick as click
import trio

from conduit.cli.params import Seconds
from conduit.cli.render import Field, Format, Report, make_console, show
from conduit.cli.rfb.options import Target
from conduit.cli.rfb.screenshot import write_picture
from conduit.rfb.display import open_display
from conduit.rfb.framebuffer import Framebuffer
from conduit.rfb.images import encode_png
from conduit.rfb.recording import Recording

RECORD_EPILOG: Final = "Example: conduit rfb 192.0.2.7 --password-file pw record boot.rfb --duration 60"
PLAY_EPILOG: Final = """\
\b
Examples:
  conduit rfb play boot.rfb
  conduit rfb play boot.rfb --at 12.5 -o x.png
  conduit rfb play boot.rfb --frames DIRECTORY --every 0.5
"""


async def wait_for_signal() -> None:
    """Until somebody wants an end."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


@click.command("record", epilog=RECORD_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--duration", type=Seconds(min=0), help="Seconds; without it until Ctrl+C.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.pass_obj
async def record_command(target: Target, file: Path, duration: float | None, force: bool) -> None:
    """Record what the display shows to FILE, until Ctrl+C or SIGTERM. Nothing that is typed is in it."""
    async with open_display(target.address, options=target.login, ask=target.ask) as display:
        with file.open("wb" if force else "xb") as opened:
            started = trio.current_time()
            async with display.record(opened) as writer:
                with trio.move_on_after(math.inf if duration is None else duration):
                    await wait_for_signal()
            seconds = trio.current_time() - started
    click.echo(f"{file}: {seconds:.1f} s, {writer.size} bytes")


@click.command("play", epilog=PLAY_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--at", type=Seconds(min=0), metavar="SECONDS", help="Write the picture of that time to -o.")
@click.option("-o", "--output", "picture", metavar="FILE", help="PNG; - is standard output.")
@click.option("--frames", type=click.Path(path_type=Path, file_okay=False), help="Write all pictures there, as PNG.")
@click.option("--from", "start", type=Seconds(min=0), default=0.0, metavar="SECONDS", help="With --frames: the first.")
@click.option("--to", "end", type=Seconds(min=0), metavar="SECONDS", help="With --frames: the last.")
@click.option(
    "--every", type=Seconds(min=0), default=0.0, metavar="SECONDS", help="With --frames: no more than one in that time."
)
def play_command(
    file: Path,
    at: float | None,
    picture: str | None,
    frames: Path | None,
    start: float,
    end: float | None,
    every: float,
) -> None:
    """Read a recording of a display: show what is in it, or write its pictures as PNG files."""
    if (at is None) != (picture is None):
        raise click.UsageError("--at and -o belong together: which picture, and where to")
    with file.open("rb") as opened:
        recording = Recording(opened)
        if at is not None and picture is not None:
            write_picture(picture, to_png(recording.frame_at(at)))
        elif frames is not None:
            count = write_frames(recording, frames, start, math.inf if end is None else end, every)
            click.echo(f"{frames}: {count} pictures")
        else:
            show(describe(file, recording), Format.TABLE, make_console())


def to_png(picture: Framebuffer) -> bytes:
    """A PNG of it."""
    return encode_png(picture.pixels, picture.width, picture.height)


def write_frames(recording: Recording, folder: Path, start: float, end: float, every: float) -> int:
    """One file for each, named by its milliseconds; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count, due = 0, start
    for frame in recording.frames(start):
        if frame.seconds > end:
            break
        if frame.seconds >= due:
            (folder / f"{round(frame.seconds * 1000):09}.png").write_bytes(to_png(frame.picture))
            count, due = count + 1, frame.seconds + every
    return count


def describe(file: Path, recording: Recording) -> Report:
    """What is in it."""
    began = dt.datetime.fromtimestamp(recording.started / 1000, dt.UTC)
    first = recording.frame_at(0.0)
    return Report(
        summary=f"{file}: {recording.duration:.1f} s",
        fields=[
            Field("started", "Started", began.isoformat(timespec="seconds")),
            Field("duration", "Duration", recording.duration, f"{recording.duration:.1f} s"),
            Field("size", "Size at first", f"{first.width} x {first.height}"),
            Field("frames", "Pictures", sum(1 for _ in recording.frames())),
            Field("segments", "Segments", len(recording.segments)),
        ],
    )
