"""What a BMC keeps and seldom changes: its sensors' descriptions and its event log, read again only when they grew."""

from __future__ import annotations

from conduit.ipmi import Bmc
from conduit.ipmi.commands.sdr import SdrRepositoryInfo
from conduit.ipmi.commands.sel import GetSelInfo, SelInfo
from conduit.ipmi.operations.sdr import Repository, read_repository, repository_info
from conduit.ipmi.operations.sel import read_sel
from conduit.ipmi.records.sel import SelRecord
from conduit.ipmi.records.timestamps import UNSPECIFIED


class KnownRecords:
    """One BMC's. Its methods are work for the broker: one at a time."""

    def __init__(self) -> None:
        self._repository: tuple[SdrRepositoryInfo, Repository] | None = None
        self._log: tuple[SelInfo, list[SelRecord]] | None = None

    async def repository(self, bmc: Bmc) -> Repository:
        """The sensor data records. :raises ConduitError: as :meth:`Bmc.request`."""
        info = await repository_info(bmc)
        if info is not None and self._repository is not None and self._repository[0] == info:
            return self._repository[1]
        found = await read_repository(bmc)
        self._repository = None if info is None else (info, found)
        return found

    async def events(self, bmc: Bmc) -> list[SelRecord]:
        """The event log, oldest first. :raises ConduitError: as :meth:`Bmc.request`."""
        info = await bmc.request(GetSelInfo())
        if self._log is not None and self._log[0] == info and info.added != UNSPECIFIED:
            return self._log[1]
        records = (await read_sel(bmc)).records
        self._log = info, records
        return records
