"""Payloads: activation, and who has them (sections 24.1 to 24.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, check_size
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.packets import PAYLOAD_TYPE_MASK, PayloadType
from conduit.rmcp.privilege import Privilege

MAX_INSTANCE: Final = 15
AUX_SIZE: Final = 4  # bytes
NO_VLAN: Final = 0xFFFF


class SerialAlerts(IntEnum):
    """What happens to serial and modem alerts while SOL has the port; all four values of the field are taken."""

    FAIL = 0
    DEFERRED = 1
    SUCCEED = 2
    RESERVED = 3


def _check_payload(payload_type: int, instance: int) -> None:
    check_range("payload type", payload_type, 0, PAYLOAD_TYPE_MASK)
    check_range("payload instance", instance, 0, MAX_INSTANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadActivation:
    """How an activated payload travels; section 24.1."""

    aux: bytes = bytes(AUX_SIZE)
    "Four bytes of the payload's own. For SOL, bit 0 of the first is test mode."
    inbound_size: int
    "Most bytes of one payload to the BMC, headers and trailers of the session not counted; 0 to 65,535."
    outbound_size: int
    "The same from the BMC."
    port: int
    "UDP port that the payload is served on, 0 to 65,535."
    vlan: int = NO_VLAN
    "VLAN that it is served on, or FFFFh."

    def __post_init__(self) -> None:
        check_size("auxiliary data", self.aux, AUX_SIZE, AUX_SIZE)
        for what, value in (("inbound size", self.inbound_size), ("outbound size", self.outbound_size)):
            check_range(what, value, 0, 0xFFFF)
        check_range("port", self.port, 0, 0xFFFF)
        check_range("VLAN", self.vlan, 0, 0xFFFF)

    def encode(self) -> bytes:
        """Twelve bytes."""
        numbers = (self.inbound_size, self.outbound_size, self.port, self.vlan)
        return self.aux + b"".join(number.to_bytes(2, "little") for number in numbers)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The VLAN may be missing.

        :raises DecodeError: and nothing else, whatever *data* holds.
        """
        reader = Reader(data)
        return cls(
            aux=reader.take(AUX_SIZE, "payload activation"),
            inbound_size=reader.u16le("inbound size"),
            outbound_size=reader.u16le("outbound size"),
            port=reader.u16le("port"),
            vlan=reader.u16le("VLAN") if reader.remaining >= 2 else NO_VLAN,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivatePayload(Command[PayloadActivation]):
    """Activate Payload in the session that asks; section 24.1. :meth:`sol` makes the one for SOL."""

    netfn = NetFn.APP
    command = 0x48
    privilege = Privilege.USER  # and what the payload's own configuration asks for
    # Safe: a payload that this very session has active already is answered with 80h, which its owner can recognize.
    safe = True
    response = PayloadActivation
    errors: ClassVar[dict[int, str]] = {
        0x80: "the payload is active already, in another session",
        0x81: "the payload type is disabled",
        0x82: "no more payloads of this type can be active",
        0x83: "the payload cannot be activated with encryption",
        0x84: "the payload cannot be activated without encryption",
    }

    payload_type: int = PayloadType.SOL
    "0 to 63."
    instance: int = 1
    "1 to 15."
    aux: bytes = bytes(AUX_SIZE)
    "Four bytes; for SOL see table 24-2."

    # The first byte of what SOL asks for.
    ENCRYPT: ClassVar[int] = 0x80
    AUTHENTICATE: ClassVar[int] = 0x40
    TEST_MODE: ClassVar[int] = 0x20
    DEASSERT: ClassVar[int] = 0x02

    def __post_init__(self) -> None:
        _check_payload(self.payload_type, self.instance)
        check_size("auxiliary data", self.aux, AUX_SIZE, AUX_SIZE)

    @classmethod
    def sol(
        cls,
        *,
        instance: int = 1,
        encrypt: bool = True,
        authenticate: bool = True,
        test_mode: bool = False,
        alerts: SerialAlerts = SerialAlerts.DEFERRED,
        deassert: bool = False,
    ) -> Self:
        """The request that activates SOL.

        :param deassert: start with CTS, DCD and DSR deasserted.
        """
        flags = encrypt << 7 | authenticate << 6 | test_mode << 5 | alerts << 2 | deassert << 1
        return cls(payload_type=PayloadType.SOL, instance=instance, aux=bytes((flags, 0, 0, 0)))

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes((self.payload_type, self.instance)) + self.aux

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        kind, instance = reader.take(2, "payload")
        aux = reader.take(AUX_SIZE, "auxiliary data")
        return cls(payload_type=kind & PAYLOAD_TYPE_MASK, instance=instance & 0x0F, aux=aux)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivatePayload(Command[NoData]):
    """End a payload, also another session's; section 24.2."""

    netfn = NetFn.APP
    command = 0x49
    privilege = Privilege.USER  # and what the payload's own configuration asks for
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the payload is not active",
        0x81: "the payload type is disabled",
    }

    payload_type: int = PayloadType.SOL
    "0 to 63."
    instance: int = 1
    "1 to 15."
    aux: bytes = bytes(AUX_SIZE)
    "Four bytes; none mean anything to SOL."

    def __post_init__(self) -> None:
        _check_payload(self.payload_type, self.instance)
        check_size("auxiliary data", self.aux, AUX_SIZE, AUX_SIZE)

    def encode(self) -> bytes:
        """Six bytes."""
        return bytes((self.payload_type, self.instance)) + self.aux

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        kind, instance = reader.take(2, "payload")
        aux = reader.take(AUX_SIZE, "auxiliary data")
        return cls(payload_type=kind & PAYLOAD_TYPE_MASK, instance=instance & 0x0F, aux=aux)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadActivationStatus:
    """Which instances of a payload are active; section 24.4."""

    capacity: int
    "How many can be at once, 0 to 15."
    active: frozenset[int] = frozenset()
    "Instances, 1 to 16."

    def __post_init__(self) -> None:
        check_range("instance capacity", self.capacity, 0, 0x0F)
        for instance in self.active:
            check_range("payload instance", instance, 1, 16)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.capacity,)) + sum(1 << instance - 1 for instance in self.active).to_bytes(2, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        capacity = reader.u8("activation status") & 0x0F
        bits = reader.u16le("active instances")
        return cls(capacity=capacity, active=frozenset(place + 1 for place in range(16) if bits >> place & 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPayloadActivationStatus(Command[PayloadActivationStatus]):
    """Get Payload Activation Status; section 24.4."""

    netfn = NetFn.APP
    command = 0x4A
    privilege = Privilege.USER
    safe = True
    response = PayloadActivationStatus

    payload_type: int = PayloadType.SOL
    "0 to 63."

    def __post_init__(self) -> None:
        _check_payload(self.payload_type, 0)

    def encode(self) -> bytes:
        """One byte."""
        return bytes((self.payload_type,))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        return cls(payload_type=Reader(data).u8("payload type") & PAYLOAD_TYPE_MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadInstanceInfo:
    """Who has an instance; section 24.5."""

    session_id: int
    "The BMC's ID of the session, 32 bits; 0 when the instance is not active."
    info: bytes = bytes(8)
    "Eight bytes of the payload's own; for SOL the first is the number of the serial port."

    def __post_init__(self) -> None:
        check_range("session ID", self.session_id, 0, 0xFFFF_FFFF)
        check_size("instance info", self.info, 0, 8)

    def encode(self) -> bytes:
        """Twelve bytes."""
        return self.session_id.to_bytes(4, "little") + self.info.ljust(8, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        return cls(session_id=reader.u32le("session ID"), info=reader.rest()[:8].ljust(8, b"\0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPayloadInstanceInfo(Command[PayloadInstanceInfo]):
    """Get Payload Instance Info; section 24.5."""

    netfn = NetFn.APP
    command = 0x4B
    privilege = Privilege.USER
    safe = True
    response = PayloadInstanceInfo

    payload_type: int = PayloadType.SOL
    "0 to 63."
    instance: int = 1
    "0 to 15."

    def __post_init__(self) -> None:
        _check_payload(self.payload_type, self.instance)

    def encode(self) -> bytes:
        """Two bytes."""
        return bytes((self.payload_type, self.instance))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        kind, instance = Reader(data).take(2, "payload")
        return cls(payload_type=kind & PAYLOAD_TYPE_MASK, instance=instance & 0x0F)


__all__ = [
    "ActivatePayload",
    "DeactivatePayload",
    "GetPayloadActivationStatus",
    "GetPayloadInstanceInfo",
    "PayloadActivation",
    "PayloadActivationStatus",
    "PayloadInstanceInfo",
    "SerialAlerts",
]
