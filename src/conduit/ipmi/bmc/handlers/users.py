"""Users (sections 22.26 to 22.30)."""

from __future__ import annotations

from typing import Final

from conduit.ipmi.bmc.handlers.channel import resolve
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import BmcState
from conduit.ipmi.bmc.users import User
from conduit.ipmi.commands.users import (
    GetUserAccess,
    GetUserName,
    PasswordOperation,
    SetUserAccess,
    SetUserName,
    SetUserPassword,
    UserAccess,
    UserName,
    UserState,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import PrivilegeLimit
from conduit.rmcp.command import NoData

WRONG_PASSWORD: Final = 0x80
WRONG_SIZE: Final = 0x81


def _user(bmc: BmcState, user_id: int) -> User:
    user = bmc.users.get(user_id)
    if user is None:
        raise Refused(CompletionCode.INVALID_FIELD)
    return user


@handles(GetUserAccess)
def get_user_access(bmc: BmcState, request: GetUserAccess, session: BmcSession, now: float) -> UserAccess:
    """Rights on one channel, and the size of the table."""
    user = _user(bmc, request.user_id)
    rights = user.on(resolve(request.channel))
    return UserAccess(
        max_users=len(bmc.users),
        state=UserState.ENABLED if user.enabled else UserState.DISABLED,
        enabled_users=bmc.users.enabled_count(),
        fixed_names=1,
        callback_only=rights.callback_only,
        link_authentication=rights.link_authentication,
        ipmi_messaging=rights.messaging,
        privilege_limit=rights.limit,
    )


@handles(SetUserAccess)
def set_user_access(bmc: BmcState, request: SetUserAccess, session: BmcSession, now: float) -> NoData:
    """Change rights; they count from the next log-in."""
    rights = _user(bmc, request.user_id).on(resolve(request.channel))
    if request.privilege_limit not in PrivilegeLimit.__members__.values():
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.change_flags:
        rights.callback_only = request.callback_only
        rights.link_authentication = request.link_authentication
        rights.messaging = request.ipmi_messaging
    rights.limit = request.privilege_limit
    if request.session_limit is not None:
        rights.session_limit = request.session_limit
    return NoData()


@handles(GetUserName)
def get_user_name(bmc: BmcState, request: GetUserName, session: BmcSession, now: float) -> UserName:
    """Empty for a slot that is free."""
    return UserName(name=_user(bmc, request.user_id).name)


@handles(SetUserName)
def set_user_name(bmc: BmcState, request: SetUserName, session: BmcSession, now: float) -> NoData:
    """A name that nobody else has; user 1 keeps its own."""
    if not bmc.users.rename(_user(bmc, request.user_id), request.name):
        raise Refused(CompletionCode.INVALID_FIELD)
    return NoData()


@handles(SetUserPassword)
def set_user_password(bmc: BmcState, request: SetUserPassword, session: BmcSession, now: float) -> NoData:
    """Disable, enable, set, test. Open sessions go on under the old password."""
    user = _user(bmc, request.user_id)
    match request.operation:
        case PasswordOperation.DISABLE_USER | PasswordOperation.ENABLE_USER:
            user.enabled = request.operation is PasswordOperation.ENABLE_USER
            bmc.lock_out.release(user.user_id)
        case PasswordOperation.SET_PASSWORD:
            user.set_password(request.password, request.size)
        case _:
            _test_password(user, request)
    return NoData()


def _test_password(user: User, request: SetUserPassword) -> None:
    if request.size != user.password_size:
        raise Refused(WRONG_SIZE)
    if not user.has_password(request.password):
        raise Refused(WRONG_PASSWORD)
