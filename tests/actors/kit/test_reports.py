"""Crash reports tell types and places, never locals, and where it is asked for never an error's words."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from attrs import evolve

from actors.kit.reports import CrashReport, Reports, What, place, trace, type_name
from tests.actors.kit.troupe import Mishap

SECRET = "queen of spades"


def caught(depth: int = 0) -> Exception:
    hand = [SECRET]
    try:
        deal(hand, depth)
    except Mishap as error:
        return error
    raise AssertionError


def deal(hand: list[str], depth: int) -> None:
    if depth:
        pass_on(hand, depth - 1)
    else:
        raise Mishap(hand[0])


def pass_on(hand: list[str], depth: int) -> None:
    """A second function, because a traceback shows a frame that calls itself only a few times."""
    deal(hand, depth)


def chained() -> Exception:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise Mishap(SECRET) from error
    except Mishap as error:
        return error


def test_a_trace_tells_the_error_and_where_it_happened() -> None:
    text = trace(caught(), confidential=False)
    assert f"Mishap: {SECRET}" in text
    assert "in deal" in text


def test_no_trace_shows_local_variables() -> None:
    for confidential in (False, True):
        assert "hand = " not in trace(caught(), confidential=confidential)


def test_a_confidential_trace_tells_types_and_places_only() -> None:
    text = trace(caught(), confidential=True)
    assert SECRET not in text
    assert "Mishap" in text
    assert "in deal" in text


def test_a_confidential_trace_tells_of_causes_in_the_same_way() -> None:
    text = trace(chained(), confidential=True)
    assert SECRET not in text
    assert text.index("KeyError") < text.index("which led to") < text.index("Mishap\n")


def test_a_confidential_trace_leaves_out_a_suppressed_context() -> None:
    error = Mishap()
    error.__context__ = KeyError(SECRET)
    assert "KeyError\n" in trace(error, confidential=True)
    error.__suppress_context__ = True
    assert "KeyError\n" not in trace(error, confidential=True)


def test_a_confidential_trace_tells_of_every_member_of_a_group() -> None:
    text = trace(ExceptionGroup(SECRET, [caught(), OSError(SECRET)]), confidential=True)
    assert SECRET not in text
    assert "1 of 2" in text
    assert "2 of 2" in text
    assert "OSError\n" in text


def test_a_member_that_stands_twice_in_a_group_is_told_of_once() -> None:
    member = Mishap()
    assert trace(ExceptionGroup("g", [member, member]), confidential=True).count("Mishap\n") == 1


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = Mishap("1"), Mishap("2")
    first.__cause__, second.__cause__ = second, first
    assert trace(first, confidential=True).count("Mishap\n") == 2


def test_a_group_that_is_its_own_members_cause_ends() -> None:
    member = Mishap()
    group = ExceptionGroup("g", [member])
    member.__cause__ = group
    assert trace(group, confidential=True).count("Mishap\n") == 1


@pytest.mark.parametrize("confidential", [True, False])
def test_of_a_long_chain_the_last_errors_are_told(confidential: bool) -> None:
    error = Mishap("1")
    for number in range(2, 3001):
        after = Mishap(str(number))
        after.__context__, error = error, after
    text = trace(error, confidential=confidential)
    assert text.startswith("An earlier error, left out here,\nwhich led to:\n\nTraceback")
    assert text.count("Mishap") == 32
    assert ("Mishap: 3000\n" in text) is not confidential


@pytest.mark.parametrize("confidential", [True, False])
def test_of_a_large_group_the_first_members_are_told(confidential: bool) -> None:
    text = trace(ExceptionGroup("g", [Mishap() for _ in range(3000)]), confidential=confidential)
    assert text.count("Mishap") == 31
    assert text.endswith("-- the others are left out --\n")


def test_a_group_may_be_deep() -> None:
    error: Exception = Mishap()
    for _ in range(3000):
        error = ExceptionGroup("g", [error])
    assert trace(error, confidential=True).count("ExceptionGroup\n") == 32


def test_an_exception_that_cannot_be_looked_at_is_named() -> None:
    class Hostile(Exception):
        @property
        def __cause__(self) -> BaseException | None:  # type: ignore[override]
            raise OSError(SECRET)

    text = trace(Hostile(), confidential=False)
    assert text.endswith("Hostile, of which there is no traceback: OSError\n")
    assert SECRET not in text


def test_a_deep_traceback_is_cut_to_its_innermost_frames() -> None:
    for confidential in (False, True):
        assert trace(caught(depth=200), confidential=confidential).count("in pass_on") <= 20


def test_types_are_named_as_in_tracebacks() -> None:
    assert type_name(OSError()) == "OSError"
    assert type_name(Mishap()) == "tests.actors.kit.troupe.Mishap"


def report_of(child: str, at: float) -> CrashReport:
    return CrashReport("tables", child, "shop.errors.OutOfStock", "Traceback\n" * 50, 2, "Act", at)


def test_a_reports_cause_is_the_error_and_the_message() -> None:
    report = report_of("t1", 1.5)
    assert report.cause == "OutOfStock on Act"
    assert evolve(report, message_type=None).cause == "OutOfStock"
    assert evolve(report, error="", message_type=None, what=What.OVERRAN).cause == "overran"


def test_a_reports_mishap_tells_what_befell_the_child_where_that_is_no_plain_crash() -> None:
    report = report_of("t1", 1.5)
    assert report.mishap == "OutOfStock on Act"
    assert evolve(report, what=What.GIVEN_UP).mishap == "was given up: OutOfStock on Act"
    assert evolve(report, what=What.FAILED_TO_START, message_type=None).mishap == "failed to start: OutOfStock"
    assert evolve(report, error="", message_type=None, what=What.OVERRAN).mishap == "overran"


def test_the_last_reports_are_kept_the_oldest_first() -> None:
    reports = Reports(2)
    for at in range(4):
        reports.add(report_of(f"t{at}", at))
    assert [report.child for report in reports] == ["t2", "t3"]
    assert (len(reports), reports[0].child, reports[-1].child) == (2, "t2", "t3")
    assert reports[:1] == [report_of("t2", 2)]
    assert reports.last_crash == report_of("t3", 3)
    assert repr(reports) == "<Reports: 2>"


def test_first_starts_that_fail_push_no_crash_out() -> None:
    reports = Reports(2)
    reports.add(report_of("crashed", 0))
    for at in range(1, 9):
        reports.add(report_of(f"t{at}", at), first_start=True)
    reports.add(report_of("crashed again", 7.5))
    assert [report.child for report in reports] == ["crashed", "t7", "crashed again", "t8"]
    assert reports.last_crash == report_of("crashed again", 7.5)


def test_there_may_be_no_report() -> None:
    reports = Reports(2)
    assert (list(reports), len(reports), reports.last_crash) == ([], 0, None)


async def test_where_a_task_is_tells_its_innermost_frames_and_no_locals(nursery: trio.Nursery) -> None:
    hand = [SECRET]

    async def deep(left: int) -> None:
        if left:
            await deep(left - 1)
        await trio.sleep_forever()

    nursery.start_soon(deep, 100, name=hand[0])
    await trio.testing.wait_all_tasks_blocked()
    (task,) = nursery.child_tasks
    text = place(task.iter_await_frames())
    assert "in sleep_forever" in text
    assert text.count("File ") <= 40
    assert SECRET not in text
    nursery.cancel_scope.cancel()


def test_the_repr_of_a_report_fits_a_line() -> None:
    report = report_of("t1", 1.5)
    assert "Traceback" not in repr(report)
    assert "\n" not in repr(report)
