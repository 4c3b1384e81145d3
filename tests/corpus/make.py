"""Adds games to the corpus: `.venv/bin/python -m tests.corpus.make` in the checkout.

Plays each game of `GAMES` on a whole server (in simulation, so that it takes no time, and the same game comes out each
time), and writes down its events as they stand in the journal, and what each viewer was shown, in the folder of the
present schema version: `v2/NAME.jsonl`, a line an event, and `v2/NAME.json`. A game that is there is left as it is, for
good: the corpus is what past versions wrote, and every version to come must replay it (tests/corpus/test_corpus.py).

To be run, with new games added below, when the schema version was raised, rules came or got a new version. Version 1
was made by this very script, without the games that have a clock, in a tree of the last commit that wrote version 1.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import trio
from attrs import field, frozen
from trio.testing import MockClock

from net.event_codec import SCHEMA_VERSION
from net.testing.house import open_house
from tests.corpus.shown import digest, shown

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

HERE = Path(__file__).parent
MOST_EVENTS = 400


@frozen
class Script:
    """How a game is played: by rules, with options, and what happens at which event instead of a legal action: `resign`
    (whoever is to act gives up), `abort`, `wait` (until their time is up)."""

    rules: str
    players: int
    options: dict[str, Any] = field(factory=dict)
    instead: dict[int, str] = field(factory=dict)
    turn_timeout_seconds: float | None = None


GAMES: dict[str, Script] = {
    "crazy-eights-two": Script("crazy_eights", 2),
    "crazy-eights-five": Script("crazy_eights", 5),
    "crazy-eights-specials": Script("crazy_eights", 3, {"special_cards": True, "hand_size": 6}),
    "crazy-eights-draw-limit": Script("crazy_eights", 2, {"draw_limit": 3, "draw_when_playable": False}),
    "crazy-eights-resigned": Script("crazy_eights", 4, instead={5: "resign", 9: "resign"}),
    "crazy-eights-resigned-by-all": Script("crazy_eights", 3, instead={4: "resign", 6: "resign"}),
    "crazy-eights-aborted": Script("crazy_eights", 2, instead={8: "abort"}),
    "crazy-eights-timed-out": Script("crazy_eights", 2, instead={6: "wait"}, turn_timeout_seconds=20.0),
    "crazy-eights-timed-out-of-three": Script(
        "crazy_eights", 3, instead={3: "wait", 5: "resign", 8: "wait"}, turn_timeout_seconds=20.0
    ),
    "crazy-eights-by-the-clock": Script("crazy_eights", 2, turn_timeout_seconds=30.0),
    "crazy-eights-2": Script("crazy_eights", 2),  # by version 2 of its rules, as all that come after
    "crazy-eights-2-specials": Script("crazy_eights", 4, {"special_cards": True, "reshuffle": False, "draw_limit": 2}),
    "duel": Script("duel", 2),
    "duel-resigned": Script("duel", 2, {"decks": ["storms", "groves"]}, instead={60: "resign"}),
}


async def played(house: House, name: str, script: Script) -> list[bytes]:
    """Plays the game, and returns its events as they stand in the journal."""
    users = [f"player-{number}" for number in range(script.players)]
    seconds = script.turn_timeout_seconds
    game_id = await house.new_game(script.rules, users, options=script.options, seed=name, turn_timeout_seconds=seconds)
    clients = {user: await house.player(user) for user in users}
    event_id = 0
    while event_id < MOST_EVENTS:
        views = {user: await client.join(game_id) for user, client in clients.items()}
        event_id = views[users[0]]["event_id"]
        if views[users[0]]["game_over"]:
            break
        user = views[users[0]]["to_act"][0]
        await _move(house, clients[user], views[user], script, name)
    for client in clients.values():
        await client.aclose()
    entries: Any = house.redis.execute("XRANGE", f"{house.config.store.prefix}game:{game_id}", "-", "+")
    return [dict(zip(fields[::2], fields[1::2], strict=True))[b"event"] for _, fields in entries]


async def _move(house: House, client: CroupierClient, view: dict[str, Any], script: Script, name: str) -> None:
    game_id, event_id = view["game_id"], view["event_id"] + 1
    match script.instead.get(event_id):
        case "resign":
            await client.resign(game_id, f"m{event_id}")
        case "abort":
            await house.api.request("POST", f"/api/games/{game_id}/abort", json={"reason": "for the corpus"})
        case "wait":
            assert script.turn_timeout_seconds is not None
            await trio.sleep(script.turn_timeout_seconds + 1)
        case _:
            choice = int.from_bytes(hashlib.sha256(f"{name}:{event_id}".encode()).digest()[:4], "big")
            legal = view["legal_actions"]
            if choice % 8:  # a game in which everybody draws does not end
                legal = [action for action in legal if action["type"] not in ("draw", "pass")] or legal
            # Every other one is a request that could be repeated, whose answer is journalled.
            await client.act(game_id, legal[choice % len(legal)], f"m{event_id}" if event_id % 2 else None)


async def add() -> None:
    """Adds what is not there yet."""
    folder = HERE / f"v{SCHEMA_VERSION}"
    folder.mkdir(exist_ok=True)
    async with open_house() as house:
        for name, script in GAMES.items():
            events, expected = folder / f"{name}.jsonl", folder / f"{name}.json"
            if events.exists():
                continue
            written = await played(house, name, script)
            views = shown(written)
            kept = {"digests": [digest(each) for each in views], "final": views[-1]}
            events.write_bytes(b"".join(line + b"\n" for line in written))
            expected.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            sys.stderr.write(f"{events.relative_to(HERE)}: {len(written)} events\n")


if __name__ == "__main__":
    trio.run(add, clock=MockClock(autojump_threshold=0))
