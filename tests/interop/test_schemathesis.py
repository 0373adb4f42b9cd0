"""Schemathesis at both OpenAPI documents: whatever it sends, the answer is one of the document's, and no failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.whole_path import ACME, STAFF, WholePath, open_whole_path

pytestmark = [pytest.mark.interop, pytest.mark.slow]
PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 5


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """One of its own: at the Manager it gives servers away, and does whatever else staff may."""
    with open_whole_path(tmp_path_factory.mktemp("schemathesis")) as running:
        yield running


def test_the_gateway_answers_as_its_document_says(path: WholePath, tmp_path: Path) -> None:
    run(tmp_path, path.gateway, path.server_token("web-01").text)
    assert "Traceback" not in path.log("gateway")


def test_the_manager_answers_a_customer_as_its_document_says(path: WholePath, tmp_path: Path) -> None:
    run(tmp_path, path.manager, path.log_in(ACME), warnings=())  # most of it is not for customers
    assert "Traceback" not in path.log("manager")


def test_the_manager_answers_staff_as_its_document_says(path: WholePath, tmp_path: Path) -> None:
    run(tmp_path, path.manager, path.log_in(STAFF))
    assert "Traceback" not in path.log("manager")


@pytest.mark.parametrize("service", ["manager", "gateway"])
def test_both_answer_nobody_as_their_documents_say(path: WholePath, tmp_path: Path, service: str) -> None:
    run(tmp_path, getattr(path, service), "nobody", warnings=())
    assert "Traceback" not in path.log(service)


def run(folder: Path, url: str, token: str, warnings: Sequence[str] = ("missing_auth",)) -> None:
    configuration = folder / "schemathesis.toml"  # everybody sees a program's words
    lines = f'headers = {{ Authorization = "Bearer {token}" }}', f"warnings.fail-on = {list(warnings)}"
    configuration.write_text("\n".join(lines))
    command: list[str | Path] = [PROGRAM, "--config-file", configuration, "run", f"{url}/openapi.json", "--url", url]
    command += ["--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--generation-deterministic"]
    # One worker: two threads that parse Python at once end before 3.11.9 in "AST constructor recursion depth mismatch".
    command += ["--workers", "1", "--request-timeout", "20", "--no-color", "--checks", CHECKS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
