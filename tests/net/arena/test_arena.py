"""A short tournament, in processes, comes out the same each time, and is told to people and to programs."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from actors.bots.standings import Standings
from net.arena.command import Tournament
from net.arena.report import as_json
from net.cli import main


def arena(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["arena", *arguments])
    return result.exit_code, result.output


def test_greedy_beats_random_and_the_same_seed_says_so_again() -> None:
    asked = ("--bots", "greedy,random", "--games", "4", "--processes", "2", "--seed", "ci", "--json")
    status, output = arena(*asked)
    assert status == 0
    found = json.loads(output)
    assert found["pairs"] == [{"bots": ["greedy", "random"]} | found["pairs"][0]]
    assert found["pairs"][0]["won"] == 4
    assert found["bots"]["greedy"]["elo"] > found["bots"]["random"]["elo"]
    assert found["notes"] == []


def test_each_pair_plays_each_deal_from_both_sides() -> None:
    tournament = Tournament("duel", ("a", "b", "c"), 3, "s")
    matches = list(tournament.matches())
    assert len(matches) == 3 * 4
    assert {bots for bots, seed in matches if seed == "s:1"} == {(x, y) for x in "abc" for y in "abc" if x != y}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bots", "greedy,deep_blue"), "--bots: there is no deep_blue; there are mcts, greedy, random"),
        (("--bots", "greedy"), "--bots: two different ones at least"),
        (("--bots", "greedy,greedy"), "--bots: two different ones at least"),
        (("--rules", "ludo"), "--rules: there are no rules named 'ludo'"),
        (("--options", "{"), "--options: must be a JSON object"),
        (("--options", '{"points_to_win": 9}'), "--options: points_to_win"),
    ],
)
def test_what_cannot_be_played_is_said(arguments: tuple[str, ...], said: str) -> None:
    status, output = arena(*arguments)
    assert status == 2
    assert said in output


def test_the_json_has_all_that_the_tables_have() -> None:
    standings = Standings(("a", "b"))
    standings.add("a", "b", "a")
    found = as_json(standings, {"rules": "duel"})
    assert found["rules"] == "duel"
    assert found["bots"]["a"] == {"won": 1, "drawn": 0, "lost": 0, "share": 1.0} | {
        name: found["bots"]["a"][name] for name in ("interval", "elo")
    }
