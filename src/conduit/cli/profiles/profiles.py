"""Profiles: a name for a Manager and somebody's account there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

from conduit.cli.profiles.files import read_private, write_private
from conduit.errors import LocalProtocolError

DEFAULT: Final = "default"
VARIABLE: Final = "CONDUIT_PROFILE"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")  # of a file, and of nothing outside our folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One of them. No secret is in it."""

    manager: str
    "URL of the Manager."
    email: str = ""
    vault: str = ""
    "Where its tokens are."
    ca_file: str = ""
    "Certificates that are trusted in place of the system's."
    allow_http: bool = False
    "Whether tokens may travel without TLS, to other machines too."


def checked_name(name: str) -> str:
    """:raises LocalProtocolError: no name of a profile."""
    if _NAME.fullmatch(name) is None:
        raise LocalProtocolError(f"{name!r} is no name of a profile: letters, digits, '.', '_' and '-', 64 at most")
    return name


@dataclass(frozen=True, slots=True)
class Profiles:
    """All that somebody has."""

    known: Mapping[str, Profile]
    current: str = DEFAULT
    "The one that counts where none is named."

    @classmethod
    def load(cls, path: Path) -> Self:
        """:raises LocalProtocolError: they cannot be read, or are damaged."""
        text = read_private(path)
        if text is None:
            return cls({})
        try:
            values = json.loads(text)
            known = {checked_name(name): _profile(each) for name, each in values["profiles"].items()}
            return cls(known, checked_name(str(values.get("current", DEFAULT))))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LocalProtocolError(f"{path} is damaged: delete it, and log in again") from None

    def save(self, path: Path) -> None:
        """:raises LocalProtocolError: it cannot be written."""
        profiles = {name: asdict(profile) for name, profile in self.known.items()}
        write_private(path, json.dumps({"current": self.current, "profiles": profiles}, indent=2) + "\n")

    def with_profile(self, name: str, profile: Profile) -> Self:
        """This one too; the first is the current one."""
        return replace(self, known={**self.known, name: profile}, current=self.current if self.known else name)

    def using(self, name: str) -> Self:
        """:raises LocalProtocolError: there is none of that name."""
        self.find(name)
        return replace(self, current=name)

    def find(self, name: str) -> Profile:
        """:raises LocalProtocolError: there is none of that name."""
        profile = self.known.get(checked_name(name))
        if profile is None:
            known = ", ".join(sorted(self.known)) or "none yet"
            raise LocalProtocolError(f"there is no profile {name!r} (there are: {known}): conduit auth login")
        return profile


def _profile(values: Mapping[str, object]) -> Profile:
    """What a newer version may have added is left out."""
    kinds = {field.name: bool if field.name == "allow_http" else str for field in fields(Profile)}
    known = {name: value for name, value in values.items() if name in kinds}
    if not all(isinstance(value, kinds[name]) for name, value in known.items()):
        raise ValueError("a value of the wrong kind")
    return Profile(**known)  # type: ignore[arg-type]  # checked just before
