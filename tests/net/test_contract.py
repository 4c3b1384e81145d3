"""What the contract says of whole messages and games, as a client on a socket sees it. `docs/contract-tests.md` has
every row of it with its tests, of which these are the ones that belong to no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.auth import Scope
from tests.samples.courtly import Courtly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject
    from net.testing.house import House
    from tests.samples.tally import Guess, TallyState

MISS = {"type": "guess", "number": 5000}
RUDE = {"type": "guess", "number": 0}
SEED = "the seed that nobody may know"

VIEW = [
    *("game_id", "rules", "rules_version", "players", "event_id", "state", "is_your_turn", "current_player_id"),
    *("to_act", "game_over", "spectator_count"),
]
"""The fields that every view has, but for `server_time`; and each of the others with when it is there."""


class Boundless(Courtly):
    """Nobody could list what may be done."""

    name = "boundless"

    def legal(self, state: TallyState, seat: int) -> Sequence[Guess] | None:
        return None


class Verbose(Courtly):
    """What is shown of it is large."""

    name = "verbose"

    def view(self, state: TallyState, seat: int | None) -> JsonObject:
        return super().view(state, seat) | {"story": "once upon a time " * 1000}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Courtly(), Boundless(), Verbose(), CrazyEights()])


async def test_the_view_has_the_fields_of_the_contract(house: House) -> None:
    game_id = await house.new_game("courtly", ["a", "b"], turn_timeout_seconds=60.0)
    a, b = await house.player("a"), await house.player("b")
    clock = {"turn_timeout_seconds", "turn_deadline"}
    always = {*VIEW, "server_time"}
    assert set(await a.join(game_id)) == {"success", "legal_actions"} | always | clock
    assert set((await a.next_push("game:state")).data) == {"changes", "legal_actions"} | always | clock
    assert set(await b.join(game_id)) == {"success"} | always | clock
    assert set(await b.join(game_id, last_event_id=1)) == {"success", "missed"} | always | clock
    assert set(await b.join(game_id, last_event_id=5)) == {"success", "resync"} | always | clock
    await a.act(game_id, RUDE)
    assert set(await a.join(game_id)) == {"success", "pending_forced_action"} | always | clock
    await a.resign(game_id)
    ending = {"winner_id", "results", "end_reason"}
    over = await b.join(game_id)
    assert set(over) - {"turn_timeout_seconds"} == {"success"} | always | ending
    assert [set(player) for player in over["players"]] == [{"id", "seat", "status"}] * 2


async def test_legal_actions_that_are_too_many_to_list_are_absent(house: House) -> None:
    game_id = await house.new_game("boundless", ["a", "b"])
    a = await house.player("a")
    view = await a.join(game_id)
    assert (view["is_your_turn"], "legal_actions" in view) == (True, False)
    assert (await a.act(game_id, MISS))["event_id"] == 2


async def test_past_256_kib_a_joiner_is_told_to_resync(house: House) -> None:
    game_id = await house.new_game("verbose", ["a", "b"])
    players = [await house.player("a"), await house.player("b")]
    for turn in range(20):
        await players[turn % 2].act(game_id, MISS)
    within = await players[0].join(game_id, last_event_id=8)
    assert [state["event_id"] for state in within["missed"]] == list(range(9, 22))
    assert len(orjson.dumps(within["missed"])) < 256 * 1024
    past = await players[0].join(game_id, last_event_id=3)
    assert (past["resync"], "missed" in past) == (True, False)
    assert past["event_id"] == 21


async def test_a_seed_is_secret_until_the_game_is_over(house: House) -> None:
    game_id = await house.new_game("courtly", ["a", "b"], seed=SEED)
    a = await house.player("a", record=True)
    await a.join(game_id)
    await a.act(game_id, MISS)
    told = [message if isinstance(message, bytes) else message.encode() for message in a.received]
    for scope in (Scope.PLAYER, Scope.SERVICE):
        for path in ("", "/replay"):
            answer = await _get(house, f"/api/games/{game_id}{path}", house.token("a", scope=scope))
            told.append(answer)
    await a.resign(game_id)
    await trio.sleep(1)
    assert [text for text in told if SEED.encode() in text] == []
    assert SEED.encode() in await _get(house, f"/api/games/{game_id}/replay", house.token("a"))


async def _get(house: House, path: str, token: str) -> bytes:
    api = type(house.api)(house.api.connect, token)
    return (await api.request("GET", path)).body
