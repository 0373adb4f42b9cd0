"""From an IPMI message to a completion code and data: look-up, privilege, decoding, handler, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.bmc.handlers.registry import Entry, Refused, entry_of
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Body
from conduit.rmcp.lan_message import LanMessage

BODY_SIZES: Final[Mapping[int, int]] = {NetFn.GROUP_EXTENSION: 1, NetFn.OEM_GROUP: 3}
"Bytes that say whose command it is, before the data of requests and responses, refusals too (table 5-1)."


def execute(bmc: BmcState, message: LanMessage, session: BmcSession | None, now: float) -> tuple[int, bytes]:
    """Carry *message* out.

    :param session: the session it came in, or None outside of one.
    """
    entry = entry_of(message)
    if entry is None:
        size = BODY_SIZES.get(message.netfn, 0)
        if len(message.data) < size:
            return CompletionCode.DATA_LENGTH_INVALID, b""
        return CompletionCode.INVALID_COMMAND, message.data[:size]
    prefix = entry.request.prefix()
    try:
        return CompletionCode.OK, prefix + _carry_out(entry, bmc, message, session, now).encode()
    except Refused as refusal:
        return refusal.code, prefix + refusal.data


def _carry_out(entry: Entry, bmc: BmcState, message: LanMessage, session: BmcSession | None, now: float) -> Body:
    """:raises Refused: it is not, and why."""
    if message.to_lun:
        raise Refused(CompletionCode.INVALID_FOR_LUN)
    # Before decoding: who may not send the command learns nothing about its data.
    if not entry.outside and (session is None or session.privilege < entry.request.privilege):
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    try:
        request = entry.request.decode(message.data[len(entry.request.prefix()) :])
    except DecodeError as error:
        in_range = not isinstance(error.__cause__, LocalProtocolError)
        raise Refused(CompletionCode.DATA_LENGTH_INVALID if in_range else CompletionCode.INVALID_FIELD) from error
    bmc.advance(now)
    return entry.handler(bmc, request, session, now)
