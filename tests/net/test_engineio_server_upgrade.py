"""The upgrade from long-polling to a WebSocket on the real server, in all the orders in which it comes, and what is
sent meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from trio_websocket import ConnectionClosed

from actors.rules.registry import Registry
from tests.samples.engineio import (
    SEPARATOR,
    WEBSOCKET,
    Poller,
    close_code,
    connect_packet,
    event_packet,
    handshake_of,
    next_text,
    open_socket,
)
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio_websocket import WebSocketConnection

    from net.client.http import HttpAnswer
    from net.testing.house import House

BAD_REQUEST = b'{"code":3,"message":"Bad request"}'
MISS = {"type": "guess", "number": 5000}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


@pytest.fixture
async def poller(house: House) -> Poller:
    """A session over polling that is in the game's namespace."""
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    return poller


def echo_of(name: str) -> str:
    return f'44/{name},{{"message":"Invalid namespace"}}'


async def beside(poller: Poller, nursery: trio.Nursery) -> WebSocketConnection:
    """A WebSocket for the session."""
    return await open_socket(poller.house, nursery, f"{WEBSOCKET}&sid={poller.sid}")


def refused(answer: HttpAnswer) -> bool:
    return (answer.status, answer.body) == (400, BAD_REQUEST)


async def assert_upgraded(poller: Poller, websocket: WebSocketConnection) -> None:
    """The WebSocket is the transport: it alone, in both directions."""
    await websocket.send_message("40/over,")
    assert await websocket.get_message() == echo_of("over")
    assert refused(await poller.get())
    assert refused(await poller.post("40/stray,"))
    await websocket.send_message("40/still,")
    assert await websocket.get_message() == echo_of("still")


async def assert_polling(poller: Poller) -> None:
    """The session goes on over HTTP."""
    await poller.tell("40/on,")
    assert await poller.packets() == [echo_of("on")]


# ---- the orders in which it comes


async def test_a_probe_is_answered_and_the_hanging_get_flushed_with_6(poller: Poller, nursery: trio.Nursery) -> None:
    hanging = await poller.hang()
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    answer = await hanging.answer()
    assert (answer.status, answer.body) == (200, b"6")
    await websocket.send_message("5")
    await assert_upgraded(poller, websocket)


async def test_a_5_may_follow_the_probe_at_once(poller: Poller, nursery: trio.Nursery) -> None:
    hanging = await poller.hang()
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    await websocket.send_message("5")
    await websocket.send_message("40/first,")
    assert [await websocket.get_message() for _ in range(2)] == ["3probe", echo_of("first")]
    assert (await hanging.answer()).body == b"6"
    await assert_upgraded(poller, websocket)


async def test_an_upgrade_needs_no_hanging_get(poller: Poller, nursery: trio.Nursery) -> None:
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    await websocket.send_message("5")
    await assert_upgraded(poller, websocket)


async def test_a_get_that_comes_after_the_probe_gets_6_at_once(poller: Poller, nursery: trio.Nursery) -> None:
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    assert await poller.packets() == ["6"]
    assert await poller.packets() == ["6"]
    await websocket.send_message("5")
    await assert_upgraded(poller, websocket)


async def test_a_5_without_a_probe_upgrades_too(poller: Poller, nursery: trio.Nursery) -> None:
    hanging = await poller.hang()
    websocket = await beside(poller, nursery)
    await websocket.send_message("5")
    assert (await hanging.answer()).body == b"6"
    await assert_upgraded(poller, websocket)


async def test_a_websocket_that_does_not_probe_leaves_the_polling_alone(poller: Poller, nursery: trio.Nursery) -> None:
    websocket = await beside(poller, nursery)
    hanging = await poller.hang()
    await poller.tell("40/x,")
    assert (await hanging.answer()).body.decode() == echo_of("x")
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"


# ---- WebSockets that do not become it


async def test_a_second_websocket_after_the_upgrade_is_accepted_and_then_closed(
    poller: Poller, nursery: trio.Nursery
) -> None:
    websocket = await beside(poller, nursery)
    for packet in ("2probe", "5"):
        await websocket.send_message(packet)
    assert await websocket.get_message() == "3probe"
    assert await close_code(await beside(poller, nursery)) == 1000
    await assert_upgraded(poller, websocket)


