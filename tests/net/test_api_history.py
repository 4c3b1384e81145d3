"""The HTTP API of games that are over, and of a player's games: in the house, from the request to the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from actors.archivist import describe_ended
from actors.ports import ArchiveUnavailable
from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net import recent_games
from net.auth import Scope
from net.checks.replay import lasting
from net.client import play, random_choice
from net.config import Config, Games
from net.replay.document import parse_replay
from net.replay.reel import reel_of
from net.testing.ports import SimEntropy
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.events import Event
    from actors.messages import Description
    from actors.rules.interface import JsonObject
    from net.client import CroupierClient
    from net.client.http import HttpAnswer
    from net.testing.house import House

ANNA, BEN, CARL = "8a1f6c9e-0f5b-4f0e-9a52-6a1f5be0a001", "npc:ben", "npc:carl"
REGISTRY = Registry([CrazyEights(), Tally()])
UNTIL_ARCHIVED = 120.0
"""Virtual seconds; by default a game leaves the store a minute after its end."""


@pytest.fixture
def house_rules() -> Registry:
    return REGISTRY


async def ask(house: House, path: str, *, token: str | None) -> HttpAnswer:
    return await evolve(house.api, token=token).request("GET", path)


def refusal(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def ended(house: House, players: tuple[str, ...] = (ANNA, BEN), **asked: Any) -> str:  # noqa: ANN401
    """A game of Tally that the first player has given up."""
    game_id = await house.new_game("tally", players, **asked)
    client = await house.player(players[0])
    assert (await client.request("game:resign", {"game_id": game_id}))["success"]
    await client.aclose()
    return game_id


async def played(house: House) -> tuple[str, dict[str, list[JsonObject]]]:
    """A game of Crazy Eights by two random players, and what each of them saw."""
    game_id = await house.new_game("crazy_eights", (ANNA, BEN), seed="cards", options={"draw_when_playable": False})
    seen: dict[str, list[JsonObject]] = {ANNA: [], BEN: []}

    async def sit(player: str, client: CroupierClient) -> None:
        await play(client, game_id, random_choice(SimEntropy(len(player))), seen=seen[player].append)
        await client.aclose()

    async with trio.open_nursery() as nursery:
        for player in seen:
            nursery.start_soon(sit, player, await house.player(player))
    return game_id, seen


# ---- a replay


async def test_what_is_replayed_is_what_was_seen_live(house: House) -> None:
    game_id, seen = await played(house)
    reel = reel_of(parse_replay(await house.api.replay(game_id)), REGISTRY)
    for player, views in seen.items():
        again = [reel.seen(n, reel.viewer(player))[0].view for n in range(1, len(reel.events) + 1)]
        assert views[-1]["game_over"]
        for live in views:
            replayed = again[live["event_id"] - 1]
            assert replayed is not None
            if not live.get("changes"):  # the answer to a join, and the state that follows it, tell of no change
                replayed = {**replayed, "changes": live["changes"]} if "changes" in live else without_changes(replayed)
            assert lasting(replayed) == lasting(live)
        assert {view["event_id"] for view in views} >= set(range(2, len(reel.events) + 1))


def without_changes(view: JsonObject) -> JsonObject:
    return {name: value for name, value in view.items() if name != "changes"}


async def test_a_replay_is_the_same_before_and_after_the_game_was_archived(house: House) -> None:
    game_id, _ = await played(house)
    before, described = await house.api.replay(game_id), await house.api.game(game_id)
    await trio.sleep(UNTIL_ARCHIVED)
    assert (await house.archive.description(game_id)).game_id == game_id
    assert await house.api.replay(game_id) == before
    assert await house.api.game(game_id) == described
    assert {name: before[name] for name in described} == described


async def test_an_archived_game_is_looked_at_without_waking_a_table(house: House) -> None:
    game_id = await ended(house)
    await trio.sleep(UNTIL_ARCHIVED)
    await house.restart()
    assert (await house.api.game(game_id))["end_reason"] == "resignation"
    assert len((await house.api.replay(game_id))["events"]) == 2
    assert len(house.app.directory) == 0


@pytest.mark.parametrize("wait", [0.0, UNTIL_ARCHIVED])
async def test_a_replay_is_for_the_players_and_for_services(house: House, wait: float) -> None:
    game_id = await ended(house)
    await trio.sleep(wait)
    path = f"/api/games/{game_id}/replay"
    for player in (ANNA, BEN):
        assert (await ask(house, path, token=house.token(player))).status == 200
    assert (await ask(house, path, token=house.token("lobby", scope=Scope.SERVICE))).status == 200
    stranger = await ask(house, path, token=house.token(CARL))
    assert refusal(stranger) == (403, "not_in_game")
    assert "seed" not in stranger.body.decode()
    assert refusal(await ask(house, path, token=None)) == (401, "unauthorized")


async def test_a_game_that_runs_is_not_replayed(house: House) -> None:
    game_id = await house.new_game("tally", (ANNA, BEN), seed="nobody must know")
    answer = await ask(house, f"/api/games/{game_id}/replay", token=house.token(ANNA))
    assert refusal(answer) == (409, "game_running")
    assert answer.json["error"]["details"] == {"status": "running"}
    assert "nobody must know" not in answer.body.decode()
    stranger = await ask(house, f"/api/games/{game_id}/replay", token=house.token(CARL))
    assert refusal(stranger) == (403, "not_in_game")


@pytest.mark.parametrize("game_id", ["00000000-0000-4000-8000-000000000000", "no%20id", "x" * 65])
async def test_a_game_that_never_was_is_not_found(house: House, game_id: str) -> None:
    for path in (f"/api/games/{game_id}", f"/api/games/{game_id}/replay"):
        assert refusal(await house.api.request("GET", path)) == (404, "game_not_found")


async def test_while_the_archive_is_away_its_games_are_unavailable_and_the_others_are_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived = await ended(house)
    await trio.sleep(UNTIL_ARCHIVED)
    running = await house.new_game("tally", (ANNA, BEN))
    await house.restart()

    async def away(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise ArchiveUnavailable("the archive: it is away")

    for method in ("description", "events", "games_of"):
        monkeypatch.setattr(house.archive, method, away)
    assert refusal(await house.api.request("GET", f"/api/games/{archived}")) == (503, "unavailable")
    assert refusal(await house.api.request("GET", f"/api/games/{archived}/replay")) == (503, "unavailable")
    assert refusal(await house.api.request("GET", f"/api/players/{ANNA}/games")) == (503, "unavailable")
    assert (await house.api.game(running))["status"] == "running"


async def test_an_ended_game_cannot_be_played_on_after_it_was_archived_and_answers_as_before(house: House) -> None:
    game_id = await house.new_game("tally", (ANNA, BEN))
    anna = await house.player(ANNA)
    request = {"game_id": game_id, "message_id": "m1"}
    answer = await anna.request("game:resign", request)
    await anna.aclose()
    await trio.sleep(UNTIL_ARCHIVED)
    await house.restart()
    anna = await house.player(ANNA)
    assert await anna.request("game:resign", request) == answer
    again = await anna.request("game:resign", {"game_id": game_id})
    assert again["error"]["code"] == "game_ended"
    view = await anna.request("game:join", {"game_id": game_id})
    assert (view["game_over"], view["end_reason"]) == (True, "resignation")


# ---- a player's games


async def listed(house: House, user_id: str, **asked: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    """All the pages."""
    games: list[JsonObject] = []
    before = None
    while True:
        page = await house.api.games_of(user_id, before=before, **asked)
        games += page["games"]
        before = page["next"]
        if before is None:
            return [(game["game_id"], game["status"]) for game in games]


async def test_a_players_games_are_listed_the_newest_first(house: House) -> None:
    archived = [await ended(house, (ANNA, BEN)), await ended(house, (CARL, BEN)), await ended(house, (BEN, ANNA))]
    await trio.sleep(UNTIL_ARCHIVED)
    recent = [await ended(house, (ANNA, CARL)), await ended(house, (CARL, ANNA)), await ended(house, (CARL, BEN))]
    running = [await house.new_game("tally", (ANNA, BEN)) for _ in range(3)]
    anna = await house.player(ANNA)
    await anna.request("game:action", {"game_id": running[1], "action": {"type": "guess", "number": 999}})
    await anna.aclose()
    expected = [
        *((running[n], "running") for n in (1, 2, 0)),
        *((recent[n], "ended") for n in (1, 0)),
        *((archived[n], "ended") for n in (2, 0)),
    ]
    for limit in (1, 2, 3, 5, 7, 100):
        assert await listed(house, ANNA, limit=limit) == expected
    assert await listed(house, ANNA) == expected
    assert await listed(house, "npc:nobody") == []


async def test_a_listed_game_is_described_as_it_is_by_itself(house: House) -> None:
    over, running = await ended(house), await house.new_game("tally", (ANNA, BEN))
    for wait in (0.0, UNTIL_ARCHIVED):
        await trio.sleep(wait)
        page = await house.api.games_of(ANNA)
        assert page == {"games": [await house.api.game(running), await house.api.game(over)], "next": None}


async def test_a_list_wakes_no_table(house: House) -> None:
    games = [await ended(house), await house.new_game("tally", (ANNA, BEN))]
    await house.restart()
    assert len((await house.api.games_of(ANNA))["games"]) == len(games)
    assert len(house.app.directory) == 0


async def test_how_a_game_ended_is_worked_out_once_for_all_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    over = [await ended(house) for _ in range(3)]
    looked_at: list[str] = []

    async def describe(events: tuple[Event, ...], registry: Registry) -> Description:
        described = await describe_ended(events, registry)
        looked_at.append(described.game_id)
        return described

    monkeypatch.setattr(recent_games, "describe_ended", describe)
    for _ in range(2):
        assert [game for game, _ in await listed(house, ANNA, limit=1)] == over[::-1]
    assert sorted(looked_at) == sorted(over)


async def test_a_suspended_game_is_listed_as_one(house: House) -> None:
    game_id = await house.new_game("tally", (ANNA, BEN))
    anna = await house.player(ANNA)
    await anna.request("game:action", {"game_id": game_id, "action": {"type": "crash"}})
    assert await listed(house, ANNA) == [(game_id, "suspended")]


async def test_a_list_is_for_its_player_and_for_services(house: House) -> None:
    path = f"/api/players/{ANNA}/games"
    assert (await ask(house, path, token=house.token(ANNA))).json == {"games": [], "next": None}
    assert (await ask(house, path, token=house.token("lobby", scope=Scope.SERVICE))).status == 200
    assert refusal(await ask(house, path, token=house.token(BEN))) == (403, "forbidden")
    assert refusal(await ask(house, path, token=None)) == (401, "unauthorized")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "many", "1e1", "%D9%A4", "00000000001"])
async def test_a_wrong_limit_is_refused(house: House, limit: str) -> None:
    answer = await house.api.request("GET", f"/api/players/{ANNA}/games?limit={limit}")
    assert refusal(answer) == (400, "invalid_message")
    assert answer.json["error"]["details"] == {"field": "limit", "reason": "must be a whole number from 1 to 100"}


@pytest.mark.parametrize(
    "before", ["", "game-1", "running:1", "running:x:game-1", "running:nan:game-1", "lost:1.0:game-1", "ended:1.0:a*b"]
)
async def test_a_cursor_that_no_page_ended_with_is_refused(house: House, before: str) -> None:
    answer = await house.api.request("GET", f"/api/players/{ANNA}/games?before={before}")
    assert refusal(answer) == (400, "invalid_message")
    assert answer.json["error"]["details"] == {"field": "before", "reason": "must be the `next` of another page"}


async def test_a_page_after_a_game_that_was_archived_meanwhile_leaves_nothing_out(house: House) -> None:
    games = [await ended(house) for _ in range(4)]
    first = await house.api.games_of(ANNA, limit=2)
    assert [game["game_id"] for game in first["games"]] == [games[3], games[2]]
    await trio.sleep(UNTIL_ARCHIVED)
    second = await house.api.games_of(ANNA, before=first["next"])
    assert {game["game_id"] for game in second["games"]} >= {games[1], games[0]}


async def test_many_games_with_their_latest_action_at_the_same_time_are_all_listed(house: House) -> None:
    ids = []
    async with trio.open_nursery() as nursery:

        async def make() -> None:
            ids.append(await house.new_game("tally", (ANNA, BEN)))

        for _ in range(12):
            nursery.start_soon(make)
    pages = await listed(house, ANNA, limit=3)
    assert sorted(game for game, _ in pages) == sorted(ids)


async def test_a_damaged_game_does_not_hide_the_others(house: House, caplog: pytest.LogCaptureFixture) -> None:
    damaged, whole = await house.new_game("tally", (ANNA, BEN)), await house.new_game("tally", (ANNA, BEN))
    await house.app.store.call("XDEL", f"croupier:game:{damaged}", "1-0")
    await house.app.store.call("XADD", f"croupier:game:{damaged}", "2-0", "event", b"rubbish", "nonce", b"x")
    assert await listed(house, ANNA) == [(whole, "running")]
    assert f"game {damaged} cannot be listed" in caplog.text


async def test_damaged_games_do_not_hide_those_that_come_after_them_on_the_pages(house: House) -> None:
    over = [await ended(house) for _ in range(3)]
    whole = [await house.new_game("tally", (ANNA, BEN)) for _ in range(3)]
    for _ in range(3):
        damaged = await house.new_game("tally", (ANNA, BEN))
        await house.app.store.call("DEL", f"croupier:game:{damaged}")
    pages = await listed(house, ANNA, limit=2)
    assert [game for game, _ in pages] == [*reversed(whole), *reversed(over)]


@pytest.mark.parametrize("user_id", ["%00", "a%0Ab", "%27%20OR%201=1", "a" * 65])
async def test_a_list_of_somebody_whom_no_user_can_be_is_refused(house: House, user_id: str) -> None:
    answer = await ask(house, f"/api/players/{user_id}/games", token=house.api.token)
    assert refusal(answer) == (400, "invalid_message")
    assert answer.json["error"]["details"]["field"] == "id"


# ---- with turn clocks


@pytest.mark.parametrize("house_config", [Config(games=Games(archive_after=0.0))])
async def test_a_game_lost_on_time_is_replayed_with_its_timeouts(house: House) -> None:
    game_id = await house.new_game("tally", (ANNA, BEN), turn_timeout_seconds=5)
    await trio.sleep(12)
    await house.api.request("POST", f"/api/games/{game_id}/abort", json={"reason": "enough"})
    await trio.sleep(UNTIL_ARCHIVED)
    replay = await house.api.replay(game_id)
    kinds = [(event["kind"], event.get("players")) for event in replay["events"]]
    assert kinds == [("created", None), ("timed_out", [ANNA]), ("timed_out", [BEN]), ("aborted", None)]
    assert replay["turn_timeout_seconds"] == 5
    reel = reel_of(parse_replay(replay), REGISTRY)
    (sight,) = reel.seen(3, reel.viewer("spectator"))
    assert sight.view is not None
    assert sight.view["changes"] == [{"type": "timed_out", "seat": 1, "bowed": False}]
