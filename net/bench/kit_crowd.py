"""A crowd of idle actors that comes and goes, in this process. It imports little, because it is started often."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import click
import orjson
import trio
from attrs import asdict, define, field, frozen

from actors.kit.actor import Actor, Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor
from net.bench.process import ProcessMeter
from net.collector import calm_down, spare_what_is_there

if TYPE_CHECKING:
    from collections.abc import Callable

    from net.bench.process import Meter

_FIRST_GUESTS: Final = 100
"""Actors that come and go before memory is looked at: what is made once is made then."""


@frozen
class Span:
    """How long something took: seconds on the clock, and seconds of the processor, which do not grow when the machine
    has other things to do."""

    elapsed: float
    cpu: float


@frozen
class Crowd:
    """So many idle actors under one dynamic supervisor: bytes that all of them took, the time until the last was up,
    and until the last had ended."""

    actors: int
    memory: int
    start: Span
    stop: Span


class _Idle(Actor[None]):
    """Waits for messages that do not come."""

    def __init__(self, up: Callable[[], None]) -> None:
        self._up = up

    async def start(self) -> None:
        self._up()


@frozen(eq=False)
class _Counter:
    """Sets the event at the last call."""

    left: list[int]
    done: trio.Event

    def __call__(self) -> None:
        self.left[0] -= 1
        if not self.left[0]:
            self.done.set()


@define(eq=False)
class _StopWatch:
    """Runs from when it is made."""

    _elapsed: float = field(factory=trio.current_time)
    _cpu: float = field(factory=time.process_time)

    def read(self) -> Span:
        return Span(trio.current_time() - self._elapsed, time.process_time() - self._cpu)


async def gather(actors: int, meter: Meter) -> Crowd:
    """Starts so many actors and stops them again; the meter reads this process."""
    await _come_and_go(_FIRST_GUESTS, lambda: 0)
    return await _come_and_go(actors, meter.memory)


async def _come_and_go(actors: int, memory: Callable[[], int]) -> Crowd:
    supervisor = DynamicSupervisor("crowd")
    up = _Counter([actors], trio.Event())
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        before, watch = memory(), _StopWatch()
        refs = [Ref[None](f"actor:{number}") for number in range(actors)]
        for ref in refs:
            supervisor.spawn(actor_child(ref, lambda: _Idle(up)))
        await up.done.wait()
        start = watch.read()
        taken = memory() - before
        watch = _StopWatch()
        await supervisor.stop()
        stop = watch.read()
    return Crowd(actors, taken, start, stop)


def run_crowd(actors: int, *, as_served: bool) -> None:
    """Prints what was measured of one crowd in this process, as JSON. `as_served`: with Python's garbage collector as
    `croupier serve` has it."""
    if as_served:
        calm_down()
        spare_what_is_there()
    crowd = trio.run(gather, actors, ProcessMeter(os.getpid()))
    click.echo(orjson.dumps(asdict(crowd)))
