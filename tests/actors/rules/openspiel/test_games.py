"""OpenSpiel's games as rules: played to their ends; what each sees comes from OpenSpiel, and chance from us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actors.rules.chance import Chance, key_of
from actors.rules.interface import IllegalAction, MalformedAction, Outcome
from actors.rules.openspiel.catalogue import as_json, catalogue
from actors.rules.openspiel.family import OpenSpielFamily, installed
from actors.rules.openspiel.rules import OpenSpiel
from actors.rules.openspiel.survey import concluded, entries, trial
from actors.rules.registry import Registry, RulesVersionMissing, UnknownRules
from actors.rules.validation import BadOptions, checked_options, validate
from net.openspiel import PAGE, listed, page_with
from net.testing.rules import assert_no_leak, check_rules

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from actors.rules.openspiel.rules import SpielAction
    from actors.rules.openspiel.state import SpielState

ROOT = Path(__file__).parents[4]

PLAYED = ["gin_rummy", "hearts", "backgammon", "chess", "kuhn_poker", "hanabi", "goofspiel", "leduc_poker", "solitaire"]


def rules_of(name: str) -> OpenSpiel:
    rules = Registry.built_in().latest(f"openspiel:{name}")
    assert isinstance(rules, OpenSpiel)
    return rules


def begun(
    name: str, players: int | None = None, seed: str = "s", **options: object
) -> tuple[OpenSpiel, SpielState, Chance]:
    rules, chance = rules_of(name), Chance(key_of(seed))
    state = rules.set_up(players or rules.min_players, checked_options(rules, options), chance)
    return rules, state, chance


def named(rules: OpenSpiel, state: SpielState, seat: int, name: str) -> SpielAction:
    return next(action for action in rules.legal(state, seat) or () if action.name == name)


def act(rules: OpenSpiel, state: SpielState, chance: Chance, seat: int, name: str) -> SpielState:
    return rules.apply(state, seat, named(rules, state, seat, name), chance).state


# ---- to the end


@pytest.mark.parametrize("name", PLAYED)
def test_a_game_is_played_to_its_end_by_choosing_from_what_is_legal(name: str) -> None:
    rules, state, chance = begun(name)
    for _ in range(5000):
        if (outcome := rules.outcome(state)) is not None:
            break
        for seat in rules.to_act(state):
            legal = rules.legal(state, seat)
            assert legal
            assert [rules.parse(rules.dump(action)) for action in legal] == list(legal)
            state = rules.apply(state, seat, chance.choice(legal), chance).state
            for viewer in (*range(state.players), None):
                json.dumps(rules.view(state, viewer))
    assert outcome is not None
    assert outcome.reason == "finished"
    assert rules.to_act(state) == ()
    assert list(outcome.scores) == list(state.node.returns())


@pytest.mark.parametrize("name", ["kuhn_poker", "leduc_poker", "goofspiel", "tic_tac_toe", "matrix_rps", "catch"])
def test_the_rules_keep_the_protocol_of_rules(name: str) -> None:
    check_rules(rules_of(name), games=4, positions=20, options=[{}], other_process=False)


# ---- chance


def test_the_same_seed_deals_the_same_cards_and_another_others() -> None:
    one, two, other = (begun("gin_rummy", seed=seed)[1] for seed in ("s", "s", "t"))
    assert one == two
    assert one.moves != other.moves


def test_each_outcome_of_chance_comes_as_often_as_it_should() -> None:
    deals = [begun("kuhn_poker", seed=str(number))[1].moves for number in range(600)]
    assert set(deals) == {(a, b) for a in range(3) for b in range(3) if a != b}
    assert all(60 <= deals.count(deal) <= 140 for deal in set(deals))


# ---- what is seen


def test_a_player_sees_their_own_card_and_nobody_elses_and_a_spectator_none() -> None:
    rules, state, _ = begun("kuhn_poker")
    cards = state.moves
    for seat in (0, 1):
        view = rules.view(state, seat)
        assert view["information_state"] == str(cards[seat])
        assert view["observation"] == f"{cards[seat]}11"
    other = next(one for one in (begun("kuhn_poker", seed=str(n))[1] for n in range(100)) if one.moves != cards)
    assert rules.view(state, None) == rules.view(other, None)


def test_a_game_whose_parameters_hide_something_hides_it_from_spectators_too() -> None:
    rules, open_game, _ = begun("goofspiel")
    assert "hand" in rules.view(open_game, None)["observation"]
    rules, hidden, chance = begun("goofspiel", imp_info=True)
    before = rules.view(hidden, None)
    for seat, name in ((0, "[P0]Bid: 3"), (1, "[P1]Bid: 5")):
        step = rules.apply(hidden, seat, named(rules, hidden, seat, name), chance)
        assert "3" not in json.dumps(step.changes[0].seen_by(1 - seat))
        hidden = step.state
    assert "hand" not in str(before["observation"]).lower()
    assert rules.view(hidden, None)["turn"] == 1


def test_in_an_open_game_everybody_sees_what_is_done_and_in_a_hidden_one_who_did_it() -> None:
    rules, state, chance = begun("tic_tac_toe")
    (change,) = rules.apply(state, 0, named(rules, state, 0, "x(1,1)"), chance).changes
    assert change.seen_by(None) == change.seen_by(1) == change.seen_by(0)
    assert change.seen_by(1)["name"] == "x(1,1)"
    rules, state, chance = begun("phantom_ttt")
    (change,) = rules.apply(state, 0, named(rules, state, 0, "x(1,1)"), chance).changes
    assert change.seen_by(None) == change.seen_by(1) == {"type": "moved", "seat": 0, "drawn": False}
    assert change.seen_by(0)["action"] == 4


@pytest.mark.parametrize("name", ["kuhn_poker", "leduc_poker", "gin_rummy", "hanabi", "phantom_ttt"])
def test_nobody_is_sent_what_they_may_not_know(name: str) -> None:
    # What was bet is open, and stands in the observation as well as in who did it is shown.
    shown = ["$.observation", "$.information_state"]
    assert_no_leak(rules_of(name), options=[{}], games=4, pairs=6, service=int(name == "gin_rummy"), may_show=shown)


# ---- at the same time


def test_those_who_choose_at_once_do_not_see_what_the_others_have_chosen() -> None:
    rules, state, chance = begun("matrix_rps")
    assert rules.to_act(state) == (0, 1)
    assert rules.current(state) is None
    before = rules.view(state, 1), rules.view(state, None)
    turn = rules.turn(state)
    step = rules.apply(state, 0, named(rules, state, 0, "Rock"), chance)
    state = step.state
    assert (rules.view(state, 1), rules.view(state, None)) == before
    assert step.changes[0].seen_by(1) == {"type": "moved", "seat": 0, "drawn": False}
    assert rules.view(state, 0)["chosen"] == {"type": "move", "action": 0, "name": "Rock"}
    assert (rules.to_act(state), rules.turn(state)) == ((1,), turn)
    assert rules.restore(json.loads(json.dumps(rules.save(state)))) == state
    state = act(rules, state, chance, 1, "Paper")
    assert rules.outcome(state) == Outcome(1, (-1, 1), "finished")


def test_when_the_time_of_several_is_up_an_action_is_drawn_for_each() -> None:
    rules, state, chance = begun("matching_pennies_3p")
    state = act(rules, state, chance, 1, "Heads")
    step = rules.time_out(state, (0, 2), chance)
    assert [change.public["seat"] for change in step.changes] == [0, 2]
    assert all(change.public["drawn"] for change in step.changes)
    assert rules.outcome(step.state) is not None


# ---- giving up, and time


def test_of_two_who_gives_up_loses_with_the_worst_score_of_the_game() -> None:
    rules, state, chance = begun("chess")
    assert rules.outcome(rules.resign(state, 0, chance).state) == Outcome(1, (-1, 1), "resignation")


def test_of_four_the_others_play_on_and_who_has_gone_is_drawn_for() -> None:
    rules, state, chance = begun("hearts")
    gone = rules.to_act(state)[0]
    state = rules.resign(state, gone, chance).state
    assert rules.has_resigned(state, gone)
    for _ in range(200):
        if (outcome := rules.outcome(state)) is not None:
            break
        (seat,) = rules.to_act(state)
        assert seat != gone
        state = rules.apply(state, seat, chance.choice(rules.legal(state, seat) or ()), chance).state
    assert outcome is not None
    assert outcome.reason == "finished"
    assert outcome.winner != gone
    assert outcome.scores[gone] == 0  # the worst of hearts: its scores are better the higher they are


def test_the_last_who_is_left_of_many_has_won() -> None:
    rules, state, chance = begun("kuhn_poker", 3)
    for seat in (0, 2):
        state = rules.resign(state, seat, chance).state
    outcome = rules.outcome(state)
    assert outcome is not None
    assert (outcome.winner, outcome.reason) == (1, "resignation")
    assert outcome.scores[0] == outcome.scores[2] < outcome.scores[1]


def test_one_who_plays_alone_and_gives_up_has_lost() -> None:
    rules, state, chance = begun("solitaire")
    outcome = rules.outcome(rules.resign(state, 0, chance).state)
    assert outcome is not None
    assert (outcome.winner, outcome.reason) == (None, "resignation")


def test_who_runs_out_of_time_may_lose_by_an_option_and_else_an_action_is_drawn() -> None:
    rules, state, chance = begun("chess", when_time_is_up="lose")
    white = rules.to_act(state)
    assert white == (1,)  # OpenSpiel's chess has it so
    assert rules.outcome(rules.time_out(state, white, chance).state) == Outcome(0, (1, -1), "timeout")
    rules, state, chance = begun("chess")
    step = rules.time_out(state, white, chance)
    assert rules.outcome(step.state) is None
    assert rules.to_act(step.state) == (0,)
    assert step.changes[0].public["drawn"]


# ---- actions and options


@pytest.mark.parametrize(
    "action",
    [
        {"type": "move"},
        {"type": "move", "name": "x(1,1)"},
        {"type": "bet", "action": 1},
        {"type": "move", "action": True},
        {"type": "move", "action": 1.0},
        {"type": "move", "action": 2**60},
        {"type": "move", "action": 1, "name": 3},
        {"type": "move", "action": 1, "more": 2},
        {"type": "move", "action": 1, "name": None},
    ],
)
def test_what_is_no_action_is_malformed(action: JsonObject) -> None:
    with pytest.raises(MalformedAction, match='its "name"'):
        rules_of("chess").parse(action)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"action": 9, "name": "x(3,0)"}, "action 9 is not legal"),
        ({"action": -1, "name": ""}, "action -1 is not legal"),
        ({"action": 0}, "has another name"),
        ({"action": 0, "name": "x(1,1)"}, "has another name"),
    ],
)
def test_what_is_not_legal_never_reaches_openspiel(action: JsonObject, why: str) -> None:
    rules, state, chance = begun("tic_tac_toe")
    with pytest.raises(IllegalAction, match=why):
        rules.apply(state, 0, rules.parse({"type": "move", **action}), chance)


def test_parameters_are_options_with_openspiels_defaults() -> None:
    rules = rules_of("gin_rummy")
    assert checked_options(rules, {})["gin_bonus"] == 25
    assert begun("kuhn_poker", 4)[1].node.num_players() == 4
    assert begun("go", board_size=5, komi=6)[1].node.get_game().get_parameters()["komi"] == 6.0
    with pytest.raises(BadOptions, match="hand_size"):
        checked_options(rules, {"hand_size": "ten"})
    with pytest.raises(BadOptions, match="players"):
        checked_options(rules_of("kuhn_poker"), {"players": 3})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("leduc_poker", {"starting_player": 5}),
        ("gin_rummy", {"num_suits": 0}),
        ("goofspiel", {"points_order": "by luck"}),
    ],
)
def test_parameters_that_openspiel_does_not_take_are_bad_options(name: str, options: JsonObject) -> None:
    with pytest.raises(BadOptions, match="OpenSpiel cannot begin"):
        begun(name, **options)


# ---- where they are found


def test_they_are_found_by_name_and_listed_only_when_that_is_asked_for() -> None:
    registry = Registry.built_in()
    assert "openspiel:chess" not in registry.names
    assert registry.latest("openspiel:chess") is registry.latest("openspiel:chess")
    assert registry.find("openspiel:chess", str(installed())).title == "Chess"
    assert Registry.built_in(("chess", "nonsense")).names == ("crazy_eights", "duel", "openspiel:chess")
    everything = Registry.built_in(("all",))
    assert {f"openspiel:{entry.name}" for entry in catalogue().playable} <= set(everything.names)
    assert "openspiel:hex" in [rules.name for rules in everything]


def test_other_names_and_versions_are_not_found() -> None:
    registry = Registry.built_in()
    for name in ("openspiel:nonsense", "openspiel:", "openspiel:tarok", "openspiel", "spiel:chess", ":chess"):
        with pytest.raises(UnknownRules):
            registry.latest(name)
    with pytest.raises(RulesVersionMissing):
        registry.find("openspiel:chess", "0.1")


def test_native_ones_have_another_stand_in_for_them_when_they_are_found() -> None:
    stand_in = rules_of("hex")
    assert Registry.built_in().with_native(lambda _: stand_in).latest("openspiel:chess") is stand_in


def test_where_openspiel_is_not_installed_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.rules.openspiel.family.find_spec", lambda _: None)
    assert OpenSpielFamily().rules("chess") is None
    assert OpenSpielFamily().names(("all",)) == ()


def test_every_one_of_them_is_a_sound_rules_object_with_sound_options() -> None:
    for entry in catalogue().playable:
        validate(OpenSpiel(entry, "1"))


def test_openspiel_is_not_imported_before_a_game_is_set_up() -> None:
    code = (
        "import sys\nfrom actors.rules.registry import Registry\n"
        "registry = Registry.discover(listed=('all',))\nrules = registry.latest('openspiel:chess')\n"
        "print(len(list(registry)) > 100, rules.options_schema['type'], 'pyspiel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True object False\n"


# ---- the list


def test_the_catalogue_is_of_the_installed_openspiel_and_has_all_its_games_as_it_describes_them() -> None:
    assert catalogue().version == installed()
    found = {entry.name: entry for entry in entries()}
    assert found.keys() == catalogue().games.keys()
    for name, entry in catalogue().games.items():
        described = found[name]
        assert (entry.title, entry.parameters) == (described.title, described.parameters)
        assert not described.why_not or entry.why_not == described.why_not


def test_the_page_has_the_list_of_the_catalogue() -> None:
    page = (ROOT / PAGE).read_text()
    assert page == page_with(page, listed(catalogue().version, catalogue().games.values()))
    written = (ROOT / "actors/rules/openspiel/games.json").read_text()
    assert written == as_json(catalogue().version, catalogue().games.values())


def test_a_game_that_goes_wrong_is_told_of_with_the_reason() -> None:
    games = {entry.name: entry for entry in entries()}
    assert trial(games["kuhn_poker"], 2) == ""
    assert "action structs only" in trial(games["crossword"], 1)


def test_a_game_is_offered_for_the_numbers_of_players_that_it_was_seen_to_be_played_by() -> None:
    snake = next(entry for entry in entries() if entry.name == "snake")
    assert concluded(snake, {2: "", 3: "it fails", 4: ""}).max_players == 2
    assert concluded(snake, {2: "it fails", 3: "", 4: ""}).min_players == 3
    assert concluded(snake, {2: "it fails: X", 3: "it fails: Y"}).why_not == "with 2 players it fails: X"
