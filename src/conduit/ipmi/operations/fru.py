"""Reading and writing a FRU's memory as a whole, in pieces as big as the BMC takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

import trio

from conduit.errors import CompletionCodeError, LocalProtocolError, RemoteProtocolError
from conduit.ipmi.client import Bmc
from conduit.ipmi.commands.fru import FruAreaInfo, GetFruInventoryAreaInfo, ReadFruData, WriteFruData
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.operations.asked import Asked
from conduit.ipmi.operations.sdr import read_repository
from conduit.ipmi.operations.sdr_cache import SdrCache
from conduit.ipmi.records.fru import FruInventory, decode_fru
from conduit.ipmi.records.sdr_locators import FruDevice
from conduit.rmcp.command import Body, Command
from conduit.rmcp.lan_message import BMC_ADDRESS

FIRST_CHUNK: Final = 128  # bytes; what most BMCs take
LEAST_CHUNK: Final = 2  # bytes, for access may be by words
TOO_MUCH: Final = frozenset(
    {
        CompletionCode.DATA_LENGTH_INVALID,
        CompletionCode.FIELD_TOO_LONG,
        CompletionCode.PARAMETER_OUT_OF_RANGE,
        CompletionCode.CANNOT_RETURN_THAT_MUCH,
        CompletionCode.UNSPECIFIED,
    }
)
BUSY: Final = frozenset({0x81, CompletionCode.NODE_BUSY})
BUSY_TRIES: Final = 20
BUSY_WAIT: Final = 0.1  # seconds
BUILTIN: Final = 0  # the machine's own
SCANNED: Final = range(16)  # FRU IDs that are tried where nobody knows which there are

BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fru:
    """One FRU, read."""

    fru_id: int
    size: int
    "Bytes of its memory."
    data: bytes
    inventory: FruInventory
    "What is in it; what is broken is in its notes."


async def list_frus(
    bmc: Bmc, ids: Iterable[int] | None = None, *, cache: SdrCache | None = None
) -> dict[int, FruAreaInfo]:
    """Which of *ids* there are, and how big they are.

    :param ids: None takes those that :func:`find_frus` finds.
    :param cache: as for ``read_repository``.
    :raises: as ``Bmc.request``, but for refusals.
    """
    found = {}
    for fru_id in await find_frus(bmc, cache=cache) if ids is None else ids:
        try:
            info = await bmc.request(GetFruInventoryAreaInfo(fru_id=fru_id))
        except CompletionCodeError:  # there is none: BMCs say so in many ways
            continue
        if info.size:
            found[fru_id] = info
    return found


async def find_frus(bmc: Bmc, *, cache: SdrCache | None = None) -> Iterable[int]:
    """FRU IDs that the sensor data records name, and 0, which every BMC has; without records those worth a try.

    FRUs behind other controllers are left out: their IDs are those controllers' own.

    :raises: as ``Bmc.request``, but for refusals.
    """
    try:
        records = (await read_repository(bmc, cache=cache)).records
    except CompletionCodeError:
        records = ()
    if not records:
        return SCANNED
    return sorted({BUILTIN, *(one.fru_id for one in records if isinstance(one, FruDevice) and _is_ours(one))})


def _is_ours(locator: FruDevice) -> bool:
    return locator.logical and (locator.access_address, locator.access_lun, locator.channel) == (BMC_ADDRESS, 0, 0)


async def read_fru(bmc: Asked, fru_id: int = 0, *, verify: bool = True) -> Fru:
    """All of one FRU, decoded.

    :param verify: leave out areas whose checksum is wrong.
    :raises: as ``Bmc.request``; never for what is in it.
    """
    data = await read_fru_data(bmc, fru_id)
    return Fru(fru_id=fru_id, size=len(data), data=data, inventory=decode_fru(data, verify=verify))


async def read_fru_data(bmc: Asked, fru_id: int = 0) -> bytes:
    """All bytes of one FRU's memory.

    :raises RemoteProtocolError: the BMC gives less than it says there is.
    :raises: as ``Bmc.request``.
    """
    info = await bmc.request(GetFruInventoryAreaInfo(fru_id=fru_id))
    return await _read(bmc, fru_id, info, 0, info.size)


async def write_fru_data(bmc: Bmc, data: bytes, fru_id: int = 0, *, old: bytes | None = None) -> int:
    """Write *data* to the start of a FRU's memory, read it back, and return how many bytes were written.

    :param old: what is there now; only what differs is written.
    :raises LocalProtocolError: it does not fit.
    :raises RemoteProtocolError: what is read back is something else.
    :raises: as ``Bmc.request``; the FRU is then partly written.
    """
    info = await bmc.request(GetFruInventoryAreaInfo(fru_id=fru_id))
    if len(data) > info.size:
        raise LocalProtocolError(f"FRU {fru_id} holds {info.size} bytes, not {len(data)}")
    if info.by_words and len(data) % 2:
        data += (await _read(bmc, fru_id, info, len(data) - 1, 2))[1:]
    start, end = _difference(old, data, 1 + info.by_words)
    await _write(bmc, fru_id, info, start, data[start:end])
    if start < end and await _read(bmc, fru_id, info, start, end - start) != data[start:end]:
        raise RemoteProtocolError(f"FRU {fru_id} reads back something else than was written")
    return end - start


def _difference(old: bytes | None, new: bytes, unit: int) -> tuple[int, int]:
    """Where *new* differs from *old*: from one multiple of *unit* to another."""
    if old is None:
        return 0, len(new)
    places = [place for place, byte in enumerate(new) if old[place : place + 1] != bytes((byte,))]
    if not places:
        return 0, 0
    return places[0] // unit * unit, min(len(new), (places[-1] // unit + 1) * unit)


async def _read(bmc: Asked, fru_id: int, info: FruAreaInfo, start: int, size: int) -> bytes:
    unit, chunk, data = 1 + info.by_words, FIRST_CHUNK, bytearray()
    while len(data) < size:
        wanted = min(chunk, size - len(data) + (size - len(data)) % unit)
        request = ReadFruData(fru_id=fru_id, offset=(start + len(data)) // unit, count=wanted // unit)
        try:
            answer = await _patiently(bmc, request)
        except CompletionCodeError as error:
            chunk = _less(error, wanted)
            continue
        piece = answer.data[: answer.returned * unit]
        if not piece:
            raise RemoteProtocolError(f"FRU {fru_id} ends after {len(data)} bytes of {size}")
        data += piece
    return bytes(data[:size])


async def _write(bmc: Bmc, fru_id: int, info: FruAreaInfo, start: int, data: bytes) -> None:
    unit, chunk, written = 1 + info.by_words, FIRST_CHUNK, 0
    while written < len(data):
        piece = data[written : written + chunk]
        request = WriteFruData(fru_id=fru_id, offset=(start + written) // unit, data=piece)
        try:
            answer = await _patiently(bmc, request)
        except CompletionCodeError as error:
            chunk = _less(error, len(piece))
            continue
        taken = min(answer.written * unit, len(piece))
        if not taken:
            raise RemoteProtocolError(f"FRU {fru_id} takes no data at byte {start + written}")
        written += taken


def _less(error: CompletionCodeError, size: int) -> int:
    """A smaller chunk after a refusal of one of *size* bytes. :raises CompletionCodeError: that was not the reason."""
    if error.code not in TOO_MUCH or size <= LEAST_CHUNK:
        raise error
    return max(LEAST_CHUNK, size // 4 * 2)  # half of it, and even


async def _patiently(bmc: Asked, request: Command[BodyT]) -> BodyT:
    """The answer, asked for again while the FRU is busy. :raises CompletionCodeError: refused, or busy for too long."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return await bmc.request(request)
        except CompletionCodeError as error:
            if error.code not in BUSY:
                raise
        await trio.sleep(BUSY_WAIT)
    return await bmc.request(request)
