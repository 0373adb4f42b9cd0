"""A machine that has enrolled, without a Manager."""

from __future__ import annotations

from pathlib import Path

from conduit.services.certificates import Authority, Identity, new_key, request_certificate, to_pem
from conduit.services.machine import MachineCertificate, MachineFiles
from tests.fakes.manager import Clock

AUTHORITY = Authority.create(Clock().now)


def certify(files: MachineFiles, clock: Clock, identity: Identity) -> None:
    """Write what enrolment, or renewal, writes."""
    key = new_key()
    certificate = AUTHORITY.issue(request_certificate(key), identity, clock())
    files.write(key=key, certificate=to_pem(certificate), ca=to_pem(AUTHORITY.certificate))


def enrolled(folder: Path, clock: Clock, kind: str = "gateway", name: str = "gw1") -> MachineCertificate:
    files = MachineFiles(folder)
    certify(files, clock, Identity(kind, name))
    return MachineCertificate(files, clock)
