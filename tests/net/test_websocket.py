"""WebSockets against wsproto and trio-websocket as clients, on simulated wires: good peers, bad ones, and mute ones."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage

from net.frames import Message as Heard
from net.frames import TooLarge, close_frame, encode_text_frame
from net.handshake import Accept, SocketHandler
from net.outbox import Frame, Kind
from net.stream import PushStream
from net.testing.streams import Link, stream_pair
from net.websocket import ConnectionLost, SocketLimits, WebSocket, serve_websocket
from tests.samples.handshake import handshake

if TYPE_CHECKING:
    from wsproto.events import Event

    from net.http import Request
    from net.testing.streams import SimStream

LIMITS = SocketLimits(message_bytes=100, queue=4, handshake_timeout=5.0)
OUTBOX = 100_000
CLOSE_TIMEOUT = 5.0


class RawClient:
    """A client whose every byte is the test's."""

    def __init__(self, stream: SimStream) -> None:
        self.stream = stream
        self.head = b""
        self.wsproto = Connection(ConnectionType.CLIENT)

    async def finish_handshake(self) -> None:
        while b"\r\n\r\n" not in self.head:
            part = await self.stream.receive_some(1)
            assert part, f"no handshake: {self.head!r}"
            self.head += part

    async def send(self, *events: Event) -> None:
        for event in events:
            await self.stream.send_all(self.wsproto.send(event))

    async def receive(self, count: int) -> list[Event]:
        """The next so many events; fewer when the stream ends before."""
        events = list(self.wsproto.events())
        while len(events) < count and (data := await self.stream.receive_some()):
            self.wsproto.receive_data(data)
            events += self.wsproto.events()
        assert len(events) <= count, events
        return events

    async def receive_rest(self) -> list[Event]:
        """Every event up to the end of the stream."""
        events = list(self.wsproto.events())
        while data := await self.stream.receive_some():
            self.wsproto.receive_data(data)
            events += self.wsproto.events()
        await self.stream.aclose()
        return events


@define
class Served:
    """One WebSocket, and what its handler saw."""

    handler: SocketHandler | None = None
    limits: SocketLimits = LIMITS
    link: Link = field(factory=Link)
    received: list[str | bytes | TooLarge] = field(factory=list)
    lost: ConnectionLost | None = None
    reports: list[BaseException] = field(factory=list)
    over: trio.Event = field(factory=trio.Event)
    websocket: WebSocket = field(init=False)
    stream: PushStream = field(init=False)
    client: RawClient = field(init=False)

    async def listen(self, request: Request, websocket: WebSocket) -> None:
        """The default handler: receives until the connection is lost."""
        try:
            while True:
                self.received.append(await websocket.receive())
        except ConnectionLost as lost:
            self.lost = lost
            raise

    async def start(self, nursery: trio.Nursery) -> RawClient:
        """Serves the WebSocket; the client that is connected to it."""
        ours, theirs = stream_pair(self.link)
        self.client = RawClient(ours)
        nursery.start_soon(self._serve, theirs)
        await self.client.finish_handshake()
        return self.client

    async def _serve(self, theirs: SimStream) -> None:
        accept = Accept(self._handle, "croupier.v1.json")
        try:
            async with trio.open_nursery() as nursery:
                self.stream = PushStream(theirs, nursery, max_bytes=OUTBOX, close_timeout=CLOSE_TIMEOUT)
                await serve_websocket(self.stream, handshake(), accept, limits=self.limits, report=self._report)
        finally:
            self.over.set()

    async def _handle(self, request: Request, websocket: WebSocket) -> None:
        self.websocket = websocket
        await (self.handler or self.listen)(request, websocket)

    def _report(self, what: str, failure: BaseException) -> str:
        self.reports.append(failure)
        return "E1"


def whole(message: str | bytes) -> Event:
    """The message in one frame."""
    return TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message)


async def answer_close(client: RawClient) -> list[Event]:
    """What a well-behaved client does: reads until it is told to close, answers, and reads to the end."""
    events = []
    while data := await client.stream.receive_some():
        client.wsproto.receive_data(data)
        for event in client.wsproto.events():
            events.append(event)
            if isinstance(event, CloseConnection) and client.wsproto.state is ConnectionState.REMOTE_CLOSING:
                await client.send(event.response())
    await client.stream.aclose()
    return events


