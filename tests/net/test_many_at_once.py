"""Tables of one, of many, and of many who act at once, through sockets: who is told what, who must do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.rules.registry import Registry
from net.client import RequestFailed
from net.config import Games
from net.testing.house import unhurried
from tests.samples.council import Council

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.client import CroupierClient
    from net.testing.house import House

FIVE = ["anna", "bert", "cleo", "dora", "emil"]


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Council()])


async def seated(
    house: House, users: list[str], *, turn_timeout_seconds: float | None = None, **options: int
) -> tuple[str, dict[str, CroupierClient]]:
    game_id = await house.new_game("council", users, options=options, turn_timeout_seconds=turn_timeout_seconds)
    clients = {user: await house.player(user) for user in users}
    for client in clients.values():
        await client.join(game_id)
    return game_id, clients


def vote(number: int) -> JsonObject:
    return {"type": "vote", "number": number}


def pay(number: int) -> JsonObject:
    return {"type": "pay", "number": number}


async def state_at(client: CroupierClient, event_id: int) -> JsonObject:
    """The push about this event."""
    while True:
        data = (await client.next_push("game:state")).data
        if data["event_id"] == event_id and data["changes"]:
            return data


async def refused(client: CroupierClient, game_id: str, action: JsonObject) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await client.act(game_id, action)
    return failed.value


# ---- several at once


async def test_votes_are_hidden_until_the_last_is_cast_and_then_open_to_all(house: House) -> None:
    game_id, clients = await seated(house, FIVE)
    watcher = await house.spectator("zoe", game_id)
    for number, user in enumerate(FIVE[:4], 1):
        answer = await clients[user].act(game_id, vote(1 + number % 3))
        assert answer["to_act"] == FIVE[number:]
        assert (answer["current_player_id"], answer["turn_changed"]) == (None, False)
    for name, client in [*clients.items(), ("zoe", watcher)]:
        seen = await state_at(client, 5)
        assert seen["to_act"] == ["emil"]
        assert (seen["is_your_turn"], seen["state"]["votes"]) == (False, None)
        shown = {"type": "vote_cast", "seat": 3}
        assert seen["changes"] == [shown | {"number": 2} if name == "dora" else shown]
        assert seen["state"]["my_vote"] == {"anna": 2, "bert": 3, "cleo": 1, "dora": 2}.get(name)
        assert ("legal_actions" in seen) == (name == "emil")
    await clients["emil"].act(game_id, vote(1))
    opened = [await state_at(client, 6) for client in [*clients.values(), watcher]]
    assert {str(state["state"]["votes"]) for state in opened} == {"{'0': 2, '1': 3, '2': 1, '3': 2, '4': 1}"}


async def test_several_are_forced_at_once_and_each_is_told_their_own_params(house: House) -> None:
    game_id, clients = await seated(house, FIVE)
    for user, number in zip(FIVE, (2, 3, 2, 1, 2), strict=True):
        await clients[user].act(game_id, vote(number))
    owing = ["anna", "cleo", "emil"]
    for user in FIVE:
        view = await clients[user].join(game_id)
        due = view["pending_forced_action"]
        assert view["to_act"] == owing
        assert due["player_id"] == (user if user in owing else "anna")
        assert due["params"] == ({"your_vote": 2} if user in owing else {})
    out_of_turn = await refused(clients["bert"], game_id, pay(1))
    assert (out_of_turn.code, out_of_turn.details["pending_forced_action"]["player_id"]) == (
        "action_not_allowed",
        "anna",
    )
    instead = await refused(clients["cleo"], game_id, vote(1))
    assert instead.details["pending_forced_action"]["player_id"] == "cleo"
    # In any order: nobody waits for the first of them.
    assert (await clients["emil"].act(game_id, pay(1)))["pending_forced_action"]["player_id"] == "anna"
    assert (await refused(clients["emil"], game_id, pay(1))).code == "action_not_allowed"
    await clients["anna"].act(game_id, pay(2))
    last = await clients["cleo"].act(game_id, pay(2))
    assert "pending_forced_action" not in last
    assert (last["to_act"], last["changes"][-1]["coins"]) == (FIVE, [2, 0, 2, 0, 1])


async def test_all_may_send_at_the_same_moment_and_each_counts_once(house: House) -> None:
    users = [f"u{seat}" for seat in range(8)]
    game_id, clients = await seated(house, users)
    answers: dict[str, JsonObject] = {}

    async def send(user: str) -> None:
        answers[user] = await clients[user].act(game_id, vote(3), f"{user}'s")

    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(send, user)
    assert sorted(answer["event_id"] for answer in answers.values()) == list(range(2, 10))
    for user in users:
        assert await clients[user].act(game_id, vote(3), f"{user}'s") == answers[user]
    assert (await clients["u0"].join(game_id))["event_id"] == 9


async def test_what_was_chosen_in_secret_survives_a_kill_and_stays_secret(house: House) -> None:
    game_id, clients = await seated(house, FIVE)
    await clients["anna"].act(game_id, vote(2))
    live = await state_at(clients["bert"], 2)
    await house.crash()
    await house.start()
    bert, anna = await house.player("bert"), await house.player("anna")
    view = await bert.join(game_id, last_event_id=1)
    assert view["state"] == live["state"]
    assert view["missed"][0]["changes"] == live["changes"] == [{"type": "vote_cast", "seat": 0}]
    assert (await anna.join(game_id))["state"]["my_vote"] == 2
    assert (await refused(anna, game_id, vote(1))).code == "not_your_turn"


# ---- clocks


async def test_one_clock_runs_for_all_and_its_end_is_one_event_for_those_who_have_not_acted(house: House) -> None:
    game_id, clients = await seated(house, FIVE, turn_timeout_seconds=30)
    first = (await clients["bert"].join(game_id))["turn_deadline"]
    await trio.sleep(20)
    answer = await clients["cleo"].act(game_id, vote(2))
    assert answer["turn_deadline"] == pytest.approx(first, abs=0.01)  # who acts gives the others no more time
    await trio.sleep(15)
    seen = await state_at(clients["anna"], 3)
    timed_out = [change["seat"] for change in seen["changes"] if change["type"] == "timed_out"]
    assert timed_out == [0, 1, 3, 4]
    assert seen["to_act"] == ["anna", "bert", "dora", "emil"]  # who were given the same number, and are to pay for it
    assert seen["turn_deadline"] == pytest.approx(first + 30, abs=0.5)
    await trio.sleep(30)
    seen = await state_at(clients["anna"], 4)
    assert seen["state"]["coins"] == [2, 2, 0, 2, 2]


# ---- one among many


async def test_the_others_are_told_who_goes_and_who_comes_back_and_nobody_is_told_of_themselves(house: House) -> None:
    game_id, clients = await seated(house, FIVE)
    watcher = await house.spectator("zoe", game_id)
    clients["cleo"].drop()
    others = [*(clients[user] for user in FIVE if user != "cleo"), watcher]
    for client in others:
        told = await _status_of(client, "cleo", "reconnecting")
        assert told == {"game_id": game_id, "opponent_id": "cleo", "status": "reconnecting"}
    back = await house.player("cleo")
    view = await back.join(game_id)
    assert {player["id"]: player["status"] for player in view["players"]} == dict.fromkeys(FIVE, "connected")
    for client in others:
        await _status_of(client, "cleo", "connected")


async def _status_of(client: CroupierClient, user: str, status: str) -> JsonObject:
    while True:
        data = (await client.next_push("game:opponent_status")).data
        if (data["opponent_id"], data["status"]) == (user, status):
            return data


async def test_of_many_some_give_up_and_the_others_play_on_until_one_is_left(house: House) -> None:
    game_id, clients = await seated(house, FIVE[:4])
    await clients["anna"].act(game_id, vote(2))
    await clients["bert"].act(game_id, vote(2))
    assert await clients["anna"].resign(game_id) == {
        "success": True, "game_id": game_id, "event_id": 4, "game_over": False,
    }  # fmt: skip
    with pytest.raises(RequestFailed, match="action_not_allowed"):
        await clients["anna"].resign(game_id)
    assert (await refused(clients["anna"], game_id, vote(1))).code == "not_your_turn"
    # Bert's number was Anna's, who owes nothing any more, and the others have yet to vote.
    view = await clients["cleo"].join(game_id)
    assert view["to_act"] == ["cleo", "dora"]
    await clients["cleo"].resign(game_id)
    over = await clients["dora"].resign(game_id)
    assert (over["game_over"], over["winner_id"], over["end_reason"]) == (True, "bert", "resignation")
    for user in FIVE[:4]:  # who has given up still sees the end
        assert (await clients[user].next_push("game:game_over")).data["winner_id"] == "bert"


async def test_when_the_last_who_was_waited_for_gives_up_the_others_go_on(house: House) -> None:
    game_id, clients = await seated(house, FIVE[:3])
    await clients["anna"].act(game_id, vote(1))
    await clients["bert"].act(game_id, vote(2))
    await clients["cleo"].resign(game_id)
    view = await clients["anna"].join(game_id)
    assert (view["state"]["round"], view["to_act"]) == (2, ["anna", "bert"])


# ---- alone


async def test_a_game_for_one_is_played_to_its_end_and_is_watched(house: House) -> None:
    game_id, clients = await seated(house, ["anna"], rounds=2)
    watcher = await house.spectator("zoe", game_id)
    for number in (1, 2):
        answer = await clients["anna"].act(game_id, vote(number))
    assert (answer["game_over"], answer["winner_id"], answer["results"]) == (True, "anna", {"anna": 0})
    assert (await watcher.next_push("game:game_over")).data["end_reason"] == "counted"


async def test_who_plays_alone_and_gives_up_has_ended_the_game(house: House) -> None:
    game_id, clients = await seated(house, ["anna"])
    answer = await clients["anna"].resign(game_id)
    assert (answer["game_over"], answer["winner_id"], answer["end_reason"]) == (True, None, "resignation")
    assert (await house.api.game(game_id))["status"] == "ended"


@pytest.mark.parametrize("house_config", [evolve(unhurried(), games=Games(abandon_after=30.0))])
async def test_who_plays_alone_and_does_not_come_back_has_abandoned_the_game(house: House) -> None:
    game_id, clients = await seated(house, ["anna"])
    clients["anna"].drop()
    await trio.sleep(90)
    assert (await house.api.game(game_id))["end_reason"] == "abandoned"


async def test_who_plays_alone_is_waited_for_and_is_given_time_back(house: House) -> None:
    game_id, clients = await seated(house, ["anna"], turn_timeout_seconds=60)
    before = (await clients["anna"].join(game_id))["turn_deadline"]
    clients["anna"].drop()
    await trio.sleep(10)
    back = await house.player("anna")
    view = await back.join(game_id)
    assert view["turn_deadline"] == pytest.approx(before + house.config.sessions.reconnect_extension, abs=0.5)
    await trio.sleep(90)
    assert (await back.join(game_id))["state"]["round"] >= 2
