"""Duel on the whole server: played by clients that know nothing of it, with the server killed in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from actors.rules.chance import Chance, key_of
from net.client import ApiFailed

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

TWO = ("alice", "bob")


async def seated(house: House) -> list[CroupierClient]:
    """Both players, connected afresh."""
    return [await house.player(user) for user in TWO]


async def play_for(players: list[CroupierClient], game_id: str, moves: int, pick: Chance) -> list[dict[str, Any]]:
    """Plays so many moves, or to the end, choosing from what is legal; what both see then."""
    for _ in range(moves):
        views = [await player.join(game_id) for player in players]
        if views[0]["game_over"]:
            return views
        able = [(player, view) for player, view in zip(players, views, strict=True) if "legal_actions" in view]
        player, view = pick.choice(able)
        await player.act(game_id, pick.choice(view["legal_actions"]))
    return [await player.join(game_id) for player in players]


async def test_a_whole_game_is_played_by_choosing_from_what_is_legal_over_killed_servers(house: House) -> None:
    pick = Chance(key_of("moods"))
    game_id = await house.new_game("duel", TWO, seed="a duel")
    killed = 0
    while not (views := await play_for(await seated(house), game_id, 20, pick))[0]["game_over"]:
        await house.crash()
        await house.start()
        killed += 1
        again = [await player.join(game_id) for player in await seated(house)]
        assert [view["state"] for view in again] == [view["state"] for view in views]
    assert killed > 1
    assert views[0]["end_reason"] in ("points", "no_creature", "empty_deck", "both_at_once")
    assert sum(views[0]["results"].values()) == 1


async def test_a_deck_that_is_none_is_refused_when_the_game_is_made(house: House) -> None:
    with pytest.raises(ApiFailed, match="a deck has at least one basic creature"):
        await house.new_game("duel", TWO, options={"decks": ["embers", ["ember_energy"] * 40]})


async def test_two_who_dawdle_play_to_the_end_by_the_clock_alone(house: House) -> None:
    game_id = await house.new_game("duel", TWO, turn_timeout_seconds=10, seed="slow")
    (player, _) = await seated(house)
    view = await player.join(game_id)
    while not view["game_over"]:
        await trio.sleep(60)
        view = await player.join(game_id)
    assert view["end_reason"] == "empty_deck"
