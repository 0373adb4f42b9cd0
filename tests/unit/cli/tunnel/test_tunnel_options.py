from __future__ import annotations

from pathlib import Path

import asyncclick as click
import pytest

from conduit.cli.tunnel.listen import trust_in
from conduit.cli.tunnel.options import (
    Forward,
    find_files,
    parse_address,
    parse_expose,
    parse_forward,
    show_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7443", ("127.0.0.1", 7443)),
        ("[::1]:1", ("::1", 1)),
        ("gateway.example:65535", ("gateway.example", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address
    assert show_address(*address) == text


@pytest.mark.parametrize("text", ["", "host", ":80", "host:", "host:0", "host:65536", "host:+1", "::1:80", "[]:80"])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_address(text)


def test_port_0_is_for_listening_only() -> None:
    assert parse_address("127.0.0.1:0", lowest=0) == ("127.0.0.1", 0)
    assert parse_forward("127.0.0.1:0=web").port == 0
    with pytest.raises(click.BadParameter):
        parse_expose(("web=127.0.0.1:0",))


def test_a_forward_names_a_target_and_perhaps_whose() -> None:
    assert parse_forward("[::1]:8080=web") == Forward("::1", 8080, "", "web")
    assert parse_forward("192.0.2.1:1=rack7/ssh") == Forward("192.0.2.1", 1, "rack7", "ssh")


@pytest.mark.parametrize("text", ["8080", "127.0.0.1:8080", "127.0.0.1:8080=", "127.0.0.1:1=a b", "127.0.0.1:1=a/b/c"])
def test_a_forward_without_a_target_is_none(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_forward(text)


def test_what_is_exposed_has_a_name_of_its_own() -> None:
    assert parse_expose(("a=h:1", "b=[::1]:2")) == {"a": ("h", 1), "b": ("::1", 2)}
    for texts in (("a=h:1", "a=h:2"), ("h:1",), ("=h:1",), ("-a=h:1",)):
        with pytest.raises(click.BadParameter):
            parse_expose(texts)


def test_certificates_come_from_one_directory_or_one_by_one(tmp_path: Path) -> None:
    for name in ("agent.pem", "agent.key", "ca.pem", "other.pem"):
        (tmp_path / name).touch()
    files = find_files("agent", tmp_path, None, None, None)
    assert (files.certificate.name, files.key.name, files.ca.name) == ("agent.pem", "agent.key", "ca.pem")
    assert find_files("agent", tmp_path, None, None, tmp_path / "other.pem").ca.name == "other.pem"


def test_missing_certificates_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="--cert, --key and --ca"):
        find_files("agent", None, tmp_path / "a", None, tmp_path / "c")
    with pytest.raises(click.UsageError, match="there is no file"):
        find_files("agent", tmp_path, None, None, None)


def test_every_agent_is_let_in_unless_some_are_named() -> None:
    assert trust_in(())("conduit://agent/a1")
    assert not trust_in(())("conduit://gateway/g1")
    assert not trust_in(())("")
    assert trust_in(("a1", "a2"))("conduit://agent/a2")
    assert not trust_in(("a1",))("conduit://agent/a11")
