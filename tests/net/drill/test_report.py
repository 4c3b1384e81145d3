from __future__ import annotations

import io

import orjson
import pytest
from rich.console import Console

from net.checks import Promise, Violation
from net.drill.plan import Fault, Plan
from net.drill.report import Report
from net.drill.score import Score, Spread


def shown(report: Report, width: int = 80) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(report.table())
    return output.getvalue()


def score(*violations: Violation) -> Score:
    made = Score(violations=list(violations))
    made.blows[Fault.KILL] = 7
    made.blows[Fault.KILL_STORE] = 2
    made.blows[Fault.PAUSE] = 4
    made.points["table.judged"] = 3
    made.actions = 1234
    made.ready = [0.1 * number for number in range(1, 101)]
    return made


@pytest.mark.parametrize(
    ("durations", "spread"),
    [
        ([], None),
        ([2.0], Spread(1, 2.0, 2.0, 2.0)),
        ([float(number) for number in range(1, 101)], Spread(100, 50.5, 99.0, 100.0)),
        ([3.0, 1.0, 2.0], Spread(3, 2.0, 3.0, 3.0)),
    ],
)
def test_a_spread_has_the_middle_the_nearest_rank_and_the_longest(
    durations: list[float], spread: Spread | None
) -> None:
    assert Spread.of(durations) == spread


def test_the_table_has_the_kills_the_zeros_and_the_times_and_fits_a_terminal() -> None:
    text = shown(Report(Plan("s"), score(), 60.0, "the embedded store"))
    assert all(len(line) <= 80 for line in text.splitlines())
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]
    cells = {row[0]: row[1] for row in rows}
    assert cells["kills"] == "9"
    assert cells["actions acknowledged"] == "1,234"
    assert all(cells[str(promise)] == "0" for promise in Promise if promise is not Promise.LEAKED)  # the simulation's
    assert "p50 5.05 s" in text
    assert "max 10.00 s" in text


def test_a_broken_promise_is_counted_in_its_row_and_told_below() -> None:
    violation = Violation(Promise.LOST, "g", "m1 was acknowledged as event 5, and is not there", "anna")
    report = Report(Plan("s"), score(violation, violation), 60.0, "the embedded store")
    assert not report.holds
    row = next(line for line in shown(report).splitlines() if "acknowledged and lost" in line)
    assert " 2 " in row
    assert any("m1 was acknowledged as event 5" in note for note in report.notes())


def test_of_many_broken_promises_the_first_are_told_and_the_rest_counted() -> None:
    many = [Violation(Promise.HOLE, "g", f"{number}") for number in range(30)]
    notes = Report(Plan("s"), score(*many), 60.0, "").notes()
    assert sum("BROKEN" in note for note in notes) == 20
    assert notes[-1] == "... and 10 more"


def test_the_json_has_everything_and_says_whether_it_passed() -> None:
    passed = Report(Plan("s", games=3), score(), 60.0, "the embedded store").json()
    assert orjson.loads(orjson.dumps(passed)) == passed
    assert passed["passed"] is True
    assert passed["faults"]["kill"] == 7
    assert passed["kills"] == 9
    assert passed["recovery_seconds"]["count"] == 100
    assert passed["back_in_seat_seconds"] is None
    assert set(passed["violations_by_promise"].values()) == {0}
    broken = Report(Plan("s"), score(Violation(Promise.HOLE, "g", "text")), 60.0, "").json()
    assert broken["passed"] is False
    assert broken["violations"] == [{"promise": "hole", "game_id": "g", "user_id": None, "text": "text"}]
    assert Report(Plan("s"), score(), 1.0, "", interrupted=True).json()["passed"] is False
