"""Log-ins from the first datagram to the last, against a scripted BMC: ways taken, refusals, silence, workarounds."""

from __future__ import annotations

from typing import Any

import pytest

from conduit.errors import (
    AuthenticationError,
    CompletionCodeError,
    ConduitError,
    LocalProtocolError,
    NegotiationError,
    PeerTimeoutError,
    SessionRefused,
)
from conduit.rmcp.credentials import Credentials, Interface
from conduit.rmcp.lan_message import encode_frame
from conduit.rmcp.lan_session import LanSession
from conduit.rmcp.login import STEPS, TRANSITIONS, LoggedIn, Phase
from conduit.rmcp.login_draft import Draft, Outcome
from conduit.rmcp.login_steps import MAX_ACTIVATIONS, MAX_RESTARTS, RESTART_AFTER
from conduit.rmcp.packets import encode_lan_packet
from conduit.rmcp.privilege import Privilege
from conduit.rmcp.rakp_messages import Status
from conduit.rmcp.retry import RetryPolicy
from conduit.rmcp.session import PlusSession
from conduit.rmcp.workarounds import Workaround
from tests.fakes.entropy import CountedEntropy
from tests.fakes.log_in import Rehearsal
from tests.fakes.scripted_bmc import Script, ScriptedBmc, handshake, lan_packet

RETRY = RetryPolicy(timeout=1.0, retries=4, backoff=2)  # 1, 2, 4, 8, 16 s: 31 in all, 7 for three sendings, 3 for two
THREE_SENDINGS = 1.0 + 2.0 + 4.0


def rehearse(script: Script | None = None, *workarounds: Workaround, **options: Any) -> Rehearsal:
    credentials = {"username": b"admin", "password": b"secret", "retry": RETRY, **options}
    return Rehearsal(Credentials(workarounds=frozenset(workarounds), **credentials), ScriptedBmc(script))


def info_of(rehearsal: Rehearsal) -> Any:
    return rehearsal.run().info


def test_auto_takes_ipmi_20_and_says_why() -> None:
    rehearsal = rehearse()
    logged_in = rehearsal.run()
    assert isinstance(logged_in.session, PlusSession)
    info = logged_in.info
    assert (info.interface, info.cipher_suite, info.privilege) == (Interface.LANPLUS, 17, Privilege.ADMINISTRATOR)
    assert info.reason == "the BMC has IPMI 2.0; cipher suite 17 is the best of 3, 17"
    assert info.algorithms == "RAKP-HMAC-SHA256/HMAC-SHA256-128/AES-CBC-128"
    assert info.session_id == rehearsal.bmc.bmc_id
    assert rehearsal.bmc.seen == ["capabilities", "suites", "open", "rakp1", "rakp3", "privilege"]
    assert (rehearsal.login.phase, rehearsal.login.next_deadline()) == (Phase.OPEN, None)


def test_auto_takes_ipmi_15_where_the_bmc_lacks_20_and_says_why() -> None:
    logged_in = rehearse(Script(plus=False)).run()
    assert isinstance(logged_in.session, LanSession)
    info = logged_in.info
    assert (info.interface, info.cipher_suite, info.algorithms) == (Interface.LAN, None, "MD5")
    assert info.reason == "the BMC lacks IPMI 2.0"
    assert info.guid == b""


def test_bmc_that_refuses_the_question_about_20_is_asked_again_without_it() -> None:
    rehearsal = rehearse(Script(plus=False, refuse={"capabilities": 0xCC}))
    assert info_of(rehearsal).interface is Interface.LAN
    assert rehearsal.bmc.seen[:3] == ["capabilities", "capabilities", "challenge"]


def test_capabilities_refused_twice_is_a_completion_code_error() -> None:
    with pytest.raises(CompletionCodeError, match="GetChannelAuthenticationCapabilities") as caught:
        rehearse(Script(refuse={"capabilities": 0xCC})).run()
    assert caught.value.code == 0xCC


def test_interface_lan_never_asks_for_20() -> None:
    rehearsal = rehearse(interface=Interface.LAN)
    assert info_of(rehearsal).reason == "lan was asked for"
    assert "open" not in rehearsal.bmc.seen


