"""OpenSpiel's games at a table: through sockets, across a kill, in the processes that a real server runs them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.apart.questions import Question, Told
from actors.rules.chance import Chance, key_of
from actors.rules.registry import Registry
from net.rules_workers import RulesWorkers

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.client import CroupierClient
    from net.testing.house import House

KEY = "00" * 32


@pytest.fixture
def house_rules() -> Registry:
    return Registry.built_in(("kuhn_poker",))


async def played(house: House, game_id: str, users: list[str], *, kill_at: int = 0) -> JsonObject:
    """The last view of a game that all of them play by choosing from what is legal; the server is killed on the way."""
    choice = Chance(key_of(game_id))
    clients: dict[str, CroupierClient] = {}
    for turn in range(500):
        if turn == kill_at:
            await house.crash()
            await house.start()
            clients = {}
        for user in users:
            if user not in clients:
                clients[user] = await house.player(user)
            view = await clients[user].join(game_id)
            if view["game_over"]:
                return view
            if user in view["to_act"]:
                await clients[user].act(game_id, choice.choice(view["legal_actions"]))
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    ("name", "players"), [("kuhn_poker", 3), ("leduc_poker", 2), ("goofspiel", 3), ("gin_rummy", 2), ("blackjack", 1)]
)
async def test_a_game_is_played_through_sockets_and_across_a_kill(house: House, name: str, players: int) -> None:
    users = [f"u{seat}" for seat in range(players)]
    game_id = await house.new_game(f"openspiel:{name}", users, seed="s")
    view = await played(house, game_id, users, kill_at=1)
    assert view["end_reason"] == "finished"
    assert set(view["results"]) == set(users)
    replay = await house.api.replay(game_id)
    assert replay["rules"] == f"openspiel:{name}"


async def test_in_a_simultaneous_phase_several_are_to_act_and_nobody_sees_what_the_others_chose(house: House) -> None:
    users = ["anna", "bert", "cleo"]
    game_id = await house.new_game("openspiel:goofspiel", users)
    anna, bert = await house.player("anna"), await house.player("bert")
    views = [await client.join(game_id) for client in (anna, bert)]
    assert [view["to_act"] for view in views] == [users, users]
    assert [(view["current_player_id"], view["is_your_turn"]) for view in views] == [(None, False)] * 2
    answer = await anna.act(game_id, views[0]["legal_actions"][6])
    assert (answer["to_act"], answer["turn_changed"]) == (["bert", "cleo"], False)
    seen = (await bert.join(game_id))["state"]
    assert seen == views[1]["state"]
    assert (await anna.join(game_id))["state"]["chosen"] == views[0]["legal_actions"][6]


async def test_what_is_listed_is_what_the_configuration_says(house: House) -> None:
    listed = {rules["name"]: rules for rules in await house.api.rules()}
    assert set(listed) == {"crazy_eights", "duel", "openspiel:kuhn_poker"}
    assert listed["openspiel:kuhn_poker"]["max_players"] == 10


async def test_a_real_process_deals_the_cards_that_this_one_would(nursery: trio.Nursery) -> None:
    rules = Registry.built_in().latest("openspiel:gin_rummy")
    workers = RulesWorkers(most=1, limit=30)
    await nursery.start(workers.run)
    told = await workers.ask(rules, Question.of("set_up", players=2, options={}, key=KEY, position=0))
    assert isinstance(told, Told)
    chance = Chance(bytes.fromhex(KEY))
    state = rules.set_up(2, {}, chance)
    assert told.body["known"]["views"] == [rules.view(state, seat) for seat in (0, 1, None)]
    assert told.body["position"] == chance.position


@pytest.mark.parametrize("name", ["tic_tac_toe", "leduc_poker", "matrix_rps"])
async def test_the_houses_own_players_play_them(house: House, name: str) -> None:
    game_id = await house.new_game(f"openspiel:{name}", ["npc:mcts", "npc:random"])
    with trio.fail_after(3600):
        while (described := await house.api.game(game_id))["status"] == "running":  # noqa: ASYNC110
            await trio.sleep(1)
    assert described["end_reason"] == "finished"
