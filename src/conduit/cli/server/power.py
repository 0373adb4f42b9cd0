"""``conduit server power``: its state and its control, with the effect waited for at the BMC."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import asyncclick as click
import trio

from conduit._trio import open_background_nursery
from conduit.cli.moments import moment_of
from conduit.cli.nouns import Leaf, Verbs, confirm, is_interactive, logged_in, tell
from conduit.cli.params import WholeNumber
from conduit.cli.render import Field, Report, make_console
from conduit.errors import CallError
from conduit.services.api.gateway.v1 import gateway_pb as pb
from conduit.tunnel.call_frames import Code

__all__ = ["command"]

WAIT: Final = 60  # seconds
MARGIN: Final = 20.0  # seconds that an answer may take beyond what the Agent waits
STATES: Final = {pb.PowerState.ON: "on", pb.PowerState.OFF: "off", pb.PowerState.CYCLING: "cycling"}


class Verb(NamedTuple):
    """One thing that power can be told."""

    method: str
    help: str
    question: str
    "Asked first on a terminal; empty for what harms nobody."
    waits: bool
    "Whether there is an effect to wait for."
    doing: str


VERBS: Final = {
    "on": Verb("PowerOn", "Switch power on.", "", waits=True, doing="switching on"),
    "off": Verb(
        "PowerOff",
        "Switch power off at once, without asking the system.",
        "Force {server} off? Unsaved data will be lost.",
        waits=True,
        doing="switching off",
    ),
    "cycle": Verb(
        "PowerCycle",
        "Switch power off and, after a pause, on.",
        "Switch {server} off and on? Unsaved data will be lost.",
        waits=True,
        doing="switching off and on",
    ),
    "reset": Verb(
        "Reset",
        "Reset the system; power stays on.",
        "Reset {server}? Unsaved data will be lost.",
        waits=True,
        doing="resetting",
    ),
    "soft": Verb("PowerSoft", "Ask the operating system to shut down.", "", waits=True, doing="shutting down"),
    "diag": Verb(
        "PowerDiag",
        "Send a diagnostic interrupt (NMI); most systems dump their memory and halt.",
        "Interrupt {server}? Most systems halt then.",
        waits=False,
        doing="interrupting",
    ),
}


@click.command("status", cls=Leaf, example="server power status db-01")
@click.argument("server")
@click.pass_context
async def status(ctx: click.Context, server: str) -> None:
    """Is power on? The BMC is asked."""
    async with logged_in(ctx) as session:
        request = pb.PowerStatusRequest(server_id=server)
        answer = await session.gateway(server, "GetPowerStatus", request, pb.PowerStatusResponse, safe=True)
    state = state_name(answer.state)
    fields = [
        Field("server", "Server", server),
        Field("power", "Power", state),
        Field("observed_at", "Observed at", moment_of(answer.observed_at)),
        Field("protocol", "Protocol", answer.protocol or None),
    ]
    tell(ctx, Report(summary=f"{server} is {state}", fields=fields, brief=True))


def state_name(state: pb.PowerState) -> str:
    """In one word."""
    return STATES.get(state, "unknown")


def _make_command(name: str, verb: Verb) -> click.Command:
    @click.command(name, cls=Leaf, help=verb.help, example=f"server power {name} db-01")
    @click.argument("server")
    @click.option("--wait/--no-wait", default=verb.waits, help="Return when the BMC says that it is so; or at once.")
    @click.option(
        "--timeout",
        type=WholeNumber(min=1, max=300),
        default=WAIT,
        show_default=True,
        help="Seconds to wait for the effect.",
    )
    @click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
    @click.pass_context
    async def command(ctx: click.Context, server: str, *, wait: bool, timeout: int, yes: bool) -> None:  # noqa: ASYNC109
        if verb.question:
            confirm(verb.question.format(server=server), yes=yes)
        request = pb.PowerOperationRequest(
            server_id=server, wait=wait and verb.waits, timeout_seconds=timeout, idempotency_key=uuid.uuid4().hex
        )
        tell(ctx, await _operate(ctx, name, verb, request))

    return command


async def _operate(ctx: click.Context, name: str, verb: Verb, request: pb.PowerOperationRequest) -> Report:
    server = request.server_id
    patience = (request.timeout_seconds if request.wait else 0) + MARGIN
    async with logged_in(ctx) as session, progress(f"{server}: {verb.doing}"):
        answer = await session.gateway(server, verb.method, request, pb.PowerOperationResponse, patience=patience)
    if not answer.success:
        raise CallError(Code.FAILED_PRECONDITION, answer.message or f"{server}: {name} did not work")
    state = state_name(answer.state)
    took = f"after {answer.elapsed_ms / 1000:.1f} s" if request.wait else "the BMC has accepted it"
    fields = [
        Field("server", "Server", server),
        Field("action", "Action", name),
        Field("power", "Power", state),
        Field("waited", "Waited", request.wait),
        Field("elapsed_ms", "Took (ms)", answer.elapsed_ms),
        Field("protocol", "Protocol", answer.protocol or None),
    ]
    return Report(summary=f"{server}: {name}, {took}; power is {state}", fields=fields, brief=True)


@asynccontextmanager
async def progress(what: str) -> AsyncIterator[None]:
    """On a terminal says what goes on, and for how long it has."""
    console = make_console(stderr=True)
    if not (is_interactive() and console.is_terminal):
        yield
        return
    with console.status(what) as line:

        async def count() -> None:
            started = trio.current_time()
            while True:
                await trio.sleep(1)
                line.update(f"{what}, {trio.current_time() - started:.0f} s")

        async with open_background_nursery() as nursery:
            nursery.start_soon(count)
            yield


command = Verbs(
    "power",
    commands={"status": status, **{name: _make_command(name, verb) for name, verb in VERBS.items()}},
    example="server power cycle db-01",
    help="Power: its state, and its control. Switching waits until the BMC says that it has happened.",
)
