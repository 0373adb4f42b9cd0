"""From an IPMI message to a completion code and data: look-up, privilege, decoding, handler, in this order."""

from __future__ import annotations

from conduit.errors import DecodeError, LocalProtocolError
from conduit.ipmi.bmc.handlers.registry import Refused, entry_of
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.lan_message import LanMessage


def execute(bmc: BmcState, message: LanMessage, session: BmcSession | None, now: float) -> tuple[int, bytes]:
    """Carry *message* out.

    :param session: the session it came in, or None outside of one.
    """
    entry = entry_of(message)
    if entry is None:
        return CompletionCode.INVALID_COMMAND, b""
    if message.to_lun:
        return CompletionCode.INVALID_FOR_LUN, b""
    # Before decoding: who may not send the command learns nothing about its data.
    if not entry.outside and (session is None or session.privilege < entry.request.privilege):
        return CompletionCode.INSUFFICIENT_PRIVILEGE, b""
    prefix = entry.request.prefix()
    try:
        request = entry.request.decode(message.data[len(prefix) :])
    except DecodeError as error:
        in_range = not isinstance(error.__cause__, LocalProtocolError)
        return (CompletionCode.DATA_LENGTH_INVALID if in_range else CompletionCode.INVALID_FIELD), b""
    bmc.advance(now)
    try:
        return CompletionCode.OK, prefix + entry.handler(bmc, request, session, now).encode()
    except Refused as refusal:
        return refusal.code, prefix + refusal.data
