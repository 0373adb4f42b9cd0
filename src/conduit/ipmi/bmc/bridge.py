"""Management controllers behind the BMC, which messages reach through it (sections 6.13 and 22.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from conduit.errors import DecodeError
from conduit.ipmi.commands.app import DeviceId, DeviceSupport, GetDeviceId
from conduit.ipmi.commands.messaging import SendMessage
from conduit.ipmi.completion_codes import CompletionCode
from conduit.rmcp.lan_message import LanMessage, decode_frame, encode_response

SATELLITE_ADDRESS: Final = 0x72
SATELLITE_CHANNEL: Final = 0x07  # of the satellite's own bus
MODULE_ADDRESS: Final = 0x82


@dataclass(slots=True, kw_only=True)
class Controller:
    """A simple management controller: it says who it is, and may pass messages on to its own bus."""

    identity: DeviceId
    channel: int | None = None
    "Number of the channel behind it, or None."
    behind: IpmbNetwork | None = None

    def answer(self, message: LanMessage) -> bytes:
        """The frame that answers *message*."""
        asked = (message.netfn, message.command)
        if asked == (GetDeviceId.netfn, GetDeviceId.command):
            return encode_response(message, CompletionCode.OK, self.identity.encode())
        if asked == (SendMessage.netfn, SendMessage.command) and self.behind is not None:
            return self._pass_on(message, self.behind)
        return encode_response(message, CompletionCode.INVALID_COMMAND)

    def _pass_on(self, message: LanMessage, network: IpmbNetwork) -> bytes:
        """The answer of whoever is behind, inside ours: a controller has no second message to send it in."""
        try:
            request = SendMessage.decode(message.data)
        except DecodeError:
            return encode_response(message, CompletionCode.DATA_LENGTH_INVALID)
        if request.channel != self.channel:
            return encode_response(message, CompletionCode.INVALID_FIELD)
        reply = network.deliver(request.message)
        if reply is None:
            return encode_response(message, NO_ACKNOWLEDGE)
        return encode_response(message, CompletionCode.OK, reply)


NO_ACKNOWLEDGE: Final = 0x83  # completion code of Send Message: nobody on the bus acknowledged it


@dataclass(slots=True, kw_only=True)
class IpmbNetwork:
    """The controllers on one bus."""

    controllers: dict[int, Controller] = field(default_factory=dict)
    "By slave address."

    def deliver(self, frame: bytes) -> bytes | None:
        """What the addressed controller answers to *frame*, or None where nobody is, or nobody understands."""
        try:
            message = decode_frame(frame)
        except DecodeError:
            return None
        controller = self.controllers.get(message.to_address)
        return None if controller is None or message.is_response else controller.answer(message)


def satellite_network() -> IpmbNetwork:
    """A satellite controller at 72h, and one more behind it at 82h on its channel 7."""
    module = Controller(identity=_identity(0x82, 3))
    behind = IpmbNetwork(controllers={MODULE_ADDRESS: module})
    satellite = Controller(identity=_identity(0x72, 2), channel=SATELLITE_CHANNEL, behind=behind)
    return IpmbNetwork(controllers={SATELLITE_ADDRESS: satellite})


def _identity(device_id: int, product_id: int) -> DeviceId:
    return DeviceId(
        device_id=device_id,
        device_revision=1,
        firmware_major=0,
        firmware_minor_bcd=0x10,
        support=DeviceSupport.SENSOR,
        manufacturer_id=0,
        product_id=product_id,
    )