def test_interface_lanplus_does_not_ask_for_capabilities() -> None:
    rehearsal = rehearse(interface=Interface.LANPLUS)
    assert info_of(rehearsal).reason.startswith("IPMI 2.0 was asked for; cipher suite 17 is the best")
    assert "capabilities" not in rehearsal.bmc.seen


@pytest.mark.parametrize("suite", range(20))
def test_suite_asked_for_by_number_is_used_and_nothing_else_tried(suite: int) -> None:
    rehearsal = rehearse(Script(suites=tuple(range(20))), cipher_suite=suite)
    info = info_of(rehearsal)
    assert info.cipher_suite == suite
    assert f"cipher suite {suite} was asked for" in info.reason
    assert "suites" not in rehearsal.bmc.seen


def test_suite_asked_for_by_number_and_refused_is_a_refusal() -> None:
    with pytest.raises(SessionRefused, match=r"no cipher suite match.*try another cipher suite with -C"):
        rehearse(Script(suites=(3,)), cipher_suite=17).run()


def test_suite_asked_for_of_a_bmc_without_20_is_no_reason_to_downgrade() -> None:
    rehearsal = rehearse(Script(plus=False), cipher_suite=3)
    with pytest.raises(NegotiationError, match=r"the BMC lacks IPMI 2\.0, so it has no cipher suites"):
        rehearsal.run()
    assert rehearsal.bmc.seen == ["capabilities"]


@pytest.mark.parametrize(
    "script",
    [
        {"refuse": {"suites": 0xC1}},
        {"silent": {"suites"}},
        {"suite_bytes": b"\x07garbage"},
        {"suite_bytes": b"\xc0"},
        {"suite_bytes": b""},
        {"suite_bytes": bytes(16)},
        {"suite_bytes": bytes.fromhex("c180010203014181")},
    ],
    ids=["refused", "silent", "garbage", "truncated", "empty", "zeros", "only OEM"],
)
@pytest.mark.parametrize(("has", "used"), [((17, 3), 17), ((3,), 3)])
def test_without_a_list_17_and_then_3_are_tried(script: dict[str, Any], has: tuple[int, ...], used: int) -> None:
    info = info_of(rehearse(Script(suites=has, **script)))
    assert info.cipher_suite == used
    assert "so 17 then 3 is tried" in info.reason
    assert ("refused cipher suite 17" in info.reason) == (used == 3)


def test_bmc_that_is_silent_about_a_suite_it_lacks_is_asked_for_the_next() -> None:
    rehearsal = rehearse(Script(suites=(3,), refuse={"suites": 0xC1}, mangle={"open": silence_unless_suite_3}))
    info = info_of(rehearsal)
    assert info.cipher_suite == 3
    assert "did not answer to cipher suite 17" in info.reason
    assert rehearsal.now == THREE_SENDINGS


def silence_unless_suite_3(answer: bytes) -> bytes:
    return b"" if answer[17] else answer


def test_both_blind_suites_refused_is_a_refusal() -> None:
    with pytest.raises(SessionRefused, match="no cipher suite match"):
        rehearse(Script(suites=(8,), refuse={"suites": 0xC1})).run()


@pytest.mark.parametrize("suites", [(0,), (1, 6, 15), (0, 1, 6, 15)])
def test_weak_suites_alone_are_refused(suites: tuple[int, ...]) -> None:
    rehearsal = rehearse(Script(suites=suites))
    with pytest.raises(NegotiationError, match="ask for one by number with -C"):
        rehearsal.run()
    assert "open" not in rehearsal.bmc.seen


def test_long_list_of_suites_is_read_in_parts() -> None:
    rehearsal = rehearse(Script(suites=(*range(17), 17)))
    assert info_of(rehearsal).cipher_suite == 17
    assert rehearsal.bmc.seen.count("suites") == 6  # 88 bytes, 16 at a time


def test_list_of_suites_without_end_is_cut_off() -> None:
    rehearsal = rehearse(Script(suites=(3,), suite_bytes=bytes.fromhex("c0030141 81c00301 4181c003 014181c0") * 20))
    info_of(rehearsal)
    assert rehearsal.bmc.seen.count("suites") == 8


