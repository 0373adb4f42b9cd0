"""What a virtual BMC is, apart from its datagrams: everything that command handlers read and change."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from functools import cached_property
from typing import Final

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc.alerts import Alerting
from conduit.ipmi.bmc.bridge import IpmbNetwork, satellite_network
from conduit.ipmi.bmc.config import BmcConfig, UserConfig
from conduit.ipmi.bmc.dcmi import Dcmi
from conduit.ipmi.bmc.event_flow import EventFlow
from conduit.ipmi.bmc.event_log import EventLog
from conduit.ipmi.bmc.fru import FruMemory, fru_memories
from conduit.ipmi.bmc.guest import Guest, PortGuest
from conduit.ipmi.bmc.lan_settings import LanSettings
from conduit.ipmi.bmc.own_events import BMC_STARTED, INLET_NAME, INLET_SENSOR, POWER_SENSOR, limit_event
from conduit.ipmi.bmc.pef import EventFiltering
from conduit.ipmi.bmc.power_states import PowerCommand, PowerState
from conduit.ipmi.bmc.sdr_repository import MANAGEMENT, SdrRepository, make_records
from conduit.ipmi.bmc.sensor_specs import Conditions
from conduit.ipmi.bmc.sensors import Sensors
from conduit.ipmi.bmc.sessions import SessionTable
from conduit.ipmi.bmc.sol import SolServer
from conduit.ipmi.bmc.users import NULL_USER, LockOut, Rights, User, UserTable
from conduit.ipmi.bmc.virtual_machine import NotPossibleError, VirtualMachine
from conduit.ipmi.bmc.watchdog import Watchdog
from conduit.ipmi.commands.channel import ChannelAccess
from conduit.ipmi.commands.chassis import RestartCause, SetChassisCapabilities
from conduit.ipmi.commands.messaging import GlobalEnables, ReceivedMessage
from conduit.ipmi.commands.platform_event import EventReceiver
from conduit.ipmi.commands.sel_time import AuxiliaryLogStatus
from conduit.ipmi.commands.watchdog import TimeoutAction
from conduit.ipmi.messages import PrivilegeLimit
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.sensor_types import SensorType
from conduit.rmcp.accounts import Account
from conduit.rmcp.privilege import Privilege

IPMB_CHANNEL: Final = 0x00
LAN_CHANNEL: Final = 0x01
SYSTEM_CHANNEL: Final = 0x0F
WATCHDOG_WARNING: Final = 8  # the event of a pre-timeout interrupt
RECEIVE_QUEUE: Final = 16  # messages
BMC_NAME: Final = "Conduit BMC"  # in its locator record
LOG_FULL: Final = 1 << 4  # states of an event logging sensor (table 42-3, 10h)
LOG_ALMOST_FULL: Final = 1 << 5
ALMOST_FULL: Final = 0.1  # share of free records below which it is


class Reset(Enum):
    """A restart of the BMC itself."""

    COLD = "cold"
    "As after a power failure: sessions and volatile settings are lost."
    WARM = "warm"
    "Sessions are lost."


# What the watchdog's actions ask of the machine.
WATCHDOG_COMMANDS: Final = {
    TimeoutAction.HARD_RESET: PowerCommand.RESET,
    TimeoutAction.POWER_DOWN: PowerCommand.OFF,
    TimeoutAction.POWER_CYCLE: PowerCommand.CYCLE,
}


class BmcState:
    """Users, sessions, settings and the machine. Also the :class:`~conduit.rmcp.accounts.Doorkeeper` of log-ins."""

    def __init__(self, config: BmcConfig) -> None:
        self.config = config
        self.users = UserTable(config.limits.users, _users(config))
        self.lock_out = LockOut(config.lock_out)
        self.sessions = SessionTable(config.limits.sessions)
        self.machine = VirtualMachine(config.timings, running=config.running, hours=config.power_on_hours)
        self.watchdog = Watchdog()
        self.event_log = EventLog(config.limits.events)
        "``state.event_log.log(event, now)`` is how anything becomes an event; filters see it at the next advance."
        self.pef = EventFiltering()
        self.lan = LanSettings(config, self.lock_out)
        self.alerting = Alerting(config, self.lan, self.pef, self._entity_of, lambda: self.access.pef_alerting)
        self.event_flow = EventFlow(self.machine, self.event_log, self.pef, self.alerting)
        self.event_receiver = EventReceiver()
        self.machine_check_log = AuxiliaryLogStatus(data=bytes(4))
        self.pef_setter = 0
        "ID of the session that is setting PEF parameters."
        self.datagrams = 0
        "Datagrams received."
        self.datagrams_cleared = 0
        "How many of them when somebody last cleared the statistics."
        self.sol = SolServer(config.sol, self.sessions, LAN_CHANNEL)
        self.dcmi = Dcmi()
        self.guest = PortGuest(Guest(self.machine, config.guest), self.sol.port) if config.guest.enabled else None
        "The system on the serial port, if it is not somebody else's."
        self.stored_access = ChannelAccess(
            per_message_authentication=config.lan.per_message,
            user_level_authentication=config.lan.user_level,
            privilege_limit=PrivilegeLimit(config.limits.privilege),
        )
        "The LAN channel's settings that survive a reset."
        self.access = self.stored_access
        "Those that hold now."
        self.global_enables = GlobalEnables()
        self.chassis = SetChassisCapabilities()
        self.system_info: dict[tuple[int, int], bytes] = {}
        "System info parameters by number and block."
        self.boot_parameters: dict[tuple[int, int], bytes] = {}
        "Boot options that nobody here looks into, by number and block."
        self.invalid_options: set[int] = set()
        "Boot options marked invalid."
        self.boot_setter = 0
        "ID of the session that is setting boot options."
        self.ipmb: IpmbNetwork = satellite_network()
        self.receive_queue: deque[ReceivedMessage] = deque(maxlen=RECEIVE_QUEUE)
        self.requested_reset: Reset | None = None
        if config.sensors:
            _ = self.sensors  # made at once: what is wrong with them shows now

    @cached_property
    def fru(self) -> Mapping[int, FruMemory]:
        """FRU memories by ID; made when they are first looked at, for ten thousand BMCs start faster without."""
        return fru_memories(self.config.fru, self.config.identity.guid)

    # --- sensors, which are made when somebody first wants them: few of ten thousand BMCs are asked ---

    @cached_property
    def sensors(self) -> Sensors:
        """``state.sensors.inject(name, value)`` lets one measure what a test wants."""
        return Sensors(self.config.sensors)

    @cached_property
    def sdrs(self) -> SdrRepository:
        """The records of the sensors, and others."""
        maker, supply = self.config.identity.manufacturer_id, self.config.fru.supply
        return SdrRepository(make_records(self.sensors, name=BMC_NAME, manufacturer_id=maker, supply=supply))

    def _entity_of(self, number: int) -> Entity:
        """What a sensor belongs to; those that only have events belong to the BMC itself."""
        sensor = self.sensors.get(number)
        return MANAGEMENT if sensor is None else sensor.spec.entity

    # --- time ---

    def advance(self, now: float) -> None:
        """Let everything in here that time changes catch up with *now*."""
        self.machine.advance(now)
        if self.guest is not None:
            self.guest.advance(now)
        self.sol.set_available(self.machine.is_on or not self.config.sol.needs_power)
        self.sol.advance(now)
        self._advance_power_limit(now)
        self._advance_watchdog(now)
        if "sensors" in self.__dict__:
            self.advance_sensors(now)
        if self.dcmi.thermal_limits:
            self._advance_thermal_limits(now)
        self.event_flow.advance(now)

    def _advance_power_limit(self, now: float) -> None:
        """An exception of the DCMI power limit is an event, and perhaps the end."""
        before = next(reversed(self.dcmi.exceptions), None)
        off = self.dcmi.advance(now, self.machine.state)
        if next(reversed(self.dcmi.exceptions), None) is not before:
            self.event_log.log(limit_event(POWER_SENSOR, SensorType.OTHER_UNITS), now)
        if off:
            self.machine.command(PowerCommand.OFF, now)

    def _advance_thermal_limits(self, now: float) -> None:
        """Likewise of the thermal limit, which the inlet has."""
        self.advance_sensors(now)
        celsius = self.sensors.value(INLET_NAME)
        for entity, instance in tuple(self.dcmi.thermal_limits):
            limit = self.dcmi.check_temperature(entity, instance, celsius, now)
            if limit is None:
                continue
            if limit.log or limit.power_off:
                self.event_log.log(limit_event(INLET_SENSOR, SensorType.TEMPERATURE), now)
            if limit.power_off and self.machine.is_on:
                self.machine.command(PowerCommand.OFF, now)

    def advance_sensors(self, now: float) -> None:
        """Look at the sensors, if it is time to; what they find is in the event log."""
        on, running = self.machine.is_on, self.machine.state is PowerState.RUNNING
        if not self.sensors.is_due(now, on=on, running=running):
            return
        conditions = Conditions(now, on, running, 0.0, int(bool(self.watchdog.state(now).expired)), self._log_states())
        for event in self.sensors.scan(conditions):
            self.event_log.log(event, now)

    def _log_states(self) -> int:
        """Bit 4: the event log is full, bit 5: almost."""
        free, capacity = self.event_log.free, self.event_log.capacity
        return LOG_FULL if not free else LOG_ALMOST_FULL if free < capacity * ALMOST_FULL else 0

    def _advance_watchdog(self, now: float) -> None:
        warnings = self.watchdog.warnings
        action = self.watchdog.advance(now)
        if self.watchdog.warnings > warnings:
            self.event_flow.watchdog_expired(self.watchdog.state(now), WATCHDOG_WARNING, now)
        if action is None:
            return
        self.event_flow.watchdog_expired(self.watchdog.state(now), action, now)
        command = next((known for at, known in WATCHDOG_COMMANDS.items() if at == action), None)
        if command is not None:
            try:
                self.machine.command(command, now, cause=RestartCause.WATCHDOG)
            except NotPossibleError:
                return  # off already: there is nothing to reset

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        guest_due = None if self.guest is None else self.guest.next_deadline()
        parts = (self.machine, self.watchdog, self.event_flow, self.sol, self.dcmi)
        next_look = self.sensors.next_scan if self.dcmi.thermal_limits else None
        deadlines = (guest_due, next_look, *(part.next_deadline() for part in parts))
        return min((when for when in deadlines if when is not None), default=None)

    def restart(self, kind: Reset, now: float) -> None:
        """Restart the BMC: the machine runs on, sessions end, after a cold reset only stored settings are left."""
        self.requested_reset = None
        self.sessions.clear()
        self.lock_out.clear()
        self.event_log.cancel_reservation()
        self.event_log.log(BMC_STARTED, now)
        self.sol.reset()
        if kind is Reset.COLD:
            self.access = self.stored_access
            self.watchdog = Watchdog()
            self.global_enables = GlobalEnables()
            self.system_info.clear()
            self.receive_queue.clear()

    # --- what log-ins ask ---

    @property
    def channel_limit(self) -> Privilege:
        """Most that any session on the LAN channel gets."""
        return privilege_of(self.access.privilege_limit)

    def find(self, username: bytes, privilege: int | None, now: float) -> Account | None:
        """The user called so who may try to log in."""
        user = self.users.find(username, LAN_CHANNEL, privilege)
        if user is None or not (user.password or self.config.allow_empty_passwords):
            return None
        if self.lock_out.is_locked_out(user.user_id, now):
            return None
        limit = min(privilege_of(user.on(LAN_CHANNEL).limit), self.channel_limit)
        return Account(user_id=user.user_id, username=username, password=user.password, limit=limit)

    def has_room_for(self, account: Account) -> bool:
        """Whether this user may have one more session."""
        user = self.users.get(account.user_id)
        limit = user.on(LAN_CHANNEL).session_limit if user else 0
        return not self.sessions.is_full and not (limit and self.sessions.count_of(account.user_id) >= limit)

    def record(self, account: Account, now: float, *, succeeded: bool) -> None:
        """Count a log-in for the lock-out."""
        self.lock_out.record(account.user_id, now, succeeded=succeeded)
        if not succeeded:
            self.event_flow.log_in_failed(account.user_id, LAN_CHANNEL, now)


def privilege_of(limit: int) -> Privilege:
    """The session privilege that a limit allows; what is no privilege allows the least."""
    return Privilege(limit) if Privilege.CALLBACK <= limit <= Privilege.OEM else Privilege.CALLBACK


def _users(config: BmcConfig) -> list[User]:
    """The configured users; the nameless one takes the slot that is made for it."""
    users: list[User] = []
    next_id = NULL_USER + 1
    for entry in config.users:
        user_id = next_id if entry.name else NULL_USER
        next_id += bool(entry.name)
        if any(entry.name == other.name for other in users):
            raise LocalProtocolError("two users have the same name")
        users.append(_user(entry, user_id))
    return users


def _user(entry: UserConfig, user_id: int) -> User:
    rights = Rights(limit=PrivilegeLimit(entry.privilege), messaging=True, session_limit=entry.session_limit)
    return User(
        user_id=user_id,
        name=entry.name,
        password=entry.password,
        password_size=entry.password_size,
        enabled=entry.enabled,
        rights={LAN_CHANNEL: rights, SYSTEM_CHANNEL: replace(rights)},
    )
