"""A profile's log-in, kept between commands and renewed by whichever command finds it old: one at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from conduit.cli.profiles.files import locked
from conduit.cli.profiles.logins import Login, ServerToken, tokens_from_text, tokens_to_text
from conduit.cli.profiles.vaults import Vault
from conduit.errors import AuthenticationError, CallError
from conduit.services.clock import Clock
from conduit.tunnel.call_frames import Code

MAX_SERVER_TOKENS: Final = 64  # kept; the ones that end first go
NOT_LOGGED_IN: Final = "you are not logged in: conduit auth login"
LOGIN_OVER: Final = "your log-in has ended; log in: conduit auth login"
Renew = Callable[[Login], Awaitable[Login]]
"Gives the next log-in for one; the old one's refresh token is used up then."


class LoginKeeper:
    """One profile's tokens in its vault.

    :param lock: file by which processes keep out of each other's way.
    """

    def __init__(self, vault: Vault, profile: str, lock: Path, clock: Clock) -> None:
        self.vault = vault
        self._name = profile
        self._lock = lock
        self._clock = clock

    async def find(self) -> Login | None:
        """The log-in as it is, None without one."""
        text = await self.vault.read(self._login)
        return None if text is None else Login.from_text(text)

    async def get(self) -> Login:
        """:raises AuthenticationError: nobody is logged in, or not any more."""
        login = await self.find()
        if login is None:
            raise AuthenticationError(NOT_LOGGED_IN)
        return login

    async def put(self, login: Login) -> None:
        """Begin with a new log-in; what the old one had is gone."""
        async with locked(self._lock):
            await self.vault.delete(self._servers)
            await self.vault.write(self._login, login.to_text())

    async def drop(self) -> None:
        """Forget everything."""
        async with locked(self._lock):
            await self._forget()

    async def fresh(self, renew: Renew, *, unlike: Login | None = None) -> Login:
        """A log-in whose access token is good now; renewed where it must be.

        :param unlike: one that the Manager did not like, however fresh it looks.
        :raises AuthenticationError: only the password helps.
        """
        login = await self.get()
        if self._good(login, unlike):
            return login
        async with locked(self._lock):
            login = await self.get()  # somebody else may have renewed it while we waited
            return login if self._good(login, unlike) else await self._renew(renew, login)

    def _good(self, login: Login, unlike: Login | None) -> bool:
        return login.is_fresh(self._clock()) and (unlike is None or login.access != unlike.access)

    async def _renew(self, renew: Renew, login: Login) -> Login:
        if login.is_over(self._clock()):
            await self._forget()
            raise AuthenticationError(LOGIN_OVER)
        try:
            renewed = await renew(login)
        except CallError as error:
            if error.code != Code.UNAUTHENTICATED:
                raise
            await self._forget()
            raise AuthenticationError(LOGIN_OVER) from error
        renewed = replace(renewed, email=login.email, customer_id=login.customer_id, is_staff=login.is_staff)
        await self.vault.write(self._login, renewed.to_text())
        return renewed

    # --- servers ------------------------------------------------------------------------------------------------------

    async def server_token(self, server_id: str) -> ServerToken | None:
        """One that is good for a request, None where it has to be asked for."""
        token = (await self._tokens()).get(server_id)
        return token if token is not None and token.is_fresh(self._clock()) else None

    async def put_server_token(self, server_id: str, token: ServerToken | None) -> None:
        """Keep it; None forgets the one that is kept."""
        async with self._changing_tokens() as tokens:
            tokens.pop(server_id, None)
            if token is not None:
                tokens[server_id] = token

    @asynccontextmanager
    async def _changing_tokens(self) -> AsyncIterator[dict[str, ServerToken]]:
        async with locked(self._lock):
            tokens = await self._tokens()
            yield tokens
            now = self._clock()
            fresh = sorted((item for item in tokens.items() if item[1].is_fresh(now)), key=lambda item: item[1].until)
            await self.vault.write(self._servers, tokens_to_text(dict(fresh[-MAX_SERVER_TOKENS:])))

    async def _tokens(self) -> dict[str, ServerToken]:
        text = await self.vault.read(self._servers)
        return {} if text is None else tokens_from_text(text)

    async def _forget(self) -> None:
        await self.vault.delete(self._servers)
        await self.vault.delete(self._login)

    @property
    def _login(self) -> str:
        return f"{self._name}.login"

    @property
    def _servers(self) -> str:
        return f"{self._name}.servers"
