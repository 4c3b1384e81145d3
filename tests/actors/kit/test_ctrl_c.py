"""Ctrl-C may come anywhere: what runs then ends, in order, and nobody waits for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trio
import trio.testing

from actors.kit.actor import Actor, Ref, actor_child
from actors.kit.child import ChildSpec
from actors.kit.policy import Restart
from actors.kit.supervisor import Supervisor

ROOT = Path(__file__).parents[3]
PATIENCE = 180.0
LINES = 400
"""There are more in the modules that it comes in."""


def test_wherever_in_the_kit_ctrl_c_comes_everything_ends_and_every_message_has_its_answer() -> None:
    command = [sys.executable, "-m", "tests.actors.kit.ctrl_c"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    *wrong, count = done.stdout.splitlines() or ["nothing"]
    assert (wrong, done.returncode) == ([], 0), done.stderr[-2000:]
    assert int(count.split()[0]) > LINES


async def test_ctrl_c_may_come_in_code_that_is_not_the_kits(nursery: trio.Nursery) -> None:
    """A handler that loops can be stopped with it, and so can a service."""
    protected: list[bool] = []

    def note() -> None:
        protected.append(trio.lowlevel.currently_ki_protected())

    class Noting(Actor[None]):
        async def start(self) -> None:
            note()

        async def handle(self, message: None) -> None:
            note()
            raise ValueError

        async def crashed(self, error: Exception) -> None:
            note()

        async def stop(self) -> None:
            note()

    async def service(task_status: trio.TaskStatus[None]) -> None:
        note()
        task_status.started()

    ref: Ref[None] = Ref("noting")
    root = Supervisor(
        "root",
        [
            ChildSpec(id="service", run=service, restart=Restart.TEMPORARY),
            actor_child(ref, Noting, restart=Restart.TEMPORARY),
        ],
    )
    await nursery.start(root.run)
    ref.tell(None)
    await trio.testing.wait_all_tasks_blocked()
    assert protected == [False] * 5
    await root.stop()
