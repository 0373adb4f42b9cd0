"""Named switches for BMCs that break the rules: the set that ipmitool (``-o``) and FreeIPMI (``-W``) know.

All are off by default. Each says what the BMC does wrong and what we then do differently.
"""

from __future__ import annotations

from enum import Enum


class Workaround(Enum):
    """A deviation that somebody's BMC needs; values are the names that ``-W`` takes."""

    OPENSESSPRIV = "opensesspriv"
    INTEGRITYCHECKVALUE = "integritycheckvalue"
    FORCEPERMSG = "forcepermsg"
    IDZERO = "idzero"
    NOAUTHCODECHECK = "noauthcodecheck"
    ENDIANSEQ = "endianseq"
    AUTHCAP = "authcap"
    NOCHECKSUMCHECK = "nochecksumcheck"
