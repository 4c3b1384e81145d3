"""Services and an actor that do what a test tells them, and keep a trace of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from actors.kit.actor import Actor, Ask
from actors.kit.child import ChildSpec
from actors.kit.policy import Restart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from trio.abc import Clock, Instrument

T = TypeVar("T")


def run_in_virtual_time(
    test: Callable[[], Awaitable[T]], clock: Clock | None = None, instruments: Sequence[Instrument] = ()
) -> T:
    """`trio.run` on a clock that starts at 0 and jumps when nothing else happens, for `pytest.mark.trio(run=...)`."""
    return trio.run(test, clock=clock or MockClock(autojump_threshold=0), instruments=instruments)


class Mishap(Exception):
    """What goes wrong in these tests."""


@define
class _Cue:
    given: trio.Event = field(factory=trio.Event)
    error: BaseException | None = None


@define
class Troupe:
    """Makes services. The trace has `+a` when a is up, `-a` when it ends, `a ended` when it is gone for good."""

    trace: list[str] = field(factory=list)
    reasons: dict[str, BaseException | None] = field(factory=dict)
    _cues: dict[str, _Cue] = field(factory=dict)

    def service(
        self,
        name: str,
        *,
        restart: Restart = Restart.PERMANENT,
        start_errors: Iterable[BaseException | None] = (),
        start_takes: float = 0.0,
        stop_takes: float = 0.0,
        shielded: float = 0.0,
        can_be_asked: bool = True,
        shutdown: float = 5.0,
        start_timeout: float = 5.0,
        significant: bool = False,
    ) -> ChildSpec:
        """A service. Each start takes the next of `start_errors`. Asked to stop, it takes `stop_takes` seconds; at its
        end it shields itself for `shielded` seconds."""
        errors = iter(start_errors)

        async def run(status: trio.TaskStatus[Any]) -> None:
            cue = self._cues[name] = _Cue()
            await trio.sleep(start_takes)
            error = next(errors, None)
            if error is not None:
                raise error
            self.trace.append(f"+{name}")
            status.started()
            try:
                await cue.given.wait()
                await trio.sleep(stop_takes)
                if cue.error is not None:
                    raise cue.error
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(shielded)
                self.trace.append(f"-{name}")

        def ended(reason: BaseException | None) -> None:
            self.reasons[name] = reason
            self.trace.append(f"{name} ended")

        return ChildSpec(
            id=name,
            run=run,
            restart=restart,
            significant=significant,
            shutdown=shutdown,
            start_timeout=start_timeout,
            ask_to_stop=(lambda: self._cues[name].given.set()) if can_be_asked else None,
            ended=ended,
        )

    def crash(self, name: str, error: BaseException | None = None) -> None:
        """Has a service raise this, by default a Mishap."""
        self._cues[name].error = Mishap(name) if error is None else error
        self._cues[name].given.set()

    def leave(self, name: str) -> None:
        """Has a service return."""
        self._cues[name].given.set()

    def take_trace(self) -> list[str]:
        """The trace since the last call."""
        trace, self.trace = self.trace, []
        return trace


# ---- an actor


@frozen
class Add:
    """Adds to the sum."""

    n: int


@frozen
class Sum(Ask[int]):
    """Asks for the sum."""


@frozen
class Sleep(Ask[str]):
    """Takes so many seconds to answer "rested"."""

    seconds: float


@frozen
class Fail(Ask[int]):
    """Makes the actor raise this."""

    error: BaseException = field(factory=lambda: Mishap("fail"))


@frozen
class ReplyThenFail(Ask[str]):
    """Is answered "early", before the actor raises."""


@frozen
class ReplyTwice(Ask[str]):
    """Is answered "first", then "second"."""


@frozen
class Finish(Ask[bool]):
    """Asks the actor to finish; the answer says whether it does."""


@frozen
class FinishThenFail(Ask[bool]):
    """Has it finish, and raise."""


Message = Add | Sum | Sleep | Fail | ReplyThenFail | ReplyTwice | Finish | FinishThenFail


@define
class Script:
    """What the incarnations of an Adder do at their start and stop, and the trace of all of them."""

    trace: list[str] = field(factory=list)
    start_errors: list[BaseException | None] = field(factory=list)
    start_takes: float = 0.0
    stop_takes: float = 0.0
    stop_error: Exception | None = None

    def adder(self) -> Adder:
        """A fresh incarnation."""
        return Adder(self)


class Adder(Actor[Message]):
    """Adds up. It forgets its sum when it is restarted."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sum = 0

    async def start(self) -> None:
        """Follows the script."""
        if self.script.start_takes:
            await trio.sleep(self.script.start_takes)
        error = self.script.start_errors.pop(0) if self.script.start_errors else None
        if error is not None:
            raise error
        self.script.trace.append("start")

    async def stop(self) -> None:
        """Follows the script."""
        self.script.trace.append("stop")
        if self.script.stop_takes:
            await trio.sleep(self.script.stop_takes)
            self.script.trace.append("stopped")
        if self.script.stop_error is not None:
            raise self.script.stop_error

    async def handle(self, message: Message) -> object:
        """Does as the message says."""
        match message:
            case Add(n):
                self.sum += n
                self.script.trace.append(f"add {n}")
            case Sum():
                return self.sum
            case Sleep(seconds):
                await trio.sleep(seconds)
                return "rested"
            case Fail(error):
                raise error
            case ReplyThenFail():
                self.reply("early")
                raise Mishap("after the reply")
            case ReplyTwice():
                self.reply("first")
                self.reply("second")
                return "third"
            case Finish():
                return self.finish()
            case FinishThenFail():
                self.reply(self.finish())
                raise Mishap("after it finished")
        return None
