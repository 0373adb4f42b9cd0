"""Every Python example in the README and in the documentation runs, each as the script that a reader makes of it.

Three fresh virtual BMCs stand where examples expect them, on ports 9001 to 9003; here they get free ports, and the
example's numbers are changed accordingly; a display is on port 5999. The password is in IPMI_PASSWORD. A ``text``
block right after an example is what the example prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import trio

from conduit.ipmi.bmc import Misbehaviour, Timings, UserConfig
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.rmcp import Workaround
from tests.fakes.rfb_bytes import chequered
from tests.fakes.rfb_display import FakeDisplay, serving

ROOT: Final = Path(__file__).resolve().parents[2]
PASSWORD: Final = "correct-horse"
PORTS: Final = (9001, 9002, 9003)  # that examples name
DISPLAY: Final = 5999  # the port of a display that they name
PASSWORDS: Final = ("IPMI_PASSWORD", "CONDUIT_RFB_PASSWORD")
LIMIT: Final = 30.0  # seconds for one example
EXAMPLE: Final = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n?^```text\n(?P<prints>.*?)^```$)?", re.MULTILINE | re.DOTALL
)


class Example(NamedTuple):
    """One fenced block."""

    page: str
    line: int
    code: str
    prints: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def examples_in(text: str, page: str) -> Iterator[Example]:
    """All Python blocks of a page."""
    for found in EXAMPLE.finditer(text):
        yield Example(page, text.count("\n", 0, found.start()) + 1, found["code"], found["prints"])


def examples() -> list[Example]:
    """All of them, pages in order."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [example for page in pages for example in examples_in(page.read_text(), str(page.relative_to(ROOT)))]


@pytest.mark.parametrize("example", examples(), ids=str)
async def test_example_runs_and_prints_what_the_page_says(example: Example, tmp_path: Path) -> None:
    code = example.code
    script = tmp_path / "example.py"
    users = (UserConfig(name=b"admin", password=PASSWORD.encode()),)
    async with AsyncExitStack() as stack:
        for number in PORTS:
            timings = Timings(power_on=0, post=0, soft_shutdown=0, cycle=0)
            served = await stack.enter_async_context(open_virtual_bmc(users=users, timings=timings))
            code = re.sub(rf"\b{number}\b", str(served.port), code)
        if str(DISPLAY) in code:
            display = FakeDisplay(chequered(160, 100))
            display.echoes = True
            code = code.replace(str(DISPLAY), str(await stack.enter_async_context(serving(display))))
        await trio.Path(script).write_text(code)
        with trio.fail_after(LIMIT):
            run: subprocess.CompletedProcess[bytes] = await trio.run_process(
                [sys.executable, "-W", "error", str(script)],
                cwd=tmp_path, env={**os.environ, **dict.fromkeys(PASSWORDS, PASSWORD)}, check=False,
                capture_stdout=True, capture_stderr=True,
            )  # fmt: skip
    assert (run.returncode, run.stderr.decode()) == (0, "")
    if example.prints is not None:
        assert run.stdout.decode() == example.prints


def test_examples_are_found_with_their_output_and_their_line() -> None:
    page = "# A\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\n\n```console\n$ ls\n```\n"
    assert list(examples_in(page, "a.md")) == [
        Example("a.md", 3, "print(1)\n", "1\n"),
        Example("a.md", 11, "x = 2\n", None),
    ]
    assert len(examples()) >= 10


def test_every_workaround_and_misbehaviour_is_in_the_tables() -> None:
    page = (ROOT / "docs" / "how-to" / "workarounds.md").read_text()
    names = [member.value for kind in (Workaround, Misbehaviour) for member in kind]
    assert [name for name in names if f"`{name}`" not in page] == []


LINK: Final = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]+)")


def test_links_of_pages_outside_the_site_lead_somewhere() -> None:
    pages = [page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"]
    links = [(page.name, found["path"]) for page in pages for found in LINK.finditer(page.read_text())]
    assert [link for link in links if not (ROOT / link[1]).exists()] == []


def test_pictures_load_nothing_from_elsewhere() -> None:
    for picture in sorted((ROOT / "docs").rglob("*.svg")):
        text = picture.read_text().replace("http://www.w3.org/2000/svg", "")
        assert re.search(r"https?:|url\((?!#)|@import|@font-face", text) is None, picture
