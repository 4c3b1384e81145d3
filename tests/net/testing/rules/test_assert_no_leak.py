"""assert_no_leak: games that keep their secrets pass, and each leak is found, with the place that told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from actors.rules.cards import PACK
from actors.telling import Telling
from net.new_game.template.high_card.rules import HighCard
from net.testing.rules import Leak, assert_no_leak
from tests.net.testing.rules import faulty, leaky

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.game import Game, Position
    from actors.rules.chance import Chance
    from actors.rules.interface import AnyRules
    from net.new_game.template.high_card.rules import State

# ---- no leaks


@pytest.mark.parametrize("rules", [leaky.RollsDice(), leaky.Whispers()], ids=["a roll of dice", "a whisper"])
def test_what_all_are_told_and_what_one_seat_alone_is_told_is_no_leak(rules: AnyRules) -> None:
    assert_no_leak(rules, service=0)


def test_what_may_be_shown_is_told_or_it_is_asked_for() -> None:
    with pytest.raises(Leak, match=re.escape("say so: may_show=['$.up[*]']")):
        assert_no_leak(leaky.Stud())
    assert_no_leak(leaky.Stud(), may_show=["$.up[*]"], service=0)


def test_rules_may_say_themselves_what_they_show() -> None:
    rules = leaky.Stud()
    rules.reveals = ["$.up"]  # type: ignore[attr-defined]
    assert_no_leak(rules, service=0)


def test_the_pairs_that_there_were_are_told_by_viewer_and_depth_and_follow_from_the_seed() -> None:
    told = [str(assert_no_leak(HighCard(), seed=seed, games=2, pairs=6, service=1)) for seed in (1, 1, 2)]
    assert told[0] == told[1] != told[2]
    assert re.search(r"^  seat 0: \d+ \((the deal|1-3|4-10|11-30) \d+.*\)$", told[0], re.MULTILINE)
    assert re.search(r"^  a spectator: \d+ \(", told[0], re.MULTILINE)
    assert re.search(r"^  positions imagined otherwise: \d+\n  pairs through the whole service: 1$", told[0], re.M)


# ---- leaks

LEAKS: list[tuple[Any, str, str]] = [
    (
        leaky.ShowsHands,
        r"seat \d|a spectator",
        r"sees in view at \$\.hands\[\d\]\[\d\] what seat \d is shown at view: \$",
    ),
    (leaky.ShowsHandsToSeats, r"seat \d", r"sees in view at \$\.hands\[\d\]\[\d\] what seat \d is shown"),
    (leaky.ShowsHandsToSpectators, "a spectator", r"a spectator sees in view at \$\.hands\[\d\]\[\d\] what seat"),
    (
        leaky.ExplainsTooMuch,
        r"seat \d",
        r'the answer to \{"type":"lay".+ at \$\.message is "seat \d has that card" in one',
    ),
    (leaky.TakesWhatNobodyHas, r"seat \d", r'the answer to \{"type":"lay".+ in the other'),
    (leaky.TellsBySize, r"seat \d|a spectator", r'\$\.changes\[\d\]\.padding is "x*" in one and "x*" in the other'),
    (
        leaky.TellsByLength,
        r"seat \d|a spectator",
        r"\$\.changes\[\d\]\.seats \(its length\) is \d in one and \d in the",
    ),
    (leaky.TellsByOrder, r"seat \d|a spectator", r"\$\.changes\[\d\] \(the order of its fields\) is"),
    (leaky.TellsByMessage, r"seat \d", r'the answer\'s message is "\d aces are out" in one and'),
    (leaky.TellsByPresence, r"seat \d|a spectator", r"\$\.changes"),
    (leaky.TellsByTheOrderOfLegal, r"seat \d", r"\$\.legal_actions\[\d\]\.card is"),
    (leaky.TellsByTheClock, r"seat \d|a spectator", r"\$\.turn_deadline is \d+\.0 in one and \d+\.0 in the other"),
    (leaky.TellsByAForcedAction, r"seat \d|a spectator", r"\$\.pending_forced_action\.reason is"),
    (leaky.CountsInTheView, r"seat \d", r"\$\.state\.backs \(its length\) is \d; with what seat \d may not know dealt"),
    (
        leaky.DrawsInTheOpen,
        r"seat \d|a spectator",
        r"\$\.changes\[0\]\.card is .+may_show=\['\$\.changes\[drew\]\.card'\]",
    ),
    (
        leaky.ShowsTheStock,
        r"seat \d|a spectator",
        r"sees in view at \$\.next\[\d+\] what seat \d is shown at \$\.changes",
    ),
    (leaky.ShowsTheStockAndImagines, r"seat \d|a spectator", r"\$\.(state\.)?next"),
    (leaky.ShowsEverything, "there is something that somebody may not know", "views show all there is"),
    (leaky.ImaginesBadly, r"seat \d", r"\$\.state\.table.+or, if they may know it, let imagine keep it"),
    (leaky.CannotImagine, "imagine raises nothing", "LookupError: no idea"),
]


@pytest.mark.parametrize(("leak", "whom", "place"), LEAKS, ids=[leak.__name__ for leak, _, _ in LEAKS])
def test_each_leak_is_found_with_the_place_that_told(leak: Any, whom: str, place: str) -> None:  # noqa: ANN401
    with pytest.raises(Leak) as caught:
        assert_no_leak(leak())
    text = str(caught.value)
    assert re.match(whom, caught.value.finding.property)
    assert re.search(place, text, re.DOTALL)


def test_a_leak_is_told_with_both_games_and_few_moves() -> None:
    with pytest.raises(Leak) as caught:
        assert_no_leak(leaky.TellsBySize())
    text = str(caught.value)
    assert re.search(r"the other game: draw \d+ of chance is \d+ in the other game", text)
    where = caught.value.finding.where
    assert where is not None
    assert len(where.moves) <= 2
    assert text.endswith("see it again: assert_no_leak(rules, seed=0)")


def test_a_game_that_cannot_be_played_is_no_pass() -> None:
    with pytest.raises(Leak, match=r"is empty: the game waits for ever(.|\n)+list what the seat may do"):
        assert_no_leak(faulty.ListsNothing(), service=0)
    with pytest.raises(Leak, match=r"AssertionError\('thirteen is unlucky'\)(.|\n)+let check_rules pass first"):
        assert_no_leak(faulty.AskewOptions(), service=0, options=[{"cards": 13}])


# ---- through the service


def test_a_fault_of_the_service_is_found_where_the_rules_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    states = Telling.states

    def of_the_next_seat(self: Telling, game: Game, positions: Sequence[Position] | None, seat: int | None) -> Any:  # noqa: ANN401
        return states(self, game, positions, None if seat is None else (seat + 1) % len(game.seats))

    monkeypatch.setattr(Telling, "states", of_the_next_seat)
    with pytest.raises(Leak) as caught:
        assert_no_leak(HighCard(), games=3, service=1)
    assert re.search(r"frame \d+ of their connection differs: \$\.data\.missed\[\d+\]\.state", str(caught.value))


def test_the_checks_are_fixtures_too(check_rules: Any, assert_no_leak: Any) -> None:  # noqa: ANN401
    assert check_rules(HighCard(), games=2, positions=4, other_process=False).games == 2
    assert assert_no_leak(HighCard(), games=3, service=0).served == 0


# ---- with the author's help


class WithHints(leaky.Blind):
    """Every view has a hint that follows from the hands of others: nobody's secret is copied."""

    def view(self, state: State, seat: int | None) -> dict[str, Any]:
        return super().view(state, seat) | {"hint": leaky.aces_of_others(state, seat)}


def dealt_otherwise(state: State, viewer: int | None, chance: Chance) -> State:
    others = [seat for seat in range(len(state.hands)) if seat != viewer]
    seen = {*state.open, *(card for _, card in state.table), *(state.hands[viewer] if viewer is not None else ())}
    pack = list(chance.shuffled(card for card in PACK if card not in seen))
    hands = list(state.hands)
    for seat in others:
        hands[seat] = tuple(pack.pop() for _ in hands[seat])
    return evolve(state, hands=tuple(hands))


def test_what_is_derived_from_a_secret_is_found_by_a_function_that_deals_the_secret_otherwise() -> None:
    assert_no_leak(leaky.Blind(), otherwise=dealt_otherwise, service=0)
    with pytest.raises(Leak, match=r"sees nothing that otherwise deals otherwise\n  \$\.state\.hint is \d"):
        assert_no_leak(WithHints(), otherwise=dealt_otherwise)