@pytest.mark.parametrize(
    ("silent", "script", "options", "seconds", "match"),
    [
        ("capabilities", {}, {}, RETRY.total, "^the BMC does not answer$"),
        ("suites", {"silent": {"suites", "open"}}, {}, 3.0 + THREE_SENDINGS + RETRY.total, "does not answer"),
        ("open", {}, {}, RETRY.total, "the BMC does not answer"),
        ("rakp1", {}, {}, (MAX_RESTARTS + 1) * THREE_SENDINGS, "in the middle of the log-in"),
        ("rakp3", {}, {}, (MAX_RESTARTS + 1) * THREE_SENDINGS, "in the middle of the log-in"),
        ("privilege", {}, {}, RETRY.total, "in the session it opened; try workaround icts"),
        ("challenge", {"plus": False}, {}, RETRY.total, "the BMC does not answer"),
        ("activate", {"plus": False}, {}, (MAX_ACTIVATIONS + 1) * THREE_SENDINGS, "when the password is wrong"),
        ("privilege", {"plus": False}, {}, RETRY.total, "try workaround intelwv2"),
    ],
)
def test_silence_in_each_phase_ends_after_exactly_its_time(
    silent: str, script: dict[str, Any], options: dict[str, Any], seconds: float, match: str
) -> None:
    rehearsal = rehearse(Script(**{"silent": {silent}, **script}), **options)
    with pytest.raises(PeerTimeoutError, match=match):
        rehearsal.run()
    assert rehearsal.now == seconds
    assert rehearsal.login.phase is Phase.FAILED
    assert rehearsal.login.handle_deadline(rehearsal.now + 99) == ()


def test_no_retries_are_one_sending() -> None:
    rehearsal = rehearse(Script(silent={"capabilities"}), retry=RetryPolicy(timeout=2.0, retries=0))
    with pytest.raises(PeerTimeoutError):
        rehearsal.run()
    assert (rehearsal.now, rehearsal.bmc.seen) == (2.0, ["capabilities"])


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize("lost", range(6))
def test_loss_of_any_one_request_is_survived(plus: bool, lost: int) -> None:
    credentials = Credentials(username=b"admin", password=b"secret", retry=RETRY)
    rehearsal = Rehearsal(credentials, ScriptedBmc(Script(plus=plus)), lose=lambda number: number == lost)
    rehearsal.run()
    assert rehearsal.now == (1.0 if plus or lost < 4 else 0.0)


@pytest.mark.parametrize(("step", "plus"), [("rakp1", True), ("rakp3", True), ("activate", False)])
def test_answer_that_is_lost_for_good_starts_the_exchange_afresh(step: str, plus: bool) -> None:
    script = Script(plus=plus, silent={step})
    rehearsal = rehearse(script)
    while rehearsal.bmc.seen.count(step) < RESTART_AFTER:
        rehearsal.exchange()
        deadline = rehearsal.login.next_deadline()
        assert deadline is not None
        rehearsal.now = deadline
        rehearsal.login.handle_deadline(deadline)
    script.silent = set()
    assert rehearsal.run().info.limit == 4
    assert rehearsal.bmc.seen.count("open" if plus else "challenge") == 2


@pytest.mark.parametrize("plus", [True, False])
def test_session_that_nobody_takes_is_closed(plus: bool) -> None:
    rehearsal = rehearse(Script(plus=plus))
    rehearsal.run()
    rehearsal.login.give_up()
    rehearsal.deliver()
    assert rehearsal.bmc.closed == 1


def test_privilege_refused_closes_the_session_and_says_what_to_ask_for() -> None:
    rehearsal = rehearse(Script(refuse={"privilege": 0x81}))
    with pytest.raises(SessionRefused, match=r"exceeds the limit.*ask for a lower privilege with -L"):
        rehearsal.run()
    assert rehearsal.bmc.closed == 1


@pytest.mark.parametrize("plus", [True, False])
def test_unknown_code_to_the_privilege_is_a_refusal(plus: bool) -> None:
    rehearsal = rehearse(Script(plus=plus, refuse={"privilege": 0xFF}))
    with pytest.raises(SessionRefused, match=r"does not raise the privilege \(0xff\)"):
        rehearsal.run()
    assert rehearsal.bmc.closed == 1


@pytest.mark.parametrize(("privilege", "asked"), [(1, False), (2, False), (3, True), (4, True), (5, True)])
def test_privilege_is_raised_only_beyond_user(privilege: int, asked: bool) -> None:
    rehearsal = rehearse(Script(limit=5), privilege=Privilege(privilege))
    assert info_of(rehearsal).privilege == privilege
    assert ("privilege" in rehearsal.bmc.seen) == asked
    assert rehearsal.bmc.requests == ([(0x06, 0x3B, bytes([privilege]))] if asked else [])


