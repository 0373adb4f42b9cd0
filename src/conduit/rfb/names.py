"""Numbers of RFB that have names: security types, encodings, message types (RFC 6143 and its registry)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final


class SecurityType(IntEnum):
    """How a client proves who it is (RFC 6143, section 7.1.2, and IANA's registry)."""

    INVALID = 0
    NONE = 1
    VNC_AUTH = 2
    RA2 = 5
    RA2NE = 6
    TIGHT = 16
    ULTRA = 17
    TLS = 18
    VENCRYPT = 19
    SASL = 20
    MD5 = 21
    XVP = 22
    APPLE = 30
    MS_LOGON_2 = 113
    UNIX_LOGIN = 129


class VeNCryptType(IntEnum):
    """What VeNCrypt offers inside itself."""

    PLAIN = 256
    TLS_NONE = 257
    TLS_VNC = 258
    TLS_PLAIN = 259
    X509_NONE = 260
    X509_VNC = 261
    X509_PLAIN = 262
    TLS_SASL = 263
    X509_SASL = 264


class Encoding(IntEnum):
    """How pixels travel; and, below zero, what a client says that it understands."""

    RAW = 0
    COPY_RECT = 1
    RRE = 2
    CORRE = 4
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZLIB_HEX = 8
    ULTRA = 9
    TRLE = 15
    ZRLE = 16
    ZYWRLE = 17
    JPEG = 21
    H264 = 50
    TIGHT_PNG = -260
    CURSOR = -239
    X_CURSOR = -240
    CURSOR_WITH_ALPHA = -314
    VMWARE_CURSOR = 0x574D5664
    POINTER_POSITION = -232
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    EXTENDED_DESKTOP_SIZE = -308
    DESKTOP_NAME = -307
    QEMU_POINTER_MOTION = -257
    QEMU_EXTENDED_KEY = -258
    QEMU_AUDIO = -259
    QEMU_LED_STATE = -261
    VMWARE_LED_STATE = 0x574D5668
    GII = -305
    XVP = -309
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    EXTENDED_MOUSE_BUTTONS = -316
    EXTENDED_CLIPBOARD = 0xC0A1E5CE - (1 << 32)
    QUALITY_0 = -32
    QUALITY_9 = -23
    COMPRESSION_0 = -256
    COMPRESSION_9 = -247


FINE_QUALITIES: Final = range(-512, -411)  # JPEG quality 0 to 100, of TurboVNC
SUBSAMPLINGS: Final = range(-768, -762)  # of JPEG's colours, of TurboVNC
QUALITIES: Final = range(Encoding.QUALITY_0, Encoding.QUALITY_9 + 1)  # JPEG quality 0 to 9
COMPRESSIONS: Final = range(Encoding.COMPRESSION_0, Encoding.COMPRESSION_9 + 1)  # zlib's levels


class ClientKind(IntEnum):
    """First byte of what a client says."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    FRAMEBUFFER_UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    SET_DESKTOP_SIZE = 251
    QEMU = 255


class ServerKind(IntEnum):
    """First byte of what a server says."""

    FRAMEBUFFER_UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    FENCE = 248
    XVP = 250
    QEMU = 255


class QemuKind(IntEnum):
    """Second byte of a QEMU message."""

    EXTENDED_KEY = 0
    AUDIO = 1


class AudioOperation(IntEnum):
    """What a client asks of QEMU's audio."""

    ENABLE = 0
    DISABLE = 1
    SET_FORMAT = 2


class XvpCode(IntEnum):
    """Power control of a virtual machine; also what a server answers."""

    FAIL = 0
    INIT = 1
    SHUTDOWN = 2
    REBOOT = 3
    RESET = 4


class Fence(IntFlag):
    """What a fence waits for, and whether it is a question."""

    BLOCK_BEFORE = 1
    BLOCK_AFTER = 2
    SYNC_NEXT = 4
    REQUEST = 1 << 31
