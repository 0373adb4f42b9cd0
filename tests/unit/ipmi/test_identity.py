from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conduit.errors import CompletionCodeError, PeerTimeoutError, SessionLostError
from conduit.ipmi.commands import DcmiCapabilities, DeviceId, GetDcmiCapabilities, GetDeviceId, GetSystemGuid, Guid
from conduit.ipmi.commands.sol import GetSolConfiguration, SolConfiguration
from conduit.ipmi.operations.identity import read_identity

DEVICE = DeviceId(
    device_id=32, device_revision=1, firmware_major=2, firmware_minor_bcd=0x53, manufacturer_id=674, product_id=256
)


class Asked:
    """A BMC that knows some commands, and refuses the others.

    :param answers: by class of the command; an exception is raised.
    """

    def __init__(self, answers: dict[type[Any], Any]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def request(self, command: Any, /) -> Any:
        self.asked.append(type(command).__name__)
        answer = self._answers.get(type(command))
        if answer is None:
            raise CompletionCodeError(0xC1, netfn=command.netfn, command=command.command, text="not known")
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_a_bmc_refuses_or_garbles_it_does_not_have() -> None:
    found = await read_identity(Asked({GetDeviceId: DEVICE, GetSolConfiguration: SolConfiguration(data=b"")}))
    assert found.device == DEVICE
    assert (found.guid, found.fru, found.sol_enabled, found.dcmi) == (None, None, None, None)


async def test_a_guid_of_zeros_is_none_and_console_and_dcmi_are_read() -> None:
    answers = {
        GetDeviceId: DEVICE,
        GetSystemGuid: Guid(raw=bytes(16)),
        GetSolConfiguration: SolConfiguration(data=b"\x00"),
        GetDcmiCapabilities: DcmiCapabilities(major=1, minor=1),
    }
    found = await read_identity(Asked(answers))
    assert (found.guid, found.sol_enabled, found.dcmi) == (None, False, "1.1")


async def test_a_bmc_of_ipmi_1_5_has_no_serial_over_lan_whatever_it_says() -> None:
    answers = {
        GetDeviceId: replace(DEVICE, ipmi_major=1, ipmi_minor=5),
        GetSolConfiguration: SolConfiguration(data=b"\1"),
    }
    assert (await read_identity(Asked(answers))).sol_enabled is None


async def test_a_bmc_that_falls_silent_is_not_asked_for_the_rest() -> None:
    bmc = Asked({GetDeviceId: DEVICE, GetSystemGuid: PeerTimeoutError()})
    assert (await read_identity(bmc)).device == DEVICE
    assert bmc.asked == ["GetDeviceId", "GetSystemGuid"]


async def test_a_bmc_that_does_not_say_its_id_or_is_lost_has_no_identity() -> None:
    with pytest.raises(PeerTimeoutError):
        await read_identity(Asked({GetDeviceId: PeerTimeoutError()}))
    with pytest.raises(SessionLostError):
        await read_identity(Asked({GetDeviceId: DEVICE, GetSystemGuid: SessionLostError("gone")}))
