"""What a log-in left: tokens and until when they are good. Only vaults see them as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from conduit.errors import AuthenticationError
from conduit.services.secret import Secret

MARGIN: Final = 60.0  # seconds before its end from which on a token counts as old: a request takes its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What the Manager gave for a password. Times are seconds since 1970."""

    email: str
    customer_id: str
    is_staff: bool
    access: Secret
    access_until: float
    refresh: Secret
    refresh_until: float

    def is_fresh(self, now: float) -> bool:
        """Whether the access token is good for a request."""
        return now < self.access_until - MARGIN

    def is_over(self, now: float) -> bool:
        """Whether only the password helps."""
        return now >= self.refresh_until

    def to_text(self) -> str:
        """For a vault."""
        return json.dumps(
            {
                "email": self.email,
                "customer_id": self.customer_id,
                "is_staff": self.is_staff,
                "access": self.access.reveal(),
                "access_until": self.access_until,
                "refresh": self.refresh.reveal(),
                "refresh_until": self.refresh_until,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """:raises AuthenticationError: it is damaged."""
        values = _read(text)
        try:
            return cls(
                email=str(values["email"]),
                customer_id=str(values["customer_id"]),
                is_staff=values["is_staff"] is True,
                access=Secret(str(values["access"])),
                access_until=float(values["access_until"]),
                refresh=Secret(str(values["refresh"])),
                refresh_until=float(values["refresh_until"]),
            )
        except (KeyError, TypeError, ValueError):
            raise _damaged() from None


@dataclass(frozen=True, slots=True)
class ServerToken:
    """What opens one server at a Gateway."""

    token: Secret
    until: float
    gateway: str
    "Base URL of the Gateway."

    def is_fresh(self, now: float) -> bool:
        """Whether it is good for a request."""
        return now < self.until - MARGIN


def tokens_to_text(tokens: Mapping[str, ServerToken]) -> str:
    """For a vault."""
    return json.dumps(
        {
            server: {"token": token.token.reveal(), "until": token.until, "gateway": token.gateway}
            for server, token in tokens.items()
        }
    )


def tokens_from_text(text: str) -> dict[str, ServerToken]:
    """The tokens by server; those that are damaged can be had again."""
    found = {}
    try:
        for server, each in _read(text).items():
            found[server] = ServerToken(Secret(str(each["token"])), float(each["until"]), str(each["gateway"]))
    except (AuthenticationError, KeyError, TypeError, ValueError):
        return {}
    return found


def _read(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        raise _damaged() from None
    if not isinstance(values, dict):
        raise _damaged()
    return values


def _damaged() -> AuthenticationError:
    return AuthenticationError("the stored log-in is damaged: conduit auth login")
