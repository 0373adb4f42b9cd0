"""The rule for missing peers: skipped with the reason, or failed where every peer must be present."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import FindPeer, find_peer

MISSING = "no-such-peer-of-conduit"


def test_peer_on_the_path_is_found(peer: FindPeer) -> None:
    assert peer("sh").name == "sh"


def test_missing_peer_skips_with_its_name() -> None:
    with pytest.raises(pytest.skip.Exception, match=MISSING):
        find_peer(MISSING, required=False)


def test_missing_peer_fails_where_peers_are_required() -> None:
    with pytest.raises(pytest.fail.Exception, match=MISSING):
        find_peer(MISSING, required=True)


def test_variable_makes_peers_required(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    conftest = (Path(__file__).parents[1] / "conftest.py").read_text()
    pytester.makeconftest(conftest)
    pytester.makepyfile(f"def test_with_peer(peer): peer({MISSING!r})")
    monkeypatch.setenv("CONDUIT_REQUIRE_PEERS", "0")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(skipped=1)
    monkeypatch.setenv("CONDUIT_REQUIRE_PEERS", "1")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=1)
