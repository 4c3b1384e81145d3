from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.events import Acted, Created
from actors.rules.registry import Registry
from net.replay.reel import CannotReplay, reel_of
from tests.samples.recorded import ANNA, BEN, REGISTRY, a_game_of_cards, a_tally
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.replay.reel import Reel


@pytest.fixture
def reel() -> Reel:
    return reel_of(a_tally().whole[0], REGISTRY)


def test_the_game_can_be_seen_through_everybodys_eyes(reel: Reel) -> None:
    assert [(viewer.name, viewer.seats) for viewer in reel.viewers] == [
        ("spectator", (None,)),
        (ANNA, (0,)),
        (BEN, (1,)),
        ("all", (0, 1, None)),
    ]
    with pytest.raises(CannotReplay, match=f"^--as: nobody of that name sees .* are spectator, {ANNA}, {BEN}, all$"):
        reel.viewer("npc:eve")


def test_each_viewer_sees_what_was_sent_to_them_and_no_more(reel: Reel) -> None:
    secrets = reel.positions[1].state.secrets
    shown = {viewer.name: reel.seen(2, viewer) for viewer in reel.viewers}
    views = {name: [sight.view for sight in sights] for name, sights in shown.items()}
    assert [view["state"]["secret"] for view in views["all"] if view] == [*secrets, None]
    assert views["all"] == [*views[ANNA], *views[BEN], *views["spectator"]]
    (mine,), (other,) = views[ANNA], views[BEN]
    assert mine is not None
    assert other is not None
    assert "lucky" in mine["changes"][0]
    assert "lucky" not in other["changes"][0]
    assert (mine["event_id"], mine["to_act"], mine["turn_timeout_seconds"]) == (2, [BEN], 30.0)
    assert mine["turn_deadline"] == reel.events[1].at + 30.0


def test_an_action_is_told_to_whoever_took_it_and_to_who_sees_all(reel: Reel) -> None:
    told = {viewer.name: reel.told(2, viewer) for viewer in reel.viewers}
    action = {"type": "guess", "number": 999}
    assert told == {"spectator": None, ANNA: action, BEN: None, "all": action}


def test_an_operators_reason_is_told_to_who_sees_all() -> None:
    reel = reel_of(a_tally(called_off="the power went").whole[0], REGISTRY)
    told = {viewer.name: reel.told(4, viewer) for viewer in reel.viewers}
    assert told == {"spectator": None, ANNA: None, BEN: None, "all": {"reason": "the power went"}}
    assert reel.who(4) == ((), "the game is called off")


def test_each_event_says_whose_it_is(reel: Reel) -> None:
    assert [reel.who(n) for n in (1, 2, 3, 4)] == [
        ((), "the game begins"),
        ((ANNA,), "acts"),
        ((BEN,), "ran out of time"),
        ((BEN,), "gives up"),
    ]


def test_a_game_of_cards_is_played_through_to_its_end() -> None:
    played = a_game_of_cards()
    reel = reel_of(tuple(played.events), REGISTRY)
    assert reel.positions[-1] == played.position
    assert reel.positions[-1].ended is not None


def test_rules_that_fail_to_show_a_view_leave_it_out() -> None:
    reel = reel_of(a_tally().whole[0], Registry([Tally(fail_in="view")]))
    assert [sight.view for sight in reel.seen(2, reel.viewer("all"))] == [None, None, None]


def test_a_game_that_the_rules_do_not_lead_through_is_refused_and_nothing_of_it_told() -> None:
    events = a_tally().whole[0]
    created, acted, *rest = events
    assert isinstance(created, Created)
    assert isinstance(acted, Acted)
    wrong: list[tuple[tuple[object, ...], Registry, str]] = [
        (events[1:], REGISTRY, "the game does not begin with its creation"),
        (events, Registry([]), "game game-1: there are no rules named 'tally'; there are none"),
        (events, Registry([Tally("2")]), "game game-1: version '1' of tally is not installed; installed are 2"),
        (events, Registry([Tally(fail_in="apply")]), "game game-1: the rules fail to play it through"),
        (
            (created, evolve(acted, action={"type": "guess", "number": -4217}), *rest),
            REGISTRY,
            "game game-1: event 2 is refused by the rules now",
        ),
        (
            (created, evolve(acted, chance_position=0), *rest),
            REGISTRY,
            "game game-1: event 2 drew other chance than it did when it was journalled",
        ),
    ]
    for given, registry, why in wrong:
        with pytest.raises(CannotReplay) as raised:
            reel_of(given, registry)  # type: ignore[arg-type]
        assert str(raised.value) == why
