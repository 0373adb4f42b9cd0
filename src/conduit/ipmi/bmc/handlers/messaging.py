"""Messages through the BMC, and its switches (sections 22.1, 22.2, 22.6, 22.7 and 22.11)."""

from __future__ import annotations

from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.bridge import NO_ACKNOWLEDGE
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import IPMB_CHANNEL, BmcState
from conduit.ipmi.commands.messaging import (
    GetBmcGlobalEnables,
    GetMessage,
    GlobalEnables,
    MasterWriteRead,
    ReceivedMessage,
    SendMessage,
    SetBmcGlobalEnables,
    Tracking,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import RawData
from conduit.rmcp.command import NoData
from conduit.rmcp.lan_message import REMOTE_CONSOLE, decode_frame, encode_frame

QUEUE_EMPTY: Final = 0x80


@handles(SendMessage)
def send_message(bmc: BmcState, request: SendMessage, session: BmcSession, now: float) -> RawData:
    """Pass a message to IPMB. Its answer follows ours as a message of its own, or waits for Get Message."""
    if request.channel != IPMB_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)
    reply = bmc.ipmb.deliver(request.message)
    if reply is None:
        raise Refused(NO_ACKNOWLEDGE)
    if request.tracking == Tracking.REQUEST:
        session.bridged.append(_to_console(reply))
    else:
        bmc.receive_queue.append(ReceivedMessage(channel=IPMB_CHANNEL, message=reply))
    return RawData()


def _to_console(frame: bytes) -> bytes:
    """*frame* addressed to the console that asked, and no longer to us who asked for it."""
    try:
        reply = decode_frame(frame)
    except DecodeError:  # pragma: no cover - our own controllers made the frame
        return frame
    return encode_frame(
        reply.netfn,
        reply.command,
        reply.data,
        sequence=reply.sequence,
        to_address=REMOTE_CONSOLE,
        from_address=reply.from_address,
        to_lun=reply.to_lun,
        from_lun=reply.from_lun,
    )


@handles(GetMessage)
def get_message(bmc: BmcState, request: GetMessage, session: BmcSession, now: float) -> ReceivedMessage:
    """The oldest in the queue."""
    if not bmc.receive_queue:
        raise Refused(QUEUE_EMPTY)
    return bmc.receive_queue.popleft()


@handles(MasterWriteRead)
def master_write_read(bmc: BmcState, request: MasterWriteRead, session: BmcSession, now: float) -> RawData:
    """There is no I2C device."""
    raise Refused(NO_ACKNOWLEDGE)


@handles(GetBmcGlobalEnables)
def get_global_enables(bmc: BmcState, request: GetBmcGlobalEnables, session: BmcSession, now: float) -> GlobalEnables:
    """As they were set."""
    return bmc.global_enables


@handles(SetBmcGlobalEnables)
def set_global_enables(bmc: BmcState, request: SetBmcGlobalEnables, session: BmcSession, now: float) -> NoData:
    """Keep them."""
    bmc.global_enables = request.enables
    return NoData()
