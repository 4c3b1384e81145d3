"""A run that is cut short by a signal, in order: what it has started still ends."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BY_SIGNAL: Final = 128
"""What a shell adds to the number of the signal that ended a command."""


@define(eq=False)
class Interrupt:
    """Whether a signal came. What is to be cut short runs in `scope`."""

    scope: trio.CancelScope = field(factory=trio.CancelScope)
    status: int = 0
    """The exit status that tells of the signal; 0 while there was none."""


@asynccontextmanager
async def interruptible() -> AsyncIterator[Interrupt]:
    """SIGINT, SIGTERM and SIGHUP cancel the scope of what this gives, and nothing else; more than one of them
    too, because to end everything takes a moment, and is not cut short."""
    interrupt = Interrupt()
    async with trio.open_nursery() as nursery:
        await nursery.start(_listen, interrupt)
        with interrupt.scope:
            yield interrupt
        nursery.cancel_scope.cancel()


async def _listen(interrupt: Interrupt, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        task_status.started()
        async for number in signals:
            interrupt.status = interrupt.status or _BY_SIGNAL + number
            interrupt.scope.cancel()