def test_wrong_password_leaves_no_half_open_session() -> None:
    rehearsal = rehearse(Script(password=b"other"))
    with pytest.raises(AuthenticationError, match="wrong password"):
        rehearsal.run()
    assert rehearsal.bmc.farewells == [0x0F]


def test_refused_proof_leaves_no_half_open_session() -> None:
    rehearsal = rehearse(Script(mangle={"rakp3": lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])}))
    with pytest.raises(AuthenticationError, match="RAKP 4 does not match"):
        rehearsal.run()
    assert rehearsal.bmc.farewells == [0x0F]


@pytest.mark.parametrize("phase", [0, 1, 2, 3, 4, 5])
def test_log_in_given_up_at_any_point_frees_what_the_bmc_holds(phase: int) -> None:
    steps = ["capabilities", "suites", "open", "rakp1", "rakp3", "privilege"]
    rehearsal = rehearse(Script(silent={steps[phase]}))
    rehearsal.exchange()
    rehearsal.login.give_up()
    rehearsal.deliver()
    assert (len(rehearsal.bmc.farewells), rehearsal.bmc.closed) == (int(phase in (3, 4)), int(phase == 5))
    assert rehearsal.login.next_deadline() is None
    rehearsal.login.give_up()
    assert list(rehearsal.login.datagrams_to_send()) == []


@pytest.mark.parametrize(("code", "text"), [(0x81, "no such user"), (0x82, "without a user name is not enabled")])
def test_unknown_user_of_ipmi_15_is_an_authentication_error(code: int, text: str) -> None:
    with pytest.raises(AuthenticationError, match=text):
        rehearse(Script(plus=False, refuse={"challenge": code})).run()


def test_other_code_to_the_challenge_is_a_completion_code_error() -> None:
    with pytest.raises(CompletionCodeError, match="GetSessionChallenge"):
        rehearse(Script(plus=False, refuse={"challenge": 0xC1})).run()


@pytest.mark.parametrize(
    ("code", "text"), [(0x81, "all session slots are in use"), (0x86, "exceeds the limit"), (0xFF, "does not activate")]
)
def test_refused_activation_names_its_code(code: int, text: str) -> None:
    with pytest.raises(SessionRefused, match=text) as caught:
        rehearse(Script(plus=False, refuse={"activate": code})).run()
    assert caught.value.status == code


def test_password_too_long_for_ipmi_15_says_so() -> None:
    with pytest.raises(LocalProtocolError, match="at most 16 bytes"):
        rehearse(Script(plus=False), password=b"p" * 20).run()


def test_activation_under_another_password_is_told() -> None:
    def corrupt(answer: bytes) -> bytes:
        return answer[:13] + bytes(16) + answer[29:]

    with pytest.raises(AuthenticationError, match="wrong password: the BMC's activation is not authenticated"):
        rehearse(Script(plus=False, mangle={"activate": corrupt})).run()


def test_activation_in_a_session_of_somebody_else_is_dropped() -> None:
    def other_session(answer: bytes) -> bytes:
        return answer[:9] + b"\x55" + answer[10:]

    rehearsal = rehearse(Script(plus=False, mangle={"activate": other_session}))
    with pytest.raises(PeerTimeoutError, match="packet of another session"):
        rehearsal.run()


@pytest.mark.parametrize("step", ["capabilities", "suites", "challenge", "activate"])
def test_answer_with_a_wrong_checksum_is_dropped_and_pointed_at(step: str) -> None:
    plus = step == "suites"
    rehearsal = rehearse(Script(plus=plus, mangle={step: lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])}))
    if plus:
        assert "17 then 3 is tried" in info_of(rehearsal).reason
    else:
        expected = AuthenticationError if step == "activate" else PeerTimeoutError
        with pytest.raises((expected, PeerTimeoutError)) as caught:
            rehearsal.run()
        assert "try workaround nochecksumcheck" in str(caught.value)
    assert rehearsal.login.bad_datagrams > 0


