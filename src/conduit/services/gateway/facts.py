"""What a Gateway must know to judge tokens, in a form that can be kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from protobuf import Oneof

from conduit.errors import AuthenticationError
from conduit.services.api.manager.v1.machine_pb import Revocation
from conduit.services.clock import timestamp
from conduit.services.sealing import SealingKey

Ended = tuple[str, str, float]
"The kind of what is revoked, its name, and the time before which it was issued."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the Manager told."""

    jwks: Mapping[str, Any]
    "Its public keys."
    region_keys: Sequence[SealingKey] = field(repr=False)
    revocations: Sequence[Ended]

    def encode(self) -> dict[str, Any]:
        """For JSON."""
        keys = [[key.key_id, base64.b64encode(key.key).decode()] for key in self.region_keys]
        return {"jwks": self.jwks, "region_keys": keys, "revocations": [list(each) for each in self.revocations]}

    @classmethod
    def decode(cls, facts: Mapping[str, Any]) -> Self:
        """:raises AuthenticationError: it is something else."""
        try:
            return cls(
                jwks=dict(facts["jwks"]),
                region_keys=[SealingKey(str(name), base64.b64decode(key)) for name, key in facts["region_keys"]],
                revocations=[(str(kind), str(name), float(before)) for kind, name, before in facts["revocations"]],
            )
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise AuthenticationError("it makes no sense") from error


def as_messages(revocations: Sequence[Ended]) -> list[Revocation]:
    """As the Manager sends them; their numbers are not kept."""
    return [
        Revocation(what=Oneof(kind, name), not_before=timestamp(before))  # type: ignore[arg-type]  # one of the four
        for kind, name, before in revocations
    ]
