"""Ctrl-C at each line of the kit, one after the other, each in a run of its own: `python -m tests.actors.kit.ctrl_c`.

It prints where it is, and what went wrong there. A run that hangs hangs, and whoever started this ends it.
"""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from attrs import define, field, frozen
from trio.testing import MockClock

import actors.kit
from actors.kit.actor import Actor, ActorError, Ask, Ref, actor_child
from actors.kit.supervisor import ChildSpec, DynamicSupervisor, Strategy, Supervisor

if TYPE_CHECKING:
    from types import FrameType

KIT = Path(actors.kit.__file__).parent
MODULES = {"child", "dynamic", "incarnation", "letters", "mailbox", "monitors", "shelter", "supervisor", "timers"}
FILES = {str(KIT / f"{module}.py") for module in MODULES}

LONG = 1e6


@frozen
class Ping(Ask[int]):
    """Is answered."""


@frozen
class Bad(Ask[int]):
    """Makes the actor crash."""


class Pinger(Actor[object]):
    """Has a timer, a monitor, and a stop hook that takes its time."""

    def __init__(self, other: Ref[object] | None) -> None:
        self.other = other

    async def start(self) -> None:
        """Makes ready."""
        if self.other is not None:
            self.monitor(self.other, lambda _: Ping())
        self.after(1, Ping())

    async def handle(self, message: object) -> int:
        """Answers, or not."""
        if isinstance(message, Bad):
            raise ValueError
        return 1

    async def stop(self) -> None:
        """Takes its time."""
        await trio.sleep(0.1)


@define
class Interrupter:
    """A trace function that interrupts at the line with this number, the first time that it is reached."""

    at: int
    place: str = ""
    _seen: set[tuple[str, int]] = field(factory=set)

    def __call__(self, frame: FrameType, _event: str, _arg: object) -> Any:  # noqa: ANN401 - a trace function
        """A new frame."""
        return self._line if frame.f_code.co_filename in FILES else None

    def _line(self, frame: FrameType, event: str, _arg: object) -> Any:  # noqa: ANN401 - a trace function
        place = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and place not in self._seen and not self.place:
            self._seen.add(place)
            if len(self._seen) == self.at:
                self.place = f"{Path(place[0]).name}:{place[1]}"
                signal.raise_signal(signal.SIGINT)
        return self._line


@define
class Scene:
    """A bit of everything: starts, messages, crashes, restarts, monitors, stops. `answers` counts, for each post."""

    answers: list[int] = field(factory=list)
    hung: int = 0

    async def play(self) -> None:
        tables = DynamicSupervisor("tables")
        a, b, c, d = (Ref[Any](name, capacity=1) for name in "abcd")
        root = Supervisor(
            "root",
            [
                ChildSpec(id="service", run=service),
                actor_child(a, lambda: Pinger(None)),
                tables.as_child(),
            ],
            strategy=Strategy.ONE_FOR_ALL,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            tables.spawn(actor_child(b, lambda: Pinger(c)))
            tables.spawn(actor_child(c, lambda: Pinger(a)))
            for ref in (a, b, c):
                nursery.start_soon(self.ask, ref)
                nursery.start_soon(self.ask, ref)
                self.post(ref, Ping())
            await trio.lowlevel.checkpoint()
            self.post(c, Bad())
            await trio.sleep(2)
            self.post(b, Ping())
            await tables.terminate_child("b")
            self.post(a, Bad())
            await trio.sleep(2)
            tables.spawn(actor_child(d, lambda: Pinger(a)))
            await trio.sleep(1)
            root.request_stop()
            self.post(a, Ping())

    def post(self, ref: Ref[Any], message: Ask[int]) -> None:
        number = len(self.answers)
        self.answers.append(0)

        def count(_: object) -> None:
            self.answers[number] += 1

        try:
            ref.post(message, count)
        except (ActorError, KeyboardInterrupt) as refused:
            count(refused)
            if isinstance(refused, KeyboardInterrupt):
                raise

    async def ask(self, ref: Ref[Any]) -> None:
        try:
            await ref.ask(Ping(), timeout=LONG)
        except ActorError:
            self.hung += trio.current_time() >= LONG


async def service(task_status: trio.TaskStatus[None]) -> None:
    """Runs."""
    task_status.started()
    await trio.sleep_forever()


def interrupted(at: int) -> tuple[str, str]:
    """Where Ctrl-C came, nowhere if there are not so many lines, and what is wrong with what came of it."""
    scene, interrupter = Scene(), Interrupter(at)
    sys.settrace(interrupter)
    try:
        trio.run(scene.play, clock=MockClock(autojump_threshold=0))
        wrong = "nobody heard of it" if interrupter.place else ""
    except BaseException as error:
        wrong = "" if is_interrupt(error) else repr(error)
    finally:
        sys.settrace(None)
    if scene.hung:
        wrong = f"{wrong} {scene.hung} asks hung"
    if set(scene.answers) - {1}:
        wrong = f"{wrong} posts were answered {scene.answers}"
    return interrupter.place, wrong


def is_interrupt(error: BaseException) -> bool:
    """Whether it is Ctrl-C, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(KeyboardInterrupt)[1] is None
    return isinstance(error, KeyboardInterrupt)


def main() -> None:
    logging.disable()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
    at, place = 0, "."
    while place:
        at += 1
        sys.stderr.write(f"{at} ")
        sys.stderr.flush()
        place, wrong = interrupted(at)
        if wrong:
            sys.stdout.write(f"{place}: {wrong}\n")
    sys.stdout.write(f"{at - 1} lines\n")


if __name__ == "__main__":
    main()
