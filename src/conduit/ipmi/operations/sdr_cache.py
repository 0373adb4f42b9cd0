"""Sensor data records on disk, so that they are read once and not at each command."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

import trio

from conduit.errors import CompletionCodeError, DecodeError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.guid import GetSystemGuid
from conduit.ipmi.commands.sdr import SdrRepositoryInfo

FORMAT: Final = 1
MAX_FILE: Final = 4_000_000  # bytes; a file that is longer is not ours
NO_GUID: Final = bytes(16)


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/conduit/sdr``, or the same below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "conduit" / "sdr"


class SdrCache:
    """A folder with one file a BMC. What is broken in it is ignored, what cannot be written is not kept.

    :param folder: None takes :func:`default_folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = trio.Path(folder or default_folder())

    async def key(self, bmc: Bmc) -> str:
        """Which BMC it is: by its address, for vendors ship the same GUID many times, its GUID and its device ID.

        :raises ConduitError: as :meth:`~conduit.ipmi.client.Bmc.request`.
        """
        device_id = await bmc.device_id()
        try:
            guid = (await bmc.request(GetSystemGuid())).raw
        except (CompletionCodeError, DecodeError):
            guid = NO_GUID
        identity = repr(tuple(bmc.address[:2])).encode() + guid + device_id.encode()
        return hashlib.sha256(identity).hexdigest()[:40]

    async def load(self, key: str, info: SdrRepositoryInfo) -> tuple[bytes, ...] | None:
        """The records that were stored for this state of the repository, or None."""
        file = self._folder / f"{key}.json"
        try:
            if (await file.stat()).st_size > MAX_FILE:
                return None
            stored = json.loads(await file.read_bytes())
            if stored["format"] != FORMAT or stored["info"] != _stamp(info):
                return None
            return tuple(bytes.fromhex(record) for record in stored["records"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    async def store(self, key: str, info: SdrRepositoryInfo, records: tuple[bytes, ...]) -> None:
        """Keep the records; all or nothing, also when two do so at once."""
        content = json.dumps({"format": FORMAT, "info": _stamp(info), "records": [one.hex() for one in records]})
        temporary = self._folder / f".{key}.{secrets.token_hex(8)}"
        try:
            await self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                await temporary.write_text(content)
                await temporary.replace(self._folder / f"{key}.json")
            finally:
                with trio.CancelScope(shield=True):
                    await temporary.unlink(missing_ok=True)
        except OSError:
            return  # a cache that cannot be written is none


def _stamp(info: SdrRepositoryInfo) -> dict[str, Any]:  # Any: what JSON has
    return {"count": info.record_count, "added": info.added_at, "erased": info.erased_at}
