"""Commands' way to the Manager and to Gateways: with the right token, which is renewed by itself."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import trio
from protobuf import Message

from conduit.cli.profiles.keeper import NOT_LOGGED_IN, LoginKeeper
from conduit.cli.profiles.logins import Login, ServerToken
from conduit.cli.profiles.place import Place, World, chosen_name
from conduit.cli.profiles.profiles import Profile
from conduit.cli.profiles.urls import check_url
from conduit.errors import AuthenticationError, CallError, LocalProtocolError
from conduit.services.api.manager.v1 import manager_pb as pb
from conduit.services.clock import from_timestamp
from conduit.services.connect_client import ConnectClient
from conduit.services.secret import Secret
from conduit.tunnel.call_frames import Code

MANAGER: Final = "manager.v1.BMCManagerService"
ADMIN: Final = "manager.v1.AdminService"
GATEWAY: Final = "gateway.v1.GatewayService"
PATIENCE: Final = 30.0  # seconds for an answer
CONNECT_PATIENCE: Final = 10.0  # seconds until somebody is there
RETRY_DELAYS: Final = (0.3, 1.0, 2.0)  # seconds before what is safe is tried again
_Answer = TypeVar("_Answer", bound=Message[Any])
_Result = TypeVar("_Result")


@asynccontextmanager
async def open_http(world: World, profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    """Connections that trust whom the profile trusts."""
    verify = tls_of(profile) or True
    timeout = httpx.Timeout(PATIENCE, connect=CONNECT_PATIENCE)
    async with httpx.AsyncClient(transport=world.transport, verify=verify, timeout=timeout) as http:
        yield http


def tls_of(profile: Profile) -> ssl.SSLContext | None:
    """Whom the profile trusts; None is whom the system trusts.

    :raises LocalProtocolError: its certificates cannot be used.
    """
    if not profile.ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=profile.ca_file)
    except OSError as error:  # ssl's errors are such too
        raise LocalProtocolError(f"cannot use the certificates in {profile.ca_file}: {error}") from error


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    name: str
    profile: Profile
    keeper: LoginKeeper
    http: httpx.AsyncClient

    async def manager(self, method: str, request: Message[Any], answer: type[_Answer], *, safe: bool = True) -> _Answer:
        """Ask the Manager. :param safe: whether it may be asked twice."""
        return await self._as_customer(MANAGER, method, request, answer, safe=safe)

    async def admin(self, method: str, request: Message[Any], answer: type[_Answer], *, safe: bool = False) -> _Answer:
        """As staff."""
        return await self._as_customer(ADMIN, method, request, answer, safe=safe)

    async def gateway(
        self,
        server_id: str,
        method: str,
        request: Message[Any],
        answer: type[_Answer],
        *,
        safe: bool = False,
        patience: float = PATIENCE,
        delays: Sequence[float] = RETRY_DELAYS,
    ) -> _Answer:
        """Ask the server's Gateway.

        :param safe: whether it may be asked twice.
        :param patience: seconds that an answer may take.
        :param delays: before it is tried again.
        """

        async def attempt() -> _Answer:
            token = await self.server_token(server_id)
            try:
                return await self._gateway_call(token, method, request, answer, patience)
            except CallError as error:
                other = await self._other_token(server_id, token, error)  # what fails so has done nothing
                if other is None:
                    raise
            return await self._gateway_call(other, method, request, answer, patience)

        return await repeatedly(attempt, safe=safe, delays=delays)

    async def _other_token(self, server_id: str, token: ServerToken, error: CallError) -> ServerToken | None:
        """A token that may do better after *error*: this one was not believed, or its Gateway is gone."""
        if error.code == Code.UNAUTHENTICATED:
            return await self.server_token(server_id, unlike=token)
        if not (error.code == Code.UNAVAILABLE and error.safe_to_retry):
            return None
        try:
            other = await self.server_token(server_id, unlike=token, delays=())
        except CallError:
            return None  # the Manager may be down too: what we have is as good as anything
        return other if other.gateway != token.gateway else None

    async def server_token(
        self, server_id: str, *, unlike: ServerToken | None = None, delays: Sequence[float] = RETRY_DELAYS
    ) -> ServerToken:
        """What opens the server, from the last time where it is good yet.

        :param unlike: one that a Gateway did not like.
        """
        token = await self.keeper.server_token(server_id)
        if token is not None and (unlike is None or token.token != unlike.token):
            return token
        request = pb.GetServerTokenRequest(server_id=server_id)
        found = await self._as_customer(
            MANAGER, "GetServerToken", request, pb.GetServerTokenResponse, safe=True, delays=delays
        )
        check_url(found.gateway_endpoint, allow_http=self.profile.allow_http)
        token = ServerToken(Secret(found.token), from_timestamp(found.expires_at) or 0.0, found.gateway_endpoint)
        await self.keeper.put_server_token(server_id, token)
        return token

    async def refresh(self) -> Login:
        """Give the refresh token for the next one, needed or not."""
        return await self.keeper.fresh(self._renew, unlike=await self.keeper.get())

    async def _gateway_call(
        self, token: ServerToken, method: str, request: Message[Any], answer: type[_Answer], patience: float
    ) -> _Answer:
        client = ConnectClient(self.http, token.gateway, GATEWAY)
        return await client.call(method, request, answer, bearer=token.token.reveal(), timeout=patience)

    async def _as_customer(
        self,
        service: str,
        method: str,
        request: Message[Any],
        answer: type[_Answer],
        *,
        safe: bool,
        delays: Sequence[float] = RETRY_DELAYS,
    ) -> _Answer:
        client = ConnectClient(self.http, self.profile.manager, service)

        async def attempt() -> _Answer:
            login = await self.keeper.fresh(self._renew)
            try:
                return await client.call(method, request, answer, bearer=login.access.reveal())
            except CallError as error:
                if error.code != Code.UNAUTHENTICATED:
                    raise
            login = await self.keeper.fresh(self._renew, unlike=login)  # our clock may be wrong, or keys have changed
            return await client.call(method, request, answer, bearer=login.access.reveal())

        return await repeatedly(attempt, safe=safe, delays=delays)

    async def _renew(self, login: Login) -> Login:
        client = ConnectClient(self.http, self.profile.manager, MANAGER)
        request = pb.RefreshTokenRequest(refresh_token=login.refresh.reveal())
        found = await client.call("RefreshToken", request, pb.RefreshTokenResponse)
        return Login(
            email=login.email,
            customer_id=login.customer_id,
            is_staff=login.is_staff,
            access=Secret(found.access_token),
            access_until=from_timestamp(found.expires_at) or 0.0,
            refresh=Secret(found.refresh_token),
            refresh_until=from_timestamp(found.refresh_expires_at) or 0.0,
        )


@asynccontextmanager
async def open_session(world: World, named: str | None) -> AsyncIterator[Session]:
    """As whom a profile says.

    :raises AuthenticationError: nobody is logged in.
    """
    place = Place(world)
    profiles = place.profiles()
    if not profiles.known:
        raise AuthenticationError(NOT_LOGGED_IN)
    name = chosen_name(named, profiles)
    profile = profiles.find(name)
    async with open_http(world, profile) as http:
        yield Session(name, profile, place.keeper(name, profile), http)


async def repeatedly(
    attempt: Callable[[], Awaitable[_Result]], *, safe: bool, delays: Sequence[float] = RETRY_DELAYS
) -> _Result:
    """Try again after a while where nobody was there, and it does no harm.

    :param safe: it may be done twice; else only what certainly was not done is tried again.
    """
    for delay in delays:
        try:
            return await attempt()
        except CallError as error:
            if error.code != Code.UNAVAILABLE or not (safe or error.safe_to_retry):
                raise
        await trio.sleep(delay)
    return await attempt()
