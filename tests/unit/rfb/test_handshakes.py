"""Both sides of the handshake: against each other, and against bytes written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.errors import (
    AuthenticationError,
    ConduitError,
    DecodeError,
    DisplayRefused,
    LocalProtocolError,
    NegotiationError,
    RemoteProtocolError,
)
from conduit.rfb.client_handshake import (
    MAX_REASON,
    ClientHandshake,
    CredentialsNeeded,
    LoggedIn,
    TlsNeeded,
    UselessVeNCrypt,
    legible,
)
from conduit.rfb.des import answer_challenge
from conduit.rfb.names import SecurityType, VeNCryptType
from conduit.rfb.pixel_format import PixelFormat
from conduit.rfb.security import Credentials, LoginRules, Method
from conduit.rfb.server_handshake import (
    ClientReady,
    ProofShown,
    ServerHandshake,
    TlsWanted,
    VersionAgreed,
)
from conduit.rfb.server_heads import ServerInit
from conduit.rfb.versions import Version

CHALLENGE = bytes(range(16))
INIT = ServerInit(800, 600, PixelFormat.BGRX, "rack 7")
NONE, VNC, VENCRYPT = SecurityType.NONE, SecurityType.VNC_AUTH, SecurityType.VENCRYPT
NOBODY = Credentials()
USER = Credentials("admin", "geheim")
ALL = LoginRules(anonymous_tls=True, is_covered=True)


class Pair:
    """A client and a server whose bytes go from one to the other, in pieces of some size."""

    def __init__(
        self,
        methods: Sequence[Method],
        credentials: Credentials = USER,
        rules: LoginRules = ALL,
        *,
        version: Version = Version.V3_8,
        size: int = 1000,
        shared: bool = True,
        refusal: str = "",
    ) -> None:
        self.client = ClientHandshake(credentials, rules, shared=shared)
        self.server = ServerHandshake(CHALLENGE, version=version)
        self.methods = methods
        self.size = size
        self.refusal = refusal
        self.seen: list[object] = []

    def run(self) -> list[object]:
        while True:
            from_server, from_client = self.server.data_to_send(), self.client.data_to_send()
            if not from_server and not from_client:
                return self.seen
            for at in range(0, len(from_server), self.size):
                self.heed_client(self.client.receive_data(from_server[at : at + self.size]))
            for at in range(0, len(from_client), self.size):
                self.heed_server(self.server.receive_data(from_client[at : at + self.size]))

    def heed_client(self, events: Sequence[object]) -> None:
        for event in events:
            self.seen.append(event)
            if isinstance(event, TlsNeeded):
                self.heed_client(self.client.tls_started())
            elif isinstance(event, CredentialsNeeded):
                self.heed_client(self.client.give(USER))

    def heed_server(self, events: Sequence[object]) -> None:
        for event in events:
            self.seen.append(event)
            match event:
                case VersionAgreed():
                    self.heed_server(self.server.offer(self.methods))
                case TlsWanted():
                    self.heed_server(self.server.tls_started())
                case ProofShown(proof):
                    if proof.proves("admin", "geheim"):
                        self.heed_server(self.server.accept())
                    else:
                        self.server.refuse(self.refusal or "wrong")
                case ClientReady():
                    self.server.start(INIT)


def test_a_repeater_is_told_whom_we_want_and_what_follows_is_whoever_that_is() -> None:
    client = ClientHandshake(NOBODY, ALL, repeater_id="4711")
    assert client.receive_data(b"RFB 000.000\n") == []
    assert client.data_to_send() == b"ID:4711" + bytes(243)
    assert client.receive_data(b"RFB 003.008\n\x01\x01") == []
    assert client.data_to_send() == b"RFB 003.008\n\x01"
    assert (client.server_version, client.version) == ((3, 8), Version.V3_8)


def test_a_repeater_that_leads_to_another_is_left() -> None:
    client = ClientHandshake(NOBODY, ALL, repeater_id="4711")
    with pytest.raises(NegotiationError, match="leads to another one"):
        client.receive_data(b"RFB 000.000\nRFB 000.000\n")


def test_a_repeater_for_who_names_no_server_is_left() -> None:
    client = ClientHandshake(NOBODY, ALL)
    with pytest.raises(NegotiationError, match="wants to know the id of the server"):
        client.receive_data(b"RFB 000.000\n")
    assert client.data_to_send() == b""


@pytest.mark.parametrize("repeater_id", ["1\n", "é", "\0", "7" * 247])
def test_what_is_no_id_for_a_repeater(repeater_id: str) -> None:
    with pytest.raises(LocalProtocolError, match="1 to 246"):
        ClientHandshake(NOBODY, ALL, repeater_id=repeater_id)


METHODS: list[Method] = [NONE, VNC, *(each for each in VeNCryptType if each < VeNCryptType.TLS_SASL)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_every_method_leads_in_whatever_the_pieces(method: Method, size: int) -> None:
    credentials = NOBODY if method in (NONE, VeNCryptType.TLS_NONE, VeNCryptType.X509_NONE) else USER
    pair = Pair([method], credentials, size=size)
    seen = pair.run()
    assert seen[-1] == LoggedIn(INIT)
    assert ClientReady(shared=True) in seen
    assert pair.client.method is pair.server.method is method
    is_anonymous = method in (VeNCryptType.TLS_NONE, VeNCryptType.TLS_VNC, VeNCryptType.TLS_PLAIN)
    wants_tls = {each for each in seen if isinstance(each, TlsNeeded | TlsWanted)}
    has_tls = isinstance(method, VeNCryptType) and method is not VeNCryptType.PLAIN
    assert pair.client.is_in_tls is has_tls
    assert wants_tls == ({TlsNeeded(is_anonymous), TlsWanted(is_anonymous)} if has_tls else set())


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(("method", "credentials"), [(NONE, NOBODY), (VNC, USER)])
def test_old_versions(version: Version, method: Method, credentials: Credentials) -> None:
    pair = Pair([method], credentials, version=version)
    assert pair.run()[-1] == LoggedIn(INIT)
    assert pair.client.version is pair.server.version is version


def test_version_3_3_decides_for_the_client() -> None:
    assert Pair([VeNCryptType.X509_VNC, VNC, NONE], version=Version.V3_3).run()[-1] == LoggedIn(INIT)
    with pytest.raises(DisplayRefused, match=r"refuses the connection: .* 3\.7"):
        Pair([VeNCryptType.X509_VNC], version=Version.V3_3).run()
    with pytest.raises(NegotiationError, match="though a password is set"):
        Pair([NONE], version=Version.V3_3).run()


@pytest.mark.parametrize("method", [VNC, VeNCryptType.X509_VNC, VeNCryptType.PLAIN])
def test_a_wrong_password_is_refused_with_the_servers_words(method: Method) -> None:
    pair = Pair([method], Credentials("admin", "falsch"), refusal="go away\0")
    with pytest.raises(AuthenticationError, match=r"^the server refuses the login: go away$"):
        pair.run()
    assert pair.server.is_refused


@pytest.mark.parametrize("version", [Version.V3_3, Version.V3_7])
def test_before_3_8_there_are_no_words(version: Version) -> None:
    with pytest.raises(AuthenticationError, match=r"^the server refuses the login$"):
        Pair([VNC], Credentials("", "falsch"), version=version).run()


def test_a_wrong_user_name_is_refused_too() -> None:
    with pytest.raises(AuthenticationError):
        Pair([VeNCryptType.X509_PLAIN], Credentials("root", "geheim")).run()


def test_what_is_missing_is_asked_for() -> None:
    rules = LoginRules(may_ask=True)
    assert CredentialsNeeded(username=False) in Pair([VNC], NOBODY, rules).run()
    seen = Pair([VeNCryptType.X509_PLAIN], Credentials("", "geheim"), rules).run()
    assert CredentialsNeeded(username=True) in seen
    assert seen[-1] == LoggedIn(INIT)


def test_whether_others_may_stay_is_said() -> None:
    assert ClientReady(shared=False) in Pair([NONE], NOBODY, shared=False).run()


def test_vencrypt_that_is_of_no_use_is_told_apart_where_there_is_something_else() -> None:
    rules = LoginRules()
    with pytest.raises(UselessVeNCrypt, match="does not say who it is"):
        Pair([VeNCryptType.TLS_VNC, VNC], USER, rules).run()
    with pytest.raises(NegotiationError, match="does not say who it is") as caught:
        Pair([VeNCryptType.TLS_VNC], USER, rules).run()
    assert type(caught.value) is NegotiationError
    outside = LoginRules(without_vencrypt=True)
    assert Pair([VeNCryptType.TLS_VNC, VNC], USER, outside).run()[-1] == LoggedIn(INIT)


# --- a client and bytes by hand ---------------------------------------------------------------------------------------

V8, V7, V3 = b"RFB 003.008\n", b"RFB 003.007\n", b"RFB 003.003\n"
REASON = b"\x00\x00\x00\x05no!\x1b\x00"


def client(credentials: Credentials = USER, rules: LoginRules = ALL) -> ClientHandshake:
    return ClientHandshake(credentials, rules)


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"HTTP/1.1 400 Bad", DecodeError, "does not speak RFB"),
        (V8 + b"\x00" + REASON, DisplayRefused, "refuses the connection: no!"),
        (V3 + b"\x00\x00\x00\x00" + REASON, DisplayRefused, "no!"),
        (V3 + b"\x00\x00\x00\x05", NegotiationError, "offers ra2"),
        (V8 + b"\x01\x05", NegotiationError, "offers ra2"),
        (V8 + b"\x01\x13\x00\x01", NegotiationError, r"version 0\.1 of VeNCrypt"),
        (V8 + b"\x01\x13\x00\x02\x01", NegotiationError, "does not speak version 0.2"),
        (V8 + b"\x01\x13\x00\x02\x00\x00", NegotiationError, "nothing inside it"),
        (V8 + b"\x01\x13\x00\x02\x00\x01\x00\x00\x01\x05\x00", NegotiationError, "refuses x509-vnc"),
        (V8 + b"\x01\x02" + CHALLENGE + b"\x00\x00\x00\x02" + REASON, AuthenticationError, "refuses the login: no!"),
    ],
)
def test_what_a_server_says_ends_in_the_error_that_it_is(data: bytes, kind: type[ConduitError], says: str) -> None:
    with pytest.raises(kind, match=says):
        client().receive_data(data)


def test_a_server_that_wants_nobody_refuses_where_nothing_was_to_prove() -> None:
    machine = client(NOBODY)
    with pytest.raises(DisplayRefused, match="the server refuses the connection: no!"):
        machine.receive_data(V8 + b"\x01\x01\x00\x00\x00\x01" + REASON)


def test_of_a_reason_of_four_gigabytes_one_kibibyte_is_read() -> None:
    machine = client(NOBODY)
    machine.receive_data(V8 + b"\x00\xff\xff\xff\xff" + b"a" * (MAX_REASON - 1))
    assert machine.held_bytes == MAX_REASON - 1
    with pytest.raises(DisplayRefused, match=f"a{{{MAX_REASON}}}$"):
        machine.receive_data(b"a")


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", DisplayRefused, "before the login was over: it may have another viewer"),
        (V8 + b"\x01\x02" + CHALLENGE, AuthenticationError, "the password may be wrong"),
        (V8 + b"\x01\x02" + CHALLENGE + bytes(4), DisplayRefused, "it may have another viewer"),
        (V8 + b"\x01\x02" + CHALLENGE + b"\x00\x00\x00\x01\x00\x00\x00\x09too", AuthenticationError, "login: too$"),
        (V8 + b"\x00\x00\x00\x00\x09too", DisplayRefused, "connection: too$"),
    ],
)
def test_a_server_that_hangs_up(data: bytes, kind: type[ConduitError], says: str) -> None:
    machine = client()
    machine.receive_data(data)
    with pytest.raises(kind, match=says):
        machine.receive_eof()


def test_the_type_tls_has_the_list_again_inside() -> None:
    machine = client()
    assert machine.receive_data(V8 + b"\x01\x12") == [TlsNeeded(anonymous=True)]
    assert machine.data_to_send() == V8 + b"\x12"
    assert machine.receive_data(b"\x16\x03\x03") == []
    assert machine.take_leftover() == b"\x16\x03\x03"
    assert machine.tls_started() == []
    machine.receive_data(b"\x02\x01\x02" + CHALLENGE)
    assert machine.data_to_send() == b"\x02" + answer_challenge(b"geheim", CHALLENGE)
    assert machine.receive_data(bytes(4) + INIT.encode() + b"rest") == [LoggedIn(INIT)]
    assert machine.data_to_send() == b"\x01"
    assert machine.take_leftover() == b"rest"
    assert machine.offered_inside == (1, 2)


def test_the_type_tls_may_have_nothing_inside_that_will_do() -> None:
    machine = client()
    machine.receive_data(V8 + b"\x01\x12")
    machine.tls_started()
    with pytest.raises(NegotiationError, match="though a password is set"):
        machine.receive_data(b"\x01\x01")


def test_3_7_with_none_has_no_result() -> None:
    machine = client(NOBODY)
    assert machine.receive_data(V7 + b"\x01\x01" + INIT.encode()) == [LoggedIn(INIT)]


def test_nobody_answers_what_was_not_asked() -> None:
    machine = client()
    for answer in (machine.tls_started, lambda: machine.give(USER)):
        with pytest.raises(LocalProtocolError):
            answer()
    with pytest.raises(LocalProtocolError, match="no method"):
        machine._prove()


@pytest.mark.parametrize("credentials", [Credentials("a" * 1024, "b"), Credentials("a", "b" * 1024)])
def test_credentials_that_no_server_takes_are_not_sent(credentials: Credentials) -> None:
    with pytest.raises(LocalProtocolError, match="1023 bytes"):
        Pair([VeNCryptType.PLAIN], credentials).run()


def test_words_of_servers_do_no_harm_to_a_terminal() -> None:
    assert legible(b"no\x1b[2J\r\n way\xff\0") == "no [2J way\N{REPLACEMENT CHARACTER}"


@given(st.binary(max_size=80))
def test_a_client_takes_anything_or_says_what_is_wrong(data: bytes) -> None:
    machine = client()
    with suppress(ConduitError):
        machine.receive_data(V8 + data)


# --- a server and bytes by hand ---------------------------------------------------------------------------------------


def server(*methods: Method, said: bytes = V8) -> ServerHandshake:
    machine = ServerHandshake(CHALLENGE)
    machine.receive_data(said)
    machine.offer(methods)
    return machine


def test_a_challenge_is_sixteen_bytes() -> None:
    with pytest.raises(LocalProtocolError):
        ServerHandshake(b"")


@pytest.mark.parametrize("line", [b"RFB 002.000\n", b"RFB 004.000\n", b"RFB 003.002\n"])
def test_viewers_of_other_versions_are_sent_away(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ServerHandshake(CHALLENGE).receive_data(line)


@pytest.mark.parametrize("line", [b"RFB 003.005\n", b"RFB 003.003\n"])
def test_a_viewer_that_says_3_5_means_3_3(line: bytes) -> None:
    assert ServerHandshake(CHALLENGE).receive_data(line) == [VersionAgreed(Version.V3_3)]


@pytest.mark.parametrize(
    ("methods", "data", "says"),
    [
        ([NONE], b"\x02", "chose vnc"),
        ([VeNCryptType.PLAIN], b"\x13\x00\x01", r"version 0\.1"),
        ([VeNCryptType.PLAIN, NONE], b"\x13\x00\x02\x00\x00\x01\x01", "chose tls-none"),
        ([VeNCryptType.PLAIN], b"\x13\x00\x02\x00\x00\x01\x00\xff\xff\xff\xff\x00\x00\x00\x00", "4294967295 bytes"),
    ],
)
def test_what_a_viewer_may_not_say(methods: list[Method], data: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        server(*methods).receive_data(data)


@pytest.mark.parametrize(
    ("line", "expected"), [(V8, b"\x00\x00\x00\x00\x04full"), (V3, b"\x00\x00\x00\x00\x00\x00\x00\x04full")]
)
def test_a_viewer_learns_why_it_is_not_wanted(line: bytes, expected: bytes) -> None:
    machine = ServerHandshake(CHALLENGE)
    machine.refuse("too early to say")
    machine.receive_data(line)
    machine.refuse("full")
    assert machine.data_to_send() == V8 + expected
    assert machine.is_refused
    machine.refuse("again")
    assert machine.data_to_send() == b""


def test_a_viewer_that_is_in_cannot_be_refused() -> None:
    machine = server(NONE)
    machine.receive_data(b"\x01")
    assert machine.held_bytes == 0
    machine.refuse("now?")
    assert machine.receive_data(b"\x01more") == [ClientReady(shared=True)]
    machine.refuse("or now?")
    assert not machine.is_refused
    machine.start(INIT)
    assert machine.data_to_send() == V8 + b"\x01\x01" + bytes(4) + INIT.encode()
    assert machine.take_leftover() == b"more"


def test_a_server_answers_only_what_was_asked() -> None:
    machine = ServerHandshake(CHALLENGE)
    for answer in (machine.accept, machine.tls_started, lambda: machine.offer([]), lambda: machine.start(INIT)):
        with pytest.raises(LocalProtocolError):
            answer()
    with pytest.raises(LocalProtocolError, match="no method"):
        machine._ask_for_proof()


def test_secrets_are_in_no_repr() -> None:
    machine = server(VeNCryptType.PLAIN)
    (event,) = machine.receive_data(b"\x13\x00\x02\x00\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x06ageheim")
    assert "geheim" not in repr(event)


@given(st.binary(max_size=80))
def test_a_server_takes_anything_or_says_what_is_wrong(data: bytes) -> None:
    machine = server(NONE, VNC, VeNCryptType.PLAIN)
    with suppress(ConduitError):
        machine.receive_data(data)
