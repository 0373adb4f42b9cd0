"""Every fuzz target on its corpus and on mutations of it: a quick fuzzer that runs everywhere, with a fixed seed."""

from __future__ import annotations

import random  # noqa: TID251 - mutations, repeatable by their seed
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.targets import TARGETS, Oracle

CORPUS = Path(__file__).parents[2] / "fuzz" / "corpus"
MUTATIONS = 200  # of each target's corpus


def corpus_of(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))] or [b""]


def mutations(seeds: list[bytes], rng: random.Random) -> Iterator[bytes]:
    for _ in range(MUTATIONS):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randint(0, len(data))
            match rng.choice(("set", "delete", "insert", "cut")):
                case "set":
                    data[at : at + 1] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))])
                case "delete":
                    del data[at : at + rng.randint(1, 4)]
                case "insert":
                    data[at:at] = rng.randbytes(rng.randint(1, 4))
                case "cut":
                    del data[at:]
        yield bytes(data)


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> tuple[str, Oracle]:
    return request.param, TARGETS[request.param]


@pytest.mark.property
def test_corpus_and_its_prefixes_pass_the_oracle(target: tuple[str, Oracle]) -> None:
    name, oracle = target
    for data in corpus_of(name):
        for length in range(len(data) + 1):
            oracle(data[:length])


@pytest.mark.property
def test_mutated_corpus_passes_the_oracle(target: tuple[str, Oracle]) -> None:
    name, oracle = target
    for data in mutations(corpus_of(name), random.Random(name)):
        oracle(data)


@pytest.mark.property
@pytest.mark.parametrize("name", sorted(TARGETS))
@given(data=st.binary(max_size=600))
def test_garbage_passes_the_oracle(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir() if any(path.iterdir())} == set(TARGETS)
