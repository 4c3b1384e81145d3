"""The last resort: real processes whose shutdown hangs, each in its own way, and one that needs no last resort."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from actors.kit.child import ChildSpec
from actors.kit.supervisor import Supervisor
from actors.kit.tree import Node
from actors.kit.watchdog_stop import HUNG, LastResort

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0

_PROGRAM = """
import logging, sys, time
import trio
from actors.kit.supervisor import ChildSpec, Supervisor
from actors.kit.watchdog_stop import LastResort

logging.basicConfig(level="INFO")

async def stubborn(task_status):
    task_status.started()
    card = "the ace of spades"
    try:
        await trio.sleep_forever()
    finally:
        {hang}

async def main():
    root = Supervisor("root", [ChildSpec(id="stubborn", run=stubborn)])
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        LastResort({within}, root.node).arm()
        root.request_stop()

trio.run(main)
{after}
print("the end")
"""

SHIELDED = "with trio.CancelScope(shield=True): await trio.sleep_forever()"
BLOCKED = "time.sleep(100)"
LOG_HELD = "logging.getLogger().handlers[0].acquire(); time.sleep(100)"
NATIVE = "import ctypes; ctypes.PyDLL(None).sleep(100)"
"""With the interpreter's lock held."""


def run(hang: str, *, within: float = 0.5, after: str = "") -> subprocess.CompletedProcess[str]:
    """The process at its end. It is killed when it takes too long."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(hang=hang, within=within, after=after)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_process_that_a_shielded_child_holds_is_ended_and_says_which() -> None:
    done = run(SHIELDED)
    assert (done.returncode, done.stdout) == (HUNG, "")
    assert "the shutdown has not ended within 0.5 s" in done.stderr
    assert "root  supervisor  stopping\n  stubborn  service  stopping\n" in done.stderr
    assert 'task stubborn, waiting in\n  File "<string>", line 15, in stubborn\n' in done.stderr
    assert "thread MainThread, in\n" in done.stderr
    assert "ace of spades" not in done.stderr


def test_a_process_whose_event_loop_is_held_is_ended_and_says_where() -> None:
    done = run(BLOCKED)
    assert done.returncode == HUNG
    assert "the event loop does not turn: its thread is the one to look at\nthread MainThread, in\n" in done.stderr
    assert 'File "<string>", line 15, in stubborn\n' in done.stderr


def test_a_process_that_hangs_when_its_event_loop_has_ended_is_ended() -> None:
    done = run("pass", after="time.sleep(100)")
    assert (done.returncode, done.stdout) == (HUNG, "")
    assert "the event loop has ended, and the process has not\nthread MainThread, in\n" in done.stderr


def test_a_process_that_cannot_even_write_its_log_is_ended() -> None:
    done = run(LOG_HELD)
    assert (done.returncode, done.stdout, done.stderr) == (HUNG, "", "")


def test_a_process_that_native_code_holds_is_ended_with_the_stacks_of_its_threads() -> None:
    done = run(NATIVE)
    assert done.returncode == 1
    assert 'File "<string>", line 15 in stubborn\n' in done.stderr


def test_a_process_that_ends_in_time_ends_as_if_there_were_no_last_resort() -> None:
    done = run("pass", within=60.0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")


# ---- in this process


def end_of(last: LastResort, ended: threading.Event) -> None:
    """Arms it twice, and returns when it has come to the end."""

    async def main() -> None:
        last.arm()
        last.arm()
        while not ended.is_set():  # noqa: ASYNC110 - a thread sets it
            await trio.sleep(0.01)

    try:
        trio.run(main)
    finally:
        last.disarm()


def test_long_lists_are_cut_and_the_end_comes_once(caplog: pytest.LogCaptureFixture) -> None:
    statuses: list[int] = []
    ended = threading.Event()

    def end(status: int) -> None:
        statuses.append(status)
        ended.set()

    tables = Node("tables", "supervisor", children=tuple(Node(f"table {n}", "actor") for n in range(1000)))
    end_of(LastResort(0.01, lambda: tables, end=end), ended)
    assert statuses == [HUNG]
    assert "table 198 " in caplog.text
    assert "table 199 " not in caplog.text
    assert "and 801 lines more" in caplog.text


def test_a_tree_that_cannot_be_told_does_not_keep_the_end_off(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Node:
        raise RuntimeError("the ace of spades")

    ended = threading.Event()
    end_of(LastResort(0.01, broken, end=lambda _: ended.set()), ended)
    assert "the tree cannot be told: RuntimeError" in caplog.text
    assert "ace of spades" not in caplog.text


def test_a_loop_that_is_held_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()
    last = LastResort(0.01, lambda: Node("root", "supervisor"), end=lambda _: ended.set())

    async def main() -> None:
        last.arm()
        assert ended.wait(PATIENCE)

    try:
        trio.run(main)
    finally:
        last.disarm()
    assert "the event loop does not turn" in caplog.text


def test_disarmed_it_does_nothing() -> None:
    ended = threading.Event()

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()

    async def main() -> None:
        root = Supervisor("root", [ChildSpec(id="a", run=serve)])
        last = LastResort(0.2, root.node, end=lambda _: ended.set())
        last.disarm()
        last.arm()
        await trio.sleep(0.4)
        last.disarm()

    trio.run(main)
    assert not ended.is_set()
