"""check_rules: rules that are sound pass, and each fault that authors make is found, with words that say what to do."""

from __future__ import annotations

import re

import pytest

from net.new_game.template.high_card.rules import HighCard
from net.testing.rules import RulesBroken, check_rules
from tests.net.testing.rules import faulty

# ---- sound rules


def test_rules_that_remember_what_changes_nothing_are_sound() -> None:
    check_rules(faulty.Caches(), games=2, positions=8, other_process=False)


def test_options_that_rules_say_do_not_go_together_are_not_played() -> None:
    check_rules(faulty.Picky(), games=8, positions=16, other_process=False)


def test_what_was_looked_at_is_told_and_follows_from_the_seed() -> None:
    told = [str(check_rules(HighCard(), seed=seed, games=6, other_process=False)) for seed in (1, 1, 2)]
    assert re.fullmatch(
        r"high_card 1: 6 games, \d+ moves \(the longest game \d+\), \d+ positions looked at in depth; ended by .+",
        told[0],
    )
    assert told[0] == told[1] != told[2]


# ---- faults

FAULTS = [
    (faulty.ChangesOptions, "options are not changed", "set_up changed its options"),
    (faulty.IgnoresDefaults, "absent options take their defaults", r"set_up\(2, \{\}, …\) is not"),
    (faulty.AskewOptions, "set_up raises nothing", r'AssertionError: thirteen is unlucky.+options \{"cards":13\}'),
    (faulty.UsesRandom, "the same call gives the same|read nothing but|absent options", "random|another"),
    (faulty.SeedsRandom, "rules read nothing but their arguments", "read the module random, by Random.seed"),
    (faulty.ReadsTheClock, "rules read nothing but their arguments", r"apply\(.+read the clock, by time\(\) in Reads"),
    (faulty.Counts, "the same call gives the same every time", r"apply\(state, .+ called twice"),
    (faulty.Remembers, "the same call gives the same|the same moves give the same game", "led to another|another"),
    (faulty.GoesByHash, "the same moves give the same game everywhere", "another hash seed, the deal led to another"),
    (faulty.Mutates, "no call changes the state that it is given", "apply changed the state that it was given"),
    (faulty.MutatesInItsView, "no call changes the state|the same call gives", "view"),
    (faulty.RaisesInViews, "view raises nothing that it may not", r"view\(state, None\) raised KeyError: 'nobody'"),
    (faulty.RaisesInTheMiddle, "rules raise nothing that they may not", "ZeroDivisionError: four cards"),
    (faulty.RefusesWithKeyError, "apply raises nothing that it may not", "raise IllegalAction for what is against"),
    (faulty.ParsesAnything, "parse raises nothing that it may not|what goes out", "raise MalformedAction for it|dump"),
    (faulty.ShowsASet, "what goes out is JSON", r"view\(state, 0\): \$\.gone: set is nothing that JSON has"),
    (faulty.ShowsNotANumber, "what goes out is JSON", r"change \d, as all see it: \$\.odds: nan is no number"),
    (faulty.ShowsNumberedFields, "what goes out is JSON", "the name of a field must be a text, not int"),
    (faulty.ListsTooMuch, "what legal lists can be done", "that card is not in your hand.+leave it out of legal"),
    (faulty.ListsTooLittle, "legal lists every action that apply takes", r"and legal\(state, \d\) does not list it"),
    (faulty.ListsNothing, "whoever is to act has something to do", "is empty: the game waits for ever"),
    (faulty.ListsOutOfTurn, "only who is to act has legal actions", r"seat 1 is not in to_act\(state\) = \(0,\)"),
    (faulty.ForcesWhatIsNotLegal, "what legal lists can be done|while an action is forced", "bow"),
    (faulty.ForcesAnother, "do not contradict each other|what legal lists", "forced|due first"),
    (faulty.WaitsForNobody, "a game that is not over waits for somebody", "nobody can ever bring this game on"),
    (faulty.WaitsAfterTheEnd, "do not contradict each other", r"outcome\(state\) is .+ is still"),
    (faulty.WaitsForWhoIsGone, "do not contradict each other", "seat 1 has resigned, and"),
    (faulty.ForgetsWhoResigned, "who resigns has resigned", r"has_resigned\(state, 0\) is false"),
    (
        faulty.ResignsForNothing,
        "the last one left ends|do not contradict|has something to do",
        r"outcome\(state\) is None|resign",
    ),
    (faulty.TurnIsTheSeat, "turn changes with each turn", "their clock would go on"),
    (faulty.TimeStandsStill, "time that is up brings the game on", "holds the game up for ever"),
    (faulty.DrawsWithAWinner, "a draw that all agree on is one", r"Outcome\(winner=0"),
    (faulty.ScoresForTwo, "an outcome has a score for each seat|rules raise nothing", "5 scores for|5"),
    (faulty.NeverEnds, "every game ends", "has not ended after 1500 moves"),
    (faulty.SavesHalf, r"restore\(save\(state\)\) == state", "save the whole state"),
    (faulty.SavesATuple, "what goes out is JSON", r"save\(state\): \$\.hands\.of: object is nothing that JSON has"),
    (faulty.DumpsHalf, r"parse\(dump\(action\)\) == action|what legal lists", "AS"),
    (faulty.PrivateToNobody, "what is private belongs to a seat", "change 1 has a private form for 9"),
]


@pytest.mark.parametrize(("fault", "property_", "seen"), FAULTS, ids=[fault.__name__ for fault, _, _ in FAULTS])
def test_each_fault_is_found(fault: type[HighCard], property_: str, seen: str) -> None:
    with pytest.raises(RulesBroken) as caught:
        check_rules(fault(), games=12, positions=100, most_moves=1500)
    text = str(caught.value)
    assert re.search(property_, caught.value.finding.property)
    assert re.search(seen, text, re.DOTALL)
