"""Tokens: what the Manager signs, others verify, and nobody else makes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import AuthenticationError
from conduit.services.clock import MAX_SKEW
from conduit.services.permissions import OWNER, Permission
from conduit.services.sealing import Sealer, SealingKey
from conduit.services.tokens import (
    ACCESS_LIFE,
    ISSUER,
    MAX_TOKEN,
    SERVER_LIFE,
    ServerContext,
    SigningKey,
    TokenSigner,
    TokenVerifier,
)

NOW = 1_800_000_000.0
KEY = SigningKey.generate()
SIGNER = TokenSigner(KEY)
VERIFIER = TokenVerifier({KEY.key_id: KEY.private.public_key()})
REGION = SealingKey.generate()


def access() -> str:
    return SIGNER.access_token(customer_id="c1", email="a@b.c", is_staff=False, now=NOW)[0]


def server(seal: Callable[[str], str] = lambda token_id: "sealed") -> str:
    return SIGNER.server_token(
        customer_id="c1", email="a@b.c", server_id="db-01", permissions=OWNER, seal_context=seal, now=NOW
    )[0]


def tampered(token: str, **changes: Any) -> str:
    header, payload, signature = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**fields, **changes}).encode()).decode().rstrip("=")
    return f"{header}.{changed}.{signature}"


def test_an_access_token_says_who_somebody_is() -> None:
    claims = VERIFIER.access(access(), NOW)
    assert (claims.customer_id, claims.email, claims.is_staff) == ("c1", "a@b.c", False)
    assert claims.expires_at == NOW + ACCESS_LIFE


def test_a_server_token_says_what_somebody_may_do_with_one_server() -> None:
    claims = VERIFIER.server(server(), NOW)
    assert (claims.server_id, claims.permissions) == ("db-01", OWNER)


def test_a_verifier_made_of_the_published_keys_judges_the_same() -> None:
    published = json.loads(json.dumps({"keys": [KEY.public_jwk()]}))
    assert TokenVerifier.from_jwks(published).access(access(), NOW).email == "a@b.c"
    assert "d" not in published["keys"][0]  # the private half


@pytest.mark.parametrize(
    "token",
    [
        tampered(access(), staff=True),
        tampered(access(), exp=NOW * 2),
        access()[:-2],
        access().rpartition(".")[0] + ".",
        "",
        "x.y.z",
        "a" * (MAX_TOKEN + 1),
    ],
    ids=["staff", "later", "short", "unsigned", "empty", "nonsense", "long"],
)
def test_a_token_that_was_changed_is_worth_nothing(token: str) -> None:
    with pytest.raises(AuthenticationError):
        VERIFIER.access(token, NOW)


def test_a_token_of_one_kind_is_not_taken_for_the_other() -> None:
    with pytest.raises(AuthenticationError, match="another kind"):
        VERIFIER.server(access(), NOW)
    with pytest.raises(AuthenticationError, match="another kind"):
        VERIFIER.access(server(), NOW)


def test_the_public_key_as_a_shared_secret_signs_nothing() -> None:
    payload = {"iss": ISSUER, "sub": "c1", "email": "a@b.c", "staff": True, "jti": "1", "iat": NOW, "exp": NOW + 60}
    forged = jwt.encode(payload, KEY.public_jwk()["x"] * 2, algorithm="HS256", headers={"kid": KEY.key_id})
    unsigned = jwt.encode(payload, "", algorithm="none", headers={"kid": KEY.key_id, "typ": "access+jwt"})
    for token in (forged, unsigned):
        with pytest.raises(AuthenticationError):
            VERIFIER.access(token, NOW)


def test_another_key_of_the_same_name_signs_nothing() -> None:
    stranger = SigningKey(KEY.key_id, SigningKey.generate().private)
    token = TokenSigner(stranger).access_token(customer_id="c1", email="a@b.c", is_staff=True, now=NOW)[0]
    with pytest.raises(AuthenticationError):
        VERIFIER.access(token, NOW)


@pytest.mark.parametrize("late", [0, ACCESS_LIFE, ACCESS_LIFE + MAX_SKEW])
def test_a_token_is_good_until_it_ends_and_a_clock_may_be_off_by_a_minute(late: float) -> None:
    VERIFIER.access(access(), NOW + late)


@pytest.mark.parametrize("late", [ACCESS_LIFE + MAX_SKEW + 1, -MAX_SKEW - 1])
def test_a_token_is_good_neither_after_nor_before_its_time(late: float) -> None:
    with pytest.raises(AuthenticationError):
        VERIFIER.access(access(), NOW + late)


def test_an_unknown_key_is_told_apart_from_a_token_that_no_key_helps() -> None:
    other = TokenSigner(SigningKey.generate()).access_token(customer_id="", email="", is_staff=False, now=NOW)[0]
    assert not VERIFIER.knows_key_of(other)
    assert VERIFIER.knows_key_of(access())
    assert VERIFIER.knows_key_of("nonsense")


def test_permissions_that_we_do_not_know_are_left_out() -> None:
    payload = {
        "iss": ISSUER,
        "sub": "c",
        "email": "e",
        "srv": "s",
        "perms": ["power:read", "fly"],
        "ctx": "",
        "jti": "1",
    }
    times = {"iat": NOW, "exp": NOW + SERVER_LIFE}
    headers = {"kid": KEY.key_id, "typ": "server+jwt"}
    token = jwt.encode({**payload, **times}, KEY.private, algorithm="EdDSA", headers=headers)
    assert VERIFIER.server(token, NOW).permissions == {Permission.POWER_READ}


def test_a_sealed_context_opens_only_with_the_regions_key_and_only_for_its_token() -> None:
    context = ServerContext(server_id="db-01", agent_id="a1", datacenter_id="dc1")
    sealer = Sealer([REGION])
    note = sealer.seal(context.encode(), bound_to="token-1")
    assert ServerContext.decode(Sealer([SealingKey.generate(), REGION]).open(note, bound_to="token-1")) == context
    for opener, bound in ((sealer, "token-2"), (Sealer([SealingKey.generate()]), "token-1")):
        with pytest.raises(AuthenticationError):
            opener.open(note, bound_to=bound)
    assert b"db-01" not in base64.urlsafe_b64decode(note.partition(".")[2] + "==")


@given(st.text())
def test_whatever_comes_as_a_note_is_refused_and_no_more(note: str) -> None:
    for text in (note, f"{REGION.key_id}.{note}"):
        with pytest.raises(AuthenticationError):
            Sealer([REGION]).open(text, bound_to="x")


@given(st.text(max_size=200))
def test_whatever_comes_as_a_token_is_refused_and_no_more(token: str) -> None:
    with pytest.raises(AuthenticationError):
        VERIFIER.access(token, NOW)


@given(st.binary(max_size=100))
def test_whatever_a_context_holds_it_is_a_context_or_refused(data: bytes) -> None:
    with pytest.raises(AuthenticationError):
        ServerContext.decode(data)


def test_no_key_shows_itself() -> None:
    assert "private" not in repr(KEY)
    assert REGION.key.hex() not in repr(REGION)
    assert repr(REGION.key) not in repr(REGION)