async def test_a_second_websocket_while_one_probes_is_accepted_and_then_closed(
    poller: Poller, nursery: trio.Nursery
) -> None:
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    second = await beside(poller, nursery)
    assert await close_code(second) == 1000
    await websocket.send_message("5")
    await assert_upgraded(poller, websocket)


async def test_a_second_websocket_for_a_session_that_began_on_one_is_accepted_and_then_closed(
    house: House, nursery: trio.Nursery
) -> None:
    websocket = await open_socket(house, nursery)
    handshake = await handshake_of(websocket)
    poller = Poller(house, handshake)
    assert await close_code(await beside(poller, nursery)) == 1000
    await assert_upgraded(poller, websocket)


@pytest.mark.parametrize("frame", ["2", "3probe", "40/x,", "x", b"2probe"])
async def test_anything_but_a_probe_closes_that_websocket_and_the_session_goes_on(
    poller: Poller, nursery: trio.Nursery, frame: str | bytes
) -> None:
    websocket = await beside(poller, nursery)
    await websocket.send_message(frame)
    assert await close_code(websocket) == 1000
    await assert_polling(poller)
    again = await beside(poller, nursery)
    for packet in ("2probe", "5"):
        await again.send_message(packet)
    assert await again.get_message() == "3probe"
    await assert_upgraded(poller, again)


@pytest.mark.parametrize("probed", [False, True])
async def test_a_websocket_that_dies_before_the_upgrade_changes_nothing(
    poller: Poller, nursery: trio.Nursery, *, probed: bool
) -> None:
    websocket = await open_socket(poller.house, nursery, f"{WEBSOCKET}&sid={poller.sid}", name="far")
    if probed:
        await websocket.send_message("2probe")
        assert await websocket.get_message() == "3probe"
    poller.house.network.host("far").cut()
    await trio.sleep(0.01)
    await assert_polling(poller)


async def test_an_upgrade_that_takes_too_long_is_broken_off_and_the_session_goes_on(
    poller: Poller, nursery: trio.Nursery
) -> None:
    websocket = await beside(poller, nursery)
    began = trio.current_time()
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    assert await close_code(websocket) == 1000
    assert trio.current_time() - began == pytest.approx(10, abs=0.01)
    await assert_polling(poller)


async def test_the_end_of_the_session_closes_the_probing_websocket(poller: Poller, nursery: trio.Nursery) -> None:
    websocket = await beside(poller, nursery)
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    await poller.tell("1")
    assert await close_code(websocket) == 1000


# ---- pings


async def test_a_ping_that_went_over_polling_may_be_answered_over_the_websocket(
    poller: Poller, nursery: trio.Nursery
) -> None:
    assert await poller.packets() == ["2"]
    websocket = await beside(poller, nursery)
    for packet in ("2probe", "5", "3"):
        await websocket.send_message(packet)
    began = trio.current_time()
    assert await websocket.get_message() == "3probe"
    assert await websocket.get_message() == "2"
    assert trio.current_time() - began == pytest.approx(25.002, abs=1e-6)


async def test_an_upgrade_is_no_pong(poller: Poller, nursery: trio.Nursery) -> None:
    assert await poller.packets() == ["2"]
    pinged = trio.current_time()
    await trio.sleep(15)
    websocket = await beside(poller, nursery)
    for packet in ("2probe", "5"):
        await websocket.send_message(packet)
    assert await websocket.get_message() == "3probe"
    assert await close_code(websocket) == 1000
    assert trio.current_time() - pinged == pytest.approx(20, abs=1e-6)


# ---- what is sent meanwhile


async def test_what_waited_for_a_get_follows_the_upgrade_in_order(poller: Poller, nursery: trio.Nursery) -> None:
    websocket = await beside(poller, nursery)
    await poller.tell("40/a,")
    await websocket.send_message("2probe")
    assert await websocket.get_message() == "3probe"
    await poller.tell("40/b,")
    await websocket.send_message("5")
    await websocket.send_message("40/c,")
    assert [await websocket.get_message() for _ in range(3)] == [echo_of(name) for name in "abc"]
    await assert_upgraded(poller, websocket)


