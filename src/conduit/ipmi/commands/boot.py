"""Set and Get System Boot Options (sections 28.12 and 28.13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from conduit._wire import Reader
from conduit.ipmi._fields import check_range, known
from conduit.ipmi.commands.boot_options import BootOption, BootParameter, decode_boot_option
from conduit.ipmi.commands.parameters import Selectors
from conduit.ipmi.messages import NetFn
from conduit.rmcp.command import Command, NoData
from conduit.rmcp.privilege import Privilege

PARAMETER_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _OptionShape:
    """A boot option on its way, in the request that sets it or in the response that tells it."""

    parameter: BootParameter | int
    "0 to 127."
    data: bytes
    "The parameter's bytes."
    invalid: bool = False
    "The parameter is, or shall be, marked invalid and locked."

    def __post_init__(self) -> None:
        check_range("boot parameter", self.parameter, 0, 0x7F)

    @classmethod
    def of(cls, option: BootOption, *, invalid: bool = False) -> Self:
        """The message that carries *option*."""
        return cls(parameter=option.PARAMETER, data=option.encode(), invalid=invalid)

    @property
    def option(self) -> BootOption | bytes:
        """The parameter as an object, or its bytes if it has no class.

        :raises DecodeError: the bytes are too few.
        """
        return decode_boot_option(self.parameter, self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSystemBootOptions(_OptionShape, Command[NoData]):
    """Set one boot option parameter; section 28.12. :meth:`of` makes it from an option."""

    netfn = NetFn.CHASSIS
    command = 0x08
    privilege = Privilege.OPERATOR
    # Safe: the same option again changes nothing; "set in progress" again is at worst refused with 81h.
    safe = True
    response = NoData
    errors: ClassVar[dict[int, str]] = {
        0x80: "the BMC does not have this boot option",
        0x81: "somebody else is setting boot options",
        0x82: "this boot option cannot be written",
    }

    data: bytes = b""
    "The parameter's bytes; none changes only whether it is valid."

    def encode(self) -> bytes:
        """One byte and the parameter's."""
        return bytes((self.invalid << 7 | self.parameter,)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        head = reader.u8("boot parameter")
        return cls(parameter=known(BootParameter, head & 0x7F), data=reader.rest(), invalid=bool(head & 0x80))


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBootOptions(_OptionShape):
    """One boot option parameter; section 28.13."""

    version: int = PARAMETER_VERSION
    "Of the parameters' format, 0 to 15; 1 in IPMI 2.0."

    def __post_init__(self) -> None:
        check_range("parameter version", self.version, 0, 0x0F)
        _OptionShape.__post_init__(self)

    def encode(self) -> bytes:
        """Two bytes and the parameter's."""
        return bytes((self.version, self.invalid << 7 | self.parameter)) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        reader = Reader(data)
        version, head = reader.take(2, "boot option")
        return cls(
            version=version & 0x0F,
            parameter=known(BootParameter, head & 0x7F),
            data=reader.rest(),
            invalid=bool(head & 0x80),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSystemBootOptions(Selectors, Command[SystemBootOptions]):
    """Read one boot option parameter; section 28.13."""

    netfn = NetFn.CHASSIS
    command = 0x09
    privilege = Privilege.OPERATOR
    safe = True
    response = SystemBootOptions
    errors: ClassVar[dict[int, str]] = {0x80: "the BMC does not have this boot option"}

    parameter: BootParameter | int = BootParameter.BOOT_FLAGS
    "0 to 127."
    set_selector: int = 0
    "Which set of a parameter that has several, e.g. the mailbox; 0 to 255."

    def __post_init__(self) -> None:
        check_range("boot parameter", self.parameter, 0, 0x7F)
        Selectors.__post_init__(self)

    def encode(self) -> bytes:
        """Three bytes."""
        return bytes((self.parameter, self.set_selector, self.block_selector))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """:raises DecodeError: and nothing else, whatever *data* holds."""
        parameter, set_selector, block_selector = Reader(data).take(3, "boot option request")
        return cls(
            parameter=known(BootParameter, parameter & 0x7F),
            set_selector=set_selector,
            block_selector=block_selector,
        )


__all__ = ["GetSystemBootOptions", "SetSystemBootOptions", "SystemBootOptions"]
