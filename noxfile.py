"""The checks, one session each.

Sessions run in the environment that nox itself runs in (`make setup` builds it as .venv), so nothing is downloaded
and they work offline. CI and the Makefile call these and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "imports", "unit", "property", "fuzz_smoke", "interop", "browser"]
nox.options.error_on_missing_interpreters = True

PROTOCOL_CODE = (
    "src/conduit/rmcp/*,src/conduit/ipmi/*,src/conduit/tunnel/*,src/conduit/console/*,"
    "src/conduit/rfb/*,src/conduit/websocket/*,"
    "src/conduit/errors.py,src/conduit/_wire.py,src/conduit/_lease.py"
)
PROTOCOL_TESTS = [f"tests/unit/{each}" for each in ("rmcp", "ipmi", "tunnel", "console", "rfb", "websocket")]
PROTOCOL_TESTS += sorted(map(str, Path("tests/unit").glob("test_*.py")))
# Layer 3, the interop and integration tests' business.
DRIVERS = (
    "*/rfb/hub.py,*/rfb/server.py,"
    "*/endpoint.py,*/port.py,*/entropy.py,*/client.py,*/bmc_client.py,*/fleet.py,*/operations/*,*/serve.py,*/sweeper.py,"
    "*/console.py,*/console_activation.py,*/serial_pipes.py,*/qemu.py,"
    "*/tunnel/carriers.py,*/tunnel/handshake.py,*/tunnel/link.py,*/tunnel/stream.py,*/tunnel/tls.py,*/tunnel/tunnel.py,"
    "*/tunnel/control_stream.py,*/tunnel/reconnect.py,*/tunnel/proxy.py,*/tunnel/roads.py,*/tunnel/websocket.py,"
    "*/tunnel/calls.py,*/tunnel/datagrams.py,*/tunnel/resumable.py,*/tunnel/resume_open.py,*/tunnel/resume_serve.py,"
    "*/tunnel/serving.py,*/tunnel/forward.py,*/tunnel/splice.py,*/tunnel/reading.py,*/tunnel/writing.py,"
    "*/rfb/display.py,*/rfb/keep_alive.py,*/rfb/login.py,*/rfb/recorders.py,*/rfb/relay.py,*/rfb/sides.py,*/rfb/transports.py,*/rfb/trust.py,*/rfb/websocket_stream.py"
)

RELEASED_PROTOS = "proto/released.binpb"


def module(session: nox.Session, *command: str) -> None:
    """Run a module with the Python that runs nox."""
    session.run(sys.executable, "-m", *command, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    module(session, "ruff", "check", *(session.posargs or ["."]))
    module(session, "ruff", "format", "--check", *(session.posargs or ["."]))


@nox.session(default=False)
def fix(session: nox.Session) -> None:
    """Ruff: format, and repair what it can."""
    module(session, "ruff", "check", "--fix", *(session.posargs or ["."]))
    module(session, "ruff", "format", *(session.posargs or ["."]))


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    module(session, "mypy", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """The layers, by import-linter."""
    lint_imports = Path(sys.executable).with_name("lint-imports")
    session.run(str(lint_imports), "--no-logo", "--no-cache", *session.posargs, external=True)


@nox.session(default=False)
def protos(session: nox.Session) -> None:
    """Lint proto/, compare it with what was released, and make src/conduit/services/api from it."""
    against = ["breaking", "--against", RELEASED_PROTOS]
    for words in (["lint"], ["format", "--diff", "--exit-code"], against, ["generate"]):
        buf(session, *words)


@nox.session(default=False)
def protos_released(session: nox.Session) -> None:
    """At a release, and only then: what proto/ says now is what later ones may not break."""
    buf(session, "build", "--exclude-source-info", "--output", RELEASED_PROTOS)


def buf(session: nox.Session, *words: str) -> None:
    """Run buf; it finds its plugins beside the Python that runs nox."""
    tools = Path(sys.executable).parent
    session.env["PATH"] = f"{tools}:{session.env.get('PATH', '')}"
    session.run(str(tools / "buf"), *words, external=True)


@nox.session
def unit(session: nox.Session) -> None:
    """Tests of one module at a time, and of clients against our own BMC on loopback."""
    module(session, "pytest", "tests", "-m", "not interop and not property and not browser", *session.posargs)


@nox.session(name="property")
def property_(session: nox.Session) -> None:
    """Tests whose input Hypothesis chooses."""
    module(session, "pytest", "tests/property", *session.posargs)


@nox.session
def fuzz_smoke(session: nox.Session) -> None:
    """Every fuzz target on its corpus and on some thousand mutations of it."""
    module(session, "pytest", "tests/property/test_fuzz_targets.py", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Against real peers; `-- rfb` takes what is about displays; CONDUIT_REQUIRE_PEERS=1 makes a missing one fail."""
    words = list(session.posargs)
    if words == ["rfb"]:  # real browsers are among its peers
        module(session, "pytest", "tests", "-m", "rfb")
        return
    is_topic = len(words) == 1 and words[0].isidentifier()
    module(session, "pytest", "tests", "-m", "interop", *(["-k"] if is_topic else []), *words)


@nox.session
def browser(session: nox.Session) -> None:
    """The web pages (`make web`) in Chromium, and their TypeScript's own tests."""
    module(session, "pytest", "tests", "-m", "browser", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """The protocol code's unit tests; they must take every branch of it."""
    parallel = ("-n", "auto", "--dist", "loadfile")
    module(session, "pytest", "--quiet", *parallel, "--cov", "--cov-report=", *PROTOCOL_TESTS, *session.posargs)
    module(session, "coverage", "report", f"--include={PROTOCOL_CODE}", f"--omit={DRIVERS}", "--fail-under=100")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """The benchmarks; `-- --help` lists them."""
    if not Path("bench/__main__.py").exists():
        session.skip("no benchmarks yet")
    module(session, "bench", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The site; a warning is an error."""
    session.env["NO_MKDOCS_2_WARNING"] = "1"  # Material's notice of its own end of life, 2027; see docs/plan.md
    module(session, "mkdocs", "build", "--strict", *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Wheel and source distribution."""
    module(session, "hatchling", "build", "--clean", *session.posargs)


if __name__ == "__main__":
    nox.main()
