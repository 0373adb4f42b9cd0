from __future__ import annotations

import json
import os
from pathlib import Path

import asyncclick as click
import pytest
import trio

from conduit.cli.up.kept import Kept, Ports, occupied
from conduit.cli.up.tree import are_free, free_ports, in_words
from conduit.errors import LocalProtocolError

KEPT = Kept(ports=Ports(1, 2, 3), accounts={"a@b.c": "secret-1"}, servers={"web-01": "secret-2"})


def test_what_is_kept_is_found_again_and_is_private(tmp_path: Path) -> None:
    assert Kept.read(tmp_path) is None
    KEPT.write(tmp_path)
    assert Kept.read(tmp_path) == KEPT
    assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(KEPT)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"ports": {}, "accounts": {}, "servers": {}})])
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    with pytest.raises(LocalProtocolError, match=r"up.json makes no sense: give a folder"):
        Kept.read(tmp_path)


def test_the_password_of_the_first_time_may_be_given_again(tmp_path: Path) -> None:
    KEPT.check_password(None)
    KEPT.check_password("secret-1")
    with pytest.raises(LocalProtocolError, match="leave --password out"):
        KEPT.check_password("secret-2")


def test_a_folder_is_used_by_one_and_made_where_it_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for _ in range(2):
        with occupied(folder):
            pid = os.getpid()
            with pytest.raises(click.ClickException, match=f"in use by `conduit up`, process {pid}"), occupied(folder):
                pytest.fail("it was let in")


async def test_a_port_is_free_when_nobody_listens(tmp_path: Path) -> None:
    (port,) = await free_ports(1, "127.0.0.1")
    assert await are_free([port], "127.0.0.1")
    (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
    async with listener:
        assert not await are_free([port], "127.0.0.1")
    assert await are_free([port], "127.0.0.1")


@pytest.mark.parametrize(("status", "words"), [(0, "with status 0"), (-15, "by signal 15 (SIGTERM)")])
def test_how_a_process_ended_is_told_in_words(status: int, words: str) -> None:
    assert in_words(status) == words