# what the BMC does, the workaround, the hint without it
DEVIATIONS: list[tuple[dict[str, Any], Workaround, str]] = [
    ({"plus": False, "wrong_checksums": True}, Workaround.NOCHECKSUMCHECK, "try workaround nochecksumcheck"),
    ({"plus": False, "zero_id": True}, Workaround.IDZERO, "try workaround idzero"),
    ({"plus": False, "blank_auth_codes": True}, Workaround.NOAUTHCODECHECK, "wrong password"),
    ({"plus": False, "swapped_sequence": True}, Workaround.ENDIANSEQ, "try workaround endianseq"),
    ({"plus": False, "auth_types": (5,), "supermicro": True}, Workaround.SUPERMICRO, "supermicro or quanta"),
    ({"plus": False, "auth_types": (5,)}, Workaround.QUANTA, "supermicro or quanta"),
    ({"suites": (3,), "surplus_byte": True}, Workaround.SUPERMICRO20, "supermicro20 or sun20"),
    ({"limit": 2}, Workaround.OPENSESSPRIV, "opensesspriv"),
    ({"suites": (3,), "bare_role": True}, Workaround.I82571SPT, "i82571spt"),
    ({"suites": (3,), "bare_role_in_rakp3": True}, Workaround.INTELPLUS, "intelplus"),
]


@pytest.mark.parametrize(("deviation", "workaround", "hint"), DEVIATIONS)
def test_deviation_is_survived_under_its_workaround(
    deviation: dict[str, Any], workaround: Workaround, hint: str
) -> None:
    assert info_of(rehearse(Script(**deviation), workaround)).privilege is Privilege.ADMINISTRATOR


@pytest.mark.parametrize(("deviation", "workaround", "hint"), DEVIATIONS)
def test_deviation_without_its_workaround_fails_with_the_hint(
    deviation: dict[str, Any], workaround: Workaround, hint: str
) -> None:
    with pytest.raises(ConduitError, match=hint):
        rehearse(Script(**deviation)).run()


def test_authcap_logs_in_with_a_type_that_is_not_listed() -> None:
    rehearsal = rehearse(Script(plus=False, auth_types=(0,)), Workaround.AUTHCAP, auth_type=2)
    assert info_of(rehearsal).algorithms == "MD5"


@pytest.mark.parametrize(("auth_type", "algorithm"), [(0, "NONE"), (1, "MD2"), (2, "MD5"), (4, "STRAIGHT_PASSWORD")])
def test_every_auth_type_of_ipmi_15_logs_in_when_asked_for(auth_type: int, algorithm: str) -> None:
    rehearsal = rehearse(Script(plus=False, auth_types=(0, 1, 2, 4)), auth_type=auth_type)
    assert info_of(rehearsal).algorithms == algorithm


def test_user_level_authentication_that_is_off_logs_in() -> None:
    assert info_of(rehearse(Script(plus=False, user_level_disabled=True))).interface is Interface.LAN


def test_per_message_authentication_that_is_off_is_honoured_and_its_denial_pointed_at() -> None:
    info_of(rehearse(Script(plus=False, per_message_disabled=True)))
    with pytest.raises(PeerTimeoutError, match="try workaround forcepermsg"):
        rehearse(Script(plus=False, per_message_disabled=True, silent={"privilege"})).run()


def test_forged_packets_in_the_new_session_are_pointed_at() -> None:
    rehearsal = rehearse(Script(plus=False, mangle={"privilege": lambda answer: answer[:14] + b"\0" + answer[15:]}))
    with pytest.raises(PeerTimeoutError, match="not authenticated as agreed, try workaround noauthcodecheck"):
        rehearsal.run()


def test_replayed_or_foreign_messages_of_the_new_session_are_stale() -> None:
    script = Script(silent={"privilege"})
    rehearsal = rehearse(script)
    rehearsal.exchange()
    for frame in (encode_frame(0x07, 0x01, b"\0", sequence=63), encode_frame(0x07, 0x3B, b"", sequence=1)):
        assert rehearsal.login.receive_datagram(rehearsal.bmc._seal_plus(frame), 0.0) == ()
    assert rehearsal.login.stale_replies == 2
    script.silent = set()
    rehearsal.run()


