"""Names of manufacturers whose BMCs one meets, by IANA private enterprise number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MANUFACTURERS: Final[Mapping[int, str]] = MappingProxyType(
    {
        2: "IBM",
        9: "Cisco",
        11: "HP",
        42: "Oracle (Sun)",
        119: "NEC",
        343: "Intel",
        674: "Dell",
        2011: "Huawei",
        2623: "ASUS",
        5703: "NVIDIA",
        5771: "Cisco",
        6653: "Tyan",
        7154: "IPMI forum",
        7244: "Quanta",
        10368: "Fujitsu",
        10876: "Supermicro",
        11129: "Google",
        15000: "Kontron",
        15370: "Gigabyte",
        19046: "Lenovo",
        20301: "Lenovo (System x)",
        25506: "H3C",
        37945: "Inspur",
        40981: "Meta",
        47196: "HPE",
        47488: "Supermicro",
        49622: "ASRock Rack",
        49871: "OpenBMC",
    }
)


def manufacturer_name(number: int) -> str | None:
    """The name that people use, or None; the full registry is big enough to cost more than the IPMI session."""
    return MANUFACTURERS.get(number)
