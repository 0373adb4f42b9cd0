"""``conduit ipmi sel``, ``pef`` and ``event`` on a virtual BMC in the same process."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from conduit.cli.ipmi import command
from conduit.ipmi.bmc import BmcConfig, PowerState, Timings, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.sel import OtherRecord

HOST = "127.0.0.1"
FAST = Timings(power_on=0.0, power_off=0.0, post=0.0, soft_shutdown=0.0, cycle=0.0)
MEMORY = Event.decode(bytes.fromhex("040c536f00ffff"))
Capture = pytest.CaptureFixture[str]
Conduit = Callable[..., Awaitable[object]]


@pytest.fixture
async def served(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedBmc]:
    monkeypatch.setenv("IPMI_PASSWORD", "adminpw")
    users = (UserConfig(name=b"admin", password=b"adminpw"),)
    bmc = VirtualBmc(BmcConfig(users=users, timings=FAST, running=True), entropy=secrets.token_bytes)
    served: ServedBmc = await nursery.start(serve, bmc, HOST, 0)
    yield served
    nursery.cancel_scope.cancel()


@pytest.fixture
def conduit(served: ServedBmc) -> Conduit:
    """Runs a command line as ``admin``; returns the exit status, or None for success."""

    async def run(*words: str) -> object:
        options = ["-H", HOST, "-p", str(served.port), "-U", "admin", "-E", "-N", "0.3", "-R", "1"]
        return await command.main([*options, *words], prog_name="conduit ipmi", standalone_mode=False)

    return run


@pytest.fixture
def ask(conduit: Conduit, capsys: Capture) -> Callable[..., Awaitable[Any]]:
    """Runs a command line with ``--output json``; returns what it printed."""

    async def run(*words: str) -> Any:
        assert await conduit(*words, "--output", "json") is None
        return json.loads(capsys.readouterr().out)

    return run


Ask = Callable[..., Awaitable[Any]]


async def test_an_event_is_sent_and_listed(served: ServedBmc, conduit: Conduit, ask: Ask, capsys: Capture) -> None:
    assert (await ask("event", "3"))["event"] == "Memory 0x53: correctable ECC error"
    served.bmc.state.event_log.add(OtherRecord(record_type=0xE0, data=bytes(13)), trio.current_time())
    first, second = (await ask("sel", "list"))["events"]
    assert (first["record_id"], first["event"]) == (1, "Memory 0x53: correctable ECC error")
    assert second["time"] is None
    long, other = (await ask("sel", "elist"))["events"]
    assert (long["generator"], long["sensor_type"], long["sensor_number"]) == ("software 0x81", "Memory", 0x53)
    assert other["raw"] == "0200e0" + "00" * 13
    assert await conduit("sel", "list") is None
    assert "Memory 0x53: correctable ECC error" in capsys.readouterr().out


async def test_only_events_since_a_time_are_listed(served: ServedBmc, ask: Ask) -> None:
    log, now = served.bmc.state.event_log, trio.current_time()
    for year in (1_700_000_000, 1_800_000_000):
        log.set_time(year, now)
        log.log(MEMORY, now)
    assert [row["record_id"] for row in (await ask("sel", "list", "--since", "2026-01-01"))["events"]] == [2]


async def test_broken_records_are_notes_on_stderr(
    served: ServedBmc, conduit: Conduit, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.bmc.state.event_log.log(MEMORY, trio.current_time())
    monkeypatch.setattr(type(next(iter(served.bmc.state.event_log))), "encode", lambda _record: b"\x01\x00\x02short")
    for words in (["list"], ["save", str(tmp_path / "file")]):
        assert await conduit("sel", *words) is None
        assert "conduit ipmi: record 0x0000 is broken" in capsys.readouterr().err


async def test_the_log_is_saved_cleared_and_restored(served: ServedBmc, ask: Ask, tmp_path: Path) -> None:
    await ask("event", "2")
    file = str(tmp_path / "events.sel")
    assert (await ask("sel", "save", file))["saved"] == 1
    assert (await ask("sel", "clear", "--yes"))["cleared"] == 1
    assert (await ask("sel", "restore", file))["added"] == 1
    assert (await ask("sel", "info"))["entries"] == 2


async def test_clearing_asks_where_somebody_can_answer(
    conduit: Conduit, capsys: Capture, monkeypatch: pytest.MonkeyPatch, served: ServedBmc
) -> None:
    assert await conduit("sel", "clear") == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked: list[str] = []
    monkeypatch.setattr("asyncclick.confirm", lambda text, *, abort: asked.append(text))
    assert await conduit("sel", "clear") is None
    assert asked == ["Take 0 events out of the log, for good?"]


@pytest.mark.parametrize("words", [["follow"], ["save", "file"]])
async def test_some_verbs_take_one_host(served: ServedBmc, capsys: Capture, words: list[str]) -> None:
    options = ["-H", f"{HOST},localhost", "-p", str(served.port), "-U", "admin", "-E"]
    status = await command.main([*options, "sel", *words], prog_name="conduit ipmi", standalone_mode=False)
    assert status == 2
    assert "one host" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["json", "yaml", "table"])
async def test_events_are_followed_until_cancelled(
    served: ServedBmc, conduit: Conduit, capsys: Capture, output: str
) -> None:
    served.bmc.state.event_log.log(MEMORY, trio.current_time())
    printed = ""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conduit, "sel", "follow", "--all", "--interval", "0.1", "--output", output)
        with trio.fail_after(5):
            while "correctable" not in printed:
                await trio.sleep(0.02)
                printed += capsys.readouterr().out
        nursery.cancel_scope.cancel()
    sentence = "Memory 0x53: correctable ECC error"
    if output == "json":
        assert json.loads(printed)["event"] == sentence
    elif output == "yaml":
        assert yaml.safe_load(printed)["event"] == sentence
    else:
        assert printed.endswith(f"  {sentence}\n")


async def test_the_clock_is_read_and_set(served: ServedBmc, ask: Ask, conduit: Conduit, capsys: Capture) -> None:
    assert (await ask("sel", "time", "set", "2026-01-02"))["time"] == "2026-01-02 00:00:00"
    assert (await ask("sel", "time", "set", "now"))["time"] > "2026-01-02"
    assert await conduit("sel", "time", "set", "noon") == 2
    assert "'noon' is not 'now'" in capsys.readouterr().err
    served.bmc.state.event_log.set_time(5, trio.current_time())
    assert (await ask("sel", "time", "get"))["time"] is None


async def test_a_filter_is_set_up_and_acts(served: ServedBmc, ask: Ask, conduit: Conduit, capsys: Capture) -> None:
    await ask("pef", "set", "filter", "9", "on", "--sensor-type", "0x0c", "--action", "power-off", "--action", "alert")
    assert (await ask("pef", "set", "filtering", "on", "--log"))["enabled_filters"] == [9]
    await ask("event", "3")
    assert (await ask("pef", "status"))["by_bmc"] == 1
    assert served.bmc.state.machine.state is PowerState.OFF
    entry = (await ask("pef", "set", "filter", "9", "off"))["filters"][0]
    assert (entry["enabled"], entry["actions"], entry["states"]) == (False, ["alert", "power off"], ["any"])
    assert await conduit("pef", "set", "filter", "99", "on") == 2
    assert "no filter 99" in capsys.readouterr().err


async def test_filters_and_policies_are_listed(ask: Ask, served: ServedBmc, capsys: Capture) -> None:
    listed = (await ask("pef", "filters"))["filters"]
    assert (listed[2]["sensor_type"], listed[2]["severity"]) == ("Fan", "critical")
    assert listed[2]["states"] == ["lower critical going low", "lower non-recoverable going low"]
    assert len((await ask("pef", "filters", "--all"))["filters"]) == 16
    assert (await ask("pef", "policies"))["policies"][0]["policy"] == 1
    assert (await ask("pef", "info"))["supported_actions"][0] == "alert"
    served.bmc.state.pef.filters.pop(7)
    await ask("pef", "filters")
