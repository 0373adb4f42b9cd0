"""Every decoder of rmcp undoes its encoder; what any other bytes do to it is in `fuzz/targets.py`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit.rmcp.lan_message import LanMessage, decode_frame, encode_frame
from conduit.rmcp.packets import LanPacket, PresencePing, PresencePong, decode_lan_packet, encode_lan_packet
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
    CipherSuiteRecord,
    CipherSuiteRecords,
    CloseSession,
    GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
    GetSessionChallenge,
    SessionActivated,
    SessionChallenge,
    SetSessionPrivilegeLevel,
    decode_cipher_suites,
)

pytestmark = pytest.mark.property

u2, u4, u6, u8, u32 = (
    st.integers(0, 3),
    st.integers(0, 15),
    st.integers(0, 63),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
)
sixteen = st.binary(min_size=16, max_size=16)
names = st.binary(max_size=16)
plain_names = names.map(lambda name: name.rstrip(b"\0"))
algorithms = st.builds(Algorithms, authentication=u6, integrity=u6, confidentiality=u6)
MESSAGES: list[st.SearchStrategy[Any]] = [
    st.builds(OpenSessionRequest, tag=u8, privilege=u4, console_id=u32, algorithms=algorithms),
    st.builds(OpenSessionResponse, tag=u8, privilege=u4, console_id=u32, bmc_id=u32, algorithms=algorithms),
    st.builds(OpenSessionResponse, tag=u8, status=st.integers(1, 255), privilege=u4, console_id=u32),
    st.builds(Rakp1, tag=u8, bmc_id=u32, console_random=sixteen, role=u8, username=names),
    st.builds(Rakp2, tag=u8, console_id=u32, bmc_random=sixteen, guid=sixteen, code=st.binary(max_size=32)),
    st.builds(Rakp2, tag=u8, status=st.integers(1, 255), console_id=u32),
    st.builds(Rakp3, tag=u8, status=u8, bmc_id=u32, code=st.binary(max_size=32)),
    st.builds(Rakp4, tag=u8, status=u8, console_id=u32, check=st.binary(max_size=16)),
    st.builds(PresencePing, tag=u8),
    st.builds(PresencePong, tag=u8, enterprise=u32, oem=u32, ipmi=st.booleans(), security_extensions=st.booleans()),
    st.builds(GetChannelAuthenticationCapabilities, channel=u4, want=u4, extended=st.booleans()),
    st.builds(GetChannelCipherSuites, channel=u4, payload_type=u6, index=u6),
    st.builds(CipherSuiteRecords, channel=u4, records=names),
    st.builds(GetSessionChallenge, auth_type=u4, username=plain_names),
    st.builds(SessionChallenge, session_id=u32, challenge=sixteen),
    st.builds(ActivateSession, auth_type=u4, want=u4, challenge=sixteen, outbound_sequence=u32),
    st.builds(SessionActivated, auth_type=u4, session_id=u32, inbound_sequence=u32, limit=u4),
    st.builds(SetSessionPrivilegeLevel, level=u4),
    st.builds(CloseSession, session_id=u32, handle=st.none() | u8),
]


@pytest.mark.parametrize("messages", MESSAGES)
@given(data=st.data())
def test_message_survives_the_wire(messages: st.SearchStrategy[Any], data: st.DataObject) -> None:
    message = data.draw(messages)
    assert type(message).decode(message.encode()) == message


@given(st.builds(LanMessage, u8, u6, u2, u8, u6, u2, u8, st.binary(max_size=300)))
def test_frame_survives_the_wire(message: LanMessage) -> None:
    frame = encode_frame(
        message.netfn,
        message.command,
        message.data,
        sequence=message.sequence,
        to_address=message.to_address,
        from_address=message.from_address,
        to_lun=message.to_lun,
        from_lun=message.from_lun,
    )
    assert decode_frame(frame) == message


@given(st.builds(LanPacket, st.sampled_from([1, 2, 4, 5]), u32, u32, sixteen, st.binary(max_size=255)))
def test_lan_packet_survives_the_wire(packet: LanPacket) -> None:
    datagram = encode_lan_packet(
        packet.payload,
        auth_type=packet.auth_type,
        sequence=packet.sequence,
        session_id=packet.session_id,
        auth_code=packet.auth_code,
    )
    assert decode_lan_packet(datagram) == packet


@given(
    st.lists(
        st.builds(
            CipherSuiteRecord,
            number=u8,
            oem=st.none() | st.integers(0, 2**24 - 1),
            algorithms=st.lists(st.integers(0, 0xBF), max_size=4).map(tuple),
        ),
        max_size=8,
    )
)
def test_list_of_cipher_suites_survives_the_wire(suites: list[CipherSuiteRecord]) -> None:
    assert decode_cipher_suites(b"".join(suite.encode() for suite in suites)) == suites
