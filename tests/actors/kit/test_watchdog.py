"""The watch on the event loop: what it finds, by a clock of the test's own, and what it says of a loop that is held."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import define, field, frozen

from actors.kit.actor import Actor, Ask, Ref, actor_child
from actors.kit.supervisor import Supervisor
from actors.kit.watchdog import (
    Absent,
    Lookout,
    Pulse,
    Released,
    Stall,
    Stalled,
    StallWatch,
    Turn,
    _task_of,
    _Watcher,
    describe,
    log_stall,
    outwards,
    tasks_below,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.watchdog import Finding

PATIENCE = 30.0
"""Seconds after which a test that waits for a thread has failed."""

A_WHILE = 1.0
"""Seconds for which the loop is held, at most, until that is tried again: a turn that took long before it came to be
held is reported for that, and for nothing more."""


# ---- what is found


@define
class Scene:
    """A lookout that reports after one second, at its looks; the process is busy all the time unless said otherwise."""

    lookout: Lookout = field(factory=lambda: Lookout(1.0))
    cpu: float = 0.0
    now: float = 0.0

    def look(self, now: float, turn: float | None, *ended: Turn, idle: bool = False) -> list[Finding]:
        if not idle:
            self.cpu += now - self.now
        self.now = now
        return list(self.lookout.look(now, self.cpu, turn, ended))


def test_a_loop_that_turns_or_waits_is_no_stall() -> None:
    scene = Scene()
    assert scene.look(0.0, None) == []
    assert scene.look(0.25, 0.2) == []
    assert scene.look(0.5, 0.45) == []
    assert scene.look(0.75, None) == []
    assert scene.look(1.0, 0.1) == []


def test_a_turn_is_reported_once_when_it_has_taken_the_time_and_once_when_it_is_over() -> None:
    scene = Scene()
    assert [scene.look(at / 4, 0.125) for at in range(5)] == [[]] * 5
    assert scene.look(1.25, 0.125) == [Stalled(1.125)]
    assert scene.look(1.5, 0.125) == []
    assert scene.look(1.75, None, Turn(0.125, 1.625)) == [Released(1.5, True)]
    assert scene.look(2.0, None) == []


def test_each_stall_is_a_stall_of_its_own() -> None:
    scene = Scene()
    scene.look(0.0, None)
    assert scene.look(1.0, 0.0) == [Stalled(1.0)]
    assert scene.look(2.0, 1.0, Turn(0.0, 1.0)) == [Released(1.0, True), Stalled(1.0)]


def test_a_stall_that_the_watching_thread_could_not_see_is_reported_when_it_is_over() -> None:
    scene = Scene()
    scene.look(0.0, None)
    assert scene.look(3.0, None, Turn(0.5, 2.5)) == [Released(2.0, False)]


def test_a_process_that_was_paused_did_not_stall() -> None:
    scene = Scene()
    scene.look(0.0, None)
    assert scene.look(10.0, None, Turn(0.1, 9.9), idle=True) == [Absent(10.0)]
    assert scene.look(20.0, 10.1, idle=True) == [Absent(10.0)]
    assert scene.look(20.5, 10.1) == []
    assert scene.look(21.0, 10.1) == [Stalled(1.0)]  # it has held the loop for a second since


def test_a_look_that_is_a_little_late_is_no_pause() -> None:
    scene = Scene()
    scene.look(0.0, None)
    assert scene.look(1.25, None, idle=True) == []


def test_the_looks_are_so_close_that_a_stall_of_a_quarter_more_is_seen() -> None:
    assert Lookout(2.0).interval == 0.5


@frozen
class Clock:
    """Gives these times, one after the other."""

    times: list[float]

    def __call__(self) -> float:
        return self.times.pop(0)


def test_the_pulse_notes_when_a_turn_began_and_keeps_the_long_ones() -> None:
    pulse = Pulse(1.0, Clock([0.0, 0.9, 2.0, 3.0]))
    turns = []
    pulse.before_io_wait(0)  # it was added in the middle of a turn, of which it knows nothing
    for _ in range(2):
        pulse.after_io_wait(0)
        turns.append(pulse.turn)
        pulse.before_io_wait(0)
        turns.append(pulse.turn)
    assert turns == [0.0, None, 2.0, None]
    assert list(pulse.long_turns) == [Turn(2.0, 3.0)]


# ---- a real loop that is held


@frozen
class Hold(Ask[None]):
    """Holds the loop until the event is set, or for a while."""

    until: threading.Event


class Holder(Actor[Hold]):
    async def handle(self, message: Hold) -> None:
        card = "the ace of spades"
        message.until.wait(A_WHILE)
        assert card


@define
class Reports:
    """What a watch has reported; `found` is set when it has found the stall whose stack has this in it, `over` when
    that is over. Others there may be before: on a machine that has other things to do any turn may take long."""

    of: str = ""
    stalls: list[Stall] = field(factory=list)
    found: threading.Event = field(factory=threading.Event)
    over: threading.Event = field(factory=threading.Event)

    def __call__(self, stall: Stall) -> None:
        self.stalls.append(stall)
        match stall.found:
            case Stalled() if self.of in (stall.stack or ""):
                self.found.set()
            case Released(seen=True) if self.found.is_set():
                self.over.set()

    @property
    def stall(self) -> Stall:
        """The one that was waited for."""
        return next(each for each in self.stalls if isinstance(each.found, Stalled) and self.of in (each.stack or ""))


def watched(main: Callable[[], object], report: Callable[[Stall], None]) -> None:
    """Runs this in a real event loop, a stall watch beside it, until it returns."""

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(StallWatch(0.05, report=report).run)
            result = main()
            if result is not None:
                await result  # type: ignore[misc]
            nursery.cancel_scope.cancel()

    trio.run(run)


async def hold_in_an_actor(reports: Reports) -> None:
    ref: Ref[Hold] = Ref("table 7")
    supervisor = Supervisor("root", [actor_child(ref, Holder)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        with trio.fail_after(PATIENCE):
            while not reports.found.is_set():
                await ref.ask(Hold(reports.found), timeout=PATIENCE)
            while not reports.over.is_set():  # noqa: ASYNC110 - a thread sets it
                await trio.sleep(0.01)
        supervisor.request_stop()


def test_a_handler_that_holds_the_loop_is_reported_with_its_actor_and_its_stack_and_again_when_it_lets_go() -> None:
    reports = Reports("in Holder.handle")
    watched(partial(hold_in_an_actor, reports), reports)
    stall = reports.stall
    assert stall.task == "table 7"
    assert stall.found.seconds >= 0.05
    assert stall.stack is not None
    lines = stall.stack.splitlines()
    assert f"{os.sep}trio{os.sep}" not in lines[0]  # what is outside of the task is left out
    assert any(line.endswith("in Holder.handle") and f'"{__file__}"' in line for line in lines)
    assert "ace of spades" not in repr(reports.stalls) + stall.stack
    held = [each.found for each in reports.stalls if isinstance(each.found, Released) and each.found.seen]
    assert any(found.seconds >= stall.found.seconds for found in held)


def test_what_a_thread_handed_to_the_loop_is_reported_too() -> None:
    reports = Reports("Event.wait")

    async def main() -> None:
        with trio.fail_after(PATIENCE):
            while not reports.found.is_set():
                trio.lowlevel.current_trio_token().run_sync_soon(reports.found.wait, A_WHILE)
                await trio.sleep(0.01)

    watched(main, reports)
    assert reports.stall.found.seconds >= 0.05


@define
class FickleTurns:
    """A pulse whose loop goes on to its next turn whenever somebody has looked."""

    long_turns: deque[Turn] = field(factory=deque)
    turns: list[float] = field(factory=lambda: [0.0, 5.0])

    @property
    def turn(self) -> float:
        return self.turns.pop(0)


async def test_the_stack_of_another_turn_is_not_shown_for_a_stall_that_is_over() -> None:
    reports = Reports()
    root = trio.lowlevel.current_root_task()
    assert root is not None
    pulse: Any = FickleTurns()
    _Watcher(pulse, Clock([9.0]), reports, Lookout(1.0), threading.get_ident(), root)._look()
    assert reports.stalls == [Stall(Stalled(9.0), "a task that has just let go", "")]


async def test_what_is_in_no_task_is_reported_without_one() -> None:
    reports = Reports()
    root = trio.lowlevel.current_root_task()
    assert root is not None
    pulse: Any = FickleTurns(turns=[0.0, 0.0])
    _Watcher(pulse, Clock([9.0]), reports, Lookout(1.0), 0, root)._look()
    assert reports.stalls == [Stall(Stalled(9.0), None, "")]


def test_tasks_that_change_under_the_eyes_of_the_watch_are_not_told() -> None:
    class Changing:
        coro = None

        @property
        def child_nurseries(self) -> list[Any]:
            raise RuntimeError("Set changed size during iteration")

    root: Any = Changing()
    assert _task_of([], root) is None


def test_a_report_that_fails_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports("in Holder.handle")
    tries = iter([True])

    def report(stall: Stall) -> None:
        reports(stall)
        if next(tries, False):
            raise RuntimeError("the ace of spades")

    async def main() -> None:
        await hold_in_an_actor(reports)

    watched(main, report)
    assert "a stall was not reported: RuntimeError" in caplog.text
    assert "ace of spades" not in caplog.text
    assert len(reports.stalls) >= 2


def test_a_watch_leaves_neither_thread_nor_instrument_behind() -> None:
    before = threading.active_count()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(StallWatch(0.05).run)
            assert threading.active_count() == before + 1
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert threading.active_count() == before


def test_a_stall_of_no_time_is_none() -> None:
    with pytest.raises(ValueError, match="positive number of seconds, not 0"):
        StallWatch(0.0)


# ---- what is said


@pytest.mark.parametrize(
    ("stall", "level", "said"),
    [
        (Stall(Stalled(0.514), "table 7", "  the stack"), "WARNING", "has been held for 0.51 s, by table 7\n  the s"),
        (Stall(Stalled(0.5), None, "  the stack"), "WARNING", "has been held for 0.50 s, itself\n  the stack"),
        (Stall(Released(2.0, True)), "WARNING", "the event loop turns again, after 2.00 s"),
        (Stall(Released(2.0, False)), "WARNING", "was held for 2.00 s by native code that kept the interpreter"),
        (Stall(Absent(9.0)), "INFO", "the process did not run for 9.00 s: paused, or the machine was busy"),
    ],
)
def test_the_log_tells_it_in_words(stall: Stall, level: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "croupier.kit"):
        log_stall(stall)
    assert [record.levelname for record in caplog.records] == [level]
    assert said in caplog.messages[0]


def test_frames_are_described_by_file_line_and_function_the_innermost_last() -> None:
    def inner() -> list[str]:
        secret = "the ace of spades"
        import sys

        frames = list(outwards(sys._getframe()))
        assert secret
        return describe(frames[:2])

    outer_line, inner_line = inner()
    assert outer_line.endswith("in test_frames_are_described_by_file_line_and_function_the_innermost_last")
    assert inner_line.startswith(f'  File "{__file__}", line ')
    assert inner_line.endswith("<locals>.inner")


async def test_all_tasks_are_below_the_root() -> None:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="a child")
        names = [task.name for task in tasks_below(root)]
        assert {"a child", trio.lowlevel.current_task().name} <= set(names)
        nursery.cancel_scope.cancel()
