"""Boot flags over loopback: set as all firmware understands it, and never left half set."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi import open_bmc
from conduit.ipmi.bmc import BmcConfig, UserConfig
from conduit.ipmi.bmc.serve import open_virtual_bmc
from conduit.ipmi.commands import (
    BootDevice,
    BootFlags,
    BootParameter,
    GetSystemBootOptions,
    SetInProgress,
    SetProgress,
    SetSystemBootOptions,
    SystemBootOptions,
)
from conduit.ipmi.operations.boot import SET_IN_PROGRESS_CODE, read_boot_flags, set_boot_flags

CONFIG = BmcConfig(users=(UserConfig(name=b"admin", password=b"secret"),))
PXE = BootFlags(valid=True, efi=True, device=BootDevice.PXE)


async def test_flags_are_set_and_read_back_and_nothing_is_left_in_progress(autojump_clock: MockClock) -> None:
    async with (
        open_virtual_bmc(CONFIG) as served,
        open_bmc(served.host, port=served.port, username="admin", password="secret") as bmc,
    ):
        await set_boot_flags(bmc, PXE)
        assert await read_boot_flags(bmc) == PXE
        progress = await bmc.request(GetSystemBootOptions(parameter=BootParameter.SET_IN_PROGRESS))
        assert progress.option == SetInProgress(state=SetProgress.COMPLETE)


class Answering:
    """Stands for a BMC whose answer is the wrong one."""

    def __init__(self, answer: SystemBootOptions) -> None:
        self._answer = answer

    async def request(self, command: object) -> SystemBootOptions:
        return self._answer


async def test_flags_that_are_marked_invalid_are_no_wish() -> None:
    answer = SystemBootOptions.of(PXE, invalid=True)
    assert await read_boot_flags(Answering(answer)) == BootFlags()  # type: ignore[arg-type]  # as much as is needed


async def test_another_option_in_the_answer_makes_no_sense() -> None:
    answer = SystemBootOptions.of(SetInProgress(state=SetProgress.COMPLETE))
    with pytest.raises(DecodeError):
        await read_boot_flags(Answering(answer))  # type: ignore[arg-type]  # as much as is needed


class Busy:
    """Stands for a BMC whose boot options somebody else is setting."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def request(self, command: object) -> None:
        self.asked.append(command)
        raise CompletionCodeError(
            SET_IN_PROGRESS_CODE, netfn=0, command=8, text="somebody else is setting boot options"
        )


async def test_who_sets_boot_options_already_is_not_disturbed() -> None:
    bmc = Busy()
    with pytest.raises(CompletionCodeError):
        await set_boot_flags(bmc, PXE)  # type: ignore[arg-type]  # as much as is needed
    assert bmc.asked == [SetSystemBootOptions.of(SetInProgress(state=SetProgress.IN_PROGRESS))]
