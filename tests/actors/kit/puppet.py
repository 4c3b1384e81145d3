"""An actor that does what its messages tell it, and notes the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio
from attrs import define, field, frozen

from actors.kit.actor import Actor, Ask, Ref, actor_child

if TYPE_CHECKING:
    from actors.kit.child import Spec


@frozen
class Do(Ask[Any]):
    """Has the actor do this, in `handle`; the answer is what comes of it."""

    action: Callable[[Puppet], object]


@define(eq=False)
class Strings:
    """What the incarnations of a Puppet do in their hooks, and what all of them note: `noted` has every message that is
    no Do, `hooks` every hook that ran."""

    noted: list[object] = field(factory=list)
    hooks: list[str] = field(factory=list)
    on_start: Callable[[Puppet], object] | None = None
    on_crash: Callable[[Puppet, Exception], object] | None = None
    on_stop: Callable[[Puppet], object] | None = None
    ref: Ref[object] = field(factory=lambda: Ref("puppet"))

    def child(self, **rest: Any) -> Spec:  # noqa: ANN401 - whatever actor_child takes
        """The puppet as a child."""
        return actor_child(self.ref, lambda: Puppet(self), **rest)

    async def do(self, action: Callable[[Puppet], object]) -> Any:  # noqa: ANN401 - whatever comes of it
        """Has the puppet do this."""
        return await self.ref.ask(Do(action), timeout=1000)


class Puppet(Actor[object]):
    """Hangs on its strings."""

    def __init__(self, strings: Strings) -> None:
        self.strings = strings

    async def start(self) -> None:
        """Does as told."""
        self.strings.hooks.append("start")
        await _finish(self.strings.on_start and self.strings.on_start(self))

    async def handle(self, message: object) -> object:
        """Does as told, or notes it."""
        if isinstance(message, Do):
            return await _finish(message.action(self))
        self.strings.noted.append(message)
        return None

    async def crashed(self, error: Exception) -> None:
        """Does as told."""
        self.strings.hooks.append(f"crashed {type(error).__name__}")
        await _finish(self.strings.on_crash and self.strings.on_crash(self, error))

    async def stop(self) -> None:
        """Does as told."""
        self.strings.hooks.append("stop")
        await _finish(self.strings.on_stop and self.strings.on_stop(self))


async def _finish(result: object) -> object:
    return await result if inspect.isawaitable(result) else result


def fail(error: BaseException) -> None:
    """A statement as an expression."""
    try:
        raise error
    finally:
        del error  # else the traceback and this frame hold each other


async def rest(seconds: float) -> None:
    """A handler that takes its time."""
    await trio.sleep(seconds)
