"""Header fields with which a WebSocket is asked for."""

from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.rfb.websocket_fields import basic, parse_fields


def test_basic_is_the_rfcs_example() -> None:
    assert basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_fields_are_lines_and_what_is_none_is_not_repeated() -> None:
    assert parse_fields("X-Auth-Token: a:b\n\n Cookie:x \n", "f") == {"X-Auth-Token": "a:b", "Cookie": "x"}
    with pytest.raises(LocalProtocolError, match="a line of 'f' is no header field") as wrong:
        parse_fields("hunter2", "f")
    assert "hunter2" not in str(wrong.value)
