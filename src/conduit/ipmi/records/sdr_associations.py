"""Records about what contains what (sections 43.4 and 43.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range
from conduit.ipmi.records.entities import Entity
from conduit.ipmi.records.sdr_fields import RecordType, encode_record, open_record
from conduit.ipmi.records.sdr_locators import check_fields

NOTHING: Final = Entity(entity_id=0, instance=0)


CONTAINED: Final = 4  # entities, or ends of ranges, in one association record


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityAssociation:
    """What a part contains; section 43.4."""

    record_id: int = 0
    container: Entity
    is_range: bool = False
    "The contained are two ranges, not a list."
    linked: bool = False
    "More records continue this one."
    presence_readable: bool = False
    "The presence sensor answers even when the container is not there."
    contained: tuple[Entity, ...]
    "Four; entity 0 is none."

    record_type: ClassVar[int] = RecordType.ENTITY_ASSOCIATION

    def __post_init__(self) -> None:
        check_fields(self, "record_id")
        check_range("contained entities", len(self.contained), CONTAINED, CONTAINED)

    def encode(self) -> bytes:
        """The whole record."""
        flags = self.is_range << 7 | self.linked << 6 | self.presence_readable << 5
        parts = b"".join(entity.encode() for entity in self.contained)
        return encode_record(self.record_id, self.record_type, self.container.encode() + bytes((flags,)) + parts)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        container, flags = Entity.read(reader), reader.u8("association flags")
        return cls(
            record_id=record_id,
            container=container,
            is_range=bool(flags & 0x80),
            linked=bool(flags & 0x40),
            presence_readable=bool(flags & 0x20),
            contained=tuple(Entity.read(reader) for _ in range(CONTAINED)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntity:
    """A part of a device that has an address: four bytes, the address in front."""

    address: int = 0
    "Slave address, 8-bit form."
    channel: int = 0
    entity: Entity = NOTHING

    def __post_init__(self) -> None:
        check_fields(self, "address", "channel")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """:raises DecodeError: four bytes are not there."""
        address, channel = reader.take(2, "device of an entity")
        return cls(address=address, channel=channel >> 4, entity=Entity.read(reader))

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes((self.address, self.channel << 4)) + self.entity.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRelativeAssociation:
    """What a part contains, with the devices that know these parts; section 43.5."""

    record_id: int = 0
    container: DeviceEntity
    is_range: bool = False
    linked: bool = False
    presence_readable: bool = False
    contained: tuple[DeviceEntity, ...]
    "Four; entity 0 is none."

    record_type: ClassVar[int] = RecordType.DEVICE_RELATIVE_ASSOCIATION
    RESERVED: ClassVar[int] = 6  # bytes at the end

    def __post_init__(self) -> None:
        check_fields(self, "record_id")
        check_range("contained entities", len(self.contained), CONTAINED, CONTAINED)

    def encode(self) -> bytes:
        """The whole record."""
        flags = self.is_range << 7 | self.linked << 6 | self.presence_readable << 5
        where = bytes((self.container.address, self.container.channel << 4, flags))
        parts = b"".join(entity.encode() for entity in self.contained) + bytes(self.RESERVED)
        return encode_record(self.record_id, self.record_type, self.container.entity.encode() + where + parts)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        record_id, reader = open_record(data, cls.record_type)
        entity = Entity.read(reader)
        address, channel, flags = reader.take(3, "container device")
        return cls(
            record_id=record_id,
            container=DeviceEntity(address=address, channel=channel >> 4, entity=entity),
            is_range=bool(flags & 0x80),
            linked=bool(flags & 0x40),
            presence_readable=bool(flags & 0x20),
            contained=tuple(DeviceEntity.read(reader) for _ in range(CONTAINED)),
        )
