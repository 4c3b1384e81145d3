"""An Engine.IO session under a peer that keeps to no rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net.engineio import EngineSession
from net.engineio_effects import (
    Closed,
    CloseWebSocket,
    Deliver,
    Ended,
    RespondPoll,
    RespondPost,
    SendFrame,
    Upgraded,
)
from net.engineio_packets import EngineConfig, encode_message
from net.engineio_requests import route

if TYPE_CHECKING:
    from net.engineio_effects import (
        Effect,
    )

CONFIG = EngineConfig(
    ping_interval=3.0, ping_timeout=2.0, upgrade_timeout=4.0, linger=3.0, max_payload=60, max_backlog=40, packet_cost=0
)

PACKETS = ["0", "1", "2", "2probe", "3", "3probe", "4", "4hi", "4" + "€" * 25, "5", "6", "7", "", "bAQ==", "b=", "é"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A payload of well-formed packets with a few bytes changed."""
    body = bytearray("\x1e".join(draw(st.lists(st.sampled_from(PACKETS), max_size=5))).encode())
    for _ in range(draw(st.integers(0, 3))):
        body.insert(draw(st.integers(0, len(body))), draw(st.integers(0, 255)))
    return bytes(body)


BODIES = st.one_of(mutated(), st.binary(max_size=70))
FRAMES = st.one_of(st.sampled_from(PACKETS), st.text(st.characters(), max_size=70), st.binary(max_size=70))


