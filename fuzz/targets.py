"""What is fuzzed: one oracle per decoder and per machine.

An oracle takes any bytes and returns None. It lets exactly one exception of a decoder pass unnoticed, `DecodeError`,
and of a machine the named errors of `conduit.errors`; whatever else comes out is a bug, as is a decoded value that
does not survive being encoded again, and a machine that counts nothing and does nothing.

The same oracles run from the corpus in `tests/property/test_fuzz_targets.py` and under atheris in `fuzz_atheris.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, Self

from conduit._wire import Reader
from conduit.errors import ConduitError, DecodeError
from conduit.ipmi.bmc import BmcConfig, UserConfig, VirtualBmc
from conduit.ipmi.commands import (
    AlertImmediate,
    DcmiCapabilities,
    DcmiEventLog,
    DcmiPowerStatistics,
    DcmiSensors,
    DcmiTemperatures,
    EventFilter,
    PlatformEvent,
    PowerLimit,
    PowerReading,
    SetAssetTag,
    TextPart,
    ThermalLimit,
)
from conduit.ipmi.commands.lan import decode_lan_parameter
from conduit.ipmi.commands.payloads import PayloadActivation, PayloadInstanceInfo
from conduit.ipmi.commands.sol import SOL_PARAMETERS, SolEnable
from conduit.ipmi.exchange import Exchange, Hop, Pending, Target
from conduit.ipmi.records.fru import decode_fru
from conduit.ipmi.records.fru_multi import decode_records, encode_records
from conduit.ipmi.records.pet import PlatformEventTrap
from conduit.ipmi.records.sdr import decode_record
from conduit.ipmi.records.sdr_sensors import FullSensor
from conduit.ipmi.records.sel import decode_sel_record
from conduit.ipmi.records.snmp_trap import SnmpTrap
from conduit.ipmi.sol_link import SolLink
from conduit.ipmi.sol_packets import SolPacket
from conduit.rmcp.ciphers import CONFIDENTIALITY, SUITES, Confidentiality, SessionKeys
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.lan_message import decode_frame, encode_frame
from conduit.rmcp.lan_session import LanRules, LanSession
from conduit.rmcp.login import Phase
from conduit.rmcp.packets import (
    PresencePing,
    PresencePong,
    decode_lan_packet,
    decode_plus_packet,
    decode_rmcp_header,
    encode_lan_packet,
    encode_plus_packet,
)
from conduit.rmcp.rakp_messages import (
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
)
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.session import PlusSession
from conduit.rmcp.session_commands import (
    ActivateSession,
    ChannelAuthenticationCapabilities,
    CipherSuiteRecords,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
    SessionPrivilege,
    SetSessionPrivilegeLevel,
    decode_cipher_suites,
)
from conduit.rmcp.sweep import PresenceSweep
from fuzz.carrier_targets import CARRIER_TARGETS
from fuzz.console_targets import CONSOLE_TARGETS
from fuzz.mux_targets import MUX_TARGETS
from fuzz.picture_targets import PICTURE_TARGETS
from fuzz.screen_targets import SCREEN_TARGETS
from fuzz.stream_targets import STREAM_TARGETS
from fuzz.viewer_targets import VIEWER_TARGETS
from tests.fakes import reference
from tests.fakes.entropy import CountedEntropy
from tests.fakes.log_in import Rehearsal
from tests.fakes.scripted_bmc import Script, ScriptedBmc

Oracle = Callable[[bytes], None]
SESSION_ID: Final = 0x11223344
ONCE: Final = RetryPolicy(timeout=1.0, retries=0)


class Codec(Protocol):
    """A message that can be written and read."""

    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, data: bytes) -> Self: ...


def sol_link(data: bytes) -> None:
    """Whatever packets come, no more characters are taken than there is room for, and no more is sent than there is."""
    unsent, taken = bytearray(b"x" * 1000), bytearray()

    def pull(most: int) -> tuple[bytes, int] | None:
        chunk = bytes(unsent[:most])
        del unsent[:most]
        return (chunk, 0) if chunk else None

    def push(characters: bytes) -> int:
        accepted = min(len(characters), 100 - len(taken))
        taken.extend(characters[:accepted])
        return accepted

    link = SolLink(most=20, delays=(1.0,), pull=pull, push=push)
    now = 0.0
    for start in range(0, len(data), 8):
        now += 0.3
        with suppress(DecodeError):
            link.receive(SolPacket.decode(data[start : start + 8]), now)
        link.handle_deadline(now)
        assert len(taken) <= 100
        assert all(len(payload) <= 4 + 20 for payload in link.outbox)


def wire_reader(data: bytes) -> None:
    """Reading never goes past the end, and what was read plus what is left is what there was."""
    reader = Reader(data)
    with suppress(DecodeError):
        read = reader.take(reader.u8())
        assert bytes([len(read)]) + read + reader.rest() == data
        reader.end()


def virtual_bmc(data: bytes) -> None:
    """A datagram to a BMC is counted as dropped or answered, and never raises."""
    bmc = VirtualBmc(BmcConfig(users=(UserConfig(name=b"admin", password=b"secret"),)), entropy=bytes_from_counter())
    bmc.receive_datagram(data, ("192.0.2.1", 623), 0.0)
    assert sum(bmc.drops.values()) + len(bmc.datagrams_to_send())


def bytes_from_counter() -> Callable[[int], bytes]:
    """Entropy that is the same in every run, and never the same twice in one."""
    numbers = itertools.count(1)
    return lambda count: next(numbers).to_bytes(8, "little").ljust(count, b"\x5a")[:count]


# --- decoders ---


def codec(kind: type[Codec]) -> Oracle:
    """What *kind* decodes, it encodes to something that it decodes to the same."""

    def oracle(data: bytes) -> None:
        with suppress(DecodeError):
            message = kind.decode(data)
            assert kind.decode(message.encode()) == message

    return oracle


def sel_record(data: bytes) -> None:
    """A record keeps its bytes, and has a sentence whatever they are."""
    with suppress(DecodeError):
        record = decode_sel_record(data)
        assert record.encode() == data[:16]
        assert record.describe()


def open_session_response(data: bytes) -> None:
    """As any codec, but that an error without a session ID does not keep that when it is encoded."""
    with suppress(DecodeError):
        message = OpenSessionResponse.decode(data)
        assert message.console_id is None or OpenSessionResponse.decode(message.encode()) == message


def lan_frame(data: bytes) -> None:
    """A frame that passes its checksums is encoded to the very same bytes."""
    with suppress(DecodeError):
        decode_frame(data, verify=False)
    with suppress(DecodeError):
        message = decode_frame(data)
        encoded = encode_frame(
            message.netfn,
            message.command,
            message.data,
            sequence=message.sequence,
            to_address=message.to_address,
            from_address=message.from_address,
            to_lun=message.to_lun,
            from_lun=message.from_lun,
        )
        assert encoded == data


def rmcp_header(data: bytes) -> None:
    with suppress(DecodeError):
        header = decode_rmcp_header(data)
        assert (header.sequence, header.message_class) == (data[2], data[3] & 0x1F)


def lan_packet(data: bytes) -> None:
    with suppress(DecodeError):
        packet = decode_lan_packet(data)
        encoded = encode_lan_packet(
            packet.payload,
            auth_type=packet.auth_type,
            sequence=packet.sequence,
            session_id=packet.session_id,
            auth_code=packet.auth_code,
        )
        assert data[4:].startswith(encoded[4:])


def plus_packet(data: bytes) -> None:
    with suppress(DecodeError):
        packet = decode_plus_packet(data)
        encoded = encode_plus_packet(packet.payload_type, packet.payload)
        assert decode_plus_packet(encoded) == packet


def cipher_suites(data: bytes) -> None:
    with suppress(DecodeError):
        assert b"".join(record.encode() for record in decode_cipher_suites(data)) == data


def sdr(data: bytes) -> None:
    """A record of any type, once read, is written so that it is read the same; its values never raise."""
    with suppress(DecodeError):
        record = decode_record(data)
        assert decode_record(record.encode()) == record
        if isinstance(record, FullSensor):
            assert all(isinstance(record.conversion.value(raw), float | None) for raw in range(0, 256, 5))
            assert isinstance((record.name.text, record.traits.units.text), tuple)


def snmp_trap(data: bytes) -> None:
    """A trap, once read, is written so that it is read the same; so is what is in it."""
    with suppress(DecodeError):
        trap = SnmpTrap.decode(data)
        assert SnmpTrap.decode(trap.encode()) == trap
        inner = PlatformEventTrap.decode(trap.data, trap.specific)
        assert PlatformEventTrap.decode(inner.encode(), inner.specific) == inner


def transform(method: Confidentiality) -> Oracle:
    """Decrypting anything never spoils what comes after."""

    def oracle(data: bytes) -> None:
        keys = SessionKeys(k2=bytes(32))
        peer = CONFIDENTIALITY[method](keys, CountedEntropy(1))
        cipher = CONFIDENTIALITY[method](keys, CountedEntropy(2))
        with suppress(DecodeError):
            cipher.decrypt(data)
        assert cipher.decrypt(peer.encrypt(b"next")) == b"next"

    return oracle


# --- live sessions ---


def plus_session(suite: int) -> Oracle:
    """A datagram is opened or counted; with integrity nothing that came without our keys is opened."""

    def oracle(data: bytes) -> None:
        session = PlusSession(
            SUITES[suite],
            SessionKeys(k1=b"k1" * 10, k2=bytes(32)),
            password=b"",
            local_id=SESSION_ID,
            remote_id=1,
            entropy=CountedEntropy(),
        )
        flags = (0x80 if SUITES[suite].confidentiality else 0) | (0x40 if SUITES[suite].integrity else 0)
        addressed = bytes([6, 0, 0xFF, 7, 6, flags]) + reference.u32(SESSION_ID) + data
        for count, datagram in enumerate((data, addressed), start=1):
            opened = session.open(datagram)
            assert opened is None or not SUITES[suite].integrity
            if opened is None:
                assert 1 <= session.bad_datagrams + session.wrong_macs + session.replays <= count

    return oracle


def plus_session_keyed(data: bytes) -> None:
    """Whatever an authentic packet holds in place of a payload, it is opened or counted, and so is the next."""
    _, integrity, confidentiality = SUITES[3]
    keys = reference.Keys(integrity, confidentiality, b"k1" * 10, bytes(32))
    session = PlusSession(
        SUITES[3],
        SessionKeys(k1=keys.k1, k2=keys.k2),
        password=b"",
        local_id=SESSION_ID,
        remote_id=1,
        entropy=CountedEntropy(),
    )
    opened = session.open(reference.seal(keys, SESSION_ID, 1, b"", body=data[:60_000]))
    assert (opened is None) == session.bad_datagrams
    assert session.open(reference.seal(keys, SESSION_ID, 2, b"next")) == (0, b"next")


def lan_session(data: bytes) -> None:
    """As for RMCP+."""
    for auth_type in (0, 1, 2, 4):
        session = LanSession(
            session_id=SESSION_ID,
            auth_type=auth_type,
            password=b"secret",
            rules=LanRules(send_auth_type=auth_type),
            outbound=0,
            inbound=1,
        )
        addressed = bytes([6, 0, 0xFF, 7, auth_type]) + reference.u32(1) + reference.u32(SESSION_ID) + data
        for datagram in (data, addressed):
            opened = session.open(datagram)
            assert opened is None or auth_type in (0, 4)
            if opened is None:
                assert session.bad_datagrams + session.wrong_macs + session.replays > 0


# --- machines; the input is a list of datagrams, each after its length in two bytes ---


def datagrams(data: bytes) -> Iterator[bytes]:
    reader = Reader(data)
    while reader.remaining >= 2:
        length = reader.u16le()
        yield reader.take(min(length, reader.remaining))


def joined(*parts: bytes) -> bytes:
    """The opposite of :func:`datagrams`."""
    return b"".join(len(part).to_bytes(2, "little") + part for part in parts)


def login(step: str, *, plus: bool = True) -> Oracle:
    """A log-in that waits for the answer to *step* is never talked into an open session, and fails with a name."""

    def oracle(data: bytes) -> None:
        credentials = Credentials(username=b"admin", password=b"secret", retry=ONCE)
        rehearsal = Rehearsal(credentials, ScriptedBmc(Script(plus=plus, silent={step})))
        rehearsal.exchange()
        machine = rehearsal.login
        failures: list[object] = []
        for datagram in datagrams(data):
            before = (machine.bad_datagrams, machine.stale_replies)
            try:
                assert not machine.receive_datagram(datagram, 0.5)
            except ConduitError as error:
                failures.append((bool(str(error)), machine.phase, machine.next_deadline()))
            else:
                sent = list(machine.datagrams_to_send())
                assert sent or before != (machine.bad_datagrams, machine.stale_replies)
        assert machine.phase is not Phase.OPEN
        assert failures in ([], [(True, Phase.FAILED, None)])

    return oracle


def exchange(data: bytes) -> None:
    """Each payload answers a request or is counted; bridged requests too."""
    pairing = Exchange(ONCE, max_outstanding=3)
    hops = (Hop(0, 0x72), Hop(7, 0x92))
    targets = (Target(), Target(0x72, bridges=hops[:1]), Target(0x92, bridges=hops))
    for token, target in enumerate(targets):
        pairing.submit(Pending(token, 0x06, 0x01, b"", target), 0.0)
    answered: list[Any] = []
    for payload in datagrams(data):
        answer = pairing.receive(payload)
        answered += [answer.token] if answer is not None else []
    unanswered = [event.token for event in pairing.handle_deadline(1.0)[1]]
    assert sorted(answered + unanswered) == [0, 1, 2]


def fru(data: bytes) -> None:
    """Never an exception; what is sound survives being stored again, without the padding of internal use."""
    decode_fru(data, verify=False)
    found = decode_fru(data)
    if not found.notes:
        again = decode_fru(found.encode())
        assert (again.chassis, again.board, again.product) == (found.chassis, found.board, found.product)
        assert (again.records, again.notes) == (found.records, ())


def fru_records(data: bytes) -> None:
    records, _ = decode_records(data)
    if records:
        assert decode_records(encode_records(records))[0] == records


def lan_parameter(data: bytes) -> None:
    """The first byte says which."""
    with suppress(DecodeError):
        value = decode_lan_parameter(data[0] if data else 0, data[1:])
        assert isinstance(value, bytes) or type(value).decode(value.encode()) == value


def sol_parameter(data: bytes) -> None:
    """The first byte says which."""
    kind = SOL_PARAMETERS.get(data[0] if data else 0, SolEnable)
    with suppress(DecodeError):
        value = kind.decode(data[1:])
        assert kind.decode(value.encode()) == value


def presence_sweep(data: bytes) -> None:
    """A sweep believes a pong once, and counts everything else."""
    sweep = PresenceSweep([("127.0.0.1", 623)], tag=1)
    sweep.start(1.0)
    first = sweep.receive_datagram(data, ("127.0.0.1", 623), 1.5)
    if (first is None) != bool(sweep.strays) or sweep.receive_datagram(data, ("127.0.0.1", 623), 1.6) is not None:
        raise AssertionError("a pong is one, and once")


TARGETS: Final[Mapping[str, Oracle]] = {
    "fru": fru,
    "fru_records": fru_records,
    "lan_parameter": lan_parameter,
    "virtual_bmc": virtual_bmc,
    "payload_activation": codec(PayloadActivation),
    "payload_instance_info": codec(PayloadInstanceInfo),
    "sol_link": sol_link,
    "sol_packet": codec(SolPacket),
    "sol_parameter": sol_parameter,
    "wire_reader": wire_reader,
    "rmcp_header": rmcp_header,
    "presence_ping": codec(PresencePing),
    "presence_pong": codec(PresencePong),
    "lan_frame": lan_frame,
    "lan_packet": lan_packet,
    "plus_packet": plus_packet,
    "open_session_request": codec(OpenSessionRequest),
    "open_session_response": open_session_response,
    "rakp_1": codec(Rakp1),
    "rakp_2": codec(Rakp2),
    "rakp_3": codec(Rakp3),
    "rakp_4": codec(Rakp4),
    "get_channel_authentication_capabilities": codec(GetChannelAuthenticationCapabilities),
    "channel_authentication_capabilities": codec(ChannelAuthenticationCapabilities),
    "get_channel_cipher_suites": codec(GetChannelCipherSuites),
    "cipher_suite_records": codec(CipherSuiteRecords),
    "cipher_suites": cipher_suites,
    "get_session_challenge": codec(GetSessionChallenge),
    "session_challenge": codec(SessionChallenge),
    "activate_session": codec(ActivateSession),
    "session_activated": codec(SessionActivated),
    "set_session_privilege_level": codec(SetSessionPrivilegeLevel),
    "session_privilege": codec(SessionPrivilege),
    "close_session": codec(CloseSession),
    "aes": transform(Confidentiality.AES_CBC_128),
    "xrc4": transform(Confidentiality.XRC4_128),
    "sdr": sdr,
    "snmp_trap": snmp_trap,
    "plus_session_1": plus_session(1),
    "plus_session_3": plus_session(3),
    "plus_session_17": plus_session(17),
    "plus_session_keyed": plus_session_keyed,
    "lan_session": lan_session,
    "login_capabilities": login("capabilities"),
    "login_suites": login("suites"),
    "login_open": login("open"),
    "login_rakp1": login("rakp1"),
    "login_rakp3": login("rakp3"),
    "login_privilege": login("privilege"),
    "login_challenge": login("challenge", plus=False),
    "login_activate": login("activate", plus=False),
    "login_lan_privilege": login("privilege", plus=False),
    "dcmi_capabilities": codec(DcmiCapabilities),
    "dcmi_event_log": codec(DcmiEventLog),
    "dcmi_power_limit": codec(PowerLimit),
    "dcmi_power_reading": codec(PowerReading),
    "dcmi_power_statistics": codec(DcmiPowerStatistics),
    "dcmi_sensors": codec(DcmiSensors),
    "dcmi_set_asset_tag": codec(SetAssetTag),
    "dcmi_temperatures": codec(DcmiTemperatures),
    "dcmi_text": codec(TextPart),
    "dcmi_thermal_limit": codec(ThermalLimit),
    "exchange": exchange,
    "sel_record": sel_record,
    "platform_event": codec(PlatformEvent),
    "event_filter": codec(EventFilter),
    "alert_immediate": codec(AlertImmediate),
    "presence_sweep": presence_sweep,
    **CARRIER_TARGETS,
    **STREAM_TARGETS,
    **MUX_TARGETS,
    **CONSOLE_TARGETS,
    **PICTURE_TARGETS,
    **VIEWER_TARGETS,
    **SCREEN_TARGETS,
}
