"""How the Agent logs in to a display, as its configuration says."""

from __future__ import annotations

from conduit.rfb.login import LoginOptions
from conduit.rfb.security import Credentials, LoginRules, parse_method
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust, parse_fingerprint
from conduit.services.agent.config import Display, password_of
from conduit.services.agent.secret_store import SecretStore


def login_options(server_id: str, display: Display, store: SecretStore) -> LoginOptions:
    """:raises LocalProtocolError: the password is not there, or the configuration makes no sense."""
    password = password_of(server_id, display, store).reveal() if display.places else None
    return LoginOptions(
        credentials=Credentials(display.user, password),
        rules=LoginRules(
            methods=tuple(map(parse_method, display.security)),
            anonymous_tls=display.insecure_tls,
        ),
        transport=TransportOptions(
            trust=Trust(
                ca=display.ca_file,
                fingerprint=parse_fingerprint(display.fingerprint) if display.fingerprint else b"",
                insecure=display.insecure_tls,
            )
        ),
    )
