"""``conduit ipmi dcmi`` on a virtual BMC in the same process."""

from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc.dcmi import DcmiSensor
from conduit.ipmi.bmc.serve import ServedBmc
from conduit.ipmi.client import open_bmc
from conduit.ipmi.commands import DcmiEntity
from conduit.ipmi.operations import dcmi
from tests.integration.test_cli_ipmi_verbs import Ask, ask, conduit, password_in_the_environment, served

__all__ = ["ask", "conduit", "password_in_the_environment", "served"]


async def test_power_is_read_and_limited(served: ServedBmc, ask: Ask) -> None:
    reading = await ask("dcmi", "power", "reading")
    assert (reading["watts"], reading["period_s"], reading["active"]) == (130, 60, True)
    assert await ask("dcmi", "power", "get-limit") == {"active": False}
    await ask("dcmi", "power", "set-limit", "100", "--action", "log", "--correction", "5000")
    assert (await ask("dcmi", "power", "reading"))["watts"] == 130
    await ask("dcmi", "power", "activate")
    limit = {"active": True, "watts": 100, "action": "log", "correction_ms": 5000, "sampling_s": 1}
    assert await ask("dcmi", "power", "get-limit") == limit
    assert (await ask("dcmi", "power", "reading"))["watts"] == 100
    await ask("dcmi", "power", "deactivate")
    assert (await ask("dcmi", "power", "reading"))["watts"] == 130
    await ask("dcmi", "power", "set-limit", "110", "--activate")
    assert (await ask("dcmi", "power", "reading"))["watts"] == 110


async def test_what_it_can_do(ask: Ask) -> None:
    found = await ask("dcmi", "discover")
    assert (found["version"], found["power_management"], found["lan_channel"]) == ("1.5", True, 1)
    assert found["power_periods_s"] == [5, 30, 60]


@pytest.mark.parametrize("text", ["", "short", "x" * 16, "rack 7, unit 12, left", "y" * 63])
async def test_texts_of_any_length_are_kept(ask: Ask, text: str) -> None:
    await ask("dcmi", "set-asset-tag", text)
    assert await ask("dcmi", "asset-tag") == {"asset_tag": text}
    await ask("dcmi", "set-mc-id", text)
    assert await ask("dcmi", "mc-id") == {"mc_id": text}


async def test_sensors_and_temperatures(served: ServedBmc, ask: Ask) -> None:
    served.bmc.state.dcmi.sensors.update({DcmiEntity.INLET: [], DcmiEntity.CPU: [], DcmiEntity.BASEBOARD: []})
    assert await ask("dcmi", "sensors") == {"sensors": []}
    assert await ask("dcmi", "temps") == {"temperatures": []}
    served.bmc.state.dcmi.sensors[DcmiEntity.CPU] = [DcmiSensor(n, 20 + n, lambda: 51.2) for n in range(1, 12)]
    records = (await ask("dcmi", "sensors"))["sensors"]
    assert [record["record_id"] for record in records] == list(range(21, 32))
    temperatures = (await ask("dcmi", "temps"))["temperatures"]
    assert temperatures[10] == {"entity": "cpu", "instance": 11, "celsius": 51}


async def test_the_thermal_limit(ask: Ask) -> None:
    assert (await ask("dcmi", "thermal"))["celsius"] == 45
    limit = {"celsius": 50, "seconds": 30, "log": True, "power_off": False}
    assert await ask("dcmi", "thermal", "--set", "50", "--seconds", "30", "--log") == limit


async def test_texts_that_do_not_fit_are_refused(served: ServedBmc) -> None:
    async with open_bmc(served.host, port=served.port, username="admin", password="adminpw") as bmc:
        with pytest.raises(LocalProtocolError, match="63"):
            await dcmi.set_asset_tag(bmc, "x" * 64)
        with pytest.raises(LocalProtocolError, match="63"):
            await dcmi.set_controller_id(bmc, "x" * 64)
