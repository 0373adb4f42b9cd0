"""Alerts on their way: traps to the destinations of a policy, one after the other, repeated and acknowledged as the
LAN parameters say (section 17.7 and following, tables 17-3 and 23-4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from conduit.ipmi.bmc.config import BmcConfig
from conduit.ipmi.bmc.lan_settings import LanSettings
from conduit.ipmi.bmc.pef import Decision, EventFiltering
from conduit.ipmi.commands.alerts import PetAcknowledge
from conduit.ipmi.commands.guid import Guid
from conduit.ipmi.commands.lan_alerts import AlertType, DestinationAddress, DestinationType
from conduit.ipmi.commands.lan_parameters import IpAddress
from conduit.ipmi.commands.lan_shapes import LanParameter
from conduit.ipmi.commands.pef_alerting import AlertPolicy, PolicyRule
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.events import Event
from conduit.ipmi.records.pet import NO_OFFSET, PlatformEventTrap, text_field, trap_time
from conduit.ipmi.records.sel import SystemEventRecord

LAN_CHANNEL: Final = 1
MAX_ALERTS: Final = 64  # remembered; as many may be on their way, and as many events may wait for theirs
MAX_SEQUENCE: Final = 0xFFFF
TICKS: Final = 100  # of a trap's uptime in a second
NO_EVENT: Final = Event(sensor_type=0, sensor_number=0, event_type=0, data=bytes(3))

FindEntity = Callable[[int], Entity | None]
"What the sensor of that number, 0 to 255, belongs to."


class AlertOutcome(IntEnum):
    """How an alert went, in the numbers of Alert Immediate (section 30.7)."""

    UNKNOWN = 0x00
    DELIVERED = 0x01
    "Sent; acknowledged where that is asked for."
    FAILED = 0x02
    "There is nobody to send it to, or no room."
    NOT_ACKNOWLEDGED = 0x03
    PENDING = 0xFF


@dataclass(slots=True, kw_only=True)
class Alert:
    """An alert to one destination."""

    record_id: int
    "The event in the log; 0 if somebody asked for the alert."
    channel: int
    destination: int
    trap: PlatformEventTrap
    outcome: AlertOutcome = AlertOutcome.FAILED
    acknowledged: bool = False
    "Whether the destination has to say that it got it."
    interval: float = 1.0
    "Seconds between tries."
    left: int = 0
    "Tries that are left."
    due: float = 0.0
    "When to try again, or to give up."
    place: tuple[str, int] = ("", 0)
    "IP address and UDP port."

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return not self.left and self.outcome is not AlertOutcome.PENDING


@dataclass(slots=True)
class _Course:
    """An event on its way through the entries of its policies, each of which may depend on the one before."""

    record_id: int
    trap: PlatformEventTrap
    waiting: deque[AlertPolicy]
    text: Callable[[AlertPolicy], bytes]
    not_before: float
    last: Alert | None = None

    @property
    def is_pending(self) -> bool:
        """Whether nobody knows yet what became of the last alert."""
        return self.last is not None and self.last.outcome is AlertOutcome.PENDING


class Alerting:
    """All alerts of one BMC.

    :param find_entity: for traps, which name what a sensor belongs to.
    :param may_alert: whether the channel's access lets events be alerted about; who asks for an alert gets it anyway.
    """

    def __init__(
        self,
        config: BmcConfig,
        lan: LanSettings,
        filtering: EventFiltering,
        find_entity: FindEntity,
        may_alert: Callable[[], bool],
    ) -> None:
        self._config = config
        self._lan = lan
        self._filtering = filtering
        self._find_entity = find_entity
        self._may_alert = may_alert
        self._courses: list[_Course] = []
        self._on_the_way: list[Alert] = []
        self._outbox: list[tuple[bytes, tuple[str, int]]] = []
        self._sequence = 0
        self._started: float | None = None
        self._immediate: Alert | None = None
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        "The last ones, oldest first."
        self.lost = 0
        "Events whose alerts found no room."

    # --- what makes alerts ---

    def begin(self, record: SystemEventRecord, decision: Decision, utc_offset: int | None, not_before: float) -> None:
        """Alert about an event as *decision* says.

        :param utc_offset: of the log's clock in minutes, if somebody has set it.
        :param not_before: on the caller's clock.
        """
        if not decision.policies or len(self._courses) >= MAX_ALERTS:
            self.lost += bool(decision.policies)
            return
        trap = replace(
            self._trap(record.event, record.generator.address),
            severity=decision.severity,
            timestamp=trap_time(record.timestamp),
            utc_offset=NO_OFFSET if utc_offset is None else utc_offset & 0xFFFF,
        )

        def text(policy: AlertPolicy) -> bytes:
            return self._filtering.text(policy, decision.filters)

        self._courses.append(_Course(record.record_id, trap, deque(decision.policies), text, not_before))

    def send_now(self, destination: int, event: Event | None, generator: int, text: bytes, now: float) -> bool:
        """Send one alert because somebody asks for it; False while the one before is on its way.

        :param event: None alerts about nothing, as a test.
        """
        if self.immediate is AlertOutcome.PENDING:
            return False
        trap = replace(self._trap(event or NO_EVENT, generator), custom=text_field(text))
        self._immediate = self._send(Alert(record_id=0, channel=LAN_CHANNEL, destination=destination, trap=trap), now)
        return True

    @property
    def immediate(self) -> AlertOutcome:
        """How that alert goes."""
        return AlertOutcome.UNKNOWN if self._immediate is None else self._immediate.outcome

    def forget_immediate(self) -> None:
        """Nobody asks any more."""
        self._immediate = None

    def acknowledge(self, request: PetAcknowledge) -> bool:
        """Whether an alert waited for that; it is not repeated any more."""
        asked = (request.sequence, request.timestamp, request.sensor_number, request.event_data)
        for alert in self._on_the_way:
            trap = alert.trap
            sent = (trap.sequence, trap.timestamp, trap.sensor_number, trap.event_data[:3])
            if alert.acknowledged and sent == asked:
                alert.outcome, alert.left = AlertOutcome.DELIVERED, 0
                return True
        return False

    # --- time ---

    def advance(self, now: float) -> None:
        """Repeat and give up what is due at *now*, then go on where that, or an acknowledge, lets us."""
        if self._started is None:
            self._started = now
        if not self._courses and not self._on_the_way:
            return
        for alert in self._on_the_way:
            self._retry(alert, now)
        for course in self._courses:
            self._go_on(course, now)
        self._on_the_way = [alert for alert in self._on_the_way if not alert.is_done]
        self._courses = [course for course in self._courses if course.waiting or course.is_pending]

    def next_deadline(self) -> float | None:
        """When :meth:`advance` has something to do, or None."""
        dues = [course.not_before for course in self._courses if not course.is_pending]
        return min((*dues, *(alert.due for alert in self._on_the_way)), default=None)

    def traps_to_send(self) -> list[tuple[bytes, tuple[str, int]]]:
        """SNMP messages with their receivers; each is handed out once."""
        outbox, self._outbox = self._outbox, []
        return outbox

    # --- the policies ---

    def _go_on(self, course: _Course, now: float) -> None:
        """Alert one destination after the other, up to one whose outcome nobody knows yet."""
        while course.waiting and not course.is_pending and course.not_before <= now:
            policy = course.waiting.popleft()
            if course.last is not None and course.last.outcome is AlertOutcome.DELIVERED and self._skip(course, policy):
                continue
            trap = replace(course.trap, custom=text_field(course.text(policy)))
            alert = Alert(record_id=course.record_id, channel=policy.channel, destination=policy.destination, trap=trap)
            course.last = self._send(alert, now)

    def _skip(self, course: _Course, policy: AlertPolicy) -> bool:
        """Whether the entry is passed over, now that the one before got the alert; so may be others (table 17-3)."""
        match policy.rule:
            case PolicyRule.NEXT_IF_FAILED:
                return True
            case PolicyRule.STOP_IF_SENT:
                course.waiting.clear()
                return True
            case PolicyRule.NEXT_CHANNEL:
                while course.waiting and course.waiting[0].channel == policy.channel:
                    course.waiting.popleft()
                return True
            case PolicyRule.NEXT_TYPE:
                kind = self._type(policy).alert_type
                while course.waiting and self._type(course.waiting[0]).alert_type == kind:
                    course.waiting.popleft()
                return True
        return False

    def _type(self, policy: AlertPolicy) -> DestinationType:
        found = self._lan.get(LanParameter.DESTINATION_TYPE, policy.destination)
        return found if isinstance(found, DestinationType) else DestinationType(destination=policy.destination)

    # --- the traps ---

    def _send(self, alert: Alert, now: float) -> Alert:
        """The first try, if there is anybody to send it to."""
        self.alerts.append(alert)
        how = self._lan.get(LanParameter.DESTINATION_TYPE, alert.destination)
        address = self._address(alert)
        full = len(self._on_the_way) >= MAX_ALERTS
        if address is None or full or not isinstance(how, DestinationType) or how.alert_type != AlertType.PET_TRAP:
            return alert
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        alert.trap = replace(alert.trap, sequence=self._sequence)
        alert.place = (str(address), self._config.network.trap_port)
        alert.acknowledged = how.acknowledged
        alert.outcome = AlertOutcome.PENDING if how.acknowledged else AlertOutcome.DELIVERED
        alert.interval = how.timeout + 1.0  # the parameter counts from zero: 0 is one second (table 23-4)
        alert.left, alert.due = how.retries + 1, now
        self._retry(alert, now)
        if not alert.is_done:
            self._on_the_way.append(alert)
        return alert

    def _address(self, alert: Alert) -> IPv4Address | IPv6Address | None:
        """Where the LAN parameters have the destination; None where they say nothing."""
        if alert.record_id and not self._may_alert():
            return None
        found = self._lan.get(LanParameter.DESTINATION_ADDRESS, alert.destination)
        if alert.channel != LAN_CHANNEL or not isinstance(found, DestinationAddress) or found.address.is_unspecified:
            return None
        return found.address

    def _retry(self, alert: Alert, now: float) -> None:
        """Try again, or give up, if it is time to."""
        if alert.due > now or alert.is_done:
            return
        if not alert.left:
            alert.outcome = AlertOutcome.NOT_ACKNOWLEDGED
            return
        alert.left -= 1
        alert.due = now + alert.interval
        uptime = int((now - (now if self._started is None else self._started)) * TICKS) & 0xFFFF_FFFF
        message = alert.trap.to_snmp(agent=self._agent(), community=self._lan.community, uptime=uptime)
        self._outbox.append((message.encode(), alert.place))

    def _agent(self) -> IPv4Address:
        """The BMC's own address; all zeros if it has none of version 4."""
        own = self._lan.get(LanParameter.IP_ADDRESS)
        return own.address if isinstance(own, IpAddress) else IPv4Address(0)

    def _trap(self, event: Event, generator: int) -> PlatformEventTrap:
        identity, guid = self._config.identity, self._filtering.guid
        entity = self._find_entity(event.sensor_number) if generator == _BMC_ADDRESS else None
        return PlatformEventTrap(
            guid=guid.raw if guid.used else Guid(raw=identity.guid).uuid().bytes,
            sequence=0,
            sensor_device=generator,
            sensor_type=event.sensor_type,
            event_type=event.event_type,
            offset=event.data[0] & 0x0F,
            asserted=event.asserted,
            sensor_number=event.sensor_number,
            entity=0 if entity is None else entity.entity_id,
            entity_instance=0 if entity is None else entity.instance,
            event_data=event.data,
            manufacturer_id=identity.manufacturer_id,
            system_id=identity.product_id,
        )


_BMC_ADDRESS: Final = 0x20
