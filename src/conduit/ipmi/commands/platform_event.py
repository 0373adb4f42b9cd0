"""Events as messages: who gets them, how they are sent (sections 29.1 to 29.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.messages import NetFn
from conduit.ipmi.records.events import EVENT_SIZE, Event
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

NO_RECEIVER: Final = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReceiver:
    """Where a controller sends its events; section 29.2."""

    address: int = 0x20
    "IPMB address, 0 to 255; FFh sends none."
    lun: int = 0
    "0 to 3."

    def __post_init__(self) -> None:
        check_range("event receiver", self.address, 0, 0xFF)
        check_range("LUN", self.lun, 0, 3)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.address, self.lun))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        address, lun = Reader(data).take(2, "event receiver")
        return cls(address=address, lun=lun & 0x03)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEventReceiver(Command[EventReceiver]):
    """Get Event Receiver; section 29.2."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x01
    privilege = Privilege.USER
    safe = True
    response = EventReceiver


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEventReceiver(Command[NoData]):
    """Set Event Receiver; section 29.1. It also has the controller send its present events again."""

    netfn = NetFn.SENSOR_EVENT
    command = 0x00
    privilege = Privilege.ADMINISTRATOR
    safe = True
    response = NoData

    receiver: EventReceiver

    def encode(self) -> bytes:
        """Two bytes."""
        return self.receiver.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(receiver=EventReceiver.decode(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformEvent(Command[NoData]):
    """Send an event, as a sensor would; section 29.3.

    Over a LAN the BMC takes it for one of the sender's, whom the session names. Only the system interface sends
    a generator ID with it, an eighth byte in front.
    """

    netfn = NetFn.SENSOR_EVENT
    command = 0x02
    privilege = Privilege.OPERATOR
    response = NoData

    event: Event
    generator: int | None = None
    "Software ID of the sender, 0 to 255; None leaves it out."

    def __post_init__(self) -> None:
        check_range("generator ID", self.generator or 0, 0, 0xFF)

    def encode(self) -> bytes:
        """Seven bytes, or eight with a generator."""
        return (b"" if self.generator is None else bytes((self.generator,))) + self.event.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        generator = reader.u8() if reader.remaining > EVENT_SIZE else None
        return cls(event=Event.decode(reader.rest()), generator=generator)


__all__ = ["EventReceiver", "GetEventReceiver", "PlatformEvent", "SetEventReceiver"]
