"""Rules in native code, in real processes: they are ended when they take too long, and nobody else is the worse for it.

In real time: each process takes a third of a second to start, which is why few are.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.apart.inline import Inline
from actors.apart.questions import Died, Failed, Late, Question, Refused, Told
from actors.apart.rules import Apart
from actors.failures import Code
from actors.kit.supervisor import DynamicSupervisor
from actors.messages import ActionAnswer
from actors.rules.registry import Registry
from actors.table_messages import Act, Describe
from net.rules_workers import RulesWorkers
from tests.samples.memory import Listener
from tests.samples.native import ABORT, LOOP, PRINT, PYTHON_LOOP, READ, DoesNotLoad, NativeTally, guess
from tests.samples.room import MISS, Room, code, described

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMIT = 0.5
KEY = "00" * 32


@pytest.fixture
async def workers() -> AsyncIterator[RulesWorkers]:
    workers = RulesWorkers(most=2, limit=LIMIT)
    async with trio.open_nursery() as nursery:
        await nursery.start(workers.run)
        yield workers
        nursery.cancel_scope.cancel()
    assert workers.pids == ()


def begin() -> Question:
    return Question.of("set_up", players=2, options={}, key=KEY, position=0)


def act(state: bytes, number: int) -> Question:
    return Question.of("apply", state, players=2, seat=0, action=guess(number), key=KEY, position=0)


async def begun(workers: RulesWorkers) -> bytes:
    told = await workers.ask(NativeTally(), begin())
    assert isinstance(told, Told)
    return told.state


async def test_they_answer_as_rules_in_this_process_do(workers: RulesWorkers) -> None:
    rules, inline = NativeTally(), Inline()
    state = await begun(workers)
    for question in (begin(), act(state, 5000), act(state, -1), Question.of("parse", action={"type": "x"}), begin()):
        assert await workers.ask(rules, question) == await inline.ask(rules, question)
    assert isinstance(await workers.ask(rules, act(state, -1)), Refused)
    assert len(workers.pids) == 1


@pytest.mark.parametrize("number", [LOOP, PYTHON_LOOP])
async def test_one_that_does_not_return_is_ended_and_the_next_is_asked_in_another_process(
    workers: RulesWorkers, number: int
) -> None:
    state = await begun(workers)
    pids = workers.pids
    assert await workers.ask(NativeTally(), act(state, number)) == Late()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert isinstance(await workers.ask(NativeTally(), act(state, 5000)), Told)


async def test_one_that_ends_its_process_is_tried_once_more_and_it_is_said_how_that_ended(
    workers: RulesWorkers,
) -> None:
    state = await begun(workers)
    assert await workers.ask(NativeTally(), act(state, ABORT)) == Died("was ended by SIGABRT")


async def test_a_process_that_somebody_kills_is_replaced_and_nobody_notices(workers: RulesWorkers) -> None:
    state = await begun(workers)
    os.kill(workers.pids[0], signal.SIGKILL)
    assert isinstance(await workers.ask(NativeTally(), act(state, 5000)), Told)


async def test_what_the_library_prints_or_reads_is_not_taken_for_an_answer(workers: RulesWorkers) -> None:
    state = await begun(workers)
    for number in (PRINT, READ):
        assert isinstance(await workers.ask(NativeTally(), act(state, number)), Told)


async def test_rules_that_do_not_load_say_why(workers: RulesWorkers) -> None:
    failed = await workers.ask(DoesNotLoad(), begin())
    assert isinstance(failed, Failed)
    assert failed.error == "ImportError"
    assert "libtally.so is not there" in failed.trace


async def test_while_one_is_stuck_another_is_asked_and_a_cancelled_one_is_ended(workers: RulesWorkers) -> None:
    state = await begun(workers)
    with trio.move_on_after(LIMIT / 5):
        await workers.ask(NativeTally(), act(state, LOOP))
    assert workers.pids == ()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(workers.ask, NativeTally(), act(state, LOOP))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert isinstance(await workers.ask(NativeTally(), act(state, 5000)), Told)


async def room_of(workers: RulesWorkers, nursery: trio.Nursery) -> Room:
    """A room with two games, whose rules are in native code."""
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)
    room = Room(tables, NativeTally())
    room.sets(registry=Registry([Apart(NativeTally(), workers)]))
    for game_id in ("g1", "g2"):
        await room.new_game(game_id=game_id)
        await room.ask(Describe(), game_id)
    return room


async def test_a_game_that_loops_in_c_is_suspended_and_no_other(workers: RulesWorkers, nursery: trio.Nursery) -> None:
    room = await room_of(workers, nursery)
    assert code(await room.act("a", guess(LOOP))) == Code.INTERNAL_ERROR
    assert described(await room.ask(Describe(), "g1"))[0] == "suspended"
    assert isinstance(await room.ask(Act("a", Listener(), MISS), "g2"), ActionAnswer)


async def test_while_one_game_loops_in_c_the_others_are_played_on(nursery: trio.Nursery) -> None:
    workers = RulesWorkers(most=2, limit=3600)
    await nursery.start(workers.run)
    room = await room_of(workers, nursery)
    answers: list[object] = []
    room.directory.table("g1").post(Act("a", Listener(), guess(LOOP)), answers.append)
    for user in "abab":
        assert isinstance(await room.ask(Act(user, Listener(), MISS), "g2"), ActionAnswer)
    assert answers == []


ORPHANING = """
import os, signal, trio
from actors.apart.questions import Question
from net.rules_workers import RulesWorkers
from tests.samples.native import NativeTally

async def main():
    workers = RulesWorkers(most=1, limit=60)
    async with trio.open_nursery() as nursery:
        await nursery.start(workers.run)
        await workers.ask(NativeTally(), Question.of("set_up", players=2, options={}, key="00" * 32, position=0))
        print(*workers.pids, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

trio.run(main)
"""


async def test_a_process_of_rules_does_not_outlive_its_server() -> None:
    with trio.fail_after(60):
        done = await trio.run_process([sys.executable, "-c", ORPHANING], capture_stdout=True, check=False)
        assert done.returncode == -signal.SIGKILL
        while _runs(int(done.stdout)):  # noqa: ASYNC110 - nobody tells of somebody else's child
            await trio.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether it does anything yet: one that nobody has reaped has ended as well."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