async def test_the_answer_to_a_request_over_polling_arrives_over_the_websocket(
    poller: Poller, nursery: trio.Nursery
) -> None:
    game_id = await poller.house.new_game("tally", ["a", "b"])
    poller.house.redis.pause()
    await poller.tell(event_packet("game:action", {"game_id": game_id, "action": MISS}, 5))
    websocket = await beside(poller, nursery)
    for packet in ("2probe", "5"):
        await websocket.send_message(packet)
    assert await websocket.get_message() == "3probe"
    poller.house.redis.resume()
    assert (await next_text(websocket)).startswith('42/game,["game:created",')
    assert (await next_text(websocket)).startswith('43/game,5[{"success":true,')


class Follower:
    """A client of a game that polls, upgrades after a while, and notes every state that it is sent."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.event_ids: list[int] = []
        self.over_polling = 0
        self._pausing = False

    async def poll(self) -> None:
        """What browsers do: one GET after the other, until the WebSocket is to take over."""
        while not self._pausing:
            answer = await self.poller.get()
            if refused(answer):  # it crossed the upgrade
                break
            assert answer.status == 200
            for packet in answer.body.decode().split(SEPARATOR):
                self._note(packet)
        self.over_polling = len(self.event_ids)

    async def upgrade(self, nursery: trio.Nursery, *, after: float, patient: bool) -> None:
        """`patient`: as browsers do, not before no GET hangs any more."""
        polling = trio.Event()

        async def poll() -> None:
            await self.poll()
            polling.set()

        nursery.start_soon(poll)
        await trio.sleep(after)
        websocket = await beside(self.poller, nursery)
        await websocket.send_message("2probe")
        assert await websocket.get_message() == "3probe"
        self._pausing = True
        if patient:
            await polling.wait()
        await websocket.send_message("5")
        try:
            while True:
                self._note(await websocket.get_message())
        except ConnectionClosed:
            return

    def _note(self, packet: str | bytes) -> None:
        if isinstance(packet, str) and packet.startswith('42/game,["game:state",'):
            self.event_ids.append(orjson.loads(packet[len("42/game,") :])[1]["event_id"])


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.parametrize("after", [number * 0.0007 for number in range(12)])
async def test_pushes_arrive_once_and_in_order_whenever_the_upgrade_happens(
    house: House, nursery: trio.Nursery, after: float, *, patient: bool
) -> None:
    game_id = await house.new_game("tally", ["a", "b", "c"])
    a, b = await house.player("a"), await house.player("b")
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "c"))
    await poller.tell(event_packet("game:join", {"game_id": game_id}, 1))
    await poller.tell(event_packet("game:resign", {"game_id": game_id}, 2))
    await trio.sleep(0.01)
    follower = Follower(poller)
    nursery.start_soon(lambda: follower.upgrade(nursery, after=after, patient=patient))
    for _ in range(15):
        await a.act(game_id, MISS)
        await b.act(game_id, MISS)
    await trio.sleep(1)
    assert follower.event_ids == list(range(1, 33))  # created, resigned, thirty guesses
    assert 0 < follower.over_polling < 32


async def test_posts_that_cross_the_upgrade_are_taken_or_refused_and_never_both(
    poller: Poller, nursery: trio.Nursery
) -> None:
    websocket = await beside(poller, nursery)
    taken: list[str] = []

    async def post(name: str) -> None:
        answer = await poller.post(f"40/{name},")
        if answer.status == 200:
            taken.append(name)
        else:
            assert refused(answer)

    async with trio.open_nursery() as posting:
        for number in range(10):
            posting.start_soon(post, f"n{number}")
            await trio.sleep(0.0003)
            if number == 3:
                await websocket.send_message("2probe")
            if number == 5:
                await websocket.send_message("5")
    assert 0 < len(taken) < 10
    assert await websocket.get_message() == "3probe"
    await websocket.send_message("40/last,")
    heard = [str(await websocket.get_message()) for _ in range(len(taken) + 1)]
    assert heard == [echo_of(name) for name in [*taken, "last"]]


async def test_the_payload_separator_never_stands_in_a_frame(poller: Poller, nursery: trio.Nursery) -> None:
    await poller.tell("40/a,", "40/b,")
    websocket = await beside(poller, nursery)
    for packet in ("2probe", "5"):
        await websocket.send_message(packet)
    frames = [await websocket.get_message() for _ in range(3)]
    assert frames == ["3probe", echo_of("a"), echo_of("b")]
    assert not any(SEPARATOR in str(frame) for frame in frames)
