"""What to use of what a BMC offers: pure choices, and never a silent downgrade."""

from __future__ import annotations

from collections.abc import Collection

from conduit.errors import NegotiationError
from conduit.rmcp import auth_codes, ciphers
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.packets import AuthType
from conduit.rmcp.workarounds import Workaround


def choose_suite(listed: Collection[int]) -> int:
    """The best cipher suite in *listed* that authenticates every packet.

    :raises NegotiationError: there is none.
    """
    for number in ciphers.PREFERENCE:
        if number in listed:
            return number
    raise NegotiationError(
        f"the BMC offers only cipher suites {sorted(listed)}, none of which authenticates every packet; "
        "ask for one by number with -C if that is what you want"
    )


def choose_auth_type(offered: Collection[int], credentials: Credentials) -> int:
    """The IPMI 1.5 auth type asked for, or the best one offered that does not give the password away.

    :raises NegotiationError: there is none.
    """
    wanted = credentials.auth_type
    if AuthType.OEM in offered and credentials.workarounds & {Workaround.SUPERMICRO, Workaround.QUANTA}:
        return AuthType.OEM
    if wanted is not None:
        if wanted in offered or Workaround.AUTHCAP in credentials.workarounds:
            return wanted
        raise NegotiationError(f"the BMC does not offer auth type {AuthType(wanted).name}; try workaround authcap")
    # A password in the clear, or none, is for those who ask for it; without a password there is nothing to lose.
    protected = (AuthType.MD5, AuthType.MD2)
    for kind in auth_codes.PREFERENCE:
        if kind in offered and (kind in protected or not credentials.password):
            return kind
    if set(offered) == {AuthType.OEM}:
        raise NegotiationError("the BMC offers an OEM log-in only; try workaround supermicro or quanta")
    names = ", ".join(AuthType(kind).name for kind in sorted(offered)) or "nothing"
    raise NegotiationError(f"the BMC offers only unprotected IPMI 1.5 log-ins ({names}); ask for one with -A to use it")
