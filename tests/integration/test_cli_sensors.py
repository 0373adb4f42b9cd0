"""``conduit ipmi sensor`` and ``sdr`` on a virtual BMC in the same process."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from conduit.cli.ipmi import command
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.bmc.serve import ServedBmc, serve
from conduit.ipmi.records.sdr import decode_record

HOST = "127.0.0.1"
Conduit = Callable[..., Awaitable[object]]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPMI_PASSWORD", "adminpw")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
async def served(nursery: trio.Nursery) -> AsyncIterator[ServedBmc]:
    config = BmcConfig(users=(UserConfig(name=b"admin", password=b"adminpw"),), running=True)
    served: ServedBmc = await nursery.start(serve, VirtualBmc(config, entropy=secrets.token_bytes), HOST, 0)
    served.bmc.state.sensors.inject("FAN2", 900)
    served.bmc.state.sensors.inject("5V", 5.025)
    yield served
    nursery.cancel_scope.cancel()


@pytest.fixture
def conduit(served: ServedBmc) -> Conduit:
    async def run(*words: str, host: str = "") -> object:
        options = ["-H", host or HOST, "-p", str(served.port), "-U", "admin", "-E", "-N", "0.3", "-R", "1"]
        return await command.main([*options, *words], prog_name="conduit ipmi", standalone_mode=False)

    return run


@pytest.fixture
def ask(conduit: Conduit, capsys: Output) -> Callable[..., Awaitable[Any]]:
    async def run(*words: str) -> Any:
        assert await conduit(*words, "--output", "json") is None
        return json.loads(capsys.readouterr().out)

    return run


Ask = Callable[..., Awaitable[Any]]


async def test_list_is_what_people_read(conduit: Conduit, capsys: Output) -> None:
    assert await conduit("sensor", "list") is None
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["Name", "Reading", "Unit", "Status", "LNR", "LCR", "LNC", "UNC", "UCR", "UNR", "States"]
    assert ["FAN2", "900", "RPM", "cr", "500", "1000", "1500"] in lines
    assert ["5V", "5.025", "V", "ok", "4.25", "4.5", "4.75", "5.25", "5.5", "5.75"] in lines
    assert ["PS1", "Status", "ok", "present"] in lines
    assert len(lines) == 24


async def test_list_has_stable_keys(ask: Ask) -> None:
    rows = (await ask("sensor", "list", "--type", "FAN"))["sensors"]
    assert [row["name"] for row in rows] == ["FAN1", "FAN2", "FAN3"]
    assert rows[1] == {
        "name": "FAN2", "number": 7, "type": "Fan", "entity": "29.2", "kind": "threshold", "value": 900.0,
        "unit": "RPM", "status": "cr", "states": ["lower non critical", "lower critical"], "lnr": 500.0, "lcr": 1000.0,
        "lnc": 1500.0, "unc": None, "ucr": None, "unr": None, "note": None,
    }  # fmt: skip
    assert len((await ask("sensor", "list", "--all"))["sensors"]) == 29


async def test_a_type_that_no_sensor_has_is_an_empty_list_but_a_word_that_is_no_type_is_refused(
    ask: Ask, conduit: Conduit, capsys: Output
) -> None:
    assert (await ask("sensor", "list", "--type", "Session audit"))["sensors"] == []
    assert await conduit("sensor", "list", "--type", "nonsense") == 2
    assert "there is no sensor type 'nonsense'; some are" in capsys.readouterr().err


async def test_list_as_csv(conduit: Conduit, capsys: Output) -> None:
    assert await conduit("sensor", "list", "--output", "csv") is None
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(rows) == 22
    fan = next(row for row in rows if row["name"] == "FAN2")
    assert (fan["value"], fan["unit"], fan["states"], fan["unc"]) == (
        "900.0", "RPM", "lower non critical, lower critical", "",
    )  # fmt: skip


async def test_many_hosts_each_have_a_line_that_says_what_is_wrong(conduit: Conduit, capsys: Output) -> None:
    assert await conduit("sensor", "list", host="127.0.0.[1,1]") is None
    assert capsys.readouterr().out.endswith(": 22 sensors, 21 ok, 1 cr: FAN2 900 RPM (cr)\n")


async def test_csv_of_many_hosts_has_one_header(conduit: Conduit, capsys: Output) -> None:
    assert await conduit("sensor", "get", "FAN1", "FAN2", "--output", "csv", host="127.0.0.1,localhost") is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("host,port,name,number")
    assert [line.split(",")[0] for line in lines[1:]] in (
        ["127.0.0.1"] * 2 + ["localhost"] * 2, ["localhost"] * 2 + ["127.0.0.1"] * 2,
    )  # fmt: skip


async def test_one_sensor_in_full(ask: Ask) -> None:
    found = await ask("sensor", "get", "fan1")
    assert (found["name"], found["unit"], found["lcr"], found["positive_hysteresis"]) == ("FAN1", "RPM", 1000, 100)
    found = await ask("sensor", "get", "Intrusion")
    assert "lcr" not in found
    assert found["kind"] == "discrete"


async def test_thresholds_are_set(served: ServedBmc, ask: Ask) -> None:
    found = await ask("sensor", "thresholds", "FAN1", "lcr", "1210", "lnc", "1600")
    assert (found["lnr"], found["lcr"], found["lnc"]) == (500, 1200, 1600)
    assert await ask("sensor", "thresh", "FAN1") == found
    await ask("sensor", "thresh", "5V", "upper", "5.2", "5.4", "5.6")
    rail = served.bmc.state.sensors.get(10)
    assert rail is not None
    assert rail.limits[3:] == [208, 216, 224]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("thresholds", "FAN1", "lcr"), "wants 1 value after it"),
        (("thresholds", "FAN1", "upper", "1", "2"), "wants 3 values after it"),
        (("thresholds", "FAN1", "top", "1"), "'top' is no threshold"),
        (("thresholds", "FAN1", "lcr", "low"), "'low' is not a number"),
    ],
)
async def test_wrong_words_are_wrong_usage(
    conduit: Conduit, capsys: Output, words: tuple[str, ...], complaint: str
) -> None:
    assert await conduit("sensor", *words) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("get", "Warp Core"), "there is no sensor 'Warp Core'; 'sensor list --all' shows what there is"),
        (("thresholds", "FAN1", "ucr", "9"), "FAN1: upper critical cannot be set"),
        (("thresholds", "FAN1", "lcr", "inf"), "the sensor cannot have the value inf"),
    ],
)
async def test_what_cannot_be_is_one_line(
    conduit: Conduit, capsys: Output, words: tuple[str, ...], complaint: str
) -> None:
    assert await conduit("sensor", *words) == 2
    assert capsys.readouterr().err == f"conduit ipmi: {complaint}\n"


async def test_hysteresis_is_shown_and_set_in_the_sensors_steps(served: ServedBmc, ask: Ask) -> None:
    shown = {"name": "FAN1", "positive_hysteresis": 100.0, "negative_hysteresis": 100.0}
    assert await ask("sensor", "hysteresis", "FAN1") == shown
    assert await ask("sensor", "hysteresis", "FAN1", "160") == {**shown, "positive_hysteresis": 150.0}
    assert await ask("sensor", "hysteresis", "FAN1", "0", "250") == {
        **shown, "positive_hysteresis": 0.0, "negative_hysteresis": 250.0,
    }  # fmt: skip
    sensor = served.bmc.state.sensors.get(6)
    assert sensor is not None
    assert sensor.hysteresis == (0, 5)
    assert (await ask("sensor", "hysteresis", "PS1 Status"))["positive_hysteresis"] is None


async def test_events_of_a_sensor_are_switched(served: ServedBmc, ask: Ask) -> None:
    before = await ask("sensor", "events", "FAN1")
    assert before["events"]
    assert before["assertions"][0] == "lower non-critical going low"
    one = await ask("sensor", "events", "FAN1", "off", "Lower non-critical going LOW")
    assert one["assertions"] == before["assertions"][1:]
    assert one["deassertions"] == before["deassertions"]
    other = await ask("sensor", "events", "FAN1", "off", "0", "1", "--deassert")
    assert other["deassertions"] == before["deassertions"][2:]
    assert (await ask("sensor", "events", "FAN1", "on", "0"))["assertions"] == before["assertions"]
    assert not (await ask("sensor", "events", "FAN1", "off"))["events"]
    assert (await ask("sensor", "events", "FAN1", "on"))["events"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["hysteresis", "PS1 Status", "1"], "no hysteresis that can be set"),
        (["events", "FAN1", "off", "noise"], "has no event 'noise'"),
    ],
)
async def test_settings_that_a_sensor_does_not_have(
    conduit: Conduit, capsys: Output, words: list[str], reason: str
) -> None:
    assert await conduit("sensor", *words) == 2
    assert reason in capsys.readouterr().err


async def test_records_are_listed_by_kind(ask: Ask) -> None:
    assert len((await ask("sdr", "list"))["records"]) == 33
    assert [row["name"] for row in (await ask("sdr", "list", "mcloc"))["records"]] == ["Conduit BMC"]
    assert [row["what"] for row in (await ask("sdr", "list", "fru"))["records"]] == [
        "logical FRU 0x00",
        "logical FRU 0x01",
    ]
    assert {row["record"] for row in (await ask("sdr", "list", "event"))["records"]} == {"event-only sensor"}
    (oem,) = (await ask("sdr", "list", "oem"))["records"]
    assert oem["what"].startswith("manufacturer 0: ")


async def test_records_are_dumped_as_they_are(ask: Ask, served: ServedBmc, tmp_path: Path) -> None:
    file = tmp_path / "records"
    assert (await ask("sdr", "dump", str(file)))["records"] == 33
    content = file.read_bytes()
    first = decode_record(content)
    assert content.startswith(first.encode())


async def test_a_dump_that_cannot_be_written_is_said(conduit: Conduit, capsys: Output, tmp_path: Path) -> None:
    assert await conduit("sdr", "dump", str(tmp_path / "none" / "file")) == 2
    assert "cannot write" in capsys.readouterr().err
    assert await conduit("sdr", "dump", "file", host="127.0.0.1,localhost") == 2


async def test_repository_info(ask: Ask, served: ServedBmc) -> None:
    found = await ask("sdr", "info")
    assert (found["records"], found["version"], found["repository"]) == (33, "1.5", True)
    assert "partial add" in found["support"]
