"""Alerts sent on demand, and traps acknowledged (sections 30.7 and 30.8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size, known
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.events import EVENT_SIZE, Event
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege


class AlertOperation(IntEnum):
    """What Alert Immediate does."""

    SEND = 0
    STATUS = 1
    CLEAR_STATUS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStatus:
    """How the last alert went; section 30.7."""

    status: int | None = None
    "Bits of the outcome, 0 to 255; None if nobody asked."

    def __post_init__(self) -> None:
        check_range("alert status", self.status or 0, 0, 0xFF)

    def encode(self) -> bytes:
        """One byte or none."""
        return b"" if self.status is None else bytes((self.status,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The byte is optional, so nothing is too short."""
        return cls(status=data[0] if data else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertImmediate(Command[AlertStatus]):
    """Send an alert now, e.g. to test a destination; section 30.7."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x16
    privilege = Privilege.ADMINISTRATOR
    response = AlertStatus
    errors: ClassVar[dict[int, str]] = {
        0x81: "another alert is on its way",
        0x82: "a session is using the channel",
        0x83: "the BMC does not take an event with this command",
    }

    channel: int
    "0 to 15."
    operation: AlertOperation | int = AlertOperation.SEND
    "0 to 3."
    destination: int = 1
    "Which of the channel's alert destinations, 0 to 15; 0 is the volatile one."
    send_string: bool = False
    string: int = 0
    "Alert string, 0 to 127."
    event: Event | None = None
    "What to alert about; None sends none, or the BMC's last."
    generator: int = 0x20
    "Who found that event, 0 to 255; it goes out with the event."

    def __post_init__(self) -> None:
        check_range("channel", self.channel, 0, 0x0F)
        check_range("operation", self.operation, 0, 3)
        check_range("destination", self.destination, 0, 0x0F)
        check_range("alert string", self.string, 0, 0x7F)
        check_range("generator ID", self.generator, 0, 0xFF)

    def encode(self) -> bytes:
        """Three bytes, or eleven with an event."""
        head = (self.channel, self.operation << 6 | self.destination, self.send_string << 7 | self.string)
        event = b"" if self.event is None else bytes((self.generator,)) + self.event.encode()
        return bytes(head) + event

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        channel, where, string = reader.take(3, "alert")
        has_event = reader.remaining > EVENT_SIZE
        return cls(
            channel=channel & 0x0F,
            operation=known(AlertOperation, where >> 6),
            destination=where & 0x0F,
            send_string=bool(string & 0x80),
            string=string & 0x7F,
            generator=reader.u8() if has_event else 0x20,
            event=Event.decode(reader.rest()) if has_event else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PetAcknowledge(Command[NoData]):
    """Acknowledge a platform event trap, so that the BMC sends it no more; section 30.8. Its fields are the trap's."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x17
    privilege = Privilege.CALLBACK  # it needs no session at all
    safe = True
    response = NoData

    sequence: int
    "0 to 0xFFFF."
    timestamp: int
    "0 to 0xFFFFFFFF."
    source_type: int = 0x20
    "0 to 255."
    sensor_device: int = 0x20
    "0 to 255."
    sensor_number: int
    "0 to 255."
    event_data: bytes
    "Event data 1 to 3."

    def __post_init__(self) -> None:
        check_range("sequence number", self.sequence, 0, 0xFFFF)
        check_range("timestamp", self.timestamp, 0, 0xFFFF_FFFF)
        check_range("event source type", self.source_type, 0, 0xFF)
        check_range("sensor device", self.sensor_device, 0, 0xFF)
        check_range("sensor number", self.sensor_number, 0, 0xFF)
        check_size("event data", self.event_data, 3, 3)

    def encode(self) -> bytes:
        """Twelve bytes."""
        numbers = self.sequence.to_bytes(2, "little") + self.timestamp.to_bytes(4, "little")
        return numbers + bytes((self.source_type, self.sensor_device, self.sensor_number)) + self.event_data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        sequence, timestamp = reader.u16le("sequence number"), reader.u32le("timestamp")
        source_type, sensor_device, sensor_number = reader.take(3, "event source")
        return cls(
            sequence=sequence,
            timestamp=timestamp,
            source_type=source_type,
            sensor_device=sensor_device,
            sensor_number=sensor_number,
            event_data=reader.take(3, "event data"),
        )


__all__ = ["AlertImmediate", "AlertOperation", "AlertStatus", "PetAcknowledge"]
