"""What ``-H`` may say."""

from __future__ import annotations

import pytest

from conduit.cli.ipmi.hosts import MAX_HOSTS, Host, HostSpecError, expand

FILES = {
    "racks": "# rack 1\n10.0.0.1\n\nbmc2:9001  # the odd one\nnode[1-2],node9\n",
    "bad": "10.0.0.1\nnode[\n",
    "empty": "# nobody\n",
    "dir/hosts.txt": "::1\n",
}


def names(*specs: str) -> list[str]:
    return [str(host) for host in expand(specs, FILES.get).hosts]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("bmc.example", ["bmc.example"]),
        ("bmc_1", ["bmc_1"]),
        ("bmc:9001", ["bmc:9001"]),
        ("10.0.0.1", ["10.0.0.1"]),
        ("10.0.0.1:623", ["10.0.0.1:623"]),
        ("::1", ["::1"]),
        ("fe80::1%eth0", ["fe80::1%eth0"]),
        ("[::1]", ["::1"]),
        ("[::1]:9001", ["[::1]:9001"]),
        ("[::1]:[9001-9002]", ["[::1]:9001", "[::1]:9002"]),
        ("a,b , c", ["a", "b", "c"]),
        ("10.0.0.[1-3]", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("10.0.0.[1,3,7-8]", ["10.0.0.1", "10.0.0.3", "10.0.0.7", "10.0.0.8"]),
        ("node[08-11]", ["node08", "node09", "node10", "node11"]),
        ("node[8-10]", ["node8", "node9", "node10"]),
        ("r[1-2]n[1-2].x", ["r1n1.x", "r1n2.x", "r2n1.x", "r2n2.x"]),
        ("127.0.0.1:[9001-9002]", ["127.0.0.1:9001", "127.0.0.1:9002"]),
        ("fd00::[1-2]", ["fd00::1", "fd00::2"]),
        ("10.0.0.0/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.6/30", ["10.0.0.5", "10.0.0.6"]),
        ("10.0.0.7/32", ["10.0.0.7"]),
        ("10.0.0.6/31", ["10.0.0.6", "10.0.0.7"]),
        ("fd00::/126", ["fd00::1", "fd00::2", "fd00::3"]),
        ("@racks", ["10.0.0.1", "bmc2:9001", "node1", "node2", "node9"]),
        ("racks", ["10.0.0.1", "bmc2:9001", "node1", "node2", "node9"]),
        ("dir/hosts.txt", ["::1"]),
        ("a,a,a:1", ["a", "a:1"]),
    ],
)
def test_spec_means_these_hosts(spec: str, expected: list[str]) -> None:
    assert names(spec) == expected


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("", "the host is empty"),
        ("a,,b", "empty item"),
        ("@nowhere", "there is no file 'nowhere'"),
        ("@empty", "no host is named"),
        ("@bad", "bad, line 2: 'node[' has a bracket without its partner"),
        ("dir/nothing", "neither a network"),
        ("10.0.0.0/33", "neither a network"),
        ("node[3-1]", "runs backwards"),
        ("node[a-c]", "is not a range"),
        ("node[]", "is not a range"),
        ("node[1-]", "is not a range"),
        ("node1]", "bracket"),
        ("node[[1]]", "bracket"),
        ("10.0.0.300", "is not an IPv4 address"),
        ("10.0.0.[254-256]", "'10.0.0.256' is not an IPv4 address"),
        ("1.2.3", "is not an IPv4 address"),
        ("a b", "is not the name"),
        ("-x/", "neither a network"),
        ("host:", "is not a port"),
        ("host:0", "is not a port"),
        ("host:65536", "is not a port"),
        ("host:ssh", "is not a port"),
        ("host:[65535-65536]", "is not a port"),
        ("1::2::3", "is not an IPv6 address"),
        ("[1:2]", "is not an IPv6 address"),
        ("10.0.0.0/8", "more than 65,536"),
        ("fd00::/64", "more than 65,536"),
        ("n[1-70000]", "more than 65,536"),
        ("n[1-9999999999]", "more than 65,536"),
        ("n[1-300][1-300]", "more than 65,536"),
        ("10.0.0.0/16,10.1.0.0/16", "more than 65,536"),
    ],
)
def test_bad_spec_is_refused_with_its_reason(spec: str, complaint: str) -> None:
    with pytest.raises(HostSpecError, match=complaint.replace("[", r"\[")) as caught:
        expand([spec], FILES.get)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("specs", "plural"),
    [
        (["a"], False),
        (["[::1]:5"], False),
        (["10.0.0.1:623"], False),
        (["a,b"], True),
        (["a", "b"], True),
        (["a,a"], True),
        (["n[1]"], True),
        (["10.0.0.1/32"], True),
        (["dir/hosts.txt"], True),
    ],
)
def test_results_name_their_host_where_many_could_have_been_meant(specs: list[str], plural: bool) -> None:
    assert expand(specs, FILES.get).plural is plural


def test_files_name_no_files() -> None:
    with pytest.raises(HostSpecError, match="line 1"):
        expand(["@list"], {"list": "@list\n"}.get)


def test_largest_crowd_is_taken() -> None:
    assert len(expand([f"n[1-{MAX_HOSTS}]"], FILES.get).hosts) == MAX_HOSTS


def test_address_wins_over_a_file_of_that_name() -> None:
    assert expand(["10.0.0.1"], {"10.0.0.1": "elsewhere"}.get).hosts == (Host("10.0.0.1"),)
