"""Thinking in processes of its own, so that no game waits for it.

trio-parallel keeps the workers: they are spawned, not forked, stay warm, and are killed when what they do is cancelled.
A worker is given what the player sees, as it came over the wire, and nothing else; and it dies with the server, because
its pipe does.
"""

from __future__ import annotations

import logging
import signal
from functools import cache, partial
from typing import TYPE_CHECKING, Final, TypeVar

import trio
import trio_parallel
from attrs import define, field

from actors.bots.budget import Budget
from actors.rules.registry import Registry
from net.npc.thinker import Complaints, blindly, decide_with, imagines, takes_draw_with
from net.rules_path import rules_on_offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.bots.players import Decision
    from actors.bots.sight import Sight

_OVERTIME: Final = 5.0
"""Seconds beyond its time after which a player that has not decided is cut off: a worker may have to start first."""

_MOST_ITERATIONS: Final = 100_000

log = logging.getLogger("croupier.npc")

T = TypeVar("T")


class _NotThought(Exception):
    """Nothing came of it; the text says why."""


@define(eq=False)
class Processes:
    """Thinks in `processes` processes at most, for `seconds` each time. `registry` is what the server plays by;
    `rules_path` are the folders where the processes find the same."""

    registry: Registry
    rules_path: tuple[str, ...]
    processes: int
    seconds: float
    complaints: Complaints = field(factory=Complaints)
    _context: trio_parallel.WorkerContext | None = field(default=None, init=False)
    _limiter: trio.CapacityLimiter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limiter = trio.CapacityLimiter(self.processes)

    def imagines(self, rules: str, version: str) -> bool:
        """See `Thinker`."""
        return imagines(self.registry, rules, version)

    async def decide(self, kind: str, sight: Sight, seed: bytes) -> Decision:
        """See `Thinker`."""
        decision = await self._decide(kind, sight, seed)
        self.complaints.hear(kind, sight, decision.instead)
        return decision

    async def _decide(self, kind: str, sight: Sight, seed: bytes) -> Decision:
        try:
            return await self._run(partial(_think, self.rules_path, kind, sight, seed, self.seconds))
        except _NotThought as why:
            return blindly(sight, seed, str(why))

    async def takes_draw(self, kind: str, sight: Sight, seed: bytes) -> bool:
        """See `Thinker`."""
        try:
            return await self._run(partial(_weigh, self.rules_path, kind, sight, seed))
        except _NotThought as why:
            log.debug("npc:%s declines a draw: %s", kind, why)
            return False

    async def _run(self, think: Callable[[], T]) -> T:
        """What is thought in a process. Raises _NotThought."""
        if self._context is None:
            raise _NotThought("there is no process to think in")
        async with self._limiter:  # whoever waits for a process has not begun to think
            with trio.move_on_after(self.seconds + _OVERTIME):
                try:
                    # The limiter here is a formality: whose turn it is has been seen to.
                    thought: T = await self._context.run_sync(think, cancellable=True, limiter=trio.CapacityLimiter(1))
                except trio_parallel.BrokenWorkerError:
                    raise _NotThought("its process died") from None
                return thought
        raise _NotThought(f"it did not decide within {self.seconds + _OVERTIME:g} s")

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Thinker`. A process starts when it is first needed, and stays."""
        async with trio_parallel.open_worker_context(
            idle_timeout=float("inf"), grace_period=1.0, init=_outlive_the_terminal
        ) as context:
            self._context = context
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._context = None


def _outlive_the_terminal() -> bool:
    """Runs in each process. The server ends in order when its terminal hangs up, and npcs may have to act until then.
    What it answers, trio-parallel wants to have, and does not look at."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return False


@cache
def registry_of(rules_path: tuple[str, ...]) -> Registry:
    """The rules on offer, found once in each process."""
    return rules_on_offer(rules_path)


def _think(rules_path: tuple[str, ...], kind: str, sight: Sight, seed: bytes, seconds: float) -> Decision:
    from net.outside import stopwatch

    budget = Budget(iterations=_MOST_ITERATIONS, seconds=seconds, clock=stopwatch)
    return decide_with(registry_of(rules_path), kind, sight, seed, budget)


def _weigh(rules_path: tuple[str, ...], kind: str, sight: Sight, seed: bytes) -> bool:
    return takes_draw_with(registry_of(rules_path), kind, sight, seed)
