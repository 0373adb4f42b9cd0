"""Sessions from inside (sections 22.18 to 22.20), and the commands of a log-in where they do not belong."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.commands.sessions import ActiveSession, GetSessionInfo, LanPeer, SessionInfo, SessionProtocol
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import Body, NoData
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import (
    ActivateSession,
    CloseSession,
    GetSessionChallenge,
    SessionPrivilege,
    SetSessionPrivilegeLevel,
)

ABOVE_LIMIT: Final = 0x81  # Set Session Privilege Level: more than user or channel may have
NO_SUCH_ID: Final = 0x87  # Close Session
NO_SUCH_HANDLE: Final = 0x88


@handles(SetSessionPrivilegeLevel)
def set_session_privilege(
    bmc: BmcState, request: SetSessionPrivilegeLevel, session: BmcSession, now: float
) -> SessionPrivilege:
    """Raise or lower the session's privilege within its limit."""
    if request.level == 1 or request.level > Privilege.OEM:
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.level > session.limit:
        raise Refused(ABOVE_LIMIT)
    if request.level:
        session.privilege = Privilege(request.level)
    return SessionPrivilege(level=session.privilege)


@handles(CloseSession)
def close_session(bmc: BmcState, request: CloseSession, session: BmcSession, now: float) -> NoData:
    """End this session, or as administrator any other."""
    if request.session_id:
        target = bmc.sessions.get(request.session_id)
        missing = NO_SUCH_ID
    else:
        target = None if request.handle is None else bmc.sessions.by_handle(request.handle)
        missing = NO_SUCH_HANDLE
    if target is None:
        raise Refused(missing)
    if target is not session and session.privilege < Privilege.ADMINISTRATOR:
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    if target is session:
        session.closing = True
    else:
        bmc.sessions.remove(target)
    return NoData()


@handles(GetSessionInfo)
def get_session_info(bmc: BmcState, request: GetSessionInfo, session: BmcSession, now: float) -> SessionInfo:
    """The session that asks, or one by place, handle or ID."""
    if request.handle is not None:
        target = bmc.sessions.by_handle(request.handle)
    elif request.session_id is not None:
        target = bmc.sessions.get(request.session_id)
    elif request.index:
        target = next((found for place, found in enumerate(bmc.sessions, 1) if place == request.index), None)
    else:
        target = session
    return SessionInfo(
        handle=target.handle if target else 0,
        slots=bmc.sessions.slots,
        active_sessions=len(bmc.sessions),
        session=_describe(target) if target else None,
    )


def _describe(session: BmcSession) -> ActiveSession:
    host, port = session.address[:2]
    plain = ip_address(host.partition("%")[0].removeprefix("::ffff:"))
    return ActiveSession(
        user_id=session.account.user_id,
        privilege=session.privilege,
        protocol=SessionProtocol.RMCP_PLUS if session.protected.is_plus else SessionProtocol.IPMI_1_5,
        channel=LAN_CHANNEL,
        peer=LanPeer(address=plain if isinstance(plain, IPv4Address) else IPv4Address(0), mac=bytes(6), port=port),
    )


@handles(GetSessionChallenge)
def get_session_challenge(bmc: BmcState, request: GetSessionChallenge, session: BmcSession, now: float) -> Body:
    """Belongs outside of a session, where :mod:`conduit.ipmi.bmc.log_ins` answers it."""
    raise Refused(CompletionCode.NOT_IN_THIS_STATE)


@handles(ActivateSession)
def activate_session(bmc: BmcState, request: ActivateSession, session: BmcSession, now: float) -> Body:
    """Belongs in a temporary session, where :mod:`conduit.ipmi.bmc.log_ins` answers it."""
    raise Refused(CompletionCode.NOT_IN_THIS_STATE)
