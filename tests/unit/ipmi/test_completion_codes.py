from __future__ import annotations

import pytest

from conduit.ipmi.completion_codes import GENERIC_TEXTS, CompletionCode, text

CHASSIS, APP = 0x00, 0x06


def test_the_commands_own_text_comes_first() -> None:
    assert text(0x80, APP, 0x47) == "the password is wrong"
    assert text(0x80, CHASSIS, 0x08) == "the BMC does not have this boot option"


def test_a_responses_network_function_serves_as_well() -> None:
    assert text(0x80, APP | 1, 0x47) == "the password is wrong"


def test_generic_codes_mean_the_same_everywhere() -> None:
    assert text(0xC1, APP, 0x47) == text(0xC1, 0x3E, 0x99) == "the BMC does not know this command"


def test_every_generic_code_has_a_text() -> None:
    assert set(GENERIC_TEXTS) == set(CompletionCode)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0x01, "unknown, an OEM code of this device"),
        (0x7E, "unknown, an OEM code of this device"),
        (0x80, "unknown, a code of this command's own"),
        (0xBE, "unknown, a code of this command's own"),
        (0x7F, "unknown, a reserved code"),
        (0xBF, "unknown, a reserved code"),
        (0xD7, "unknown, a reserved code"),
    ],
)
def test_an_unknown_code_is_said_to_be_unknown(code: int, expected: str) -> None:
    assert text(code, CHASSIS, 0x01) == expected
