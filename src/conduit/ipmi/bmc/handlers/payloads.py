"""Payloads and SOL's configuration (sections 24.1 to 24.9, 26.2 and 26.3)."""

from __future__ import annotations

from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.bmc.handlers.channel import resolve
from conduit.ipmi.bmc.handlers.registry import Refused, handles
from conduit.ipmi.bmc.sessions import BmcSession
from conduit.ipmi.bmc.sol import INSTANCE, Denied
from conduit.ipmi.bmc.state import LAN_CHANNEL, BmcState
from conduit.ipmi.commands.channel_payloads import (
    ChannelPayloadSupport,
    ChannelPayloadVersion,
    GetChannelPayloadSupport,
    GetChannelPayloadVersion,
    SetPayloadEncryption,
)
from conduit.ipmi.commands.parameters import SetProgress
from conduit.ipmi.commands.payloads import (
    ActivatePayload,
    DeactivatePayload,
    GetPayloadActivationStatus,
    GetPayloadInstanceInfo,
    PayloadActivation,
    PayloadActivationStatus,
    PayloadInstanceInfo,
)
from conduit.ipmi.commands.sol import (
    SOL_PARAMETERS,
    GetSolConfiguration,
    SetSolConfiguration,
    SolConfiguration,
    SolSelector,
    SolSetInProgress,
)
from conduit.ipmi.commands.user_payloads import (
    GetUserPayloadAccess,
    PayloadAccessOperation,
    SetUserPayloadAccess,
    UserPayloadAccess,
)
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.command import NoData
from conduit.rmcp.packets import PayloadType

NOT_ACTIVE: Final = 0x80
DISABLED: Final = 0x81
NO_SUCH_PAYLOAD: Final = 0x80
NO_SUCH_OPERATION: Final = 0x80
NO_SUCH_PARAMETER: Final = 0x80
IN_PROGRESS: Final = 0x81
READ_ONLY: Final = 0x82
TYPES: Final = frozenset({PayloadType.IPMI, PayloadType.SOL, *range(0x10, 0x16)})
_READ_ONLY: Final = frozenset({SolSelector.PAYLOAD_CHANNEL, SolSelector.PAYLOAD_PORT})


@handles(ActivatePayload)
def activate_payload(bmc: BmcState, request: ActivatePayload, session: BmcSession, now: float) -> PayloadActivation:
    """SOL, for one session at a time."""
    if request.payload_type != PayloadType.SOL or not session.protected.is_plus:
        raise Refused(DISABLED)
    answer = bmc.sol.activate(request, session, now)
    if isinstance(answer, Denied):
        raise Refused(answer)
    return answer


@handles(DeactivatePayload)
def deactivate_payload(bmc: BmcState, request: DeactivatePayload, session: BmcSession, now: float) -> NoData:
    """Also another session's, which is told."""
    if request.payload_type != PayloadType.SOL:
        raise Refused(DISABLED)
    if request.instance != INSTANCE or not bmc.sol.deactivate(session):
        raise Refused(NOT_ACTIVE)
    return NoData()


@handles(GetPayloadActivationStatus)
def get_activation_status(
    bmc: BmcState, request: GetPayloadActivationStatus, session: BmcSession, now: float
) -> PayloadActivationStatus:
    """One instance of SOL."""
    if request.payload_type != PayloadType.SOL:
        return PayloadActivationStatus(capacity=0)
    bmc.sol.check_owner()
    active = frozenset({INSTANCE} if bmc.sol.owner else ())
    return PayloadActivationStatus(capacity=1, active=active)


@handles(GetPayloadInstanceInfo)
def get_instance_info(
    bmc: BmcState, request: GetPayloadInstanceInfo, session: BmcSession, now: float
) -> PayloadInstanceInfo:
    """Whose it is."""
    bmc.sol.check_owner()
    owner = bmc.sol.owner if (request.payload_type, request.instance) == (PayloadType.SOL, INSTANCE) else None
    return PayloadInstanceInfo(session_id=owner.session_id if owner else 0)


