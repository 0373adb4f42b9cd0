"""Write the seeds of `fuzz/corpus/` with our own encoders: `python -m fuzz.make_corpus`.

What a fuzzer finds is kept beside them, under names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from conduit.ipmi.bmc import BmcConfig, FruConfig, VirtualBmc
from conduit.ipmi.bmc.fru import fru_memories
from conduit.ipmi.bmc.sdr_repository import make_records
from conduit.ipmi.bmc.sensors import Sensors
from conduit.ipmi.commands import (
    LAN_PARAMETERS,
    DcmiCapabilities,
    DcmiEventLog,
    DcmiPowerStatistics,
    DcmiSensors,
    DcmiSupport,
    DcmiTemperatures,
    PayloadActivation,
    PayloadInstanceInfo,
    PowerLimit,
    PowerReading,
    SetAssetTag,
    TextPart,
    ThermalLimit,
)
from conduit.ipmi.exchange import Exchange, Hop, Pending, Target
from conduit.ipmi.records.fru import decode_fru
from conduit.ipmi.records.pet import PlatformEventTrap, text_field
from conduit.ipmi.records.sdr import UnknownRecord
from conduit.ipmi.sol_packets import NACK, Operation, SolPacket, Status
from conduit.rmcp.command import Body
from conduit.rmcp.credentials import Credentials
from conduit.rmcp.lan_message import decode_frame, encode_frame, encode_response
from conduit.rmcp.packets import PresencePing, PresencePong, encode_lan_packet, encode_plus_packet
from conduit.rmcp.rakp_messages import (
    Algorithms,
    OpenSessionRequest,
    OpenSessionResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
)
from conduit.rmcp.session_commands import (
    ActivateSession,
    ChannelAuthenticationCapabilities,
    CipherSuiteRecord,
    CipherSuiteRecords,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
    SessionPrivilege,
    SetSessionPrivilegeLevel,
)
from fuzz.carrier_targets import CARRIER_SEEDS
from fuzz.console_targets import CONSOLE_SEEDS
from fuzz.mux_targets import MUX_SEEDS
from fuzz.picture_targets import PICTURE_SEEDS
from fuzz.screen_targets import SCREEN_SEEDS
from fuzz.stream_targets import STREAM_SEEDS
from fuzz.targets import ONCE, SESSION_ID, joined
from fuzz.viewer_targets import VIEWER_SEEDS
from tests.fakes import reference
from tests.fakes.log_in import Rehearsal
from tests.fakes.scripted_bmc import Script, ScriptedBmc, lan_packet

CORPUS = Path(__file__).parent / "corpus"
R, G = bytes(range(16)), bytes(range(16, 32))


def messages() -> dict[str, list[bytes]]:
    algorithms = Algorithms(authentication=3, integrity=4, confidentiality=1)
    frame = encode_frame(0x06, 0x38, b"\x8e\x04", sequence=1)
    return {
        "rmcp_header": [bytes.fromhex("0600ff07"), bytes.fromhex("06000187")],
        "presence_ping": [PresencePing(tag=1).encode()],
        "presence_pong": [PresencePong(tag=1).encode()],
        "lan_frame": [frame, encode_response(decode_frame(frame), 0, bytes(8))],
        "lan_packet": [encode_lan_packet(frame), lan_packet(frame, auth_type=2, session_id=1, sequence=2, code=R)],
        "plus_packet": [encode_plus_packet(0x10, bytes(32))],
        "open_session_request": [OpenSessionRequest(tag=1, privilege=4, console_id=1, algorithms=algorithms).encode()],
        "open_session_response": [
            OpenSessionResponse(tag=1, console_id=1, bmc_id=2, algorithms=algorithms).encode(),
            OpenSessionResponse(tag=1, status=0x11, console_id=1).encode(),
        ],
        "rakp_1": [Rakp1(tag=1, bmc_id=2, console_random=R, role=0x14, username=b"root").encode()],
        "rakp_2": [
            Rakp2(tag=1, console_id=1, bmc_random=R, guid=G, code=bytes(20)).encode(),
            Rakp2(tag=1, status=0x0D, console_id=1).encode(),
        ],
        "rakp_3": [Rakp3(tag=1, bmc_id=2, code=bytes(20)).encode()],
        "rakp_4": [Rakp4(tag=1, console_id=1, check=bytes(12)).encode()],
        "get_channel_authentication_capabilities": [GetChannelAuthenticationCapabilities().encode()],
        "channel_authentication_capabilities": [
            ChannelAuthenticationCapabilities(auth_types=frozenset({1, 2}), extended=True, ipmi_20=True).encode()
        ],
        "get_channel_cipher_suites": [GetChannelCipherSuites().encode()],
        "cipher_suite_records": [CipherSuiteRecords(records=bytes.fromhex("c003014181")).encode()],
        "cipher_suites": [
            b"".join(
                record.encode()
                for record in (
                    CipherSuiteRecord(number=3, algorithms=(0x01, 0x41, 0x81)),
                    CipherSuiteRecord(number=0x80, oem=674, algorithms=(0x01,)),
                )
            )
        ],
        "get_session_challenge": [GetSessionChallenge(auth_type=2, username=b"root").encode()],
        "session_challenge": [SessionChallenge(session_id=1, challenge=R).encode()],
        "activate_session": [ActivateSession(auth_type=2, want=4, challenge=R, outbound_sequence=1).encode()],
        "session_activated": [SessionActivated(auth_type=2, session_id=1, inbound_sequence=1, limit=4).encode()],
        "set_session_privilege_level": [SetSessionPrivilegeLevel(level=4).encode()],
        "session_privilege": [SessionPrivilege(level=4).encode()],
        "close_session": [CloseSession(session_id=1).encode(), CloseSession(session_id=0, handle=1).encode()],
    }


def sessions() -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for suite, (integrity, confidentiality) in {1: (0, 0), 3: (1, 1), 17: (4, 1)}.items():
        keys = reference.Keys(integrity, confidentiality, b"other", bytes(32))
        packet = reference.seal(keys, SESSION_ID, 1, encode_frame(7, 1, b"\0", sequence=1))
        found[f"plus_session_{suite}"] = [packet, packet[10:]]
    aes, rc4 = reference.Keys(0, reference.AES, k2=bytes(32)), reference.Keys(0, reference.XRC4_128, k2=bytes(32))
    found["aes"] = found["plus_session_keyed"] = [reference.encrypt(aes, b"payload", R)]
    found["xrc4"] = [reference.encrypt(rc4, b"payload", R)]
    frame = encode_frame(7, 1, b"\0", sequence=1)
    packet = lan_packet(frame, auth_type=2, session_id=SESSION_ID, sequence=1, code=R)
    found["lan_session"] = [packet, packet[13:]]
    return found


def conversations() -> dict[str, list[bytes]]:
    """For each step of a log-in the answer of a BMC that has another random number, password or state."""
    found: dict[str, list[bytes]] = {}
    for plus, prefix in ((True, "login_"), (False, "login_lan_")):
        for step in ("capabilities", "suites", "open", "rakp1", "rakp3", "privilege", "challenge", "activate"):
            answers: list[bytes] = []

            def keep(answer: bytes, answers: list[bytes] = answers) -> bytes:
                answers.append(answer)
                return answer

            bmc = ScriptedBmc(Script(password=b"other", plus=plus, mangle={step: keep}))
            Rehearsal(Credentials(username=b"admin", password=b"other", retry=ONCE), bmc, seed=7).run()
            name = "login_lan_privilege" if step == "privilege" and not plus else f"login_{step}"
            if answers and (plus or prefix + step != "login_lan_capabilities"):
                found[name] = [joined(answers[0]), joined(answers[0], answers[0])]
    return found


def sensor_records() -> dict[str, list[bytes]]:
    """A record of each type that a virtual BMC has, and one of each other."""
    made = list(make_records(Sensors(), name="BMC", manufacturer_id=1))
    first_of_each = {record.record_type: record.encode() for record in made}
    other = UnknownRecord(record_type=0x14, data=bytes(11)).encode()
    return {"sdr": [*first_of_each.values(), other]}


def payloads() -> dict[str, list[bytes]]:
    pairing = Exchange(ONCE, max_outstanding=3)
    hops = (Hop(0, 0x72), Hop(7, 0x92))
    answers = []
    for target in (Target(), Target(0x72, bridges=hops[:1]), Target(0x92, bridges=hops)):
        frame = pairing.submit(Pending(0, 0x06, 0x01, b"", target), 0.0)
        if frame is not None:
            answers.append(encode_response(decode_frame(frame), 0, encode_frame(7, 1, b"\0", sequence=1)))
    return {"exchange": [joined(*answers), joined(answers[0])]}


def console() -> dict[str, list[bytes]]:
    """Both ends' packets of one conversation; the link's oracle cuts them all to eight bytes."""
    typed = SolPacket(1, 0, 0, 0, b"ls\r\n")
    echoed = SolPacket(1, 1, 4, 0, b"ls\r\n")
    break_ = SolPacket(2, 1, 4, int(Operation.BREAK))
    refused = SolPacket(0, 2, 0, NACK | int(Status.UNAVAILABLE))
    in_part = SolPacket(2, 2, 1, 0, b"a")
    farewell = SolPacket(0, 0, 0, int(Status.DEACTIVATING))
    packets = [packet.encode() for packet in (typed, echoed, break_, refused, in_part, farewell)]
    link = [
        packet.encode() for packet in (echoed, echoed, SolPacket(2, 0, 0, 0, b"more"), SolPacket(2, 2, 2, 0, b"more"))
    ]
    parameters = VirtualBmc(BmcConfig(), entropy=bytes).state.sol.parameters
    return {
        "payload_activation": [PayloadActivation(inbound_size=259, outbound_size=259, port=623).encode()],
        "payload_instance_info": [PayloadInstanceInfo(session_id=SESSION_ID, info=b"\x01").encode()],
        "sol_packet": packets,
        "sol_link": [b"".join(link), b"".join(packet.ljust(8, b".")[:8] for packet in packets)],
        "sol_parameter": [bytes((selector,)) + value.encode() for selector, value in parameters.items()],
    }


def records() -> dict[str, list[bytes]]:
    event = bytes.fromhex("04043001520305")
    return {
        "sel_record": [
            bytes.fromhex("010002f60d076b81100401300109ffff"),
            bytes.fromhex("0200c0f60d076ba20200010203040506"),
            bytes.fromhex("0300e0") + bytes(range(13)),
            bytes.fromhex("040002f60d076b20000423a46fc124ff"),
        ],
        "platform_event": [event, b"\x41" + event],
        "event_filter": [bytes.fromhex("03c0030110ffff04ff011400000000000000000000")],
        "alert_immediate": [b"\x01\x02\x00", b"\x01\x02\x00\x20" + event],
    }


def inventory() -> dict[str, list[bytes]]:
    memories = fru_memories(FruConfig(), bytes(range(16)))
    contents = [bytes(memory.data) for memory in memories.values()]
    offsets = [decode_fru(data).header.records for data in contents]
    records = [data[offset : offset + 90] for data, offset in zip(contents, offsets, strict=True)]
    settings = VirtualBmc(BmcConfig(), entropy=bytes).state.lan
    values = [value for value in map(settings.get, LAN_PARAMETERS) if value is not None]
    parameters = [bytes((value.PARAMETER,)) + value.encode() for value in values]
    return {"fru": [data[:256] for data in contents], "fru_records": records, "lan_parameter": parameters}


def traps() -> dict[str, list[bytes]]:
    plain = PlatformEventTrap(
        guid=bytes(range(16)), sequence=7, sensor_type=1, event_type=1, offset=9, event_data=bytes.fromhex("596055")
    )
    texted = replace(plain, asserted=False, custom=text_field(b"too hot"))
    agent = IPv4Address("192.0.2.1")
    return {"snmp_trap": [one.to_snmp(agent=agent, uptime=1 << 31).encode() for one in (plain, texted)]}


def dcmi() -> dict[str, list[bytes]]:
    made: dict[str, list[Body]] = {
        "dcmi_capabilities": [DcmiCapabilities(data=DcmiSupport().encode()), DcmiCapabilities()],
        "dcmi_event_log": [DcmiEventLog(entries=512, rollover=True)],
        "dcmi_power_statistics": [DcmiPowerStatistics(periods=bytes((5, 30, 0x41)))],
        "dcmi_sensors": [DcmiSensors(instances=2, record_ids=(1, 5))],
        "dcmi_temperatures": [DcmiTemperatures(instances=2, readings=((1, 22), (2, -3)))],
        "dcmi_text": [TextPart(total=20, text=b"rack 7, slot 12")],
        "dcmi_set_asset_tag": [SetAssetTag(offset=16, text=b"rack")],
        "dcmi_power_reading": [PowerReading(current=130, minimum=5, maximum=210, average=127)],
        "dcmi_power_limit": [PowerLimit(watts=300)],
        "dcmi_thermal_limit": [ThermalLimit(celsius=40, seconds=60)],
    }
    return {name: [one.encode() for one in bodies] for name, bodies in made.items()}


def sweeps() -> dict[str, list[bytes]]:
    pong = PresencePong(tag=1).encode()
    return {"presence_sweep": [pong, PresencePong(tag=2).encode(), pong[:10]]}


def write(corpus: Path, seeds: Mapping[str, list[bytes]]) -> None:
    for name, datas in seeds.items():
        folder = corpus / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(datas):
            (folder / f"seed-{number}").write_bytes(data)


if __name__ == "__main__":
    for seeds in (
        messages(),
        sessions(),
        conversations(),
        payloads(),
        console(),
        records(),
        inventory(),
        sensor_records(),
        CARRIER_SEEDS,
        STREAM_SEEDS,
        MUX_SEEDS,
        CONSOLE_SEEDS,
        PICTURE_SEEDS,
        VIEWER_SEEDS,
        SCREEN_SEEDS,
        traps(),
        dcmi(),
        sweeps(),
    ):
        write(CORPUS, seeds)
