"""Files that a command writes."""

from __future__ import annotations

from pathlib import Path

import trio

from conduit.errors import LocalProtocolError


async def write(file: Path, content: bytes) -> None:
    """All of *content*, in place of what was in *file*.

    :raises LocalProtocolError: the system does not let us.
    """
    try:
        await trio.Path(file).write_bytes(content)
    except OSError as error:
        raise LocalProtocolError(f"cannot write {file}: {error.strerror or error}") from error
