from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from actors.rules.registry import Registry
from net.demo.plan import GOOD_LENGTH, CannotPlay, make_plan, rehearse
from net.errors import StartError
from tests.net.demo.played import REGISTRY, Played, plan
from tests.samples.memory import CountingEntropy
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


class Endless(Tally):
    """Nobody ever wins."""

    name = "endless"

    def outcome(self, state: object) -> None:
        return None


class Silent(Tally):
    """Does not say what is legal."""

    name = "silent"

    def legal(self, state: object, seat: int) -> None:
        return None


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(seed="again") == plan(seed="again")
    assert plan(seed=None, players=3) == plan(seed=None, players=3)


def test_the_players_choices_follow_from_the_seed_and_the_seat() -> None:
    seen: JsonObject = {"legal_actions": [{"type": str(n)} for n in range(1000)]}

    def choices(seed: str, seat: int) -> list[JsonObject]:
        choose = plan(seed=seed).chooser(seat)
        return [choose(seen) for _ in range(5)]

    assert choices("s", 0) == choices("s", 0)
    assert choices("s", 0) != choices("s", 1)
    assert choices("s", 0) != choices("t", 0)


@pytest.mark.parametrize("rules", ["crazy_eights", "tally"])
def test_the_rehearsal_is_the_game_as_it_is_played(rules: str) -> None:
    for seed in "abcdef":
        made = plan(rules=rules, seed=seed)
        assert rehearse(made, REGISTRY.latest(rules), 2000) == Played.of(made).positions[-1].event_id


@pytest.mark.parametrize("players", [2, 3, 4, 5])
def test_without_a_seed_one_is_taken_whose_game_is_neither_short_nor_long(players: int) -> None:
    made = plan(seed=None, players=players)
    length = rehearse(made, REGISTRY.latest("crazy_eights"), 2000)
    assert length is not None
    assert length in GOOD_LENGTH
    assert made.kill_after == length // 2


def test_a_long_game_is_not_half_over_before_the_kill() -> None:
    lengths = {seed: Played.of(plan(seed=seed)).positions[-1].event_id for seed in map(str, range(20))}
    longest = max(lengths, key=lambda seed: lengths[seed])
    assert lengths[longest] > 100
    assert plan(seed=longest).kill_after == GOOD_LENGTH.stop // 2


def test_the_server_is_left_alone_when_nobody_asks_for_its_death() -> None:
    assert plan(kill=False).kill_after is None


def test_a_game_that_does_not_end_is_rehearsed_no_longer_than_asked() -> None:
    rules = Endless()
    made = make_plan(Registry([rules]), CountingEntropy(), rules="endless", players=2, seed=None, kill=True)
    assert rehearse(made, rules, 50) is None
    assert made.kill_after == GOOD_LENGTH.stop // 2


def test_options_that_the_rules_do_not_have_are_not_asked_for() -> None:
    assert plan().options == {"draw_when_playable": False}
    assert plan(rules="tally").options == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rules": "bogus"}, "--rules: there are no rules named 'bogus'; there are crazy_eights, duel, tally"),
        ({"rules": "tally", "players": 5}, "--players: Tally has 2 to 4, not 5"),
        ({"seed": ""}, "--seed: must be a text of 1 to 128 characters"),
        ({"seed": "x" * 129}, "--seed: must be a text of 1 to 128 characters"),
        ({"seed": "\udcff"}, "--seed: must be a text of 1 to 128 characters"),
    ],
)
def test_what_cannot_be_played_is_said_in_a_line(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotPlay) as refused:
        plan(**asked)
    assert str(refused.value) == said
    assert isinstance(refused.value, StartError)


def test_rules_that_do_not_list_what_is_legal_cannot_be_played_at_random() -> None:
    with pytest.raises(CannotPlay, match="does not list the legal actions"):
        make_plan(Registry([Silent()]), CountingEntropy(), rules="silent", players=2, seed="s", kill=True)
