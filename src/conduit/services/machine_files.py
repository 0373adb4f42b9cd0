"""What a machine has in its state folder: key, certificates, and what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conduit.services.certificates import Key, key_to_pem
from conduit.services.files import replace_file
from conduit.tunnel import TlsFiles

_JOINED: Final = "joined"


class MachineFiles:
    """Where a machine's key and certificates are; only its user reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pem = folder / "machine.pem"  # certificate and key in one file, so that they are replaced together
        self.tls = TlsFiles(certificate=self.pem, key=self.pem, ca=folder / "ca.pem")

    def exist(self) -> bool:
        """Whether the machine has enrolled."""
        return self.pem.exists() and self.tls.ca.exists()

    def write(self, *, key: Key, certificate: str, ca: str) -> None:
        """Replace them."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self.tls.ca, ca.encode())
        replace_file(self.pem, certificate.encode() + key_to_pem(key))

    def next_generation(self) -> int:
        """One more than at the last start."""
        path = self.folder / "generation"
        generation = int(path.read_text()) + 1 if path.exists() else 1
        replace_file(path, str(generation).encode())
        return generation

    def joined_with(self) -> str:
        """The digest of the join token that was used last."""
        path = self.folder / _JOINED
        return path.read_text() if path.exists() else ""

    def note_joined(self, digest: str) -> None:
        """It was used."""
        replace_file(self.folder / _JOINED, digest.encode())
