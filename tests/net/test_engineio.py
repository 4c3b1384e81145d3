"""The Engine.IO session, rule by rule. The rules are those of the protocol and of engine.io 6.6.12, and where
we go past it the test says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson
import pytest
from attrs import evolve

from net.engineio import EngineSession
from net.engineio_effects import (
    Closed,
    CloseReason,
    CloseWebSocket,
    Deliver,
    Ended,
    RespondPoll,
    RespondPost,
    SendFrame,
    Upgraded,
)
from net.engineio_packets import PING, PONG_PROBE, EngineConfig, Packet, encode_message
from net.outbox import Drops

if TYPE_CHECKING:
    from net.engineio_effects import (
        Effect,
    )

CONFIG = EngineConfig(
    ping_interval=0.3,
    ping_timeout=0.2,
    upgrade_timeout=10.0,
    linger=30.0,
    max_payload=100,
    max_packets=10,
    max_backlog=50,
    packet_cost=0,
)
PLAIN = "text/plain;charset=UTF-8"
UNKNOWN = b'{"code":1,"message":"Session ID unknown"}'
BAD = b'{"code":3,"message":"Bad request"}'
SOCKET = 7
OTHER = 8


def answer(poll: int, body: bytes) -> RespondPoll:
    return RespondPoll(poll, 200, body, "text/plain; charset=UTF-8")


def refused(poll: int, body: bytes) -> RespondPoll:
    return RespondPoll(poll, 400, body, "application/json")


def ok(post: int) -> RespondPost:
    return RespondPost(post, 200, b"ok", "text/html")


def post_refused(post: int, body: bytes = BAD, status: int = 400) -> RespondPost:
    return RespondPost(post, status, body, "application/json")


def message(text: str) -> Packet:
    return encode_message(text)


def ended(reason: CloseReason) -> list[Effect]:
    return [Closed(reason), Ended()]


def on_polling() -> EngineSession:
    session, _ = EngineSession.over_polling("S", CONFIG, 0, 0.0)
    return session


def on_websocket(*, base64: bool = False) -> EngineSession:
    session, _ = EngineSession.over_websocket("S", CONFIG, SOCKET, 0.0, base64=base64)
    return session


def probing() -> EngineSession:
    session = on_polling()
    assert session.websocket_opened(SOCKET, 0.0) == []
    assert session.websocket_received(SOCKET, "2probe", 0.0) == [SendFrame(SOCKET, PONG_PROBE)]
    return session


def post(session: EngineSession, body: bytes, now: float = 0.1) -> list[Effect]:
    return session.post_opened(99, PLAIN) or session.post_received(99, body, now)


def assert_gone(session: EngineSession) -> None:
    """Later requests with the sid get 400, WebSockets are closed, and no timer runs."""
    assert session.poll(50, 0.1) == [refused(50, UNKNOWN)]
    assert session.post_opened(51, PLAIN) == [post_refused(51, UNKNOWN)]
    assert session.websocket_opened(52, 0.1) == [CloseWebSocket(52)]
    assert session.send([message("x")]) == []
    assert session.close(0.1) == []
    assert session.next_deadline() == math.inf
    assert not session.open


# ---- handshake


def test_a_session_over_polling_offers_the_websocket() -> None:
    _, effects = EngineSession.over_polling("S", CONFIG, 3, 0.0)
    assert effects == [
        answer(
            3,
            b'0{"sid":"S","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":100}',
        )
    ]


def test_a_session_over_a_websocket_offers_no_upgrade() -> None:
    _, effects = EngineSession.over_websocket("S", CONFIG, SOCKET, 0.0)
    match effects:
        case [SendFrame(websocket, packet)]:
            assert websocket == SOCKET
            assert orjson.loads(packet.data[1:])["upgrades"] == []
        case _:
            pytest.fail("not one frame")


# ---- messages over polling


def test_a_post_delivers_its_messages_and_is_answered_ok() -> None:
    assert post(on_polling(), b"4hello") == [Deliver("hello"), ok(99)]


def test_a_post_may_carry_several_messages_and_binary_ones() -> None:
    effects = post(on_polling(), b"4test1\x1e4test2\x1ebAQIDBA==")
    assert effects == [Deliver("test1"), Deliver("test2"), Deliver(b"\x01\x02\x03\x04"), ok(99)]


def test_a_get_fetches_what_waits_in_one_payload() -> None:
    session = on_polling()
    assert session.send([message("a")]) == []
    assert session.send([encode_message(b"\x01\x02\x03\x04"), message("b")]) == []
    assert session.poll(1, 0.1) == [answer(1, b"4a\x1ebAQIDBA==\x1e4b")]


def test_a_hanging_get_is_answered_by_the_next_message() -> None:
    session = on_polling()
    assert session.poll(1, 0.1) == []
    assert session.send([message("a")]) == [answer(1, b"4a")]
    assert session.send([message("b")]) == []
    assert session.poll(2, 0.1) == [answer(2, b"4b")]


def test_messages_that_are_held_back_leave_in_one_answer() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.send([message("ack")], flush=False) == []
    assert session.send([message("state")], flush=False) == []
    assert session.flush() == [answer(1, b"4ack\x1e4state")]
    assert session.flush() == []


def test_messages_that_are_held_back_keep_their_order_on_a_websocket() -> None:
    session = on_websocket()
    assert session.send([message("a")], flush=False) == []
    assert session.send([message("b")]) == [SendFrame(SOCKET, message("a")), SendFrame(SOCKET, message("b"))]


def test_a_newer_message_of_a_key_replaces_one_that_waits() -> None:
    session = on_polling()
    session.send([message("state1")], coalesce="game")
    session.send([message("answer")])
    session.send([message("state2")], coalesce="game")
    assert session.poll(1, 0.1) == [answer(1, b"4answer\x1e4state2")]


def test_older_messages_of_a_key_stay_unless_they_are_to_be_dropped() -> None:
    session = on_polling()
    session.send([message("state1")], coalesce="game")
    session.send([message("state2")], coalesce="game", drop_older=False)
    waiting = session.waiting
    assert session.poll(1, 0.1) == [answer(1, b"4state1\x1e4state2")]
    assert (waiting, session.waiting) == (len("4state1") + len("4state2"), 0)


def test_a_client_that_does_not_fetch_is_closed_when_too_much_waits() -> None:
    drops = Drops()
    session, _ = EngineSession.over_polling("sid", CONFIG, 1, 0.0, drops=drops)
    assert session.send([message("x" * 49)]) == []
    assert drops.clients == 0
    assert session.send([message("y")]) == ended(CloseReason.TOO_SLOW)
    assert_gone(session)
    assert drops.clients == 1


def test_many_small_messages_cost_more_than_their_bytes() -> None:
    config = evolve(CONFIG, max_backlog=1000, packet_cost=190)
    session, _ = EngineSession.over_polling("sid", config, 1, 0.0)
    for _ in range(5):
        assert session.send([message("x")]) == []
    assert session.send([message("x")]) == ended(CloseReason.TOO_SLOW)


def test_a_client_that_is_not_trusted_may_have_little_waiting_and_nothing_is_kept_for_it() -> None:
    config = evolve(CONFIG, max_backlog=1000, max_backlog_before=10)
    session, _ = EngineSession.over_polling("sid", config, 1, 0.0)
    session.trusted = False
    assert session.send([message("123456789")]) == []
    assert session.close(0.1) == ended(CloseReason.FORCED)
    other, _ = EngineSession.over_polling("sid", config, 1, 0.0)
    other.trusted = False
    assert other.send([message("0123456789")]) == ended(CloseReason.TOO_SLOW)


def test_a_large_message_to_a_client_that_fetches_is_no_backlog() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.send([message("x" * 80)]) == [answer(1, b"4" + b"x" * 80)]


def test_an_empty_message_is_a_message() -> None:
    assert post(on_polling(), b"4") == [Deliver(""), ok(99)]


@pytest.mark.parametrize("body", [b"0", b"5", b"6", b"3", b"3x"])
def test_packets_without_a_meaning_pass_by(body: bytes) -> None:
    session = on_polling()
    assert post(session, body) == [ok(99)]
    assert session.open


# ---- bodies that are refused


@pytest.mark.parametrize("body", [b"abc", b"", b"4\xff", b"\x1e".join([b"3"] * 11), b"bA"])
def test_a_body_that_does_not_parse_ends_the_session(body: bytes) -> None:
    session = on_polling()
    assert post(session, body) == [post_refused(99), *ended(CloseReason.PARSE_ERROR)]
    assert_gone(session)


def test_what_stands_before_a_broken_packet_is_delivered_and_what_stands_after_is_not() -> None:
    effects = post(on_polling(), b"4a\x1ejunk\x1e4b")
    assert effects == [Deliver("a"), post_refused(99), *ended(CloseReason.PARSE_ERROR)]


def test_a_body_of_the_greatest_length_is_taken() -> None:
    assert post(on_polling(), b"4" + b"x" * 99) == [Deliver("x" * 99), ok(99)]


def test_a_body_over_the_limit_is_refused_and_the_session_ends() -> None:
    session = on_polling()
    assert post(session, b"4" + b"x" * 100) == [
        post_refused(99, status=413),
        *ended(CloseReason.TOO_LARGE),
    ]
    assert_gone(session)


def test_a_body_that_was_not_read_to_its_end_is_refused_and_the_session_ends() -> None:
    session = on_polling()
    session.post_opened(1, PLAIN)
    assert session.post_too_large(1) == [post_refused(1, status=413), *ended(CloseReason.TOO_LARGE)]


def test_a_binary_body_ends_the_session() -> None:
    session = on_polling()
    assert session.post_opened(1, "application/octet-stream") == [
        post_refused(1),
        *ended(CloseReason.TRANSPORT_ERROR),
    ]


def test_a_second_post_during_one_ends_the_session_and_neither_delivers() -> None:
    session = on_polling()
    assert session.post_opened(1, PLAIN) == []
    assert session.post_opened(2, PLAIN) == [post_refused(2), *ended(CloseReason.TRANSPORT_ERROR)]
    assert session.post_received(1, b"4a", 0.1) == [post_refused(1, UNKNOWN)]


def test_a_ping_from_the_client_ends_the_session() -> None:
    session = on_polling()
    assert post(session, b"2") == [*ended(CloseReason.TRANSPORT_ERROR), ok(99)]
    assert_gone(session)


# ---- GETs that break a rule


def test_a_second_get_while_one_hangs_closes_the_session() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.poll(2, 0.1) == [
        answer(1, b"1"),
        *ended(CloseReason.TRANSPORT_ERROR),
        refused(2, BAD),
    ]
    assert_gone(session)


def test_a_hanging_get_that_is_aborted_ends_the_session() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.poll_aborted(1) == ended(CloseReason.TRANSPORT_ERROR)
    assert_gone(session)


def test_a_get_that_was_answered_cannot_be_aborted() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    session.send([message("a")])
    assert session.poll_aborted(1) == []
    session.poll(2, 0.1)
    assert session.poll_aborted(1) == []
    assert session.open


def test_messages_lost_with_their_answer_end_the_session() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    session.send([message("a")])
    assert session.poll_answer_lost(answer(1, b"4a")) == ended(CloseReason.TRANSPORT_ERROR)


def test_a_lost_answer_without_a_message_harms_nothing() -> None:
    session = probing()
    assert session.poll_answer_lost(answer(1, b"6")) == []
    assert session.poll_answer_lost(refused(1, BAD)) == []
    assert session.open


# ---- messages over a WebSocket


def test_a_frame_delivers_its_message() -> None:
    session = on_websocket()
    assert session.websocket_received(SOCKET, "4hello", 0.1) == [Deliver("hello")]
    assert session.websocket_received(SOCKET, b"\x01", 0.1) == [Deliver(b"\x01")]
    assert session.websocket_received(SOCKET, "bAQ==", 0.1) == [Deliver(b"\x01")]


def test_a_message_goes_out_as_the_very_packet_that_was_encoded() -> None:
    packet = message("shared")
    match on_websocket().send([packet]):
        case [SendFrame(websocket, sent)]:
            assert websocket == SOCKET
            assert sent is packet
        case _:
            pytest.fail("not one frame")


def test_a_websocket_client_that_asked_for_base64_gets_it() -> None:
    session = on_websocket(base64=True)
    assert session.send([encode_message(b"\x09")]) == [SendFrame(SOCKET, Packet(b"bCQ=="))]
    assert session.send([message("a")]) == [SendFrame(SOCKET, message("a"))]


def test_send_may_be_bypassed_only_while_nothing_must_go_before() -> None:
    session = on_websocket()
    before = session.websocket
    session.send([message("held")], flush=False)
    held = session.websocket
    session.flush()
    after = session.websocket
    assert (before, held, after) == (SOCKET, None, SOCKET)


def test_send_may_not_be_bypassed_without_an_open_websocket_that_takes_every_packet_as_it_is() -> None:
    closed = on_websocket()
    closed.close(0.1)
    for session in (closed, on_polling(), probing(), on_websocket(base64=True)):
        assert session.websocket is None


@pytest.mark.parametrize("frame", ["abc", "", "7"])
def test_a_frame_that_does_not_parse_ends_the_session(frame: str) -> None:
    session = on_websocket()
    assert session.websocket_received(SOCKET, frame, 0.1) == [
        CloseWebSocket(SOCKET),
        *ended(CloseReason.PARSE_ERROR),
    ]
    assert_gone(session)


@pytest.mark.parametrize("frame", ["4" + "x" * 100, "4" + "€" * 34, b"x" * 101])
def test_a_frame_over_the_limit_in_bytes_ends_the_session(frame: str | bytes) -> None:
    assert on_websocket().websocket_received(SOCKET, frame, 0.1) == [
        CloseWebSocket(SOCKET, 1009),
        *ended(CloseReason.TOO_LARGE),
    ]


@pytest.mark.parametrize("frame", ["4" + "x" * 99, "4" + "€" * 33, b"x" * 100])
def test_a_frame_of_the_greatest_length_is_taken(frame: str | bytes) -> None:
    session = on_websocket()
    assert session.websocket_received(SOCKET, frame, 0.1) == [Deliver(frame[1:] if isinstance(frame, str) else frame)]


def test_a_session_ends_with_its_websocket() -> None:
    session = on_websocket()
    assert session.websocket_closed(SOCKET) == ended(CloseReason.TRANSPORT_CLOSE)
    assert_gone(session)


def test_a_ping_over_the_websocket_ends_the_session() -> None:
    assert on_websocket().websocket_received(SOCKET, "2", 0.1) == [
        CloseWebSocket(SOCKET),
        *ended(CloseReason.TRANSPORT_ERROR),
    ]


# ---- heartbeat


def test_the_first_ping_is_due_one_interval_after_the_handshake() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.next_deadline() == 0.3
    assert session.on_time(0.299) == []
    assert session.on_time(0.3) == [answer(1, b"2")]
    assert on_websocket().on_time(0.3) == [SendFrame(SOCKET, PING)]


def test_the_next_ping_is_due_one_interval_after_the_pong() -> None:
    session = on_websocket()
    session.on_time(0.3)
    session.websocket_received(SOCKET, "3", 0.45)
    assert session.next_deadline() == 0.75
    assert session.on_time(0.75) == [SendFrame(SOCKET, PING)]


def test_pings_and_pongs_go_over_polling() -> None:
    session = on_polling()
    now = 0.0
    for poll in range(3):
        assert session.poll(poll, now) == []
        now = session.next_deadline()
        assert session.on_time(now) == [answer(poll, b"2")]
        now += 0.01
        assert post(session, b"3", now) == [ok(99)]


def test_a_ping_waits_for_the_next_get() -> None:
    session = on_polling()
    assert session.on_time(0.3) == []
    assert session.poll(1, 0.4) == [answer(1, b"2")]


def test_a_client_that_does_not_answer_the_ping_is_closed() -> None:
    session = on_websocket()
    session.on_time(0.3)
    assert session.next_deadline() == 0.5
    assert session.on_time(0.499) == []
    assert session.on_time(0.5) == [CloseWebSocket(SOCKET), *ended(CloseReason.PING_TIMEOUT)]
    assert_gone(session)


def test_a_silent_polling_client_is_told_with_its_hanging_get() -> None:
    session = on_polling()
    session.on_time(0.3)
    session.poll(1, 0.31)
    session.poll(2, 0.32)
    assert session.on_time(0.5) == [answer(2, b"6"), *ended(CloseReason.PING_TIMEOUT)]


def test_messages_do_not_replace_the_pong() -> None:
    session = on_websocket()
    session.on_time(0.3)
    session.websocket_received(SOCKET, "4a", 0.49)
    assert session.on_time(0.5) == [CloseWebSocket(SOCKET), *ended(CloseReason.PING_TIMEOUT)]


def test_a_get_that_comes_after_the_timeout_finds_no_session_even_when_the_timer_is_late() -> None:
    session = on_polling()
    session.on_time(0.302)
    assert session.poll(1, 0.5) == [*ended(CloseReason.PING_TIMEOUT), refused(1, UNKNOWN)]


def test_a_stall_of_the_server_leaves_the_client_half_of_its_time() -> None:
    session = on_websocket()
    assert session.on_time(5.0) == [SendFrame(SOCKET, PING)]
    assert session.next_deadline() == pytest.approx(5.1)
    session.websocket_received(SOCKET, "3", 5.09)
    assert session.open


# ---- the end


def test_a_client_closes_over_polling() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert post(session, b"4a\x1e1\x1e4b") == [
        Deliver("a"),
        answer(1, b"6"),
        *ended(CloseReason.TRANSPORT_CLOSE),
        ok(99),
    ]
    assert_gone(session)


def test_a_client_closes_over_the_websocket() -> None:
    """The reference ignores this one, and only its ping timeout ends the session."""
    session = on_websocket()
    assert session.websocket_received(SOCKET, "1", 0.1) == [
        CloseWebSocket(SOCKET),
        *ended(CloseReason.TRANSPORT_CLOSE),
    ]
    assert_gone(session)


by_every_reason = pytest.mark.parametrize("reason", [CloseReason.FORCED, CloseReason.GOING_AWAY])


@by_every_reason
def test_the_server_lets_a_hanging_get_go_without_a_close_packet_so_that_every_client_comes_back(
    reason: CloseReason,
) -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.close(0.1, reason) == [answer(1, b"6"), *ended(reason)]
    assert_gone(session)


def test_the_server_closes_a_websocket_after_what_it_sent() -> None:
    session = on_websocket()
    session.send([message("bye")], flush=False)
    assert session.close(0.1) == [
        SendFrame(SOCKET, message("bye")),
        CloseWebSocket(SOCKET),
        *ended(CloseReason.FORCED),
    ]
    assert_gone(session)


@by_every_reason
def test_a_closed_polling_client_finds_the_rest_with_its_next_get_and_no_close_packet(reason: CloseReason) -> None:
    session = on_polling()
    session.send([message("bye")])
    assert session.close(0.1, reason) == [Closed(reason)]
    assert session.send([message("late")]) == []
    assert post(session, b"4late") == [ok(99)]
    assert session.poll(1, 0.2) == [answer(1, b"4bye\x1e6"), Ended()]
    assert_gone(session)


def test_a_closed_polling_client_that_never_comes_is_forgotten() -> None:
    session = on_polling()
    session.close(0.1)
    assert session.next_deadline() == pytest.approx(30.1)
    assert session.on_time(30.0) == []
    assert session.on_time(30.1) == [Ended()]
    assert_gone(session)


def test_a_closed_session_takes_no_new_websocket() -> None:
    session = on_polling()
    session.close(0.1)
    assert session.websocket_opened(SOCKET, 0.2) == [CloseWebSocket(SOCKET)]


def test_the_reason_for_closing_is_passed_on() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert Closed(CloseReason.TOO_SLOW) in session.close(0.1, CloseReason.TOO_SLOW)


# ---- upgrade


def test_a_probe_is_answered_and_lets_the_hanging_get_go() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    assert session.websocket_opened(SOCKET, 0.1) == []
    assert session.websocket_received(SOCKET, "2probe", 0.1) == [
        SendFrame(SOCKET, PONG_PROBE),
        answer(1, b"6"),
    ]


def test_a_get_that_comes_while_probing_is_let_go_too() -> None:
    assert probing().poll(1, 0.1) == [answer(1, b"6")]


def test_a_websocket_that_has_not_probed_does_not_touch_the_polling() -> None:
    session = on_polling()
    session.websocket_opened(SOCKET, 0.1)
    assert session.poll(1, 0.1) == []
    assert session.send([message("a")]) == [answer(1, b"4a")]


def test_a_get_while_probing_fetches_what_waits() -> None:
    session = probing()
    session.send([message("a")])
    assert session.poll(1, 0.1) == [answer(1, b"4a")]


def test_the_upgrade_makes_the_websocket_the_transport() -> None:
    session = probing()
    assert session.websocket_received(SOCKET, "5", 0.1) == [Upgraded(SOCKET)]
    assert session.send([message("a")]) == [SendFrame(SOCKET, message("a"))]
    assert session.websocket_received(SOCKET, "4hello", 0.1) == [Deliver("hello")]


def test_what_waited_during_the_upgrade_follows_it() -> None:
    session = probing()
    session.send([message("a")])
    session.send([message("b")])
    assert session.websocket_received(SOCKET, "5", 0.1) == [
        Upgraded(SOCKET),
        SendFrame(SOCKET, message("a")),
        SendFrame(SOCKET, message("b")),
    ]


def test_http_requests_after_the_upgrade_get_400_and_harm_nothing() -> None:
    session = probing()
    session.websocket_received(SOCKET, "5", 0.1)
    assert session.poll(1, 0.1) == [refused(1, BAD)]
    assert session.post_opened(2, PLAIN) == [post_refused(2)]
    assert session.websocket_received(SOCKET, "4hello", 0.1) == [Deliver("hello")]


def test_a_post_that_was_under_way_at_the_upgrade_still_counts() -> None:
    session = probing()
    session.post_opened(1, PLAIN)
    session.websocket_received(SOCKET, "5", 0.1)
    assert session.post_received(1, b"4a", 0.1) == [Deliver("a"), ok(1)]


def test_an_upgrade_without_a_probe_lets_the_hanging_get_go_and_counts() -> None:
    session = on_polling()
    session.poll(1, 0.1)
    session.websocket_opened(SOCKET, 0.1)
    assert session.websocket_received(SOCKET, "5", 0.1) == [answer(1, b"6"), Upgraded(SOCKET)]


def test_binary_messages_that_waited_for_a_base64_websocket_are_text() -> None:
    session = on_polling()
    session.send([encode_message(b"\x09")])
    session.websocket_opened(SOCKET, 0.1, base64=True)
    assert session.websocket_received(SOCKET, "5", 0.1) == [
        Upgraded(SOCKET),
        SendFrame(SOCKET, Packet(b"bCQ==")),
    ]


@pytest.mark.parametrize("frame", ["4early", "2", "3probe", "abc", "", b"5", "2probe2", "1", "x" * 200])
def test_anything_else_on_a_probing_websocket_closes_it_and_the_session_goes_on(frame: str | bytes) -> None:
    session = on_polling()
    session.websocket_opened(SOCKET, 0.1)
    assert session.websocket_received(SOCKET, frame, 0.1) == [CloseWebSocket(SOCKET)]
    assert session.websocket_received(SOCKET, "5", 0.1) == []
    assert post(session, b"4a") == [Deliver("a"), ok(99)]


def test_an_upgrade_that_takes_too_long_is_broken_off_and_may_be_tried_again() -> None:
    session = on_polling()
    session.websocket_opened(SOCKET, 0.1)
    session.on_time(0.3)
    session.poll(1, 0.3)
    post(session, b"3", 10.0)
    assert session.next_deadline() == 10.1
    assert session.on_time(10.1) == [CloseWebSocket(SOCKET)]
    assert session.websocket_opened(OTHER, 10.1) == []
    assert session.websocket_received(OTHER, "5", 10.1) == [Upgraded(OTHER)]


def test_a_probing_websocket_that_goes_away_changes_nothing() -> None:
    session = probing()
    assert session.websocket_closed(SOCKET) == []
    assert session.poll(1, 0.1) == []
    assert session.websocket_opened(OTHER, 0.1) == []


def test_a_second_websocket_while_one_probes_is_closed() -> None:
    session = probing()
    assert session.websocket_opened(OTHER, 0.1) == [CloseWebSocket(OTHER)]
    assert session.websocket_received(OTHER, "5", 0.1) == []
    assert session.websocket_closed(OTHER) == []
    assert session.websocket_received(SOCKET, "5", 0.1) == [Upgraded(SOCKET)]


def test_a_second_websocket_after_the_upgrade_is_closed() -> None:
    session = probing()
    session.websocket_received(SOCKET, "5", 0.1)
    assert session.websocket_opened(OTHER, 0.1) == [CloseWebSocket(OTHER)]
    assert session.websocket_received(OTHER, "4a", 0.1) == []
    assert session.websocket_closed(OTHER) == []
    assert session.open


def test_a_websocket_for_a_session_that_began_on_one_is_closed() -> None:
    """The reference lets it probe, and take the session over."""
    session = on_websocket()
    assert session.websocket_opened(OTHER, 0.1) == [CloseWebSocket(OTHER)]
    assert session.websocket_received(OTHER, "2probe", 0.1) == []


def test_the_ping_timeout_goes_on_over_an_upgrade() -> None:
    """The reference forgets it, and the session of a client that never answers lives for ever."""
    session = probing()
    session.on_time(0.3)
    session.websocket_received(SOCKET, "5", 0.35)
    assert session.next_deadline() == 0.5
    assert session.on_time(0.5) == [CloseWebSocket(SOCKET), *ended(CloseReason.PING_TIMEOUT)]


def test_a_ping_over_polling_may_be_answered_over_the_websocket() -> None:
    session = probing()
    session.on_time(0.3)
    session.poll(1, 0.3)
    session.websocket_received(SOCKET, "5", 0.35)
    session.websocket_received(SOCKET, "3", 0.36)
    assert session.on_time(0.5) == []
    assert session.next_deadline() == pytest.approx(0.66)


def test_the_end_of_a_session_closes_the_probing_websocket() -> None:
    session = probing()
    assert post(session, b"1") == [CloseWebSocket(SOCKET), *ended(CloseReason.TRANSPORT_CLOSE), ok(99)]


def test_a_session_closed_during_an_upgrade_finishes_it_first() -> None:
    session = probing()
    session.send([message("bye")])
    assert session.close(0.1) == [Closed(CloseReason.FORCED)]
    assert session.websocket_received(SOCKET, "5", 0.2) == [
        Upgraded(SOCKET),
        SendFrame(SOCKET, message("bye")),
        CloseWebSocket(SOCKET),
        Ended(),
    ]
    assert_gone(session)
