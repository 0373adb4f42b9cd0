"""Channels, and what a console may know of them before it logs in (sections 22.13, 22.15, 22.22 to 22.24)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from conduit.ipmi.bmc.handlers.registry import Refused, handles, handles_outside
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.state import IPMB_CHANNEL, LAN_CHANNEL, SYSTEM_CHANNEL, BmcState
from conduit.ipmi.bmc.users import NULL_USER
from conduit.ipmi.commands.channel import (
    AccessMode,
    ChannelAccess,
    ChannelInfo,
    ChannelMedium,
    ChannelProtocol,
    GetChannelAccess,
    GetChannelInfo,
    SessionSupport,
    SetChannelAccess,
    Store,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.ipmi.messages import PRESENT_CHANNEL, PrivilegeLimit
from conduit.rmcp.ciphers import PREFERENCE, SUITES
from conduit.rmcp.command import NoData
from conduit.rmcp.misbehaviour import Misbehaviour
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.session_commands import (
    ChannelAuthenticationCapabilities,
    CipherSuiteRecord,
    CipherSuiteRecords,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
)

NO_SESSIONS: Final = 0x82  # completion code: the channel has none, so it has no access settings
UNSUPPORTED_MODE: Final = 0x83
# medium and protocol by channel
CHANNELS: Final = {
    IPMB_CHANNEL: (ChannelMedium.IPMB, ChannelProtocol.IPMB),
    LAN_CHANNEL: (ChannelMedium.LAN, ChannelProtocol.IPMB),
    SYSTEM_CHANNEL: (ChannelMedium.SYSTEM_INTERFACE, ChannelProtocol.KCS),
}
_RANKS: Final = {suite: rank for rank, suite in enumerate(PREFERENCE)}
_INTEGRITY_TAG: Final = 0x40  # class of an algorithm in a cipher suite record (table 22-18)
_CONFIDENTIALITY_TAG: Final = 0x80


def resolve(channel: int) -> int:
    """The channel's real number.

    :raises Refused: there is no such channel.
    """
    number = LAN_CHANNEL if channel == PRESENT_CHANNEL else channel
    if number not in CHANNELS:
        raise Refused(CompletionCode.INVALID_FIELD)
    return number


def _require_lan(channel: int) -> None:
    if resolve(channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)


@handles_outside(GetChannelAuthenticationCapabilities)
def get_authentication_capabilities(
    bmc: BmcState, request: GetChannelAuthenticationCapabilities, session: BmcSession | None, now: float
) -> ChannelAuthenticationCapabilities:
    """How to log in."""
    _require_lan(request.channel)
    if not Privilege.CALLBACK <= request.want <= Privilege.OEM:
        raise Refused(CompletionCode.INVALID_FIELD)
    config = bmc.config
    null_user = bmc.users.find(b"", LAN_CHANNEL)
    wrong = Misbehaviour.WRONG_CAPABILITIES in config.faults.misbehaviours
    forced = Misbehaviour.FORCED_PER_MESSAGE in config.faults.misbehaviours
    return ChannelAuthenticationCapabilities(
        channel=LAN_CHANNEL,
        auth_types=bmc.lan.auth_types(request.want) if config.lan.enabled and not wrong else frozenset(),
        extended=request.extended and config.plus.enabled,
        kg_set=bool(config.plus.kg) != wrong,
        per_message_disabled=forced or not bmc.access.per_message_authentication,
        user_level_disabled=not bmc.access.user_level_authentication,
        named_users=any(user.may_log_in(LAN_CHANNEL) and user.user_id != NULL_USER for user in bmc.users) and not wrong,
        null_users=null_user is not None and bool(null_user.password),
        anonymous=null_user is not None and not null_user.password,
        ipmi_15=config.lan.enabled,
        ipmi_20=config.plus.enabled,
    )


@handles_outside(GetChannelCipherSuites)
def get_cipher_suites(
    bmc: BmcState, request: GetChannelCipherSuites, session: BmcSession | None, now: float
) -> CipherSuiteRecords:
    """One part of the list of suites; empty past its end."""
    _require_lan(request.channel)
    if not bmc.config.plus.enabled or Misbehaviour.REFUSES_CIPHER_LIST in bmc.config.faults.misbehaviours:
        raise Refused(CompletionCode.INVALID_COMMAND)
    # Best first: some consoles (ipmitool 1.8.19) read the first twelve and no more.
    suites = sorted(bmc.lan.suite_limits(bmc.channel_limit), key=lambda suite: _RANKS.get(suite, len(_RANKS)))
    records = b"".join(cipher_suite_record(suite).encode() for suite in suites)
    start = request.index * CipherSuiteRecords.PART
    return CipherSuiteRecords(channel=LAN_CHANNEL, records=records[start : start + CipherSuiteRecords.PART])


def cipher_suite_record(number: int) -> CipherSuiteRecord:
    """How a standard suite is listed."""
    suite = SUITES[number]
    integrity = _INTEGRITY_TAG | suite.integrity
    confidentiality = _CONFIDENTIALITY_TAG | suite.confidentiality
    return CipherSuiteRecord(number=number, algorithms=(suite.authentication, integrity, confidentiality))


@handles(GetChannelInfo)
def get_channel_info(bmc: BmcState, request: GetChannelInfo, session: BmcSession, now: float) -> ChannelInfo:
    """IPMB, LAN and system interface."""
    number = resolve(request.channel)
    medium, protocol = CHANNELS[number]
    lan = number == LAN_CHANNEL
    return ChannelInfo(
        channel=number,
        medium=medium,
        protocol=protocol,
        session_support=SessionSupport.MULTI_SESSION if lan else SessionSupport.SESSION_LESS,
        active_sessions=len(bmc.sessions) if lan else 0,
    )


@handles(GetChannelAccess)
def get_channel_access(bmc: BmcState, request: GetChannelAccess, session: BmcSession, now: float) -> ChannelAccess:
    """The LAN channel's settings."""
    if resolve(request.channel) != LAN_CHANNEL:
        raise Refused(NO_SESSIONS)
    if request.store not in (Store.VOLATILE, Store.NON_VOLATILE):
        raise Refused(CompletionCode.INVALID_FIELD)
    return bmc.access if request.store == Store.VOLATILE else bmc.stored_access


@handles(SetChannelAccess)
def set_channel_access(bmc: BmcState, request: SetChannelAccess, session: BmcSession, now: float) -> NoData:
    """Change them. A channel that cannot be used any more could not be switched on again, so that is refused."""
    if resolve(request.channel) != LAN_CHANNEL:
        raise Refused(NO_SESSIONS)
    limit_known = PrivilegeLimit.CALLBACK <= request.access.privilege_limit <= PrivilegeLimit.OEM
    if request.limit_store != Store.NO_CHANGE and not limit_known:
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.settings_store != Store.NO_CHANGE and request.access.access_mode != AccessMode.ALWAYS_AVAILABLE:
        raise Refused(UNSUPPORTED_MODE)
    bmc.access = _merge(bmc.access, request, Store.VOLATILE)
    bmc.stored_access = _merge(bmc.stored_access, request, Store.NON_VOLATILE)
    return NoData()


def _merge(old: ChannelAccess, request: SetChannelAccess, store: Store) -> ChannelAccess:
    """*old* with what *request* means for this *store*."""
    limit = request.access.privilege_limit if request.limit_store == store else old.privilege_limit
    return replace(request.access if request.settings_store == store else old, privilege_limit=limit)
