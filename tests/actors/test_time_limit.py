"""A call into the rules that does not return: it is interrupted, its game is suspended, and all others go on."""

from __future__ import annotations

import gc
import itertools
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest
import trio

from actors.failures import Code
from actors.game import RulesFault, ask_rules
from actors.messages import ABSENT, AbortAnswer, ActionAnswer
from actors.table_messages import Abort, Act, Describe, Draw, Join, Resign
from actors.time_limit import TimeIsUp, TimeLimit
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, code, described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.kit.actor import Ask
    from tests.samples.room import Room

LIMIT = 0.05
"""Seconds: short, so that the tests are, and long enough for a call that means to return."""

OTHER = "g2"


@pytest.fixture(autouse=True)
def nothing_to_collect() -> Iterator[None]:
    """What earlier tests left behind is collected before, not in a call that is interrupted: an interruption that comes
    in a finalizer is one that Python reports and passes over, until the next one, and pytest makes a failure of it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def limit() -> Iterator[TimeLimit]:
    with TimeLimit(LIMIT, ask_rules.__code__) as limit:
        yield limit


def hang(*_: object) -> NoReturn:
    while True:
        sum(range(100))


# ---- the limit itself


def test_a_call_that_loops_is_interrupted_and_the_report_names_it_and_where_it_was(limit: TimeLimit) -> None:
    with pytest.raises(RulesFault, match=r"^hang of the rules ran past its time limit$") as caught:
        ask_rules(hang)
    assert isinstance(caught.value.__cause__, TimeIsUp)
    assert any(entry.name == "hang" for entry in pytest.ExceptionInfo.from_exception(caught.value.__cause__).traceback)
    assert limit.interrupted == 1


def swallows() -> NoReturn:
    while True:
        try:
            sum(range(100))
        except BaseException:
            len("x")


def swallows_around_a_loop() -> NoReturn:
    while True:
        try:
            while True:
                len("x")
        except BaseException:
            len("y")


def swallows_at_every_level() -> NoReturn:
    while True:
        try:
            try:
                swallows_around_a_loop()
            except BaseException:
                len("y")
            finally:
                len("z")
        except BaseException:
            len("x")


def swallows_in_a_generator() -> int:
    def numbers() -> Iterator[int]:
        while True:
            try:
                yield 1
            except BaseException:
                len("x")

    return sum(numbers())


def sleeps() -> None:
    threading.Event().wait(3600)


@pytest.mark.parametrize(
    "call", [swallows, swallows_around_a_loop, swallows_at_every_level, swallows_in_a_generator, sleeps]
)
def test_whatever_it_catches_does_not_save_it(limit: TimeLimit, call: Callable[[], object]) -> None:
    with pytest.raises(RulesFault, match="ran past its time limit"):
        ask_rules(call)


def looked_at(times: int) -> None:
    for _ in range(times):
        signal.raise_signal(signal.SIGALRM)


def test_a_call_is_interrupted_at_the_fifth_look_at_it_and_no_other_is_ever() -> None:
    cpu = itertools.count(0, 1000)
    with TimeLimit(3600, ask_rules.__code__, cpu=lambda: next(cpu)) as limit:
        for _ in range(4):
            ask_rules(looked_at, 4)
        looked_at(12)
        assert limit.interrupted == 0
        for _ in range(2):
            next(cpu)
        with pytest.raises(RulesFault):
            ask_rules(looked_at, 6)
        ask_rules(looked_at, 4)
        assert limit.interrupted == 1


def test_a_call_that_is_not_given_the_processor_is_left_alone_for_five_times_as_long() -> None:
    with TimeLimit(3600, ask_rules.__code__, cpu=lambda: 7.0) as limit:
        ask_rules(looked_at, 20)
        assert limit.interrupted == 0
        with pytest.raises(RulesFault, match="ran past its time limit"):
            ask_rules(looked_at, 21)


def test_after_an_interruption_the_next_call_has_all_its_time(limit: TimeLimit) -> None:
    for expected in (1, 2):
        with pytest.raises(RulesFault):
            ask_rules(swallows)
        assert ask_rules(sum, range(100_000)) == 4999950000
        assert limit.interrupted == expected


def test_whoever_had_the_timer_before_has_it_again() -> None:
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    with TimeLimit(LIMIT, ask_rules.__code__):
        assert signal.getitimer(signal.ITIMER_REAL)[1] == pytest.approx(LIMIT / 4, abs=1e-4)
    handler, (_, interval) = before
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL)[1] == interval


def test_it_is_for_the_main_thread() -> None:
    raised: list[BaseException] = []

    def try_it() -> None:
        try:
            with TimeLimit(LIMIT, ask_rules.__code__):
                pass
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert raised


def test_ctrl_c_still_gets_through_a_call(limit: TimeLimit) -> None:
    async def serve() -> None:
        with pytest.raises(KeyboardInterrupt):
            ask_rules(signal.raise_signal, signal.SIGINT)

    # A shell's background job is born deaf to Ctrl-C, and Trio then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        trio.run(serve)
    finally:
        signal.signal(signal.SIGINT, before)


# ---- at a table


def act() -> Ask[object]:
    return Act("a", Listener(), MISS)


PLAYED: dict[str, Callable[[], Ask[object]]] = {
    "parse": act,
    "forced": act,
    "to_act": act,
    "current": act,
    "apply": act,
    "outcome": act,
    "turn": act,
    "view": act,
    "legal": lambda: Join("a", Listener()),
    "dump": lambda: Join("a", Listener()),
    "has_resigned": lambda: Resign("a", Listener()),
    "resign": lambda: Resign("a", Listener()),
    "end_in_draw": lambda: Draw("b", Listener(), "accept"),
}


@pytest.mark.parametrize("name", PLAYED)
async def test_each_call_of_a_request_that_hangs_suspends_its_own_game(
    room: Room, limit: TimeLimit, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for game_id in (GAME, OTHER):
        await room.new_game(game_id=game_id, turn_timeout_seconds=60)
    await room.joined("a")
    await room.ask(Draw("a", Listener(), "offer"))
    setattr(room.rules, name, hang)
    assert code(await room.ask(PLAYED[name]())) == Code.INTERNAL_ERROR
    delattr(room.rules, name)
    assert (await status(room), limit.interrupted) == ("suspended", 1)
    assert code(await room.act("a")) == Code.UNAVAILABLE
    assert "ran past its time limit" in caplog.text
    assert "in hang" in caplog.text
    assert "4217" not in caplog.text
    assert isinstance(await room.ask(Act("a", Listener(), MISS), OTHER), ActionAnswer)


async def status(room: Room) -> str:
    return described(await room.ask(Describe()))[0]


async def test_a_time_out_that_hangs_suspends_the_game(
    room: Room, limit: TimeLimit, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nursery.start(room.timers.run)
    await room.new_game(turn_timeout_seconds=5)
    monkeypatch.setattr(room.rules, "time_out", hang)
    await room.joined("a")
    room.service.time += 6
    room.directory.expire(GAME)
    assert await status(room) == "suspended"


@pytest.mark.parametrize("name", ["set_up", "apply", "restore"])
async def test_a_replay_that_hangs_suspends_the_game(
    room: Room, limit: TimeLimit, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    await room.new_game()
    await room.take_turns(1)
    await room.leaves_memory()
    if name != "restore":
        room.journal.snapshots.clear()
    setattr(room.rules, name, hang)
    first = await status(room)
    # A snapshot only shortens a recovery: where it cannot be restored, the game is replayed from its beginning.
    assert first == ("running" if name == "restore" else "suspended")
    assert limit.interrupted == 1
    if name != "restore":
        assert f"{name} of the rules" in caplog.text or "ran past" in caplog.text
        assert isinstance(await room.ask(Abort("it hangs")), AbortAnswer)


async def test_a_save_that_hangs_costs_the_snapshot_and_nothing_else(
    room: Room, limit: TimeLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.new_game()
    await room.take_turns(1)
    monkeypatch.setattr(room.rules, "save", hang)
    await room.leaves_memory()
    assert room.journal.snapshots == {}
    assert limit.interrupted == 1
    assert described(await room.ask(Describe())) == ("running", 2, ABSENT)


async def test_a_game_that_cannot_be_set_up_in_time_is_not_made(
    room: Room, limit: TimeLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.rules, "set_up", hang)
    with pytest.raises(RulesFault):
        await room.new_game()
    assert room.journal.games == {}
