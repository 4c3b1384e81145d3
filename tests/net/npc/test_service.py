"""The house's players at the tables of a running server: they play to the end, come back, and disturb nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from actors.rules.registry import Registry
from actors.table_messages import Resume
from net.client import play, random_choice
from net.config import Games, Npc
from net.testing.house import open_house, unhurried
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject
    from net.config import Config
    from net.testing.house import House
    from tests.samples.tally import Guess, TallyState

ANNA = "00000000-0000-4000-8000-00000000000a"
BEN = "00000000-0000-4000-8000-00000000000b"


@pytest.fixture
def house_config() -> Config:
    """With less patience than the defaults: virtual time is not free."""
    return evolve(unhurried(), games=Games(passivate_after=40, abandon_after=120))


@pytest.fixture
def house_rules() -> Registry:
    return Registry([CrazyEights(), Duel(), Tally(), Unlisted(), Appraised("ahead", 0.5), Appraised("behind", -0.5)])


async def ended(house: House, game_id: str) -> dict[str, Any]:
    while (game := await house.api.game(game_id))["status"] != "ended":
        await house.advance(1)
    return game


async def events(house: House, game_id: str) -> int:
    count: int = (await house.api.game(game_id))["event_count"]
    return count


async def test_two_of_them_play_a_game_to_its_end_with_nobody_there(house: House) -> None:
    game_id = await house.new_game("duel", ["npc:greedy", "npc:random"], seed="1")
    game = await ended(house, game_id)
    assert game["end_reason"] in ("points", "no_creature", "empty_deck")


async def test_several_of_a_kind_sit_at_one_table(house: House) -> None:
    players = ["npc:random:one", "npc:random:two", "npc:greedy", "npc:greedy:other"]
    game = await ended(house, await house.new_game("crazy_eights", players, seed="1"))
    assert game["players"] == players
    assert game["end_reason"] != "abandoned"


async def test_a_person_plays_against_one(house: House) -> None:
    game_id = await house.new_game("crazy_eights", [ANNA, "npc:greedy"], seed="2", options={"max_plays": 30})
    client = await house.player(ANNA)
    ending = await play(client, game_id, random_choice(house.entropy))
    assert set(ending.results) == {ANNA, "npc:greedy"}


async def test_it_counts_as_connected_whether_it_is_at_the_table_or_not(house: House) -> None:
    game_id = await house.new_game("duel", [ANNA, "npc:greedy"], options={"first_player": "seat_0"})
    client = await house.player(ANNA)
    view = await client.join(game_id)
    assert [player["status"] for player in view["players"]] == ["connected", "connected"]
    await house.advance(60)
    view = await client.join(game_id)
    assert [player["status"] for player in view["players"]] == ["connected", "connected"]


async def test_it_leaves_a_game_in_which_nothing_happens_and_the_game_is_abandoned_like_any(house: House) -> None:
    game_id = await house.new_game("duel", [ANNA, "npc:greedy"], options={"first_player": "seat_0"})
    await house.advance(60)
    assert house.app.npcs.players.children == 0
    await house.advance(50)
    assert len(house.app.directory) == 0
    await house.advance(120)
    assert (await house.api.game(game_id))["end_reason"] == "abandoned"


async def test_it_takes_its_time_so_that_people_can_follow(house: House) -> None:
    game_id = await house.new_game("duel", ["npc:greedy", "npc:greedy:other"], seed="1")
    began = trio.current_time()
    while await events(house, game_id) < 11:
        await house.advance(0.1)
    assert trio.current_time() - began >= 4 * house.config.npc.pause


async def test_after_a_crash_of_the_server_it_goes_on_by_itself(house: House) -> None:
    game_id = await house.new_game("duel", ["npc:greedy", "npc:random"], seed="3")
    while await events(house, game_id) < 10:
        await house.advance(0.3)
    await house.crash()
    await house.start()
    await ended(house, game_id)
    document = await house.api.replay(game_id)
    ids = [(event["player_id"], event["message_id"]) for event in document["events"] if event["kind"] == "acted"]
    assert len(ids) == len(set(ids))


async def test_after_a_crash_a_game_at_rest_wakes_nobody(house: House) -> None:
    house.config = unhurried()
    await house.restart()
    resting = await house.new_game("duel", [ANNA, "npc:greedy"], options={"first_player": "seat_0"})
    await house.advance(310)
    busy = await house.new_game("duel", ["npc:random", "npc:random:other"], seed="1")
    await house.advance(3)
    await house.crash()
    await house.start()
    await house.advance(1)
    assert house.app.directory.standing(resting) is None
    assert house.app.directory.standing(busy) is not None


async def test_it_goes_on_when_a_person_comes_back_to_a_game_at_rest(house: House) -> None:
    game_id = await house.new_game("crazy_eights", [ANNA, "npc:greedy"], seed="2", options={"max_plays": 30})
    await house.advance(60)
    await house.restart()
    client = await house.player(ANNA)
    ending = await play(client, game_id, random_choice(house.entropy))
    assert ending.end_reason != "abandoned"


async def test_it_waits_while_the_store_is_away_and_then_goes_on(house: House) -> None:
    game_id = await house.new_game("duel", ["npc:greedy", "npc:random"], seed="3")
    await house.advance(3)
    house.redis.pause()
    await house.advance(40)
    house.redis.resume()
    await ended(house, game_id)


async def test_a_crash_of_it_costs_nobody_anything(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    game_id = await house.new_game("duel", ["npc:greedy", "npc:random"], seed="3")
    await house.advance(2)
    thinker, failed = house.app.npcs.thinker, []

    async def fail(*_: object) -> object:
        failed.append(1)
        raise ValueError("for the test")

    with monkeypatch.context() as patch:
        patch.setattr(type(thinker), "decide", fail)
        await house.advance(2)
    assert failed
    for npc in ("npc:greedy", "npc:random"):  # each may have been given up; whatever happens next calls it again
        house.app.npcs.summon(game_id, [npc])
    await ended(house, game_id)


class Appraised(Tally):
    """Tally, in which it is known how well everybody stands: the first seat better, or worse."""

    def __init__(self, name: str, first: float) -> None:
        super().__init__()
        self.name = name
        self.first = first

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> TallyState:
        return self.set_up(2, {}, chance)

    def appraise(self, state: TallyState, seat: int) -> float:
        return self.first if seat == 0 else -self.first


async def offered(house: House, rules: str, npc: str, *, seed: str = "1") -> dict[str, Any]:
    """The game after the npc, in the first seat, was offered a draw and had its time to answer."""
    game_id = await house.new_game(rules, [npc, ANNA], seed=seed, options={"highest": 1000})
    client = await house.player(ANNA)
    await client.join(game_id)
    await house.advance(2)
    answer = await client.request("game:draw", {"game_id": game_id, "move": "offer"})
    assert answer["success"]
    await house.advance(2)
    client.drop()
    game: dict[str, Any] = await house.api.game(game_id)
    assert game["event_count"] == answer["event_id"] + 1
    return game


@pytest.mark.parametrize("npc", ["npc:greedy", "npc:mcts"])
async def test_it_takes_a_draw_unless_it_is_ahead(house: House, npc: str) -> None:
    assert (await offered(house, "behind", npc))["end_reason"] == "draw_agreed"
    assert (await offered(house, "ahead", npc))["status"] == "running"
    assert (await offered(house, "tally", npc))["status"] == "running"  # who cannot tell how it stands plays on


async def test_one_that_plays_at_random_takes_a_draw_at_random(house: House) -> None:
    answers = {(await offered(house, "ahead", "npc:random"))["status"] for _ in range(8)}
    assert answers == {"running", "ended"}


class Unlisted(Tally):
    """Tally, in which nobody is told what may be done."""

    name = "unlisted"

    def legal(self, state: TallyState, seat: int) -> Sequence[Guess] | None:
        return None


async def test_where_the_rules_list_no_actions_it_resigns(house: House) -> None:
    game_id = await house.new_game("unlisted", ["npc:greedy", ANNA])
    game = await ended(house, game_id)
    assert game["winner_id"] == ANNA
    assert await events(house, game_id) == 2


async def test_a_suspended_game_is_left_in_peace_and_gone_on_with_when_it_is_resumed(house: House) -> None:
    failing = Tally(fail_in="apply")
    house.registry = Registry([failing])
    await house.restart()
    game_id = await house.new_game("tally", ["npc:greedy", ANNA])
    await house.advance(5)
    assert (await house.api.game(game_id))["status"] == "suspended"
    assert house.app.npcs.players.children == 0
    failing.fail_in = ""
    await house.app.directory.table(game_id).ask(Resume(), timeout=5)
    await house.advance(5)
    assert await events(house, game_id) == 2


async def test_ids_that_are_none_of_ours_are_left_to_whoever_plays_for_them(house: House) -> None:
    game_id = await house.new_game("duel", ["npc:mcts_9000", "npc:somebody"])
    await house.advance(100)
    assert await events(house, game_id) == 1
    client = await house.player("npc:somebody")
    assert (await client.join(game_id))["success"]


async def test_a_house_may_play_for_nobody(autojump_clock: trio.testing.MockClock) -> None:
    async with open_house(evolve(unhurried(), npc=Npc(processes=0))) as house:
        game_id = await house.new_game("duel", ["npc:greedy", "npc:random"])
        await house.advance(100)
        assert await events(house, game_id) == 1


async def test_the_same_seed_plays_the_same_game(autojump_clock: trio.testing.MockClock) -> None:
    replays = []
    for _ in range(2):
        async with open_house(seed=7) as house:
            game_id = await house.new_game("crazy_eights", ["npc:mcts", "npc:greedy"], seed="s")
            await ended(house, game_id)
            replays.append([event["action"] for event in (await house.api.replay(game_id))["events"][1:]])
    assert replays[0] == replays[1]
