"""The Socket.IO session, rule by rule, against socket.io 4.8.4. Where we differ the test says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net.engineio_packets import Packet
from net.socketio import (
    Acknowledged,
    Close,
    ConnectRequested,
    Left,
    Received,
    Send,
    SocketSession,
)
from net.socketio_packets import Limits

if TYPE_CHECKING:
    from net.socketio import (
        SocketEffect,
    )

SERVED = frozenset({"/game", "/chat"})


def fresh() -> SocketSession:
    return SocketSession.start(SERVED, 10.0, 0.0)


def joined(*namespaces: str) -> SocketSession:
    session = fresh()
    for namespace in namespaces or ("/game",):
        session.receive(f"0{namespace},")
        session.accept(namespace, "S")
    return session


def texts(effects: list[SocketEffect]) -> list[str]:
    """What is sent; fails for any other effect."""
    sent = []
    for effect in effects:
        assert isinstance(effect, Send)
        sent += [packet.data.decode() for packet in effect.packets]
    return sent


def assert_closes(effects: list[SocketEffect]) -> None:
    match effects:
        case [Close()]:
            pass
        case _:
            pytest.fail(f"{effects} is not just a close")


# ---- connecting


@pytest.mark.parametrize(
    ("message", "auth"),
    [("0/game,", {}), ("0/game", {}), ("0/game,{}", {}), ('0/game,{"token":"x"}', {"token": "x"})],
)
def test_a_connect_is_a_request(message: str, auth: dict[str, str]) -> None:
    assert fresh().receive(message) == [ConnectRequested("/game", auth)]


def test_an_accepted_client_is_told_its_sid_and_pid() -> None:
    session = fresh()
    session.receive("0/game,")
    assert texts(session.accept("/game", "S", "P")) == ['40/game,{"sid":"S","pid":"P"}']
    assert session.joined == {"/game"}


def test_a_client_that_cannot_recover_is_told_no_pid() -> None:
    session = fresh()
    session.receive("0/game,")
    assert texts(session.accept("/game", "S")) == ['40/game,{"sid":"S"}']


def test_a_refused_client_is_told_why_and_may_ask_again() -> None:
    session = fresh()
    session.receive("0/game,")
    assert texts(session.refuse("/game", "no", {"code": "unauthorized"})) == [
        '44/game,{"message":"no","data":{"code":"unauthorized"}}'
    ]
    assert session.joined == frozenset()
    assert session.receive("0/game,") == [ConnectRequested("/game", {})]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("0/random", '44/random,{"message":"Invalid namespace"}'),
        ("0/random,{}", '44/random,{"message":"Invalid namespace"}'),
        ("0", '44{"message":"Invalid namespace"}'),
        ("0/game?x=1,", '44/game?x=1,{"message":"Invalid namespace"}'),
        ("0/Game,", '44/Game,{"message":"Invalid namespace"}'),
    ],
)
def test_an_unknown_namespace_is_invalid_and_the_connection_stays(message: str, answer: str) -> None:
    session = fresh()
    assert texts(session.receive(message)) == [answer]
    assert session.receive("0/game,") == [ConnectRequested("/game", {})]


@pytest.mark.parametrize("message", ["0/game,[1]", "0/game,null", "0/game,{", '0/game,"x"'])
def test_auth_data_that_is_no_object_closes(message: str) -> None:
    assert_closes(fresh().receive(message))


def test_a_client_that_asks_twice_before_the_answer_gets_one() -> None:
    """The reference opens the namespace twice then, and forgets the first opening."""
    session = fresh()
    session.receive("0/game,")
    assert session.receive("0/game,") == []
    assert texts(session.accept("/game", "S")) == ['40/game,{"sid":"S"}']
    assert session.accept("/game", "S2") == []


def test_a_connect_to_a_namespace_that_is_joined_closes() -> None:
    assert_closes(joined().receive("0/game,"))


def test_several_namespaces_live_on_one_connection() -> None:
    session = joined("/game", "/chat")
    assert session.joined == {"/game", "/chat"}
    assert session.receive('2/game,["a"]') == [Received("/game", "a", [], None)]
    assert session.receive('2/chat,["b"]') == [Received("/chat", "b", [], None)]


@pytest.mark.parametrize("answered", ["accept", "refuse"])
def test_an_answer_to_nobody_is_dropped(answered: str) -> None:
    session = fresh()
    answer = session.accept if answered == "accept" else session.refuse
    assert answer("/game", "x") == []
    session.receive("0/game,")
    session.receive("junk")
    assert answer("/game", "x") == []


# ---- the connect timeout


def test_a_connection_that_opens_no_namespace_in_time_is_closed() -> None:
    session = fresh()
    assert session.next_deadline() == 10.0
    assert session.on_time(9.9) == []
    assert_closes(session.on_time(10.0))


@pytest.mark.parametrize("message", ["0/nope,", "0/game,"])
def test_a_request_alone_does_not_stop_the_timeout(message: str) -> None:
    session = fresh()
    session.receive(message)
    assert_closes(session.on_time(10.0))


def test_a_client_that_got_in_once_has_no_timeout_any_more() -> None:
    session = joined()
    assert session.next_deadline() == math.inf
    session.receive("1/game,")
    assert session.next_deadline() == math.inf
    assert session.on_time(1e9) == []


# ---- events and acks


def test_an_event_comes_with_its_arguments() -> None:
    assert joined().receive('2/game,["e",1,"2",{"3":[true]}]') == [
        Received("/game", "e", [1, "2", {"3": [True]}], None)
    ]


def test_an_event_may_want_an_ack() -> None:
    assert joined().receive('2/game,456["e",{}]') == [Received("/game", "e", [{}], 456)]


@pytest.mark.parametrize(("name", "event"), [("1", "1"), ("1.5", "1.5"), ("2.0", "2"), ("-3", "-3")])
def test_a_number_for_a_name_is_its_text(name: str, event: str) -> None:
    assert joined().receive(f"2/game,[{name}]") == [Received("/game", event, [], None)]


def test_a_binary_event_comes_when_its_attachments_are_there() -> None:
    session = joined()
    placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    assert session.receive(f'52-/game,7["e",{placeholders}]') == []
    assert session.receive(b"\x01") == []
    assert session.receive(b"\x02") == [Received("/game", "e", [b"\x01", b"\x02"], 7)]


def test_an_answer_to_our_event_comes_through() -> None:
    assert joined().receive("3/game,5[1]") == [Acknowledged("/game", 5, [1])]
    assert joined().receive("3/game,[1]") == []


@pytest.mark.parametrize("message", ['2/game,["a"]', "3/game,1[]", "1/game,", '2["a"]', '2/nope,["a"]', "1"])
def test_a_packet_for_a_namespace_that_was_never_joined_closes(message: str) -> None:
    assert_closes(fresh().receive(message))


@pytest.mark.parametrize("message", ['2/game,["a"]', "1/game,"])
def test_a_packet_before_the_answer_to_the_connect_closes(message: str) -> None:
    session = fresh()
    session.receive("0/game,")
    assert_closes(session.receive(message))


@pytest.mark.parametrize(
    "message", ["abc", "", "7", "2/game,{}", '2/game,abc["a"]', "1/game,{}", b"\x01", '2/game,["connect"]']
)
def test_a_packet_that_does_not_parse_closes(message: str | bytes) -> None:
    assert_closes(joined().receive(message))


@pytest.mark.parametrize("message", ["4/game,{}", "4/nope,", "4"])
def test_a_connect_error_from_a_client_closes(message: str) -> None:
    assert_closes(joined().receive(message))


def test_the_limits_are_those_that_were_given() -> None:
    session = SocketSession.start(SERVED, 10.0, 0.0, Limits(attachments=1))
    session.receive("0/game,")
    session.accept("/game", "S")
    assert_closes(session.receive('52-/game,["e"]'))


def test_after_closing_nothing_more_comes() -> None:
    session = joined()
    session.receive("junk")
    assert session.receive('2/game,["a"]') == []
    assert session.receive("0/chat,") == []
    assert session.dismiss("/game") == []
    assert session.on_time(1e9) == []
    assert session.joined == frozenset()


# ---- leaving


def test_a_client_leaves_a_namespace_and_keeps_the_connection() -> None:
    session = joined("/game", "/chat")
    assert session.receive("1/game,") == [Left("/game")]
    assert session.joined == {"/chat"}
    assert session.receive('2/chat,["a"]') == [Received("/chat", "a", [], None)]


def test_a_client_that_left_may_come_back() -> None:
    session = joined()
    session.receive("1/game,")
    assert session.receive("0/game,") == [ConnectRequested("/game", {})]


def test_an_event_in_a_namespace_that_the_client_left_closes() -> None:
    session = joined()
    session.receive("1/game,")
    assert_closes(session.receive('2/game,["a"]'))


def test_a_dismissed_client_is_told_so() -> None:
    session = joined()
    assert texts(session.dismiss("/game")) == ["41/game,"]
    assert session.joined == frozenset()
    assert session.dismiss("/game") == []


@pytest.mark.parametrize("message", ['2/game,1["a"]', "3/game,1[]", "1/game,"])
def test_what_a_dismissed_client_had_on_the_way_is_dropped(message: str) -> None:
    """The reference closes the connection, with the other namespaces on it."""
    session = joined("/game", "/chat")
    session.dismiss("/game")
    assert session.receive(message) == []
    assert session.joined == {"/chat"}


def test_a_dismissed_client_may_ask_again() -> None:
    session = joined()
    session.dismiss("/game")
    assert session.receive("0/game,") == [ConnectRequested("/game", {})]
    assert texts(session.accept("/game", "S2")) == ['40/game,{"sid":"S2"}']


# ---- whatever comes

MESSAGES = st.one_of(
    st.sampled_from(
        ["0/game,", "0/chat,{}", "0/nope,", "1/game,", '2/game,["a"]', '2/chat,1["a"]', "3/game,1[]", "4/game,{}"]
    ),
    st.sampled_from(['51-/game,["a",{"_placeholder":true,"num":0}]', '52-/chat,["a"]', b"\x01", b""]),
    st.text(st.characters(), max_size=20),
)
ANSWERS = st.sampled_from(["accept", "refuse", "dismiss"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(MESSAGES, st.tuples(ANSWERS, st.sampled_from(sorted(SERVED)))), max_size=30))
def test_whatever_a_client_does_the_session_keeps_to_its_rules(steps: list[str | bytes | tuple[str, str]]) -> None:
    session, requested, closed = fresh(), set[str](), False
    for step in steps:
        before = session.joined
        match step:
            case ("accept", namespace):
                effects = session.accept(namespace, "S")
                assert bool(effects) is (namespace in requested)
                requested.discard(namespace)
            case ("refuse", namespace):
                effects = session.refuse(namespace, "no")
                assert bool(effects) is (namespace in requested)
                requested.discard(namespace)
            case ("dismiss", namespace):
                effects = session.dismiss(namespace)
                assert bool(effects) is (namespace in before)
            case str() | bytes():
                effects = session.receive(step)
        for effect in effects:
            assert not closed
            match effect:
                case ConnectRequested(namespace, _):
                    assert namespace in SERVED - before - requested
                    requested.add(namespace)
                case Received(namespace, _, _, _) | Acknowledged(namespace, _, _) | Left(namespace):
                    assert namespace in before
                case Close():
                    closed = True
                    requested.clear()
                case Send(packets):
                    assert all(isinstance(packet, Packet) for packet in packets)
        assert not (closed and session.joined)
