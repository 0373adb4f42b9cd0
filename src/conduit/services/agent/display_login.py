"""How the Agent logs in to a display, as its configuration says."""

from __future__ import annotations

from conduit.rfb.login import LoginOptions
from conduit.rfb.security import Credentials, LoginRules, parse_method
from conduit.rfb.transports import TransportOptions
from conduit.rfb.trust import Trust, parse_fingerprint
from conduit.rfb.websocket_fields import basic, parse_fields
from conduit.rfb.websocket_stream import WebSocketWishes
from conduit.services.agent.config import Display, password_of
from conduit.services.agent.secret_store import SecretStore
from conduit.services.settings import read_secret
from conduit.websocket.handshake import check_fields


def login_options(server_id: str, display: Display, store: SecretStore) -> LoginOptions:
    """:raises LocalProtocolError: a secret is not there, or the configuration makes no sense."""
    password = password_of(server_id, display, store).reveal() if display.places else None
    return LoginOptions(
        credentials=Credentials(display.user, password),
        rules=LoginRules(methods=tuple(map(parse_method, display.security)), anonymous_tls=display.anonymous_tls),
        transport=TransportOptions(trust=_trust(display), websocket=_websocket(server_id, display)),
        repeater_id=display.repeater_id,
    )


def _trust(display: Display) -> Trust:
    return Trust(
        ca=display.ca_file,
        fingerprint=parse_fingerprint(display.fingerprint) if display.fingerprint else b"",
        insecure=display.insecure_tls,
        name=display.tls_name,
        certificate=display.certificate,
        key=display.key,
    )


def _websocket(server_id: str, display: Display) -> WebSocketWishes:
    fields: dict[str, str] = {}
    if display.http_headers_file is not None:
        text = read_secret(file=display.http_headers_file, what=f"header fields for the display of {server_id}")
        fields = parse_fields(text.reveal(), str(display.http_headers_file))
    if display.http_user:
        password = read_secret(
            file=display.http_password_file,
            environment=display.http_password_env,
            what=f"HTTP password for the display of {server_id}",
        )
        fields["Authorization"] = basic(display.http_user, password.reveal())
    check_fields(fields)
    return WebSocketWishes(subprotocols=tuple(display.subprotocols), fields=fields)
