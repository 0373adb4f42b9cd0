"""What ``-H`` may say: names, addresses, ranges, networks and files, expanded to a bounded list of hosts.

Pure: files are read by a function that the caller passes in.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_HOSTS: Final = 65_536
MAX_PORT: Final = 65_535

ReadFile = Callable[[str], str | None]
"Returns the text of a file, or None if there is no such file."

_NAME: Final = re.compile(r"[\w.-]{1,253}")
_DOTTED: Final = re.compile(r"[\d.]+")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")


class HostSpecError(ValueError):
    """What ``-H`` says makes no sense; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Host:
    """One BMC to talk to."""

    name: str
    "Name, IPv4 or IPv6 address, without brackets."
    port: int | None = None
    "UDP port, 1 to 65535; None if only ``-p`` says."

    def __str__(self) -> str:
        if self.port is None:
            return self.name
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Expansion(NamedTuple):
    """The hosts meant, in order and without repeats."""

    hosts: tuple[Host, ...]
    plural: bool
    "A list, range, network or file was given, even if only one host came of it: results name their host."


def expand(specs: Iterable[str], read_file: ReadFile) -> Expansion:
    """All hosts that *specs* name.

    :param specs: the values of ``-H``; each may be a list with commas.
    :raises HostSpecError: one makes no sense, or there are more than MAX_HOSTS.
    """
    hosts: dict[Host, None] = {}
    plural = False
    items = [item for spec in specs for item in split_list(spec)]
    for item in items:
        text = _file_text(item, read_file)
        found = _expand_item(item) if text is None else _expand_file(item.removeprefix("@"), text)
        plural = plural or text is not None or _is_plural(item)
        for host in found:
            hosts[host] = None
            _check_count(len(hosts), item)
    if not hosts:
        raise HostSpecError("no host is named")
    return Expansion(tuple(hosts), plural or len(items) > 1)


def only_networks(specs: Iterable[str]) -> bool:
    """Whether *specs* are nothing but networks, of whose addresses most may be nobody's."""
    return all(_network(item) is not None for spec in specs for item in split_list(spec))


def split_list(spec: str) -> list[str]:
    """The items of a list with commas; commas in brackets belong to a range."""
    items, depth, start = [], 0, 0
    for place, char in enumerate(spec):
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            items.append(spec[start:place])
            start = place + 1
    items.append(spec[start:])
    stripped = [item.strip() for item in items]
    if not all(stripped):
        raise HostSpecError(f"{spec!r} has an empty item" if spec.strip() else "the host is empty")
    return stripped


def _file_text(item: str, read_file: ReadFile) -> str | None:
    """The text of the file that *item* names, or None if it names hosts."""
    if item.startswith("@"):
        text = read_file(item[1:])
        if text is None:
            raise HostSpecError(f"there is no file {item[1:]!r}")
        return text
    if "[" in item or _network(item) is not None or _is_address(item):
        return None
    return read_file(item)


def _expand_file(path: str, text: str) -> Iterator[Host]:
    """Hosts of a file: one item a line, ``#`` starts a comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        try:
            for item in split_list(content):
                yield from _expand_item(item)
        except HostSpecError as error:
            raise HostSpecError(f"{path}, line {number}: {error}") from None


def _is_plural(item: str) -> bool:
    if _network(item) is not None:
        return True
    return any(":" not in inner for inner in _BRACKETS.findall(item))


def _expand_item(item: str) -> Iterable[Host]:
    """Hosts of one item that is no file."""
    network = _network(item)
    if network is not None:
        _check_count(network.num_addresses - 2, item)
        return (Host(str(address)) for address in network.hosts())
    if "/" in item:
        raise HostSpecError(f"{item!r} is neither a network, such as 10.0.0.0/24, nor a file that exists")
    literal = re.fullmatch(r"\[([^\[\]]*:[^\[\]]*)\](?::(.+))?", item)
    if literal:
        ports = [literal[2]] if literal[2] is None else _expand_ranges(literal[2], item)
        return [Host(_address6(literal[1], item), _port(port, item)) for port in ports]
    return [_host(text, item) for text in _expand_ranges(item, item)]


def _host(text: str, item: str) -> Host:
    """A host with its ranges resolved: ``name``, ``name:port`` or a bare IPv6 address."""
    if text.count(":") > 1:
        return Host(_address6(text, item))
    name, colon, port = text.partition(":")
    if not _NAME.fullmatch(name):
        raise HostSpecError(f"{item!r} is not the name or address of a host")
    if _DOTTED.fullmatch(name) and not _is_address(name):
        raise HostSpecError(f"{name!r} is not an IPv4 address")
    return Host(name, _port(port if colon else None, item))


def _expand_ranges(text: str, item: str) -> list[str]:
    """All strings that the bracketed ranges of *text* stand for."""
    parts = _BRACKETS.split(text)  # literal, range, literal, ...
    if any("[" in part or "]" in part for part in parts[::2]):
        raise HostSpecError(f"{item!r} has a bracket without its partner")
    choices = [[part] if place % 2 == 0 else _range(part, item) for place, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
        _check_count(count, item)
    return ["".join(combination) for combination in itertools.product(*choices)]


def _range(text: str, item: str) -> list[str]:
    """``1-3,7`` to 1, 2, 3, 7; leading zeros say how many digits each has."""
    numbers: list[str] = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())
        if match is None:
            raise HostSpecError(f"[{text}] in {item!r} is not a range; write [1-40] or [1,3,5-7]")
        first, last = match[1], match[2] or match[1]
        if int(last) < int(first):
            raise HostSpecError(f"[{text}] in {item!r} runs backwards")
        _check_count(int(last) - int(first) + 1 + len(numbers), item)
        width = len(first) if first.startswith("0") else 0
        numbers += [str(number).zfill(width) for number in range(int(first), int(last) + 1)]
    return numbers


def _port(text: str | None, item: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MAX_PORT:
        raise HostSpecError(f"{text!r} in {item!r} is not a port; ports are 1 to {MAX_PORT}")
    return int(text)


def _address6(text: str, item: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise HostSpecError(f"{text!r} in {item!r} is not an IPv6 address") from None
    return text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _network(item: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    address, slash, prefix = item.partition("/")
    if not slash or not prefix.isascii() or not prefix.isdigit():
        return None
    try:
        return ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    except ValueError:
        return None


def _check_count(count: int, item: str) -> None:
    if count > MAX_HOSTS:
        raise HostSpecError(f"{item!r} makes more than {MAX_HOSTS:,} hosts")