@handles(GetChannelPayloadSupport)
def get_payload_support(
    bmc: BmcState, request: GetChannelPayloadSupport, session: BmcSession, now: float
) -> ChannelPayloadSupport:
    """The LAN channel has them; others have no RMCP+."""
    if resolve(request.channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)
    return ChannelPayloadSupport(types=TYPES)


@handles(GetChannelPayloadVersion)
def get_payload_version(
    bmc: BmcState, request: GetChannelPayloadVersion, session: BmcSession, now: float
) -> ChannelPayloadVersion:
    """1.0, all of them."""
    if resolve(request.channel) != LAN_CHANNEL or request.payload_type not in TYPES:
        raise Refused(NO_SUCH_PAYLOAD)
    return ChannelPayloadVersion()


@handles(SetPayloadEncryption)
def set_payload_encryption(bmc: BmcState, request: SetPayloadEncryption, session: BmcSession, now: float) -> NoData:
    """Encryption is the session's and stays."""
    raise Refused(NO_SUCH_OPERATION)


@handles(GetUserPayloadAccess)
def get_user_payload_access(
    bmc: BmcState, request: GetUserPayloadAccess, session: BmcSession, now: float
) -> UserPayloadAccess:
    """SOL or not; IPMI messages are everybody's."""
    _check_user(bmc, request.user_id, request.channel)
    sol = request.user_id not in bmc.sol.may_not
    return UserPayloadAccess(standard=1 << PayloadType.IPMI | sol << PayloadType.SOL)


@handles(SetUserPayloadAccess)
def set_user_payload_access(bmc: BmcState, request: SetUserPayloadAccess, session: BmcSession, now: float) -> NoData:
    """Counts from the next activation."""
    _check_user(bmc, request.user_id, request.channel)
    if request.operation not in PayloadAccessOperation.__members__.values():
        raise Refused(CompletionCode.INVALID_FIELD)
    if request.payloads.sol and request.operation == PayloadAccessOperation.DISABLE:
        bmc.sol.may_not.add(request.user_id)
    elif request.payloads.sol:
        bmc.sol.may_not.discard(request.user_id)
    return NoData()


def _check_user(bmc: BmcState, user_id: int, channel: int) -> None:
    if bmc.users.get(user_id) is None or resolve(channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)


@handles(GetSolConfiguration)
def get_sol_configuration(
    bmc: BmcState, request: GetSolConfiguration, session: BmcSession, now: float
) -> SolConfiguration:
    """One parameter."""
    parameter = bmc.sol.parameters.get(request.selector)
    if resolve(request.channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)
    if parameter is None:
        raise Refused(NO_SUCH_PARAMETER)
    return SolConfiguration(data=b"" if request.revision_only else parameter.encode())


@handles(SetSolConfiguration)
def set_sol_configuration(bmc: BmcState, request: SetSolConfiguration, session: BmcSession, now: float) -> NoData:
    """One parameter; what it changes counts from the next activation, accumulation at once."""
    kind = SOL_PARAMETERS.get(request.selector)
    if resolve(request.channel) != LAN_CHANNEL:
        raise Refused(CompletionCode.INVALID_FIELD)
    if kind is None:
        raise Refused(NO_SUCH_PARAMETER)
    if request.selector in _READ_ONLY:
        raise Refused(READ_ONLY)
    try:
        parameter = kind.decode(request.data)
    except DecodeError as error:
        raise Refused(CompletionCode.DATA_LENGTH_INVALID) from error
    held = bmc.sol.parameters[SolSelector.SET_IN_PROGRESS]
    busy = SolSetInProgress(state=SetProgress.IN_PROGRESS)
    if parameter == busy and held == busy:
        raise Refused(IN_PROGRESS)
    bmc.sol.parameters[request.selector] = parameter
    return NoData()
