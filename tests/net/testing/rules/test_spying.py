"""The spy: what a call reads besides its arguments is seen, and what others do meanwhile is not."""

from __future__ import annotations

import datetime
import gc
import os
import random  # noqa: TID251 - to be seen
import sys
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from net.testing.rules.spying import Spy

if TYPE_CHECKING:
    from collections.abc import Callable

READS: dict[str, tuple[Callable[[], object], str]] = {
    "random": (lambda: random.choice([1, 2]), "the module random, by Random.getrandbits()"),
    "a seeded random": (lambda: random.Random(1).random(), "the module random, by Random.seed()"),
    "time": (lambda: time.time(), "the clock, by time()"),  # noqa: TID251
    "perf_counter": (lambda: time.perf_counter(), "the clock, by perf_counter()"),  # noqa: TID251
    "now": (lambda: datetime.datetime.now(), "the clock, by datetime.now()"),  # noqa: DTZ005, TID251
    "today": (lambda: datetime.date.today(), "the clock, by date.today()"),  # noqa: DTZ011, TID251
    "urandom": (lambda: os.urandom(1), "the system, by urandom()"),  # noqa: TID251
    "uuid4": (lambda: uuid.uuid4(), "the system, by urandom()"),  # noqa: TID251
    "a file": (lambda: open(__file__).close(), "a file, by open()"),
}


@pytest.mark.parametrize("what", READS)
def test_what_a_call_reads_is_seen(what: str) -> None:
    call, seen = READS[what]
    spy = Spy()
    spy.watch(call)
    assert spy.seen[0].startswith(seen)


def test_a_call_that_reads_nothing_is_quiet_and_gives_what_it_gives() -> None:
    spy = Spy()
    assert spy.watch(lambda: sorted({3, 2, hash(3)})) == [2, 3]
    assert spy.seen == []


def test_what_the_garbage_collector_calls_meanwhile_is_not_seen() -> None:
    def look_at_the_clock(phase: str, info: dict[str, int]) -> None:
        time.perf_counter()  # noqa: TID251

    threshold = gc.get_threshold()
    gc.callbacks.append(look_at_the_clock)
    gc.set_threshold(1)
    try:
        spy = Spy()
        spy.watch(lambda: [[number] for number in range(5000)])
    finally:
        gc.callbacks.remove(look_at_the_clock)
        gc.set_threshold(*threshold)
    assert spy.seen == []
    assert gc.isenabled()


def test_an_import_may_read_files() -> None:
    sys.modules.pop("colorsys", None)
    spy = Spy()
    spy.watch(lambda: __import__("colorsys"))
    assert spy.seen == []


def test_another_profiler_is_left_alone() -> None:
    def profiler(frame: object, event: str, arg: object) -> None:
        pass

    spy = Spy()
    sys.setprofile(profiler)
    try:
        spy.watch(time.time)  # noqa: TID251
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert spy.seen == []
