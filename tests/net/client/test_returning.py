"""A client that comes back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.rules.registry import Registry
from net.client import ConnectionLost, CroupierClient
from net.client.errors import ConnectRefused
from net.client.returning import may_come_back, why
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def joined(house: House) -> tuple[str, CroupierClient, CroupierClient]:
    """A game, a player who comes back by themselves, and another."""
    game_id = await house.new_game("tally", ["a", "b"])
    client, other = await house.player("a", recover=True), await house.player("b")
    for player in (client, other):
        await player.join(game_id)
    await client.act(game_id, MISS)
    await trio.sleep(0.1)
    return game_id, client, other


def event_ids(client: CroupierClient) -> list[int]:
    return [push.data["event_id"] for push in client.pushes if push.event == "game:state"]


async def test_it_takes_its_session_up_where_it_was_cut_off(house: House) -> None:
    game_id, client, other = await joined(house)
    sid = client.sid
    await client.cut()
    await other.act(game_id, MISS)
    await trio.sleep(3)
    assert (client.recovered, client.sid, client.connections, client.lost) == (True, sid, 2, None)
    assert event_ids(client) == [1, 2, 3]
    await client.act(game_id, MISS)
    await trio.sleep(0.1)
    assert event_ids(client) == [1, 2, 3, 4]


async def test_who_waits_for_a_push_is_given_what_was_missed(house: House) -> None:
    game_id, client, other = await joined(house)
    for _ in event_ids(client):
        await client.next_push("game:state")
    await client.cut()
    await other.act(game_id, MISS)
    assert (await client.next_push("game:state")).data["event_id"] == 3


async def test_who_waits_for_an_answer_is_told_that_none_comes_and_may_ask_again(house: House) -> None:
    game_id, client, other = await joined(house)
    await other.act(game_id, MISS)
    house.redis.pause()
    async with trio.open_nursery() as nursery:

        async def act() -> None:
            with pytest.raises(ConnectionLost):
                await client.act(game_id, MISS, "m1")

        nursery.start_soon(act)
        await trio.sleep(0.1)
        await client.cut()
    house.redis.resume()
    assert (await client.act(game_id, MISS, "m1"))["event_id"] == 4  # once, whichever of the two has counted
    assert client.connections == 2


async def test_a_request_while_it_is_away_waits_until_it_is_back(house: House) -> None:
    _, client, _ = await joined(house)
    await house.crash()
    await trio.sleep(0.1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(house.start)
        assert await client.heartbeat() > 0
    assert (client.recovered, client.connections) == (True, 2)


async def test_it_comes_back_to_a_server_that_was_killed_or_stopped_over_and_over(house: House) -> None:
    game_id, client, _ = await joined(house)
    sid = client.sid
    for end in (house.crash, house.stop, house.crash):
        await end()
        await trio.sleep(30)
        await house.start()
        await client.heartbeat()
        assert (client.recovered, client.sid) == (True, sid)
    assert (await client.join(game_id))["event_id"] == 2


async def test_it_stays_away_when_its_user_has_connected_elsewhere(house: House) -> None:
    _, client, _ = await joined(house)
    await house.player("a")
    with pytest.raises(ConnectionLost) as lost:
        await client.next_push("what never comes")
    assert lost.value.code == 4001
    await trio.sleep(100)
    assert (client.connections, len(house.app.connections)) == (1, 2)


async def test_it_stays_away_when_its_token_is_not_accepted_any_more(house: House, nursery: trio.Nursery) -> None:
    token = house.token("a", ttl=60)
    client = await house.player("a", token=token, recover=True)
    await trio.sleep(61)
    await client.cut()
    with pytest.raises(ConnectionLost) as lost:
        await client.next_push()
    assert (lost.value.code, lost.value.reason) == (4401, "token_expired")


async def test_it_begins_afresh_when_its_session_is_gone_and_then_follows_no_game(house: House) -> None:
    _, client, _ = await joined(house)
    sid = client.sid
    await house.crash()
    house.redis.execute("FLUSHALL")
    await house.start()
    await client.heartbeat()
    assert (client.recovered, client.connections) == (False, 2)
    assert client.sid != sid


async def test_it_ends_when_it_is_dropped_or_closed_also_while_it_is_away(house: House) -> None:
    _, client, _ = await joined(house)
    await house.crash()
    await trio.sleep(1)
    client.drop()
    with pytest.raises(ConnectionLost):
        await client.heartbeat()
    await client.aclose()


async def test_it_needs_to_know_how_to_open_a_stream(house: House, nursery: trio.Nursery) -> None:
    stream = await house.network.connect("croupier")
    with pytest.raises(ValueError, match="how to open a stream"):
        await CroupierClient.connect_ws(nursery, stream, house.token("a"), recover=True)
    await stream.aclose()


@pytest.mark.parametrize(
    ("code", "comes_back"), [(1006, True), (1012, True), (1008, True), (4001, False), (4401, False)]
)
def test_what_it_comes_back_after(code: int, comes_back: bool) -> None:
    assert may_come_back(ConnectionLost(code)) is comes_back


@pytest.mark.parametrize(("refusal", "comes_back"), [("rate_limited", True), ("token_expired", False)])
def test_of_refusals_only_that_of_the_impatient_is_worth_another_try(refusal: str, comes_back: bool) -> None:
    refused = ConnectRefused({"error": {"code": refusal, "message": ""}})
    assert may_come_back(why(BaseExceptionGroup("", [refused]))) is comes_back
