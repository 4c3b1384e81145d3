"""A client as engine.io-client 6.6 is one, its session, and a network between them that delivers in any order
that connections allow: nothing is lost, doubled or overtaken on the way from polling to the WebSocket."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from net.engineio import EngineSession
from net.engineio_effects import (
    CloseWebSocket,
    Deliver,
    RespondPoll,
    RespondPost,
    SendFrame,
    Upgraded,
)
from net.engineio_packets import EngineConfig, Packet, encode_message

if TYPE_CHECKING:
    from net.engineio_effects import (
        Effect,
    )

CONFIG = EngineConfig(upgrade_timeout=1e9, ping_timeout=1e9)


@define
class Request:
    """An HTTP request of the client: on its way, then with the server, then its answer on its way back."""

    number: int
    body: bytes = b""
    stage: str = "leaving"
    answer: bytes = b""


@define
class Socket:
    """A WebSocket: frames on their way in both directions."""

    number: int
    up: deque[str] = field(factory=deque)
    down: deque[Packet] = field(factory=deque)


class Upgrade(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.session, _ = EngineSession.over_polling("S", CONFIG, 0, 0.0)
        self.now = 0.0
        self.numbers = 0
        self.mode = "polling"
        self.get: Request | None = None
        self.post: Request | None = None
        self.socket: Socket | None = None
        self.unsent: list[str] = []
        self.pinged = False
        self.sent_down: list[str] = []
        self.got_down: list[str] = []
        self.sent_up: list[str] = []
        self.got_up: list[str] = []

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    # ---- what the session asks for

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case RespondPoll(poll, status, body, _):
                    assert self.get is not None
                    assert (self.get.number, self.get.stage, status) == (poll, "hanging", 200)
                    self.get.stage, self.get.answer = "answered", body
                case RespondPost(post, status, _, _):
                    assert self.post is not None
                    assert (self.post.number, self.post.stage, status) == (post, "read", 200)
                    self.post.stage = "answered"
                case SendFrame(websocket, packet):
                    assert self.socket is not None
                    assert self.socket.number == websocket
                    self.socket.down.append(packet)
                case Deliver(message):
                    assert isinstance(message, str)
                    self.got_up.append(message)
                case Upgraded(websocket):
                    assert self.socket is not None
                    assert self.socket.number == websocket
                case CloseWebSocket() | _:
                    raise AssertionError(f"a client that keeps to the rules got {effect}")

    # ---- the client

    def client_gets(self, packet: str) -> None:
        match packet[0], packet[1:]:
            case "4", text:
                self.got_down.append(text)
            case "2", "":
                self.client_writes("3")
            case "3", "probe":
                self.mode = "pausing"
            case "6", "":
                pass
            case _:
                raise AssertionError(f"a client that keeps to the rules got {packet}")

    def client_writes(self, packet: str) -> None:
        if self.mode == "websocket":
            assert self.socket is not None
            self.socket.up.append(packet)
        else:
            self.unsent.append(packet)

    @rule()
    def the_client_sends(self) -> None:
        text = str(self.number())
        self.sent_up.append(text)
        self.client_writes("4" + text)

    @precondition(lambda self: self.mode == "polling" and self.get is None)
    @rule()
    def a_get_leaves(self) -> None:
        self.get = Request(self.number())

    @precondition(lambda self: self.mode == "polling" and self.post is None and self.unsent)
    @rule()
    def a_post_leaves(self) -> None:
        self.post = Request(self.number(), "\x1e".join(self.unsent).encode())
        self.unsent = []

    @precondition(lambda self: self.mode == "polling" and self.socket is None)
    @rule()
    def a_websocket_opens(self) -> None:
        self.socket = Socket(self.number())
        self.carry_out(self.session.websocket_opened(self.socket.number, self.now))
        self.socket.up.append("2probe")

    @precondition(lambda self: self.mode == "polling" and self.socket is not None)
    @rule()
    def the_probing_websocket_breaks(self) -> None:
        assert self.socket is not None
        self.carry_out(self.session.websocket_closed(self.socket.number))
        self.socket = None

    @precondition(lambda self: self.mode == "pausing" and self.get is None and self.post is None)
    @rule()
    def the_client_upgrades(self) -> None:
        assert self.socket is not None
        self.mode = "websocket"
        self.socket.up.extend(["5", *self.unsent])
        self.unsent = []

    # ---- the network

    @precondition(lambda self: self.get is not None and self.get.stage == "leaving")
    @rule()
    def the_get_arrives(self) -> None:
        assert self.get is not None
        self.get.stage = "hanging"
        self.carry_out(self.session.poll(self.get.number, self.now))

    @precondition(lambda self: self.get is not None and self.get.stage == "answered")
    @rule()
    def the_answer_to_the_get_arrives(self) -> None:
        assert self.get is not None
        body = self.get.answer.decode()
        self.get = None
        for packet in body.split("\x1e"):
            self.client_gets(packet)

    @precondition(lambda self: self.post is not None and self.post.stage == "leaving")
    @rule()
    def the_head_of_the_post_arrives(self) -> None:
        assert self.post is not None
        self.post.stage = "read"
        assert self.session.post_opened(self.post.number, "text/plain") == []

    @precondition(lambda self: self.post is not None and self.post.stage == "read")
    @rule()
    def the_body_of_the_post_arrives(self) -> None:
        assert self.post is not None
        if "3" in self.post.body.decode().split("\x1e"):
            self.pinged = False
        self.carry_out(self.session.post_received(self.post.number, self.post.body, self.now))

    @precondition(lambda self: self.post is not None and self.post.stage == "answered")
    @rule()
    def the_answer_to_the_post_arrives(self) -> None:
        self.post = None

    @precondition(lambda self: self.socket is not None and self.socket.up)
    @rule()
    def a_frame_goes_up(self) -> None:
        assert self.socket is not None
        frame = self.socket.up.popleft()
        if frame == "3":
            self.pinged = False
        self.carry_out(self.session.websocket_received(self.socket.number, frame, self.now))

    @precondition(lambda self: self.socket is not None and self.socket.down)
    @rule()
    def a_frame_goes_down(self) -> None:
        assert self.socket is not None
        self.client_gets(self.socket.down.popleft().data.decode())

    # ---- the server

    @rule()
    def the_server_sends(self) -> None:
        self.server_sends(flush=True)

    @rule()
    def the_server_holds_back(self) -> None:
        self.server_sends(flush=False)

    def server_sends(self, *, flush: bool) -> None:
        text = str(self.number())
        self.sent_down.append(text)
        self.carry_out(self.session.send([encode_message(text)], flush=flush))

    @rule()
    def the_server_flushes(self) -> None:
        self.carry_out(self.session.flush())

    @precondition(lambda self: not self.pinged)
    @rule()
    def a_ping_is_due(self) -> None:
        self.now = self.session.next_deadline()
        self.pinged = True
        self.carry_out(self.session.on_time(self.now))

    # ---- what must hold

    @invariant()
    def messages_come_in_order_and_once(self) -> None:
        assert self.got_down == self.sent_down[: len(self.got_down)]
        assert self.got_up == self.sent_up[: len(self.got_up)]

    def teardown(self) -> None:
        self.the_server_flushes()
        for _ in range(10_000):
            if not self.step():
                break
        else:
            raise AssertionError("it never comes to rest")
        assert self.mode != "pausing", "a GET still hangs, so the client cannot upgrade"
        assert self.got_down == self.sent_down
        assert self.got_up == self.sent_up

    def step(self) -> bool:
        """Lets the next thing happen that is bound to happen; False when all is quiet."""
        get, post, socket = self.get, self.post, self.socket
        if post is not None:
            match post.stage:
                case "leaving":
                    self.the_head_of_the_post_arrives()
                case "read":
                    self.the_body_of_the_post_arrives()
                case _:
                    self.the_answer_to_the_post_arrives()
        elif get is not None and get.stage == "leaving":
            self.the_get_arrives()
        elif get is not None and get.stage == "answered":
            self.the_answer_to_the_get_arrives()
        elif socket is not None and socket.up:
            self.a_frame_goes_up()
        elif socket is not None and socket.down:
            self.a_frame_goes_down()
        elif self.mode == "polling" and self.unsent:
            self.a_post_leaves()
        elif self.mode == "polling" and get is None:
            self.a_get_leaves()
        elif self.mode == "pausing" and get is None:
            self.the_client_upgrades()
        else:
            return False
        return True


TestUpgrade = Upgrade.TestCase
TestUpgrade.settings = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no defect
)
