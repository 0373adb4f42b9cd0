"""The error tree: what is caught by what, and what the one line on stderr will say."""

from __future__ import annotations

import inspect

import pytest

from conduit import errors


def test_everything_raised_on_purpose_is_a_conduit_error() -> None:
    defined = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]
    assert len(defined) > 5
    assert all(issubclass(cls, errors.ConduitError) for cls in defined)


@pytest.mark.parametrize("blamed_on_the_peer", [errors.DecodeError, errors.NegotiationError])
def test_what_the_peer_did_wrong_is_a_remote_protocol_error(blamed_on_the_peer: type[Exception]) -> None:
    assert issubclass(blamed_on_the_peer, errors.RemoteProtocolError)
    assert not issubclass(blamed_on_the_peer, errors.LocalProtocolError)


def test_timeout_is_not_taken_for_an_os_error() -> None:
    assert not issubclass(errors.PeerTimeoutError, OSError)
    assert not issubclass(errors.TransportError, OSError)


def test_decode_error_says_what_and_where() -> None:
    error = errors.DecodeError("truncated session header", offset=7)
    assert (error.what, error.offset) == ("truncated session header", 7)
    assert str(error) == "truncated session header (at byte 7)"


def test_decode_error_is_at_the_start_unless_told_otherwise() -> None:
    assert errors.DecodeError("empty").offset == 0


def test_refusal_carries_the_status_and_its_name() -> None:
    error = errors.SessionRefused(0x0D, "unauthorized name")
    assert (error.status, error.name, error.hint) == (0x0D, "unauthorized name", "")
    assert str(error) == "BMC refused the session: unauthorized name (0x0d)"


def test_refusal_ends_with_its_hint() -> None:
    error = errors.SessionRefused(0x09, "invalid role", hint="try workaround opensesspriv")
    assert error.hint == "try workaround opensesspriv"
    assert str(error).endswith("(0x09); try workaround opensesspriv")


def test_completion_code_error_carries_the_codes() -> None:
    error = errors.CompletionCodeError(0xD4, netfn=0x00, command=0x02, text="insufficient privilege")
    assert (error.code, error.netfn, error.command, error.text) == (0xD4, 0, 2, "insufficient privilege")
    assert str(error) == "command 0x00/0x02: insufficient privilege (completion code 0xd4)"


def test_completion_code_error_uses_the_name_of_the_command_where_it_has_one() -> None:
    error = errors.CompletionCodeError(0xC1, netfn=0x00, command=0x0F, text="invalid command", name="Get POH Counter")
    assert str(error) == "Get POH Counter: invalid command (completion code 0xc1)"