# ---- frames


def decoded(frames: bytes) -> list[Event]:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frames)
    return list(client.events())


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_text_frame_is_read_back(text: str) -> None:
    assert decoded(encode_text_frame(text.encode())) == [TextMessage(data=text)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_frame_of_every_length_encoding_is_read_back(size: int) -> None:
    events = decoded(encode_text_frame(b"x" * size))
    assert "".join(event.data for event in events if isinstance(event, TextMessage)) == "x" * size
    assert [event.message_finished for event in events if isinstance(event, Message)] == [True]


@settings(deadline=None)
@given(st.integers(3000, 4999), st.text(max_size=200))
def test_a_close_frame_is_read_back_and_a_long_reason_is_cut_between_characters(code: int, reason: str) -> None:
    (event,) = decoded(close_frame(code, reason))
    assert isinstance(event, CloseConnection)
    assert event.code == code
    assert event.reason is not None
    assert reason.startswith(event.reason)
    assert event.reason == reason or len(event.reason.encode()) > 119


# ---- the handshake


async def test_the_handshake_chooses_the_subprotocol_and_no_extension(nursery: trio.Nursery) -> None:
    client = await Served().start(nursery)
    head = client.head.decode().lower()
    assert head.startswith("http/1.1 101 ")
    assert "\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" in head  # RFC 6455, section 1.3
    assert "\r\nsec-websocket-protocol: croupier.v1.json\r\n" in head
    assert "extensions" not in head
    nursery.cancel_scope.cancel()


async def test_no_header_of_the_client_reaches_what_cannot_cope_with_it(nursery: trio.Nursery) -> None:
    ours, theirs = stream_pair()
    stream = PushStream(theirs, nursery, max_bytes=OUTBOX)
    hostile = handshake(host="\xff" * 70, sec_websocket_extensions="\xff", cookie="\xff")
    accept = Accept(Served().listen, None)
    nursery.start_soon(lambda: serve_websocket(stream, hostile, accept, limits=LIMITS, report=_no_report))
    await RawClient(ours).finish_handshake()
    nursery.cancel_scope.cancel()


def _no_report(what: str, failure: BaseException) -> str:
    raise AssertionError(what) from failure


# ---- messages


async def test_texts_and_bytes_are_received_as_they_were_sent(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(TextMessage(data="Grüße"), BytesMessage(data=b"\xff"), TextMessage(data=""))
    await trio.testing.wait_all_tasks_blocked()
    assert served.received == ["Grüße", b"\xff", ""]
    nursery.cancel_scope.cancel()


async def test_a_message_in_fragments_is_one_message(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(
        TextMessage(data="one, ", message_finished=False),
        Ping(payload=b"meanwhile"),
        TextMessage(data="two", message_finished=True),
    )
    assert await client.receive(1) == [Pong(payload=b"meanwhile")]
    await trio.testing.wait_all_tasks_blocked()
    assert served.received == ["one, two"]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("message", ["x" * 100, "é" * 50, b"x" * 100])
async def test_a_message_of_the_limit_is_taken(message: str | bytes, nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(whole(message))
    await trio.testing.wait_all_tasks_blocked()
    assert served.received == [message]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("message", "size"), [("x" * 101, 101), ("é" * 51, 102), ("x" * 400, 400), (b"x" * 101, 101)])
async def test_a_message_over_the_limit_in_bytes_is_marked_and_the_next_is_read(
    message: str | bytes, size: int, nursery: trio.Nursery
) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(whole(message), TextMessage(data="next"))
    await trio.testing.wait_all_tasks_blocked()
    assert served.received == [TooLarge(message, size), "next"]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_message_far_over_the_limit_ends_the_connection(pieces: int, nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    for _ in range(pieces):
        await client.send(TextMessage(data="x" * (5000 // pieces), message_finished=False))
    await client.send(Ping(payload=b"and on"))
    (event,) = await client.receive_rest()
    assert isinstance(event, CloseConnection)
    assert event.code == 1009
    await served.over.wait()
    assert served.lost is not None
    assert served.lost.code == 1009
    assert served.received == []
    assert served.reports == []


async def test_pushed_frames_arrive_in_order_and_one_send_is_one_write(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    with served.websocket.in_one_send():
        served.websocket.push_text(encode_text_frame(b"answer"))
        served.websocket.push(Frame(encode_text_frame(b"state"), Kind.STATE, "g"))
        assert served.stream.waiting_bytes > 0
    served.websocket.push_text(encode_text_frame(b"more"))
    events = await client.receive(3)
    assert events == [TextMessage(data=text) for text in ("answer", "state", "more")]
    nursery.cancel_scope.cancel()


# ---- pings


async def test_a_ping_is_answered_with_its_payload(nursery: trio.Nursery) -> None:
    client = await Served().start(nursery)
    await client.send(Ping(payload=b"there?"))
    assert await client.receive(1) == [Pong(payload=b"there?")]
    nursery.cancel_scope.cancel()


async def test_our_ping_is_seen_and_its_answer_counts_as_a_sign_of_life(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    served = Served()
    client = await served.start(nursery)
    await trio.sleep(25)
    served.websocket.ping()
    (ping,) = await client.receive(1)
    assert isinstance(ping, Ping)
    assert trio.current_time() - served.websocket.last_received == 25
    await client.send(ping.response())
    await trio.testing.wait_all_tasks_blocked()
    assert served.websocket.last_received == trio.current_time()
    assert served.received == []
    nursery.cancel_scope.cancel()


async def test_pushes_pings_and_pongs_do_not_tear_each_other_on_a_full_wire(nursery: trio.Nursery) -> None:
    served = Served(link=Link(capacity=37, send_limit=11))
    client = await served.start(nursery)
    texts = [f"{number}:" + "x" * (number % 150) for number in range(200)]

    async def push() -> None:
        for text in texts:
            served.websocket.push_text(encode_text_frame(text.encode()))
            served.websocket.ping()
            await trio.lowlevel.checkpoint()

    async def ping() -> None:
        for number in range(100):
            await client.send(Ping(payload=b"%d" % number))

    nursery.start_soon(push)
    nursery.start_soon(ping)
    got: list[Event] = []
    while len([e for e in got if not isinstance(e, TextMessage) or e.message_finished]) < 500:
        client.wsproto.receive_data(await client.stream.receive_some())
        got += client.wsproto.events()
    received = "".join(e.data + ("|" if e.message_finished else "") for e in got if isinstance(e, TextMessage))
    assert received == "".join(text + "|" for text in texts)
    assert [e.payload for e in got if isinstance(e, Pong)] == [b"%d" % number for number in range(100)]
    assert len([e for e in got if isinstance(e, Ping)]) == 200
    nursery.cancel_scope.cancel()


async def test_a_peer_that_does_not_read_is_still_listened_to(nursery: trio.Nursery) -> None:
    served = Served(link=Link(capacity=200))
    client = await served.start(nursery)
    served.websocket.push_text(encode_text_frame(b"x" * 1000))
    for number in range(50):
        await client.send(Ping(payload=b"!"), TextMessage(data=str(number)))
    await trio.testing.wait_all_tasks_blocked()
    assert served.received == [str(number) for number in range(50)]
    nursery.cancel_scope.cancel()


async def test_a_peer_that_pings_and_never_reads_is_dropped(nursery: trio.Nursery) -> None:
    served = Served(link=Link(capacity=200))
    client = await served.start(nursery)
    with suppress(trio.BrokenResourceError):
        for _ in range(2000):
            await client.send(Ping(payload=b"!" * 100))
    await served.over.wait()
    assert served.lost is not None
    assert (served.lost.code, served.lost.reason) == (1006, "the peer reads too slowly")


async def test_a_peer_that_sends_fragments_without_end_is_cut_off(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(TextMessage(data="", message_finished=False))
    sent = 0
    with suppress(trio.BrokenResourceError):
        while sent < 1_000_000:
            await client.stream.send_all(b"\x00\x80mask" * 100)
            sent += 600
    assert sent < 300_000
    await served.over.wait()
    assert served.lost is not None
    assert served.lost.reason == "the peer sends bytes and no messages"


async def test_a_peer_that_only_ever_pings_is_welcome(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    served = Served()
    client = await served.start(nursery)
    for _ in range(1500):
        await client.send(Ping(payload=b"!" * 100))
        assert await client.receive(1) == [Pong(payload=b"!" * 100)]
        await trio.sleep(1)
    assert served.lost is None
    nursery.cancel_scope.cancel()


async def test_a_peer_that_sends_many_messages_is_welcome(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    for _ in range(5000):
        await client.send(TextMessage(data="x" * 100))
    await trio.testing.wait_all_tasks_blocked()
    assert len(served.received) == 5000
    nursery.cancel_scope.cancel()


# ---- the peer ends it


async def test_a_peer_that_closes_is_answered_and_what_it_sent_before_is_received(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(TextMessage(data="last"), CloseConnection(code=4000, reason="bye"))
    (event,) = await client.receive_rest()
    assert event == CloseConnection(code=4000, reason="bye")
    await served.over.wait()
    assert served.received == ["last"]
    assert served.lost is not None
    assert (served.lost.code, served.lost.reason) == (4000, "bye")


async def test_messages_that_were_queued_when_the_peer_closed_are_received(nursery: trio.Nursery) -> None:
    late: list[str | bytes | TooLarge] = []

    async def look_up_late(request: Request, websocket: WebSocket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        while True:
            late.append(await websocket.receive())

    served = Served(handler=look_up_late)
    client = await served.start(nursery)
    await client.send(TextMessage(data="1"), TextMessage(data="2"), CloseConnection(code=1000))
    await client.receive_rest()
    await served.over.wait()
    assert late == ["1", "2"]


async def test_nothing_follows_our_answer_to_a_close(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.send(CloseConnection(code=1000))
    await trio.testing.wait_all_tasks_blocked()
    served.websocket.push_text(encode_text_frame(b"too late"))
    served.websocket.ping()
    assert await client.receive_rest() == [CloseConnection(code=1000, reason="")]


async def test_a_peer_that_just_ends_the_stream_is_gone(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    await client.stream.send_eof()
    assert await client.receive_rest() == []
    await served.over.wait()
    assert served.lost is not None
    assert served.lost.code == 1006
    assert served.reports == []


async def test_a_connection_that_breaks_is_gone_and_pushing_to_it_raises_nothing(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    client.stream.cut()
    served.websocket.push_text(encode_text_frame(b"nobody"))
    served.websocket.ping()
    await served.over.wait()
    assert served.lost is not None
    assert (served.lost.code, served.lost.reason) == (1006, "the connection broke")


VIOLATIONS = {
    "a reserved opcode": (b"\x83\x80mask", 1002),
    "a frame without a mask": (b"\x81\x01x", 1002),
    "a reserved bit": (b"\xc1\x80mask", 1002),
    "a ping in fragments": (b"\x09\x80mask", 1002),
    "a ping that is too long": (b"\x89\xfe\x00\x7emask" + b"x" * 126, 1002),
    "a continuation of nothing": (b"\x80\x80mask", 1002),
    "a message within a message": (b"\x01\x80mask\x81\x80mask", 1002),
    "a length that could be shorter": (b"\x81\xfe\x00\x01mask" + b"x", 1002),
    "a length past all bounds": (b"\x81\xff" + b"\xff" * 8 + b"mask", 1002),
    "a text that is no UTF-8": (b"\x81\x82\0\0\0\0\xc3\x28", 1007),
    "a text that ends within a character": (b"\x81\x81\0\0\0\0\xc3", 1007),
    "a close of one byte": (b"\x88\x81\0\0\0\0\x03", 1002),
    "a close with a code that is not for the wire": (b"\x88\x82\0\0\0\0\x03\xee", 1002),
    "a close whose reason is no UTF-8": (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_a_peer_that_breaks_the_protocol_is_told_so_and_only_its_connection_ends(
    name: str, nursery: trio.Nursery
) -> None:
    violation, code = VIOLATIONS[name]
    served = Served()
    client = await served.start(nursery)
    await client.send(TextMessage(data="before"))
    await client.stream.send_all(violation)
    (event,) = await client.receive_rest()
    assert isinstance(event, CloseConnection)
    assert event.code == code
    await served.over.wait()
    assert served.received == ["before"]
    assert served.lost is not None
    assert served.lost.code == code
    assert served.reports == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_no_bytes_make_it_raise_or_hang(garbage: list[bytes]) -> None:
    async def main() -> Served:
        served = Served()
        async with trio.open_nursery() as nursery:
            client = await served.start(nursery)
            with suppress(trio.BrokenResourceError):
                for piece in garbage:
                    await client.stream.send_all(piece)
                    await trio.testing.wait_all_tasks_blocked()
                await client.stream.send_eof()
            await served.over.wait()
        return served

    served = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert served.reports == []
    assert served.lost is not None


# ---- we end it


async def test_our_close_reaches_the_peer_with_code_and_reason(nursery: trio.Nursery) -> None:
    async def replace(request: Request, websocket: WebSocket) -> None:
        websocket.push_text(encode_text_frame(b"replaced"))
        await websocket.close(4001, "replaced")
        websocket.push_text(encode_text_frame(b"too late"))
        with pytest.raises(ConnectionLost):
            await websocket.receive()

    served = Served(handler=replace)
    client = await served.start(nursery)
    assert await answer_close(client) == [TextMessage(data="replaced"), CloseConnection(code=4001, reason="replaced")]
    await served.over.wait()
    assert served.reports == []


async def test_a_peer_that_said_goodbye_and_keeps_the_connection_open_is_not_waited_for(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def leave(request: Request, websocket: WebSocket) -> None:
        await websocket.receive()

    served = Served(handler=leave)
    client = await served.start(nursery)
    began = trio.current_time()
    await client.send(TextMessage(data="go"))
    [goodbye] = await client.receive(1)
    assert isinstance(goodbye, CloseConnection)
    await client.send(goodbye.response())
    await served.over.wait()
    assert trio.current_time() == began


async def test_a_handler_that_returns_closes_normally(nursery: trio.Nursery) -> None:
    async def leave(request: Request, websocket: WebSocket) -> None:
        await websocket.receive()

    client = await Served(handler=leave).start(nursery)
    await client.send(TextMessage(data="go"))
    assert await answer_close(client) == [CloseConnection(code=1000, reason="")]


@pytest.mark.parametrize(
    "failure", [RuntimeError("the ace"), ExceptionGroup("both", [RuntimeError("the ace"), ConnectionLost(1006, "")])]
)
async def test_a_handler_that_raises_is_reported_and_closes_without_a_word_of_it(
    failure: Exception, nursery: trio.Nursery
) -> None:
    async def fail(request: Request, websocket: WebSocket) -> None:
        await trio.lowlevel.checkpoint()
        raise failure

    served = Served(handler=fail)
    client = await served.start(nursery)
    assert await answer_close(client) == [CloseConnection(code=1011, reason="")]
    await served.over.wait()
    (report,) = served.reports
    assert "the ace" in repr(report)
    assert "ConnectionLost" not in repr(report)


async def test_a_handler_that_ends_with_lost_connections_only_is_no_failure(nursery: trio.Nursery) -> None:
    async def lose(request: Request, websocket: WebSocket) -> None:
        async with trio.open_nursery() as both:
            both.start_soon(websocket.receive)
            both.start_soon(websocket.receive)

    served = Served(handler=lose)
    client = await served.start(nursery)
    await client.stream.aclose()
    await served.over.wait()
    assert served.reports == []


async def test_a_mute_peer_is_waited_for_no_longer_than_the_timeout(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def leave(request: Request, websocket: WebSocket) -> None:
        await websocket.close(1000)
        assert trio.current_time() - start == LIMITS.handshake_timeout

    start = trio.current_time()
    served = Served(handler=leave)
    await served.start(nursery)
    await served.over.wait()
    assert trio.current_time() - start == LIMITS.handshake_timeout
    assert served.reports == []


async def test_a_peer_that_chatters_on_can_still_answer_our_close(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def leave(request: Request, websocket: WebSocket) -> None:
        await websocket.close(1000)

    served = Served(handler=leave)
    client = await served.start(nursery)
    start = trio.current_time()
    for number in range(100):
        await client.send(TextMessage(data=str(number)), Ping(payload=b"?"))
    await client.send(CloseConnection(code=1000))
    assert await client.receive_rest() == [CloseConnection(code=1000, reason="")]
    await served.over.wait()
    assert trio.current_time() == start


async def test_a_handler_that_leaves_messages_unread_does_not_hang_the_end(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    go = trio.Event()

    async def ignore(request: Request, websocket: WebSocket) -> None:
        await go.wait()
        websocket.close_now("enough")

    served = Served(handler=ignore)
    client = await served.start(nursery)
    await client.send(*[TextMessage(data="x")] * 100)
    await trio.testing.wait_all_tasks_blocked()
    go.set()
    await served.over.wait()
    assert served.reports == []


async def test_another_task_may_close_while_one_receives(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    nursery.start_soon(served.websocket.close, 4001, "replaced")
    assert await answer_close(client) == [CloseConnection(code=4001, reason="replaced")]
    await served.over.wait()
    assert served.lost is not None
    assert served.reports == []


async def test_nothing_follows_our_close_and_nothing_is_received_after_it(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    nursery.start_soon(served.websocket.close, 4001, "replaced")
    await trio.testing.wait_all_tasks_blocked()
    await client.send(TextMessage(data="too late"), Ping(payload=b"?"))
    served.websocket.push_text(encode_text_frame(b"too late"))
    served.websocket.ping()
    await trio.testing.wait_all_tasks_blocked()
    await client.send(CloseConnection(code=4001))
    received = b""
    while part := await client.stream.receive_some():
        received += part
    assert received == close_frame(4001, "replaced")
    await client.stream.aclose()
    await served.over.wait()
    assert served.received == []


async def test_closing_twice_says_goodbye_once(nursery: trio.Nursery) -> None:
    served = Served()
    client = await served.start(nursery)
    nursery.start_soon(served.websocket.close, 4001)
    nursery.start_soon(served.websocket.close, 4002)
    (event,) = await answer_close(client)
    assert isinstance(event, CloseConnection)


async def test_a_cancelled_server_tells_the_peer_that_it_goes(nursery: trio.Nursery) -> None:
    client = await Served().start(nursery)
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        assert await client.receive_rest() == [CloseConnection(code=1001, reason="the server stops")]


async def test_hanging_up_says_goodbye_at_once_and_reads_nothing_more(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def fed_up(request: Request, websocket: WebSocket) -> None:
        assert await websocket.receive() == "one"
        websocket.hang_up(1008, "too many requests")
        served.received.append(await websocket.receive())

    served = Served(fed_up)
    client = await served.start(nursery)
    await client.send(*[TextMessage(data="one") for _ in range(3)])
    assert await client.stream.receive_some() == close_frame(1008, "too many requests")
    began = trio.current_time()
    with suppress(trio.BrokenResourceError):
        while True:  # a flood that goes on
            await client.send(*[TextMessage(data="x" * 50) for _ in range(100)])
            await trio.sleep(0.1)
    await served.over.wait()
    assert trio.current_time() - began <= LIMITS.handshake_timeout + 0.1
    assert served.received == []
    assert served.reports == []


async def test_hanging_up_is_over_as_soon_as_the_peer_has_answered(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    served = Served()
    client = await served.start(nursery)
    served.websocket.hang_up(1008, "too many requests")
    began = trio.current_time()
    assert await answer_close(client) == [CloseConnection(code=1008, reason="too many requests")]
    await served.over.wait()
    assert trio.current_time() == began
    assert served.lost is not None
    assert served.reports == []


# ---- listening


@define
class Ear:
    """A handler that listens, and fails at the text `fail`."""

    heard: list[Heard] = field(factory=list)
    scope: trio.CancelScope = field(factory=trio.CancelScope)

    async def __call__(self, request: Request, websocket: WebSocket) -> None:
        with self.scope:
            await websocket.listen(self.hear)

    def hear(self, message: Heard) -> None:
        self.heard.append(message)
        if message == "fail":
            raise RuntimeError("the ace")


async def test_whoever_listens_hears_every_message_in_order_plain_or_not(nursery: trio.Nursery) -> None:
    ear = Ear()
    client = await Served(handler=ear).start(nursery)
    await client.send(TextMessage(data="1"), BytesMessage(data=b"2"), whole("x" * 101))
    await client.send(TextMessage(data="3", message_finished=False), TextMessage(data="4"), TextMessage(data="5"))
    await trio.testing.wait_all_tasks_blocked()
    assert ear.heard == ["1", b"2", TooLarge("x" * 101, 101), "34", "5"]
    nursery.cancel_scope.cancel()


async def test_messages_that_came_before_are_heard_first(nursery: trio.Nursery) -> None:
    heard: list[Heard] = []

    async def receive_then_listen(request: Request, websocket: WebSocket) -> None:
        heard.append(await websocket.receive())
        await trio.testing.wait_all_tasks_blocked()
        await websocket.listen(heard.append)

    client = await Served(handler=receive_then_listen).start(nursery)
    for number in range(20):
        await client.send(TextMessage(data=str(number)))
    for _ in range(2):
        await trio.testing.wait_all_tasks_blocked()
    assert heard == [str(number) for number in range(20)]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("pieces", [1, 2])
async def test_what_a_listener_raises_is_a_failure_of_the_handler(pieces: int, nursery: trio.Nursery) -> None:
    ear = Ear()
    served = Served(handler=ear)
    client = await served.start(nursery)
    if pieces == 2:  # by trio-websocket's queue
        await client.send(TextMessage(data="fa", message_finished=False), TextMessage(data="il"))
    else:
        await client.send(TextMessage(data="fail"), TextMessage(data="not heard any more"))
    assert await answer_close(client) == [CloseConnection(code=1011, reason="")]
    await served.over.wait()
    assert ear.heard == ["fail"]
    (report,) = served.reports
    assert "the ace" in repr(report)


async def test_a_listener_that_is_cancelled_hears_nothing_more(nursery: trio.Nursery) -> None:
    ear = Ear()
    client = await Served(handler=ear).start(nursery)
    await client.send(TextMessage(data="1"))
    await trio.testing.wait_all_tasks_blocked()
    ear.scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    await client.send(TextMessage(data="2"))
    await client.stream.send_eof()
    await client.receive_rest()
    assert ear.heard == ["1"]


async def test_whoever_listens_is_told_that_the_peer_is_gone(nursery: trio.Nursery) -> None:
    served = Served(handler=Ear())
    client = await served.start(nursery)
    await client.send(CloseConnection(code=4000))
    assert await client.receive_rest() == [CloseConnection(code=4000, reason="")]
    await served.over.wait()
    assert served.reports == []


async def test_nothing_is_heard_after_our_close(nursery: trio.Nursery) -> None:
    ear = Ear()
    served = Served(handler=ear)
    client = await served.start(nursery)
    nursery.start_soon(served.websocket.close, 4001, "replaced")
    await trio.testing.wait_all_tasks_blocked()
    await client.send(TextMessage(data="too late"))
    assert await answer_close(client) == [CloseConnection(code=4001, reason="replaced")]
    await served.over.wait()
    assert ear.heard == []


async def test_a_peer_that_nobody_reads_is_held_up(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    go = trio.Event()

    async def wait_then_receive(request: Request, websocket: WebSocket) -> None:
        await go.wait()
        served.received.append(await websocket.receive())

    served = Served(handler=wait_then_receive, link=Link(capacity=200))
    client = await served.start(nursery)
    sent = 0
    with trio.move_on_after(1):
        while True:
            await client.send(TextMessage(data="x" * 50))
            sent += 1
    assert sent < 20
    go.set()
    await served.over.wait()
    assert served.received == ["x" * 50]
