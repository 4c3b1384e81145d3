"""What an idle actor takes, and how long it takes to start and to stop many of them.

Each crowd has a process of its own, because memory that one has left would be used by the next, and not be seen.
"""

from __future__ import annotations

import statistics
import subprocess
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import frozen

from net.bench.errors import BenchFailed
from net.bench.kit_crowd import Crowd, Span
from net.process import own_command, own_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.bench.progress import Watcher

ROUNDS: Final = 3

_PATIENCE: Final = 60.0
_SECONDS_AN_ACTOR: Final = 0.005
"""No machine that one would measure on is so slow: a crowd that takes longer hangs."""

_KILLED: Final = -9


@frozen
class Crowds:
    """The same crowd, several times. Each figure is for one actor, and the median. `as_served`: see `run_crowd`."""

    actors: int
    as_served: bool
    rounds: tuple[Crowd, ...]

    @property
    def memory(self) -> float:
        """Bytes."""
        return statistics.median(each.memory for each in self.rounds) / self.actors

    @property
    def start(self) -> Span:
        """Until the last is up, divided."""
        return _median([each.start for each in self.rounds], self.actors)

    @property
    def stop(self) -> Span:
        """Until the last has ended, divided."""
        return _median([each.stop for each in self.rounds], self.actors)


def _median(spans: Sequence[Span], actors: int) -> Span:
    elapsed = statistics.median(span.elapsed for span in spans)
    return Span(elapsed / actors, statistics.median(span.cpu for span in spans) / actors)


def sizes(actors: int) -> tuple[int, int, int]:
    """Whether time and memory grow with the crowd alone is seen at three sizes."""
    return actors // 10, 3 * actors // 10, actors


async def measure(actors: int, watcher: Watcher, *, rounds: int = ROUNDS) -> list[Crowds]:
    """Gathers each size of crowd so many times, by turns: with the garbage collector as Python has it, and as served.
    Raises BenchFailed. Cancelled, no process is left."""
    measured: dict[tuple[bool, int], list[Crowd]] = {
        (as_served, size): [] for as_served in (False, True) for size in sizes(actors)
    }
    watcher.step("actors start and stop", rounds * len(measured))
    for _ in range(rounds):
        for (as_served, size), crowds in measured.items():
            crowds.append(await _in_a_process(size, as_served=as_served))
            watcher.done()
    return [Crowds(size, as_served, tuple(crowds)) for (as_served, size), crowds in measured.items()]


async def _in_a_process(actors: int, *, as_served: bool) -> Crowd:
    limit = _PATIENCE + actors * _SECONDS_AN_ACTOR
    with trio.move_on_after(limit):
        done = await trio.run_process(
            own_command("bench", "kit", *(["--as-served"] if as_served else []), "--crowd", str(actors)),
            stdin=b"",
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            check=False,
            env=own_environment(),
            process_group=0,  # Ctrl-C in the terminal is for us
        )
        if done.returncode == _KILLED:
            raise BenchFailed(f"{actors} actors were killed: the memory does not do for them; ask for fewer --actors")
        if done.returncode:
            raise BenchFailed(f"{actors} actors ended with status {done.returncode}")
        told = orjson.loads(done.stdout)
        return Crowd(**told | {"start": Span(**told["start"]), "stop": Span(**told["stop"])})
    raise BenchFailed(f"{actors} actors have not started and stopped within {limit:.0f} s")