@define
class Audit:
    """A session, what was asked of it, and the check of everything that it answers."""

    session: EngineSession
    now: float = 0.0
    polls: set[int] = field(factory=set)
    posts: set[int] = field(factory=set)
    sockets: set[int] = field(factory=set)
    open_sockets: set[int] = field(factory=set)
    answers: list[RespondPoll] = field(factory=list)
    answered: set[int] = field(factory=set)
    closed: bool = False
    ended: bool = False

    def check(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case RespondPoll(poll, status, _, _):
                    assert poll in self.polls
                    assert status == 400 or not self.ended
                    self.polls.remove(poll)
                    self.answers.append(effect)
                case RespondPost(post, _, _, _):
                    assert post in self.posts
                    assert post not in self.answered
                    self.answered.add(post)
                case SendFrame(websocket, _) | Upgraded(websocket):
                    assert websocket in self.open_sockets
                case CloseWebSocket(websocket, _):
                    assert websocket in self.open_sockets
                    self.open_sockets.remove(websocket)
                case Deliver():
                    assert not self.closed
                case Closed():
                    assert not self.closed
                    self.closed = True
                case Ended():
                    assert self.closed
                    assert not self.ended
                    self.ended = True
                    assert self.session.next_deadline() == math.inf
        assert self.session.open is not self.closed

    def nothing_is_left(self) -> None:
        """After the end nobody is left waiting."""
        assert self.ended
        assert not self.polls
        assert not self.open_sockets


Step: TypeAlias = Callable[[Audit], None]

# Each step is one thing that a peer, the network or the server may do at any time. Numbers are drawn so that
# stale ones are met too.


def _fresh(audit: Audit) -> int:
    return len(audit.answers) + len(audit.polls) + len(audit.posts) + len(audit.sockets) + 1


def get(audit: Audit) -> None:
    poll = _fresh(audit)
    audit.polls.add(poll)
    audit.check(audit.session.poll(poll, audit.now))


def abort_get(audit: Audit) -> None:
    for poll in sorted(audit.polls):
        audit.polls.remove(poll)
        audit.check(audit.session.poll_aborted(poll))


def lose_answer(audit: Audit) -> None:
    if audit.answers:
        audit.check(audit.session.poll_answer_lost(audit.answers[-1]))


def post_head(content_type: str) -> Step:
    def step(audit: Audit) -> None:
        post = _fresh(audit)
        audit.posts.add(post)
        audit.check(audit.session.post_opened(post, content_type))

    return step


def _waiting_posts(audit: Audit) -> list[int]:
    return sorted(audit.posts - audit.answered)


def post_body(body: bytes) -> Step:
    def step(audit: Audit) -> None:
        for post in _waiting_posts(audit)[:1]:
            audit.check(audit.session.post_received(post, body, audit.now))

    return step


def post_too_large(audit: Audit) -> None:
    for post in _waiting_posts(audit)[-1:]:
        audit.check(audit.session.post_too_large(post))


def post_abort(audit: Audit) -> None:
    for post in _waiting_posts(audit)[-1:]:
        audit.answered.add(post)  # its body never comes: the machine is not told


def open_socket(audit: Audit) -> None:
    socket = _fresh(audit)
    audit.sockets.add(socket)
    audit.open_sockets.add(socket)
    audit.check(audit.session.websocket_opened(socket, audit.now))


def frame(which: int, data: str | bytes) -> Step:
    def step(audit: Audit) -> None:
        for socket in sorted(audit.sockets)[which : which + 1]:
            audit.check(audit.session.websocket_received(socket, data, audit.now))

    return step


def close_socket(which: int) -> Step:
    def step(audit: Audit) -> None:
        for socket in sorted(audit.sockets)[which : which + 1]:
            audit.open_sockets.discard(socket)
            audit.check(audit.session.websocket_closed(socket))

    return step


def wait(seconds: float) -> Step:
    def step(audit: Audit) -> None:
        audit.now += seconds
        audit.check(audit.session.on_time(audit.now))

    return step


def send(text: str, coalesce: str | None, *, flush: bool) -> Step:
    def step(audit: Audit) -> None:
        audit.check(audit.session.send([encode_message(text)], coalesce=coalesce, flush=flush))

    return step


def close(audit: Audit) -> None:
    audit.check(audit.session.close(audit.now))


STEPS = st.one_of(
    st.sampled_from([get, get, abort_get, lose_answer, post_too_large, post_abort, open_socket, close]),
    st.sampled_from([post_head("text/plain"), post_head("application/octet-stream")]),
    st.builds(post_body, BODIES),
    st.builds(frame, st.integers(0, 2), FRAMES),
    st.builds(close_socket, st.integers(0, 2)),
    st.builds(wait, st.sampled_from([0.1, 1.0, 2.0, 5.0])),
    st.builds(send, st.text(max_size=20), st.sampled_from([None, "game"]), flush=st.booleans()),
)


# A busy machine is no defect.
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(BUSY, max_examples=500)
@given(st.booleans(), st.lists(STEPS, max_size=40))
def test_whatever_a_peer_does_the_session_answers_by_its_rules(polling: bool, steps: list[Step]) -> None:
    if polling:
        audit = Audit(EngineSession.over_polling("S", CONFIG, 0, 0.0)[0])
    else:
        session, _ = EngineSession.over_websocket("S", CONFIG, 0, 0.0)
        audit = Audit(session, sockets={0}, open_sockets={0})
    for step in steps:
        step(audit)
    for step in (wait(10.0), wait(10.0), wait(10.0)):
        step(audit)
    audit.nothing_is_left()


@settings(BUSY, max_examples=100)
@given(st.lists(STEPS, max_size=30))
def test_whatever_a_peer_does_its_neighbour_is_undisturbed(steps: list[Step]) -> None:
    hostile = Audit(EngineSession.over_polling("H", CONFIG, 0, 0.0)[0])
    neighbour, _ = EngineSession.over_polling("N", EngineConfig(), 0, 0.0)
    for number, step in enumerate(steps):
        step(hostile)
        assert neighbour.poll(number, 0.0) == []
        match neighbour.send([encode_message("hello")]):
            case [RespondPoll(poll, 200, b"4hello", _)]:
                assert poll == number
            case effects:
                pytest.fail(f"the neighbour got {effects}")
        assert neighbour.post_opened(number, "text/plain") == []
        assert neighbour.post_received(number, b"4hello", 0.0)[0] == Deliver("hello")


TEXTS = st.one_of(
    st.text(st.characters(), max_size=10), st.sampled_from(["4", "polling", "websocket", "S", "GET", "POST"])
)


@given(TEXTS, st.dictionaries(st.sampled_from(["EIO", "transport", "sid", "b64", "t"]), TEXTS), st.booleans())
def test_any_request_is_routed_or_refused(method: str, query: dict[str, str], websocket: bool) -> None:
    session, _ = EngineSession.over_polling("S", CONFIG, 0, 0.0)
    assert route(method, query, websocket=websocket, sessions={"S": session}) is not None
