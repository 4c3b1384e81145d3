from __future__ import annotations

from typing import TYPE_CHECKING

from net.client import Ending
from net.demo.facts import Answered, Came, Dropped, Finished, Killed, Proved, Saw, Serving, Tick
from net.demo.proof import Audit, Proof
from net.demo.scene import Line, Scene, proved
from tests.net.demo.played import Played, plan

if TYPE_CHECKING:
    from net.demo.facts import Fact

GOOD = Proof(12, 0.614, True, Audit(11, 11))


def tell(scene: Scene, *facts: Fact) -> Scene:
    for number, fact in enumerate(facts):
        scene = scene.after(fact, scene.now + number)
    return scene


def test_the_first_view_opens_the_game_and_each_later_one_is_told_by_its_changes() -> None:
    played = Played.of(plan())
    scene = tell(Scene(plan()), Saw(played.view(1, changes=False)), Saw(played.view(1)), Saw(played.view(2)))
    assert [line.mark for line in scene.log] == ["1", "2"]
    assert scene.log[0].text.startswith("7 cards are dealt to each, face down; ")
    assert scene.event_id == 2


def test_a_view_that_was_seen_before_is_not_told_again() -> None:
    played = Played.of(plan())
    scene = tell(Scene(plan()), *(Saw(played.view(n)) for n in (1, 2, 3)))
    assert tell(scene, Saw(played.view(3, changes=False)), Saw(played.view(2))).log == scene.log


def test_a_whole_game_is_told_event_by_event() -> None:
    played = Played.of(plan())
    scene = tell(Scene(plan()), *(Saw(played.view(n + 1)) for n in range(len(played.positions))))
    assert list(dict.fromkeys(line.mark for line in scene.log)) == [str(n + 1) for n in range(len(played.positions))]
    assert scene.log[-1].text.startswith("the game is over: ")


def test_a_move_that_nobody_is_told_of_is_a_line_all_the_same() -> None:
    view = Played.of(plan(rules="tally")).view(2)
    scene = tell(Scene(plan(rules="tally")), Saw({**view, "event_id": 1}), Saw({**view, "changes": []}))
    assert [line.text for line in scene.log] == ["Tally begins", "a move that nobody is told of"]


def test_a_connection_that_is_lost_is_told_once_however_often_it_is_tried() -> None:
    scene = tell(Scene(plan()), Came("npc:ben"), Dropped("npc:ben"), Dropped("npc:ben"))
    assert scene.inside == frozenset()
    assert [(line.mark, line.text) for line in scene.log] == [
        ("Ben", "takes a seat, over a WebSocket"),
        ("Ben", "connection lost, tries again"),
    ]


def test_the_servers_death_is_seen_until_it_is_proved_harmless() -> None:
    scene = tell(Scene(plan()), Serving(7, "127.0.0.1:1", 0.5))
    assert scene.down_for is None
    dead = scene.after(Killed(7, 12), 10.0)
    assert dead.serving is None
    assert dead.after(Tick(), 10.4).down_for == 10.4 - 10.0
    back = dead.after(Serving(8, "127.0.0.1:1", 0.5), 10.5)
    assert back.down_for is not None
    whole = back.after(Came("npc:anna"), 10.6).after(Proved(GOOD), 10.7)
    assert whole.down_for is None
    assert [line.text for line in whole.log] == [
        "pid 7 listens on 127.0.0.1:1, 0.5 s after its start",
        "kill -9 7, right after event 12",
        "started again on the same files: pid 8",
        "is back in the game",
        "killed after event 12; back after 0.61 s; the same hands; nothing lost.",
    ]
    assert [line.kind for line in whole.log] == ["note", "alarm", "note", "note", "good"]


def test_a_proof_that_does_not_hold_says_so() -> None:
    told = proved(Proof(12, 1.0, False, Audit(11, 9)))
    assert told == (
        "killed after event 12; back after 1.00 s; NOT THE SAME HANDS; 2 ACKNOWLEDGED ACTIONS ARE NOT AS THEY WERE"
    )


def test_a_proof_that_does_not_hold_is_an_alarm() -> None:
    scene = tell(Scene(plan()), Proved(Proof(12, 1.0, False, Audit(11, 9))))
    assert scene.log == (Line("proof", f"{proved(Proof(12, 1.0, False, Audit(11, 9)))}.", "alarm"),)


def test_the_median_of_the_latencies_is_kept() -> None:
    assert Scene(plan()).median_latency is None
    scene = tell(Scene(plan()), *(Answered("npc:anna", f"m{n}", s, {}) for n, s in enumerate((0.5, 0.001, 0.002))))
    assert scene.median_latency == 0.002


def test_the_end_is_known_when_the_journal_was_looked_through() -> None:
    finished = Finished(Ending("g", 24, "npc:ben", {"npc:anna": 0.0, "npc:ben": 5.0}, "went_out"), Audit(23, 23))
    assert tell(Scene(plan()), finished).finished == finished
