"""``conduit auth login``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Final

import asyncclick as click

from conduit.cli.nouns import PROFILE, Leaf, complain, is_interactive, tell
from conduit.cli.profiles.files import locked
from conduit.cli.profiles.keeper import LoginKeeper
from conduit.cli.profiles.logins import Login
from conduit.cli.profiles.place import Place, World, chosen_name, world_of
from conduit.cli.profiles.profiles import Profile, checked_name
from conduit.cli.profiles.session import MANAGER, open_http, repeatedly
from conduit.cli.profiles.urls import check_url
from conduit.cli.profiles.vaults import KEYRING, VaultError
from conduit.cli.prompts import ask, first_line
from conduit.cli.render import Field, Report
from conduit.services.api.manager.v1 import manager_pb as pb
from conduit.services.clock import from_timestamp
from conduit.services.connect_client import ConnectClient
from conduit.services.secret import Secret

__all__ = ["command"]

URL_VARIABLE: Final = "CONDUIT_MANAGER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the options say; empty ones are asked for."""

    manager: str
    email: str
    password_file: str
    ca_file: str | None
    allow_http: bool


@click.command("login", cls=Leaf, example="auth login --manager https://manager.example:8080 --email a@acme.example")
@click.option("--manager", default="", metavar="URL", help=f"The Manager; or {URL_VARIABLE}, or as the last time.")
@click.option("--email", default="", help="Your account; asked for on a terminal.")
@click.option("--password-file", default="", metavar="FILE", help="Its first line is the password.")
@click.option("--password-stdin", is_flag=True, help="The password is the first line of standard input.")
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="Certificates to trust in place of the system's.",
)
@click.option(
    "--allow-http", is_flag=True, help="Send tokens to other machines without TLS too: anybody can read them."
)
@click.pass_context
async def command(
    ctx: click.Context,
    *,
    manager: str,
    email: str,
    password_file: str,
    password_stdin: bool,
    ca_file: str | None,
    allow_http: bool,
) -> None:
    """Log in to a Manager with your password, which is asked for on a terminal.

    Tokens go to the system's keyring where there is one, else to a file that
    only you can read. CONDUIT_KEYRING=off leaves the keyring alone.
    """
    if password_file and password_stdin:
        raise click.UsageError("--password-file and --password-stdin: which of them?")
    source = "-" if password_stdin else password_file
    request = Request(manager=manager, email=email, password_file=source, ca_file=ca_file, allow_http=allow_http)
    world = world_of(ctx)
    place = Place(world)
    profiles = place.profiles()
    name = checked_name(chosen_name(ctx.meta.get(PROFILE), profiles))
    profile = _profile(request, profiles.known.get(name))
    login = await _authenticate(world, profile, _password(profile.email, source))
    keeper = await _keep(place, name, login)
    profile = replace(profile, email=login.email, vault=keeper.vault.kind)
    async with locked(place.lock):
        place.save(place.profiles().with_profile(name, profile))
    tell(ctx, _report(name, profile, login))


def _profile(request: Request, before: Profile | None) -> Profile:
    """Where to and as whom: what the options leave open is as it was, or asked for."""
    old = before or Profile(manager="")
    url = request.manager or os.environ.get(URL_VARIABLE, "") or old.manager or _ask("Manager (URL)", "--manager")
    same = url.rstrip("/") == old.manager
    email = request.email or (old.email if same else "") or _ask("Email", "--email")
    allow_http = request.allow_http or (same and old.allow_http)
    ca_file = request.ca_file or (old.ca_file if same else "")
    return Profile(
        manager=check_url(url, allow_http=allow_http), email=email.strip(), ca_file=ca_file, allow_http=allow_http
    )


def _ask(what: str, option: str) -> str:
    if not is_interactive():
        raise click.UsageError(f"say {option}, or run on a terminal to be asked")
    click.echo(f"{what}: ", err=True, nl=False)
    answer = click.get_text_stream("stdin").readline().strip()
    if not answer:
        raise click.UsageError(f"nothing was typed; see {option}")
    return answer


def _password(email: str, source: str) -> Secret:
    if source:
        return Secret(first_line(source))
    if not is_interactive():
        raise click.UsageError("no password: use --password-file or --password-stdin, or run on a terminal to be asked")
    return Secret(ask(f"Password of {email}: "))


async def _authenticate(world: World, profile: Profile, password: Secret) -> Login:
    async with open_http(world, profile) as http:
        client = ConnectClient(http, profile.manager, MANAGER)
        request = pb.AuthenticateRequest(email=profile.email, password=password.reveal())
        answer = await repeatedly(lambda: client.call("Authenticate", request, pb.AuthenticateResponse), safe=True)
    customer = answer.customer or pb.Customer()
    return Login(
        email=customer.email or profile.email,
        customer_id=customer.id,
        is_staff=customer.is_staff,
        access=Secret(answer.access_token),
        access_until=from_timestamp(answer.expires_at) or 0.0,
        refresh=Secret(answer.refresh_token),
        refresh_until=from_timestamp(answer.refresh_expires_at) or 0.0,
    )


async def _keep(place: Place, name: str, login: Login) -> LoginKeeper:
    """Keep it in the best place that takes it, and nowhere else."""
    *keyrings, file = place.keepers_for_login(name)
    for keeper in keyrings:
        try:
            await keeper.put(login)
        except VaultError as error:
            complain(f"{error}; the log-in is kept in a file")
        else:
            await file.drop()
            return keeper
    await file.put(login)
    return file


def _report(name: str, profile: Profile, login: Login) -> Report:
    where = "the keyring" if profile.vault == KEYRING else "a file that only you can read"
    return Report(
        summary=f"Logged in to {profile.manager} as {login.email} (profile {name}; tokens are in {where})",
        fields=[
            Field("profile", "Profile", name),
            Field("manager", "Manager", profile.manager),
            Field("email", "Email", login.email),
            Field("is_staff", "Staff", login.is_staff),
            Field("vault", "Tokens in", profile.vault),
        ],
        brief=True,
    )
