"""nginx with the configuration that the documentation gives, in front of a Manager and a Gateway on loopback."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from conduit.cli.up.fleet import HOST
from conduit.cli.up.seed import Seed
from conduit.tunnel import TlsFiles

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy/nginx/conduit.conf"
NAME = "localhost"
PATIENCE = 10.0  # seconds
_MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    include {folder}/conduit.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Where it listens."""

    folder: Path
    tls: TlsFiles
    manager_port: int
    gateway_port: int

    @property
    def manager(self) -> str:
        """URL."""
        return f"https://{NAME}:{self.manager_port}"

    @property
    def gateway(self) -> str:
        """URL."""
        return f"https://{NAME}:{self.gateway_port}"

    @property
    def ca(self) -> Path:
        """Whom to trust."""
        return self.tls.ca

    @property
    def trust(self) -> ssl.SSLContext:
        """The same."""
        return ssl.create_default_context(cafile=str(self.ca))

    @property
    def requests(self) -> str:
        """What it passed on."""
        return (self.folder / "access.log").read_text()

    def configure(self, seed: Seed) -> None:
        """Services that stand behind it, and machines that reach the Manager through it; and its own files."""
        through = {"manager": self.manager, "manager_ca": str(self.ca)}
        trusting = {"trusted_proxies": [f"{HOST}/32"]}
        _change(seed.config("manager"), trusting)
        _change(seed.config("gateway"), {**trusting, **through, "public_url": self.gateway})
        _change(seed.config("agent"), through)
        (self.folder / "conduit.conf").write_text(self._example(seed))
        user = "user root;" if os.geteuid() == 0 else ""  # its workers read what only we do
        (self.folder / "nginx.conf").write_text(_MAIN.format(folder=self.folder, user=user))

    def _example(self, seed: Seed) -> str:
        """The example, with our names, ports and certificate."""
        text = EXAMPLE.read_text()
        for name, port, behind, inside in (
            ("manager", self.manager_port, 8080, seed.ports.manager),
            ("gw1", self.gateway_port, 8081, seed.ports.gateway),
        ):
            for old, new in (
                (f"server 127.0.0.1:{behind};", f"server {HOST}:{inside};"),  # for HTTP/1.1
                (f"server 127.0.0.1:{behind};", f"server {HOST}:{inside};"),  # for HTTP/2
                ("listen 443 ", f"listen {HOST}:{port} "),
                (f"{name}.provider.example;", f"{NAME};"),
                (f"/etc/ssl/conduit/{name}.pem", str(self.tls.certificate)),
                (f"/etc/ssl/conduit/{name}.key", str(self.tls.key)),
            ):
                assert old in text, f"{EXAMPLE} has no {old!r}"
                text = text.replace(old, new, 1)
        return text


def _change(config: Path, settings: Mapping[str, object]) -> None:
    """Give some settings other values."""
    lines = [line for line in config.read_text().splitlines() if line.partition(" = ")[0] not in settings]
    config.write_text("\n".join([*(f"{name} = {json.dumps(value)}" for name, value in settings.items()), *lines, ""]))


@contextmanager
def run_nginx(program: Path, nginx: Nginx) -> Iterator[None]:
    """Until the block ends; it was configured."""
    with subprocess.Popen([program, "-p", nginx.folder, "-c", nginx.folder / "nginx.conf"]) as process:
        try:
            _wait_ready(nginx, process)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_ready(nginx: Nginx, process: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        with suppress(httpx.TransportError):
            httpx.get(nginx.manager, verify=nginx.trust, trust_env=False)  # 502 is an answer too
            return
        assert process.poll() is None, (nginx.folder / "error.log").read_text()
        pause.wait(0.05)
    raise AssertionError((nginx.folder / "error.log").read_text())
