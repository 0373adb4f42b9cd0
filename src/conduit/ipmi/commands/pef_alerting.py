"""PEF alert policies and alert strings: who is told, and what; parameters 9, 12 and 13 (tables 17-3 and 30-6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.commands.pef_selectors import PefParameter

STRING_BLOCK: Final = 16  # bytes of an alert string in one block


class PolicyRule(IntEnum):
    """When a destination gets the alert (table 17-3)."""

    ALWAYS = 0
    NEXT_IF_FAILED = 1
    "Only if the one before failed: go on with the next in this set."
    STOP_IF_SENT = 2
    "If the one before got it, no more entries are looked at."
    NEXT_CHANNEL = 3
    NEXT_TYPE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """Who is alerted; parameter 9, table 17-3."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.POLICY

    number: int
    "Which entry of the table, 1 to 127."
    policy_number: int = 0
    "Filters name it, 0 to 15."
    enabled: bool = False
    rule: PolicyRule | int = PolicyRule.ALWAYS
    "0 to 7."
    channel: int = 0
    "0 to 15."
    destination: int = 0
    "Which of the channel's alert destinations, 0 to 15."
    string_by_event: bool = False
    "The alert string depends on the filter too."
    string: int = 0
    "Alert string, or set of them, 0 to 127."

    def __post_init__(self) -> None:
        check_range("policy entry", self.number, 0, 0x7F)
        check_range("policy number", self.policy_number, 0, 0x0F)
        check_range("policy rule", self.rule, 0, 7)
        check_range("channel", self.channel, 0, 0x0F)
        check_range("destination", self.destination, 0, 0x0F)
        check_range("alert string", self.string, 0, 0x7F)

    def encode(self) -> bytes:
        """Four bytes."""
        head = self.policy_number << 4 | self.enabled << 3 | self.rule
        string = self.string_by_event << 7 | self.string
        return bytes((self.number, head, self.channel << 4 | self.destination, string))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, head, where, string = Reader(data).take(4, "alert policy")
        return cls(
            number=number & 0x7F,
            policy_number=head >> 4,
            enabled=bool(head & 0x08),
            rule=known(PolicyRule, head & 0x07),
            channel=where >> 4,
            destination=where & 0x0F,
            string_by_event=bool(string & 0x80),
            string=string & 0x7F,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStringKey:
    """For which filter and set an alert string is; parameter 12."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.STRING_KEY

    number: int
    "Which alert string, 0 to 127; 0 is the volatile one."
    filter_number: int = 0
    "0 to 127."
    string_set: int = 0
    "0 to 127."

    def __post_init__(self) -> None:
        check_range("alert string", self.number, 0, 0x7F)
        check_range("filter number", self.filter_number, 0, 0x7F)
        check_range("alert string set", self.string_set, 0, 0x7F)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.number, self.filter_number, self.string_set))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        number, filter_number, string_set = Reader(data).take(3, "alert string key")
        return cls(number=number & 0x7F, filter_number=filter_number & 0x7F, string_set=string_set & 0x7F)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStringBlock:
    """A part of an alert string; parameter 13. The string ends with a zero byte."""

    PARAMETER: ClassVar[PefParameter] = PefParameter.STRING

    number: int
    "Which alert string, 0 to 127."
    block: int
    "Which part of it, from 1; 0 to 255."
    text: bytes
    "0 to 16 bytes."

    def __post_init__(self) -> None:
        check_range("alert string", self.number, 0, 0x7F)
        check_range("block", self.block, 0, 0xFF)
        check_size("a block of an alert string", self.text, 0, STRING_BLOCK)

    def encode(self) -> bytes:
        """Two bytes and the text."""
        return bytes((self.number, self.block)) + self.text

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        number, block = reader.take(2, "alert string")
        return cls(number=number & 0x7F, block=block, text=reader.rest()[:STRING_BLOCK])


__all__ = [
    "AlertPolicy",
    "AlertStringBlock",
    "AlertStringKey",
    "PolicyRule",
]
