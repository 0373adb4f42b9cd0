"""RMCP and the sessions of IPMI 1.5 and 2.0 (RMCP+), both sides, without a socket.

The names here are codecs and machines; importing them loads no Trio. The UDP endpoint is in
:mod:`conduit.rmcp.endpoint`.
"""

from conduit.rmcp.ciphers import SUITES, Authentication, CipherSuite, Confidentiality, Integrity
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.login import LoggedIn, Login, SessionInfo
from conduit.rmcp.packets import PORT, AuthType, PresencePing, PresencePong
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import Status
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.session import PlusSession
from conduit.rmcp.workarounds import Workaround

__all__ = [
    "PORT",
    "SUITES",
    "AuthType",
    "Authentication",
    "CipherSuite",
    "Confidentiality",
    "Credentials",
    "Integrity",
    "Interface",
    "LanSession",
    "LoggedIn",
    "Login",
    "PlusSession",
    "PresencePing",
    "PresencePong",
    "Privilege",
    "RetryPolicy",
    "SessionInfo",
    "Status",
    "Workaround",
]
