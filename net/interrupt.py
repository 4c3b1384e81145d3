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
    """The exit status that tells of the signal, or of whatever else cut it short; 0 while nothing did."""

    @property
    def by_signal(self) -> bool:
        """Whether it was a signal that cut it short."""
        return self.status > _BY_SIGNAL

    def cut(self, status: int) -> None:
        """Cuts short what runs in `scope`; the first status stays."""
        self.status = self.status or status
        self.scope.cancel()


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
            interrupt.cut(_BY_SIGNAL + number)
