"""``-H`` with whatever people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.cli.ipmi.hosts import MAX_HOSTS, HostSpecError, expand

pytestmark = pytest.mark.property

typed = st.text(alphabet="a1.0:[]-,/@% #\n", max_size=24) | st.text(max_size=24)
file_texts = st.none() | typed


@given(spec=typed, text=file_texts)
def test_any_text_gives_hosts_or_one_error(spec: str, text: str | None) -> None:
    try:
        hosts, _ = expand([spec], lambda _: text)
    except HostSpecError as error:
        assert str(error)  # noqa: PT017  # either outcome is right
    else:
        assert 0 < len(hosts) <= MAX_HOSTS
        assert len(set(hosts)) == len(hosts)
        assert all(host.name and (host.port is None or 0 < host.port < 65_536) for host in hosts)


@given(first=st.integers(0, 5000), count=st.integers(1, 300), width=st.integers(0, 6))
def test_range_has_every_number_once(first: int, count: int, width: int) -> None:
    last = first + count - 1
    hosts, _ = expand([f"n[{first:0{width}}-{last:0{width}}]"], lambda _: None)
    assert [int(host.name[1:]) for host in hosts] == list(range(first, last + 1))


@given(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,10}(:[1-9][0-9]{0,3})?", fullmatch=True), min_size=1, unique=True))
def test_list_file_and_repeated_option_mean_the_same(items: list[str]) -> None:
    listed, _ = expand([",".join(items)], lambda _: None)
    repeated, _ = expand(items, lambda _: None)
    from_file, _ = expand(["@f"], lambda _: "\n".join(items))
    assert listed == repeated == from_file
    assert [str(host) for host in listed] == items
