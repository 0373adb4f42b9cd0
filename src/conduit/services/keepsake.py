"""What a machine remembers of the Manager, so that it can start while that is down: one sealed file (ADR 0023).

The key is derived from the machine's own. A copy of the file alone says nothing, and nobody without that key writes one
that is believed. It counts for a day: as long as the certificates of machines, and much longer than any server token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from conduit.errors import AuthenticationError
from conduit.services.certificates import LIFE
from conduit.services.clock import MAX_SKEW
from conduit.services.files import replace_file
from conduit.services.machine import MachineCertificate
from conduit.services.sealing import Sealer

MAX_AGE: Final = LIFE  # seconds since the Manager was heard of
SETTLED: Final = 60.0  # seconds: by so much the mark of the time in the file may be behind
_VERSION: Final = 1
logger = structlog.get_logger(__name__)


class Keepsake:
    """The file.

    :param what: is in it; a file with something else is not believed.
    """

    def __init__(self, certificate: MachineCertificate, what: str) -> None:
        self.path = certificate.files.folder / f"{what}.sealed"
        self._certificate = certificate
        self._bound_to = f"{what} {certificate.identity}"
        self._written: tuple[str, Mapping[str, Any]] | None = None
        self._written_at = float("-inf")

    def write(self, facts: Mapping[str, Any], heard_at: float) -> None:
        """Replace it, unless that changes nothing. What cannot be written is told, and no more.

        :param facts: for JSON.
        :param heard_at: when the Manager said so, in seconds since 1970.
        """
        key = self._certificate.sealing_key(self._bound_to)
        if (key.key_id, facts) == self._written and 0 <= heard_at - self._written_at < SETTLED:
            return
        text = json.dumps({"version": _VERSION, "heard_at": heard_at, "facts": facts}).encode()
        try:
            replace_file(self.path, Sealer([key]).seal(text, bound_to=self._bound_to).encode())
        except OSError as error:
            logger.warning("what the Manager says cannot be kept", file=str(self.path), reason=error.strerror)
            return
        self._written, self._written_at = (key.key_id, facts), heard_at

    def read(self, now: float) -> tuple[Mapping[str, Any], float] | None:
        """What was written last and when the Manager had said so; None when there is nothing that may be used."""
        try:
            return self._read(now)
        except FileNotFoundError:
            return None
        except (OSError, AuthenticationError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            logger.warning("what the Manager said last cannot be used", file=str(self.path), reason=reason)
            return None

    def _read(self, now: float) -> tuple[Mapping[str, Any], float]:
        key = self._certificate.sealing_key(self._bound_to)
        text = Sealer([key]).open(self.path.read_bytes().decode(errors="replace"), bound_to=self._bound_to)
        kept = json.loads(text)
        if kept["version"] != _VERSION:
            raise AuthenticationError("it is from another version")
        heard_at, facts = float(kept["heard_at"]), dict(kept["facts"])
        if heard_at > now + MAX_SKEW:
            raise AuthenticationError("it is from the future: check the clock")
        if now - heard_at > MAX_AGE:
            raise AuthenticationError(f"it is older than {MAX_AGE / 3600:.0f} hours")
        return facts, heard_at

    def forget(self) -> None:
        """The Manager does not trust this machine any more: what it said is of no use."""
        self.path.unlink(missing_ok=True)
        self._written = None


def in_words(age: float) -> str:
    """How long ago something was."""
    seconds = max(0.0, age)
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