def test_i82571spt_leaves_out_capabilities_and_privilege() -> None:
    rehearsal = rehearse(Script(suites=(3,), bare_role=True), Workaround.I82571SPT)
    assert info_of(rehearsal).reason.startswith("workaround i82571spt is for IPMI 2.0")
    assert rehearsal.bmc.seen == ["suites", "open", "rakp1", "rakp3"]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x06",
        bytes.fromhex("0600ff06000011be40000010") + bytes(16),
        bytes.fromhex("0600ff87"),
        bytes.fromhex("0500ff07") + bytes(30),
        encode_lan_packet(b""),
        encode_lan_packet(bytes(7), session_id=9),
        handshake(0x11, b""),
        handshake(0x00, bytes(9)),
        handshake(0x13, bytes(7)),
    ],
)
@pytest.mark.parametrize("silent", ["capabilities", "suites", "open", "rakp1", "rakp3", "privilege"])
def test_stray_datagram_in_any_phase_is_counted_and_does_no_harm(silent: str, datagram: bytes) -> None:
    script = Script(silent={silent})
    rehearsal = rehearse(script)
    rehearsal.exchange()
    assert rehearsal.login.receive_datagram(datagram, 0.0) == ()
    assert rehearsal.login.bad_datagrams + rehearsal.login.stale_replies == 1
    script.silent = set()
    rehearsal.run()


def test_answer_to_an_earlier_question_is_stale() -> None:
    captured: list[bytes] = []

    def capture(answer: bytes) -> bytes:
        captured.append(answer)
        return answer

    rehearse(Script(mangle={"capabilities": capture})).run()
    other = rehearse(Script(silent={"suites"}))
    other.exchange()
    assert other.login.receive_datagram(captured[0], 0.0) == ()
    assert other.login.stale_replies == 1


def test_everything_after_the_end_is_stale() -> None:
    rehearsal = rehearse()
    rehearsal.run()
    assert rehearsal.login.receive_datagram(bytes(40), 0.0) == ()
    assert rehearsal.login.stale_replies == 1
    assert rehearsal.login.handle_deadline(1e9) == ()


def test_early_deadline_call_does_nothing() -> None:
    rehearsal = rehearse()
    list(rehearsal.login.datagrams_to_send())
    assert rehearsal.login.handle_deadline(0.99) == ()
    assert list(rehearsal.login.datagrams_to_send()) == []


def test_empty_answer_frames_are_stale() -> None:
    empty = bytes.fromhex("811c63200438a4")
    rehearsal = rehearse(Script(mangle={"capabilities": lambda _: lan_packet(empty)}))
    with pytest.raises(PeerTimeoutError):
        rehearsal.run()
    assert rehearsal.login.stale_replies == len(RETRY.delays)


def test_table_leads_from_every_phase_to_an_open_session_and_nowhere_unknown() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(STEPS)
    assert set(TRANSITIONS.values()) <= set(STEPS) | {Phase.OPEN}
    assert {outcome for _, outcome in TRANSITIONS} == set(Outcome)


def test_draft_without_a_session_says_so() -> None:
    draft = Draft(credentials=Credentials(), console_id=1, entropy=CountedEntropy(), sequence=0)
    with pytest.raises(LocalProtocolError, match="no session is active yet"):
        _ = draft.session


def test_session_info_holds_no_secret() -> None:
    logged_in = rehearse().run()
    assert isinstance(logged_in, LoggedIn)
    assert "secret" not in repr(logged_in.info)


class Once(dict[str, int]):
    """Refusals that each happen once."""

    def __getitem__(self, step: str) -> int:
        return self.pop(step)


@pytest.mark.parametrize("status", [Status.INVALID_SESSION_ID, Status.INACTIVE_SESSION_ID])
def test_repeat_that_the_bmc_has_forgotten_starts_the_exchange_afresh(status: Status) -> None:
    script = Script(silent={"rakp3"})
    rehearsal = rehearse(script)
    while "rakp3" not in rehearsal.bmc.seen:
        rehearsal.exchange()
    script.silent, script.refuse = set(), Once(rakp3=status)
    deadline = rehearsal.login.next_deadline()
    assert deadline is not None
    rehearsal.now = deadline
    rehearsal.login.handle_deadline(deadline)
    assert rehearsal.run().info.limit == 4
    assert rehearsal.bmc.seen.count("open") == 2


def test_less_privilege_than_asked_for_is_no_success() -> None:
    with pytest.raises(SessionRefused, match="raised the privilege to 2, not 4"):
        rehearse(Script(granted=2)).run()
