from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from net.client import Ending
from net.demo.facts import Answered, Came, Dropped, Finished, Killed, Proved, Saw, Serving
from net.demo.felt import felt, own_hand
from net.demo.proof import Audit, Proof
from net.demo.scene import Scene
from net.demo.screen import epilogue, introduction, screen
from net.demo.words import Glyphs
from tests.net.demo.played import Played, plan

if TYPE_CHECKING:
    from rich.console import RenderableType

    from net.demo.facts import Fact

CARD = re.compile(r"(?:10|[2-9AJQK])[♣♦♥♠]")
SYMBOLS = str.maketrans("CDHS", "♣♦♥♠")
PROOF = Proof(12, 0.61, True, Audit(11, 11))


def drawn(renderable: RenderableType, width: int = 80) -> list[str]:
    """The lines that stand on a screen of this width."""
    console = Console(file=io.StringIO(), record=True, width=width, height=100, highlight=False)
    console.print(renderable)
    return console.export_text().splitlines()


def scenes(played: Played, glyphs: Glyphs | None = None) -> list[Scene]:
    """A whole demo, scene by scene, with the server's death after the sixth event."""
    players = played.plan.players
    came: list[Fact] = [Serving(4711, "127.0.0.1:40404", 0.5), *map(Came, players)]
    facts = list(came)
    for event in range(1, len(played.positions) + 1):
        facts.append(Saw(played.view(event)))
        facts.append(Answered(players[0], f"m{event}", 0.0123, {}))
        if event == 6:
            facts += [Killed(4711, 6), *map(Dropped, players), *came, Proved(PROOF)]
    facts.append(Finished(ending(played), Audit(23, 23)))
    made = [Scene(played.plan, Glyphs() if glyphs is None else glyphs)]
    for number, fact in enumerate(facts):
        made.append(made[-1].after(fact, number / 10))
    return made


def ending(played: Played) -> Ending:
    last = played.view(len(played.positions))
    return Ending("g", last["event_id"], last["winner_id"], last["results"], last["end_reason"])


@pytest.mark.parametrize(
    ("rules", "players"), [("crazy_eights", n) for n in (2, 3, 4, 5)] + [("tally", 2), ("tally", 4)]
)
def test_every_scene_fits_a_small_terminal_and_a_large_one(rules: str, players: int) -> None:
    for scene in scenes(Played.of(plan(rules=rules, players=players, seed="fits")))[::7]:
        for width, height in ((80, 23), (120, 39)):
            lines = drawn(screen(scene, width, height), width)
            assert len(lines) <= height
            assert max(map(len, lines)) <= width


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_the_table_shows_no_card_but_the_top_one_and_those_of_a_hand_that_says_whose_it_is(
    seed: int, players: int
) -> None:
    played = Played.of(plan(seed=str(seed), players=players))
    for event, position in enumerate(played.positions, start=1):
        scene = Scene(played.plan).after(Saw(played.view(event)), 0.0)
        own = {card.translate(SYMBOLS) for card in position.state.hands[0]}
        top = {position.state.top.translate(SYMBOLS)}
        hands = {card.translate(SYMBOLS) for hand in position.state.hands for card in hand}
        on_the_felt = set(CARD.findall("\n".join(drawn(felt(scene, 200), 200))))
        mine = own_hand(scene, 200)
        if position.ended is None:
            assert on_the_felt == top
            assert mine is not None
            assert mine.plain.startswith(" Anna's hand, which only Anna is sent: ")
            assert set(CARD.findall(mine.plain)) == own
        else:
            assert mine is None
            assert on_the_felt <= top | hands


def test_the_table_shows_who_is_to_play_and_how_many_cards_each_holds() -> None:
    played = Played.of(plan(players=3))
    made = scenes(played)
    scene = next(scene for scene in made if scene.event_id == 2)
    lines = drawn(felt(scene, 60), 60)
    for seat, hand in enumerate(played.positions[1].state.hands):
        acts = seat == played.positions[1].state.turn
        assert lines[seat].startswith(f"{'>' if acts else ' '} {played.plan.names[seat]}")
        assert f"{'▮' * len(hand)} {len(hand)}" in lines[seat]
        assert ("to play" in lines[seat]) == acts


def test_the_view_of_another_game_says_whose_it_is() -> None:
    scene = next(scene for scene in scenes(Played.of(plan(rules="tally"))) if scene.event_id == 1)
    text = "\n".join(drawn(screen(scene, 80, 23)))
    assert "What is shown is what Anna is shown." in text
    assert "the table, as Anna sees it" in text
    assert f"secret: {scene.view['state']['secret'] if scene.view else ''}" in text


def test_the_servers_death_and_what_it_proved_stand_on_the_screen() -> None:
    made = scenes(Played.of(plan(seed="fits")))

    def text(scene: Scene) -> str:
        return "\n".join(drawn(screen(scene, 80, 23)))

    before = next(scene for scene in made if scene.event_id == 5)
    assert f"The server will be killed after event {before.plan.kill_after}." in text(before)
    dead = next(scene for scene in made if scene.killed is not None and not scene.inside)
    assert "the server: KILLED" in text(dead)
    assert "kill -9 4711: no goodbye, nothing saved." in text(dead)
    assert text(dead).count("no connection, tries again") == 2
    after = next(scene for scene in made if scene.proof is not None)
    assert "Killed after event 12; back after 0.61 s; the same hands; nothing lost." in text(after)
    assert "Acknowledged before: 11 actions. In the journal after: 11, each once." in text(after)


def test_without_a_kill_none_is_spoken_of() -> None:
    for scene in (Scene(plan(kill=False)), Scene(plan(kill=False)).after(Serving(1, "a:1", 0.1), 0.0)):
        assert "kill" not in "\n".join(drawn(screen(scene, 80, 23))).lower()


def test_an_ascii_terminal_gets_ascii() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=80, legacy_windows=False)
    for scene in scenes(Played.of(plan(players=5)), Glyphs(ascii=True)):
        console.print(screen(scene, 80, 23))  # what cannot be encoded would raise
    console.print(introduction(plan()))


def test_the_epilogue_gives_the_result_the_proof_and_the_way_on() -> None:
    played = Played.of(plan(seed="fits"))
    last = scenes(played)[-1]
    lines = drawn(epilogue(last, "croupier demo --seed fits", [("a server of your own", "croupier serve")]))
    winner = played.plan.name(ending(played).winner_id or "")
    assert f"{winner} wins (no card left), after {len(played.positions)} events." in lines
    assert "  23 actions acknowledged, 23 found in the journal, each once: equal" in lines
    assert "  killed after event 12; back after 0.61 s; the same hands; nothing lost" in lines
    assert "  a server of your own  croupier serve" in lines
    assert "  this very game again  croupier demo --seed fits" in lines


def test_the_epilogue_hides_nothing_that_went_wrong() -> None:
    played = Played.of(plan(seed="fits"))
    end = ending(played)
    bad = (
        Scene(played.plan).after(Proved(Proof(5, 1.0, False, Audit(4, 3))), 0.0).after(Finished(end, Audit(9, 8)), 0.0)
    )
    text = "\n".join(drawn(epilogue(bad, "again", []), 200))
    assert "NOT THE SAME HANDS; 1 ACKNOWLEDGED ACTIONS ARE NOT AS THEY WERE" in text
    assert "9 actions acknowledged, 8 found in the journal, each once: NOT EQUAL" in text
    early = Scene(played.plan).after(Finished(end, Audit(9, 9)), 0.0)
    assert "the game was over before the server could be killed" in "\n".join(drawn(epilogue(early, "again", [])))
