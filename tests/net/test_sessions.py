"""Sessions and the games they follow: one session a user, one game at a time, leaving, watching, being put back into
one's game (contract, sections 1 to 3). What is missed over a drop is in `test_session_recovery.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.client import ConnectionLost
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient, PushMessage
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
PERSON = "00000000-0000-4000-8000-00000000000a"
FRIEND = "00000000-0000-4000-8000-00000000000b"


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally(), CrazyEights()])


async def seated(house: House, *players: str, spectators: str = "public") -> tuple[str, list[CroupierClient]]:
    """A game of tally, and its players, joined; nothing that was pushed so far is left."""
    game_id = await house.new_game("tally", players, spectators=spectators)
    clients = [await house.player(player) for player in players]
    for client in clients:
        await client.join(game_id)
    await drained(*clients)
    return game_id, clients


async def drained(*clients: CroupierClient) -> None:
    """Takes all pushes that have come, once they all have."""
    await trio.sleep(1)
    for client in clients:
        for _ in client.pushes:
            await client.next_push()


async def code(client: CroupierClient, event: str, **data: object) -> str:
    answer = await client.request(event, data)
    assert answer["success"] is False
    return str(answer["error"]["code"])


async def pushed(client: CroupierClient, seconds: float = 1) -> list[PushMessage]:
    """What comes within this time."""
    await trio.sleep(seconds)
    return list(client.pushes)


def statuses(client: CroupierClient) -> list[tuple[str, str]]:
    return [(p.data["opponent_id"], p.data["status"]) for p in client.pushes if p.event == "game:opponent_status"]


# ---- one session a user


async def test_session_replaced_the_second_connection_of_a_user_ends_the_first_with_4001(house: House) -> None:
    first, second = await house.player("a"), await house.player("a")
    assert (await first.next_push()).event == "session:replaced"
    with pytest.raises(ConnectionLost) as lost:
        await first.next_push()
    assert lost.value.code == 4001
    assert second.sid != first.sid
    assert await second.heartbeat() > 0
    assert len(house.app.connections) == 1


async def test_session_replaced_is_told_to_nobody_else(house: House) -> None:
    other = await house.player("b")
    await house.player("a")
    await house.player("a")
    assert await pushed(other) == []


async def test_session_replaced_opponents_see_no_flicker(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    again = await house.player("a")
    await again.join(game_id)
    await pushed(b, 100)
    assert statuses(b) == []
    await again.act(game_id, MISS)
    assert (await b.next_push("game:state")).data["players"][0]["status"] == "connected"


async def test_session_replaced_its_game_tells_it_nothing_more(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    again = await house.player("a")
    await again.join(game_id)
    await again.act(game_id, MISS)
    await b.act(game_id, MISS)
    assert [push.event for push in await pushed(a)] == ["session:replaced"]


async def test_session_replaced_two_tabs_of_one_user_that_come_back_by_themselves_do_not_evict_each_other_in_a_loop(
    house: House,
) -> None:
    """Each tab comes back as libraries do: after a transport that dropped, but not once it was put out."""
    connected = 0

    async def tab() -> None:
        nonlocal connected
        while True:
            client = await house.player("a")
            connected += 1
            with pytest.raises(ConnectionLost) as lost:
                await client.next_push("what never comes")
            if lost.value.code == 4001:
                return
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tab)
        await trio.sleep(1)
        nursery.start_soon(tab)
        await trio.sleep(600)
        assert connected == 2
        assert len(house.app.connections) == 1
        nursery.cancel_scope.cancel()


async def test_session_replaced_of_several_at_once_one_is_left(house: House) -> None:
    clients: list[CroupierClient] = []

    async def connect() -> None:
        clients.append(await house.player("a"))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(connect)
    await trio.sleep(1)
    assert len([client for client in clients if client.lost is None]) == 1
    assert len(house.app.connections) == 1


# ---- one game at a time


async def test_one_game_at_a_time_joining_another_ends_the_pushes_of_the_first(house: House) -> None:
    first, (a, b) = await seated(house, "a", "b")
    second = await house.new_game("tally", ["b", "c"])
    await b.join(second)
    await drained(b)
    await a.act(first, MISS)
    assert await pushed(b) == []
    assert (await a.next_push("game:opponent_status")).data == {
        "game_id": first, "opponent_id": "b", "status": "disconnected"
    }  # fmt: skip
    assert (await house.api.game(first))["status"] == "running"


async def test_one_game_at_a_time_watching_another_leaves_the_one_that_is_played(house: House) -> None:
    first, (a, b) = await seated(house, "a", "b")
    second, _ = await seated(house, "c", "d")
    assert (await b.request("game:spectate", {"game_id": second}))["success"]
    await drained(b)
    await a.act(first, MISS)
    assert await pushed(b) == []
    assert ("b", "disconnected") in statuses(a)


async def test_one_game_at_a_time_of_joins_under_way_the_last_that_was_asked_counts(house: House) -> None:
    games = [await house.new_game("tally", ["a", other]) for other in "bcd"]
    a = await house.player("a")
    await drained(a)
    await house.crash()
    await house.start()
    a = await house.player("a")
    answers = []

    async def join(game_id: str) -> None:
        answers.append((await a.join(game_id))["game_id"])

    async with trio.open_nursery() as nursery:
        for game_id in games:
            nursery.start_soon(join, game_id)
            await trio.lowlevel.checkpoint()
    assert sorted(answers) == sorted(games)
    await drained(a)
    for game_id in games:
        await a.act(game_id, MISS)
    assert {push.data["game_id"] for push in await pushed(a)} == {games[-1]}


# ---- game:leave


async def test_game_leave_ends_the_pushes_is_announced_at_once_and_is_no_resignation(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    assert await b.request("game:leave", {"game_id": game_id}) == {"success": True, "game_id": game_id}
    await trio.sleep(0.05)
    assert statuses(a) == [("b", "disconnected")]
    await a.act(game_id, MISS)
    assert await pushed(b) == []
    assert (await b.act(game_id, MISS))["success"]  # one may act without following
    assert (await b.join(game_id))["event_id"] == 3
    await trio.sleep(0.05)
    assert statuses(a) == [("b", "disconnected"), ("b", "connected")]


async def test_game_leave_before_the_join_is_answered_takes_the_join_back(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    a = await house.player("a")
    await a.send({"event": "game:join", "data": {"game_id": game_id}, "id": "j"})
    await a.send({"event": "game:leave", "data": {"game_id": game_id}, "id": "l"})
    await drained(a)
    await a.act(game_id, MISS)
    assert await pushed(a) == []


async def test_game_leave_of_a_game_that_is_not_followed_is_not_in_game(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    stranger = await house.player("z")
    assert await code(stranger, "game:leave", game_id=game_id) == "not_in_game"
    assert await code(b, "game:leave_spectate", game_id=game_id) == "not_in_game"
    await b.request("game:leave", {"game_id": game_id})
    assert await code(b, "game:leave", game_id=game_id) == "not_in_game"


@pytest.mark.parametrize("event", ["game:leave", "game:leave_spectate", "game:spectate"])
async def test_game_leave_and_spectate_of_no_game_is_game_not_found(house: House, event: str) -> None:
    a = await house.player("a")
    assert await code(a, event, game_id="nothing") == "game_not_found"
    assert await code(a, event, game_id="not/an id") == "game_not_found"


@pytest.mark.parametrize("event", ["game:leave", "game:leave_spectate", "game:spectate", "game:draw"])
@pytest.mark.parametrize("data", [None, [], {}, {"game_id": 5}, {"game_id": "g", "message_id": ""}])
async def test_game_requests_of_a_wrong_form_are_invalid_message(house: House, event: str, data: object) -> None:
    a = await house.player("a")
    answer = await a.request(event, data)
    assert answer["error"]["code"] == "invalid_message"


# ---- game:spectate


async def test_game_spectate_shows_the_game_without_a_hand_and_tells_what_happens(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    watcher = await house.player("w")
    view = await watcher.request("game:spectate", {"game_id": game_id})
    assert (view["success"], view["event_id"], view["is_your_turn"]) == (True, 1, False)
    assert view["state"] == {"secret": None, "all": None}
    assert "legal_actions" not in view
    assert (await watcher.next_push()).data["changes"] == []
    await a.act(game_id, MISS)
    seen = (await watcher.next_push("game:state")).data
    assert seen["changes"] == [{"type": "guessed", "seat": 0, "number": 5000}]
    await b.resign(game_id)
    over = (await watcher.next_push("game:game_over")).data
    assert over["winner_id"] == "a"


async def test_game_spectate_is_counted_and_uncounted_when_it_leaves_or_drops(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    one, two = await house.player("v"), await house.player("w")
    for watcher in (one, two):
        await watcher.request("game:spectate", {"game_id": game_id})
    await trio.sleep(1)
    assert (await one.request("game:leave_spectate", {"game_id": game_id})) == {"success": True, "game_id": game_id}
    await trio.sleep(1)
    two.drop()
    await trio.sleep(1)
    for player in (a, b):
        counts = [p.data for p in player.pushes if p.event == "game:spectator_count"]
        assert [data["spectator_count"] for data in counts][-2:] == [1, 0]
        assert {data["game_id"] for data in counts} == {game_id}
    assert not [push for push in one.pushes if push.event == "game:opponent_status"]


async def test_game_spectate_ones_own_game_is_action_not_allowed(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    assert await code(a, "game:spectate", game_id=game_id) == "action_not_allowed"
    await a.act(game_id, MISS)
    assert (await a.next_push("game:state")).data["event_id"] == 2  # and it is still followed


async def test_game_spectate_where_there_are_none_is_action_not_allowed(house: House) -> None:
    game_id, _ = await seated(house, "a", "b", spectators="none")
    assert await code(await house.player("w"), "game:spectate", game_id=game_id) == "action_not_allowed"


async def test_game_spectate_lets_nobody_act_join_or_draw(house: House) -> None:
    game_id, _ = await seated(house, "a", "b")
    watcher = await house.player("w")
    await watcher.request("game:spectate", {"game_id": game_id})
    assert await code(watcher, "game:action", game_id=game_id, action=MISS) == "not_in_game"
    assert await code(watcher, "game:join", game_id=game_id) == "not_in_game"
    assert await code(watcher, "game:draw", game_id=game_id, move="offer") == "not_in_game"
    assert await code(watcher, "game:leave", game_id=game_id) == "not_in_game"


# ---- game:draw


async def test_game_draw_where_the_rules_know_none_is_action_not_allowed(house: House) -> None:
    game_id = await house.new_game("crazy_eights", ["a", "b"])
    a = await house.player("a")
    await a.join(game_id)
    assert await code(a, "game:draw", game_id=game_id, move="offer") == "action_not_allowed"


async def test_game_draw_with_another_move_is_invalid_message(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    assert await code(a, "game:draw", game_id=game_id, move="demand") == "invalid_message"


# ---- game:created


async def test_game_created_is_told_to_its_players_who_are_connected(house: House) -> None:
    a, stranger = await house.player("a"), await house.player("z")
    game_id = await house.new_game("tally", ["a", "b"])
    push = await a.next_push()
    assert (push.event, push.offset) == ("game:created", None)
    assert push.data == {"game_id": game_id, "rules": "tally", "players": ["a", "b"]}
    assert await pushed(stranger) == []


async def test_game_created_puts_nobody_into_it(house: House) -> None:
    a, b = await house.player("a"), await house.player("b")
    game_id = await house.new_game("tally", ["a", "b"])
    await drained(a, b)
    await a.act(game_id, MISS)
    assert await pushed(b) == []


# ---- game:reconnected


async def test_game_reconnected_puts_a_person_who_connects_afresh_into_their_game(house: House) -> None:
    game_id, (a, b) = await seated(house, PERSON, FRIEND)
    a.drop()
    await trio.sleep(5)
    back = await house.player(PERSON)
    push = await back.next_push()
    assert (push.event, push.offset) == ("game:reconnected", None)
    assert (push.data["game_id"], push.data["event_id"]) == (game_id, 1)
    assert "success" not in push.data
    assert push.data["legal_actions"]
    await trio.sleep(0.1)
    assert statuses(b) == [(PERSON, "reconnecting"), (PERSON, "connected")]
    await back.act(game_id, MISS)
    assert (await back.next_push("game:state")).data["event_id"] == 2


async def test_game_reconnected_is_not_for_anybody_who_is_no_person(house: House) -> None:
    _, (a, _) = await seated(house, "npc:1", "b")
    a.drop()
    assert await pushed(await house.player("npc:1")) == []


async def test_game_reconnected_is_not_told_to_a_person_without_a_running_game(house: House) -> None:
    game_id, (a, b) = await seated(house, PERSON, FRIEND)
    await b.resign(game_id)
    a.drop()
    assert await pushed(await house.player(PERSON)) == []


async def test_game_reconnected_takes_the_game_of_the_latest_action_else_of_the_latest_start(house: House) -> None:
    games = []
    for _ in range(3):
        games.append(await house.new_game("tally", [PERSON, FRIEND]))
        await trio.sleep(1)
    a = await house.player(PERSON)
    assert (await a.next_push("game:reconnected")).data["game_id"] == games[2]
    await a.act(games[1], MISS)
    a.drop()
    a = await house.player(PERSON)
    assert (await a.next_push("game:reconnected")).data["game_id"] == games[1]


async def test_game_reconnected_after_the_server_was_killed(house: House) -> None:
    game_id, (_, b) = await seated(house, PERSON, FRIEND)
    await house.crash()
    await house.start()
    back, b = await house.player(PERSON), await house.player(FRIEND)
    for client in (back, b):
        assert (await client.next_push("game:reconnected")).data["game_id"] == game_id


async def test_game_reconnected_gives_way_to_what_the_person_joins_by_themselves(house: House) -> None:
    older, newer = [await house.new_game("tally", [PERSON, FRIEND]) for _ in range(2)]
    a = await house.player(PERSON)
    assert (await a.join(older))["game_id"] == older
    await drained(a)
    await a.act(newer, MISS)
    await a.act(older, MISS)
    assert {push.data["game_id"] for push in await pushed(a)} == {older}


async def test_game_reconnected_waits_for_a_store_that_is_away(house: House) -> None:
    game_id, (a, _) = await seated(house, PERSON, FRIEND)
    a.drop()
    house.redis.cut()
    house.redis.refuse()
    await trio.sleep(1)
    back = await house.player(PERSON)
    assert await pushed(back, 5) == []
    house.redis.admit()
    assert (await back.next_push("game:reconnected")).data["game_id"] == game_id


async def test_game_reconnected_joining_it_at_the_same_moment_is_answered_as_ever(house: House) -> None:
    game_id, (a, _) = await seated(house, PERSON, FRIEND)
    a.drop()
    back = await house.player(PERSON)
    assert (await back.join(game_id))["event_id"] == 1
    await drained(back)
    await back.act(game_id, MISS)
    seen: list[Any] = [push.data["event_id"] for push in await pushed(back) if push.event == "game:state"]
    assert seen == [2]
