"""What it takes for a run of Trio to go the same way twice. The only file that reaches for this into Trio, wsproto and
trio-websocket; `tests/net/testing/test_determinism.py` tells when one of them is built otherwise.

* Trio steps through the runnable tasks of a batch in random order, and puts them in an order of its own before that
  only if its deterministic scheduling is on.
* wsproto draws the masks of frames and the key of the handshake from the operating system, trio-websocket the payload
  of a ping from `random`.
* Python's collector of cycles runs finalizers at a moment that depends on everything allocated before, in this run or
  not: it is off meanwhile.

The rest is order by construction: nothing in the server iterates over a set, or sorts by `id`, where somebody could see
it; the store sorts what it promises no order of (`net.testing.engine`); clock and entropy are ports
(`net.testing.ports`).
"""

from __future__ import annotations

import gc
import random  # noqa: TID251 - one that follows from the seed
from collections.abc import Callable
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final

import trio
import trio_websocket._impl as trio_websocket_impl
import wsproto.frame_protocol
import wsproto.utilities
from attrs import frozen
from trio._core import _run as trio_run
from trio.testing import MockClock

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRAW_FROM_THE_SYSTEM: Final = (wsproto.frame_protocol, wsproto.utilities)


@frozen
class _System:
    """What wsproto uses of `os`."""

    urandom: Callable[[int], bytes]


@contextmanager
def determined(seed: int) -> Iterator[None]:
    """Inside, everything that Trio and the WebSocket libraries leave to chance follows from the seed. Blocks may be
    nested; of two at once, the one that was entered last counts."""
    chance = random.Random(seed)
    system = _System(chance.randbytes)
    changes: list[tuple[Any, str, object]] = [
        (trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True),
        (trio_run, "_r", random.Random(chance.getrandbits(64))),
        (trio_websocket_impl, "random", chance),
        *((module, "os", system) for module in _DRAW_FROM_THE_SYSTEM),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    collects = gc.isenabled()
    gc.disable()
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        if collects:
            gc.enable()


def virtual_clock() -> MockClock:
    """Trio's clock that jumps to the next deadline as soon as all tasks wait. It does nothing else, so it can be made
    faster: a simulation asks it for the time a hundred times for every jump."""
    clock = MockClock(autojump_threshold=0)

    def autojump() -> None:
        seconds = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if 0 < seconds < inf:
            clock._virtual_base += seconds

    clock.current_time = lambda: clock._virtual_base  # type: ignore[method-assign]
    clock._autojump = autojump  # type: ignore[method-assign]
    return clock
