"""Whose move it is, as clients on sockets see it: draws by agreement, forced actions out of turn, turn clocks and their
extension, and games that everybody has left (contract, sections 2 to 4). The whole service, in virtual time; each rule
by itself is tested in `tests/actors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel
from attrs import evolve

from actors.rules.registry import Registry
from net.config import Config, Games
from net.testing.house import unhurried
from tests.samples.courtly import Courtly

if TYPE_CHECKING:
    from net.client import CroupierClient, PushMessage
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
RUDE = {"type": "guess", "number": 0}
BOW = {"type": "bow"}
PERSON = "00000000-0000-4000-8000-00000000000a"
DEFAULTS = Config()


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Courtly()])


async def seated(house: House, *players: str, **fields: Any) -> tuple[str, list[CroupierClient]]:  # noqa: ANN401
    """A game and its players, joined; nothing that was pushed so far is left."""
    game_id = await house.new_game("courtly", players, **fields)
    clients = [await house.player(player) for player in players]
    for client in clients:
        await client.join(game_id)
    await drained(*clients)
    return game_id, clients


async def drained(*clients: CroupierClient) -> list[list[PushMessage]]:
    """Takes all pushes that have come, once they all have."""
    await trio.sleep(1)
    return [[await client.next_push() for _ in client.pushes] for client in clients]


async def refusal(client: CroupierClient, event: str, **data: object) -> dict[str, Any]:
    answer = await client.request(event, data)
    assert answer["success"] is False
    error: dict[str, Any] = answer["error"]
    return error


def events(pushes: list[PushMessage]) -> list[str]:
    return [push.event for push in pushes]


# ---- draws


async def test_game_draw_is_offered_to_the_others_and_by_all_of_them_agreed_on(house: House) -> None:
    game_id, players = await seated(house, "a", "b", "c")
    watcher = await house.spectator("s", game_id)
    await drained(*players, watcher)
    offered = await players[1].draw(game_id, "offer")  # out of turn
    assert (offered["event_id"], offered["game_over"]) == (2, False)
    seen = await drained(*players, watcher)
    assert [events(one) for one in seen] == [
        ["game:state", "game:draw_offered"],
        ["game:state"],
        ["game:state", "game:draw_offered"],
        ["game:state"],
    ]
    assert seen[0][1].data == {"game_id": game_id, "by": "b"}
    assert [one[0].data["changes"] for one in seen] == [[{"type": "draw_offered", "player_id": "b"}]] * 4
    assert (await players[0].draw(game_id, "accept"))["game_over"] is False
    agreed = await players[2].draw(game_id, "accept", "agreed")
    assert agreed["game_over"] is True
    for one in await drained(*players, watcher):
        assert events(one) == ["game:state", "game:state", "game:game_over"]
        assert (one[-1].data["winner_id"], one[-1].data["end_reason"]) == (None, "draw_agreed")
    assert await players[2].draw(game_id, "accept", "agreed") == agreed


async def test_game_draw_that_is_declined_is_over_until_the_next_action(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.draw(game_id, "offer")
    await b.draw(game_id, "decline")
    assert (await refusal(b, "game:draw", game_id=game_id, move="accept"))["code"] == "action_not_allowed"
    assert (await refusal(a, "game:draw", game_id=game_id, move="offer"))["code"] == "action_not_allowed"
    await a.act(game_id, MISS)
    assert (await a.draw(game_id, "offer"))["event_id"] == 5


async def test_game_draw_and_an_action_at_the_same_moment_the_first_of_them_counts(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await b.draw(game_id, "offer")
    told: list[object] = []

    async def accept() -> None:
        told.append((await refusal(a, "game:draw", game_id=game_id, move="accept"))["code"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.act, game_id, MISS)
        await trio.lowlevel.checkpoint()
        nursery.start_soon(accept)
    assert told == ["action_not_allowed"]  # with the action the offer was off
    assert (await house.api.game(game_id))["status"] == "running"


async def test_game_draw_offer_is_told_to_who_comes_back_and_after_a_crash_it_still_stands(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    await a.draw(game_id, "offer")
    await house.crash()
    await house.start()
    b = await house.player("b")
    await b.join(game_id)
    assert (await b.next_push("game:draw_offered")).data == {"game_id": game_id, "by": "a"}
    assert (await b.draw(game_id, "accept"))["game_over"] is True


async def test_game_draw_offer_reaches_no_spectator_and_a_spectator_cannot_answer_it(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    watcher = await house.spectator("s", game_id)
    await a.draw(game_id, "offer")
    [pushes] = await drained(watcher)
    assert "game:draw_offered" not in events(pushes)
    assert (await refusal(watcher, "game:draw", game_id=game_id, move="accept"))["code"] == "not_in_game"


# ---- forced actions


async def test_forced_action_out_of_turn_only_the_named_player_may_act_and_only_so(house: House) -> None:
    game_id, (a, b, c) = await seated(house, "a", "b", "c")
    watcher = await house.spectator("s", game_id)
    await drained(watcher)
    answer = await a.act(game_id, RUDE)
    assert (answer["current_player_id"], answer["to_act"], answer["turn_changed"]) == ("a", ["b"], False)
    for client, params in ((a, False), (b, True), (c, False), (watcher, False)):
        state = (await client.next_push("game:state")).data
        assert bool(state["pending_forced_action"]["params"]) is params
        assert state.get("legal_actions") == ([BOW] if client is b else None)
        assert state["is_your_turn"] is (client is a)
    for client, action in ((a, MISS), (a, BOW), (c, BOW), (b, MISS), (b, RUDE)):
        error = await refusal(client, "game:action", game_id=game_id, action=action)
        assert error["code"] == "action_not_allowed"
        assert bool(error["details"]["pending_forced_action"]["params"]) is (client is b)
    assert (await b.act(game_id, BOW))["to_act"] == ["a"]


async def test_forced_action_out_of_turn_waits_for_its_player_over_a_drop_and_a_restart(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.act(game_id, RUDE)
    await b.aclose()
    await house.crash()
    await house.start()
    b = await house.player("b")
    view = await b.join(game_id)
    assert view["pending_forced_action"]["params"] == {"secret": view["state"]["secret"]}
    assert view["legal_actions"] == [BOW]
    await b.act(game_id, BOW)


async def test_forced_action_out_of_turn_has_its_owners_clock(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b", turn_timeout_seconds=30.0)
    await a.act(game_id, RUDE)
    await trio.sleep(31)
    states = [push.data for push in (await drained(b))[0] if push.event == "game:state"]
    assert states[-1]["changes"] == [{"type": "timed_out", "seat": 1, "bowed": True}]


async def test_forced_action_of_one_who_resigns_is_nobodys(house: House) -> None:
    game_id, (a, b, _) = await seated(house, "a", "b", "c")
    await a.act(game_id, RUDE)
    await b.resign(game_id)
    view = await a.join(game_id)
    assert "pending_forced_action" not in view
    assert view["to_act"] == ["a"]


# ---- clocks


async def test_turn_deadline_stands_in_every_message_and_moves_on_with_a_pause_of_the_server(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b", turn_timeout_seconds=60.0)
    answer = await a.act(game_id, MISS)
    state = (await b.next_push("game:state")).data
    for message in (answer, state, await b.join(game_id)):
        assert message["turn_timeout_seconds"] == 60
        assert message["turn_deadline"] - message["server_time"] == pytest.approx(60, abs=1.5)
    await house.crash()
    await trio.sleep(1000)
    await house.start()
    a = await house.player("a")  # it is not their turn: they are given no time
    view = await a.join(game_id)
    assert view["turn_deadline"] - view["server_time"] == pytest.approx(60, abs=3)


async def test_reconnect_extension_is_given_to_who_comes_back_on_their_turn_and_told_to_all(house: House) -> None:
    game_id, (a, b) = await seated(house, PERSON, "b", turn_timeout_seconds=60.0)
    await trio.sleep(20)
    before = (await b.join(game_id))["turn_deadline"]
    a.drop()
    await trio.sleep(DEFAULTS.sessions.status_debounce + 1)
    await drained(b)
    back = await house.player(PERSON)
    view = (await back.next_push("game:reconnected")).data
    extension = DEFAULTS.sessions.reconnect_extension
    assert view["turn_deadline"] == pytest.approx(before + extension, abs=0.1)
    [pushes] = await drained(b)
    [state] = [push.data for push in pushes if push.event == "game:state"]
    assert (state["event_id"], state["changes"]) == (2, [])
    assert state["turn_deadline"] == pytest.approx(before + extension, abs=0.1)


async def test_extension_budget_is_one_players_and_runs_out(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b", turn_timeout_seconds=600.0)
    began = (await b.join(game_id))["turn_deadline"]
    times = int(DEFAULTS.sessions.extension_budget // DEFAULTS.sessions.reconnect_extension) + 2
    for _ in range(times):
        a.drop()
        await trio.sleep(DEFAULTS.sessions.status_debounce + 1)
        a = await house.player("a")
        await a.join(game_id)
    budget = DEFAULTS.sessions.extension_budget
    assert (await b.join(game_id))["turn_deadline"] == pytest.approx(began + budget, abs=1)


# ---- when everybody has gone

ABANDON_AFTER = 80.0

soon_abandoned = pytest.mark.parametrize(
    "house_config", [evolve(unhurried(), games=Games(abandon_after=ABANDON_AFTER))]
)


@soon_abandoned
async def test_abandoned_is_a_game_to_which_nobody_came_back(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.act(game_id, MISS)
    watcher = await house.spectator("s", game_id)
    await a.leave(game_id)
    b.drop()
    await trio.sleep(ABANDON_AFTER - 10)
    assert (await house.api.game(game_id))["status"] == "running"
    await drained(watcher)
    await trio.sleep(20)
    assert (await watcher.next_push("game:game_over")).data["end_reason"] == "abandoned"
    game = await house.api.game(game_id)
    assert (game["status"], game["end_reason"], game["winner_id"]) == ("ended", "abandoned", None)
    back = await house.player("a")
    assert (await back.join(game_id))["end_reason"] == "abandoned"


@soon_abandoned
async def test_abandoned_is_not_a_game_to_which_one_player_came_back_in_time(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    a.drop()
    b.drop()
    await trio.sleep(ABANDON_AFTER - 10)
    back = await house.player("a")
    await back.join(game_id)
    await trio.sleep(2.5 * ABANDON_AFTER)
    assert (await house.api.game(game_id))["status"] == "running"
    assert (await back.act(game_id, MISS))["event_id"] == 2


@soon_abandoned
async def test_abandoned_counts_no_time_in_which_the_server_was_down(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    a.drop()
    b.drop()
    await trio.sleep(ABANDON_AFTER / 2)
    await house.crash()
    await trio.sleep(2.5 * ABANDON_AFTER)
    await house.start()
    await trio.sleep(ABANDON_AFTER / 2 - 10)
    assert (await house.api.game(game_id))["status"] == "running"
    await trio.sleep(20)
    assert (await house.api.game(game_id))["status"] == "ended"
