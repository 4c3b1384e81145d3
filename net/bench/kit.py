"""What the actor kit costs beside bare Trio channels: an ask beside a ping-pong, a tell beside a channel's send.

Two tasks and two memory channels are the least that can carry a question and its answer in Trio. All figures of a
round come right after each other, so that a machine that slows down slows all of them down; what counts is the ratio.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import field, frozen

from actors.kit.actor import Actor, Ask, MailboxFull, Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from net.bench.progress import Watcher

ROUNDS: Final = 11
CAPACITY: Final = 64
"""How many messages may wait, in a mailbox as in a channel."""

_TIMEOUT: Final = 60.0


@frozen
class Ping(Ask[int]):
    """A question."""


@frozen
class Note:
    """A message without an answer."""


@frozen(eq=False)
class Last:
    """The last message: says that it has come."""

    come: trio.Event = field(factory=trio.Event)


Message: TypeAlias = Ping | Note | Last

_PING: Final = Ping()
_NOTE: Final = Note()


class Listener(Actor[Message]):
    """Does nothing with what it is told."""

    async def handle(self, message: Message) -> int:
        """Takes one message."""
        if type(message) is Last:
            message.come.set()
        return 1


# ---- what is measured: each sends so many messages


async def bare_ask(count: int, _ref: Ref[Message]) -> None:
    """Ping-pong over two channels with room for one message, which is the fastest there is."""
    to, at = trio.open_memory_channel[Message](1)
    back, here = trio.open_memory_channel[int](1)

    async def answer() -> None:
        async for _ in at:
            await back.send(1)

    async with trio.open_nursery() as nursery, to:
        nursery.start_soon(answer)
        for _ in range(count):
            await to.send(_PING)
            await here.receive()


async def kit_ask(count: int, ref: Ref[Message]) -> None:
    """Asks, one after the other."""
    for _ in range(count):
        await ref.ask(_PING, timeout=_TIMEOUT)


async def _listen(channel: trio.MemoryReceiveChannel[Message]) -> None:
    async for message in channel:
        if type(message) is Last:
            message.come.set()


async def bare_tell(count: int, _ref: Ref[Message]) -> None:
    """`send_nowait`, and when the channel is full the other task's turn."""
    to, at = trio.open_memory_channel[Message](CAPACITY)

    async def tell(message: Message) -> None:
        while True:
            try:
                return to.send_nowait(message)
            except trio.WouldBlock:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery, to:
        nursery.start_soon(_listen, at)
        await _tell_all(count, tell)


async def kit_tell(count: int, ref: Ref[Message]) -> None:
    """`tell`, and when the mailbox is full the actor's turn."""

    async def tell(message: Message) -> None:
        while True:
            try:
                return ref.tell(message)
            except MailboxFull:
                await trio.lowlevel.checkpoint()

    await _tell_all(count, tell)


async def bare_send(count: int, _ref: Ref[Message]) -> None:
    """`send`, which waits for room."""
    to, at = trio.open_memory_channel[Message](CAPACITY)
    async with trio.open_nursery() as nursery, to:
        nursery.start_soon(_listen, at)
        await _tell_all(count, to.send)


async def kit_send(count: int, ref: Ref[Message]) -> None:
    """`send`, which waits for room."""
    await _tell_all(count, ref.send)


async def _tell_all(count: int, tell: Callable[[Message], Awaitable[None]]) -> None:
    """Returns when the last message was handled."""
    for _ in range(count - 1):
        await tell(_NOTE)
    last = Last()
    await tell(last)
    await last.come.wait()


Work: TypeAlias = Callable[[int, "Ref[Message]"], Awaitable[None]]


@frozen
class Duel:
    """Two ways to do the same, and what we aim at: that the kit takes at most `most` times as long as the channels."""

    key: str
    name: str
    bare: Work
    kit: Work
    most: float


DUELS: Final = (
    Duel("ask", "ask, there and back", bare_ask, kit_ask, 2.5),
    Duel("tell", "tell", bare_tell, kit_tell, 2.0),
    Duel("send", "send, which waits for room", bare_send, kit_send, 2.0),
)


# ---- the measurement


@frozen
class Round:
    """Seconds for one message, measured right after each other."""

    bare: float
    kit: float

    @property
    def ratio(self) -> float:
        """How many times as long the kit takes."""
        return self.kit / self.bare


@frozen
class Outcome:
    """All rounds of one duel."""

    duel: Duel
    rounds: tuple[Round, ...]

    @property
    def bare(self) -> float:
        """The median of the channels: seconds for one message."""
        return statistics.median(each.bare for each in self.rounds)

    @property
    def kit(self) -> float:
        """The median of the kit: seconds for one message."""
        return statistics.median(each.kit for each in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(each.ratio for each in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest ratio of a round."""
        ratios = [each.ratio for each in self.rounds]
        return min(ratios), max(ratios)


async def compare(watcher: Watcher, *, messages: int, rounds: int = ROUNDS) -> list[Outcome]:
    """Measures every duel in each round. `messages` are those of one slice."""
    measured: dict[str, list[Round]] = {duel.key: [] for duel in DUELS}
    async with _listener() as ref:
        for duel in DUELS:
            await duel.bare(messages // 10 + 1, ref)
            await duel.kit(messages // 10 + 1, ref)
        watcher.step("the kit beside bare channels", rounds * len(DUELS))
        for _ in range(rounds):
            for duel in DUELS:
                bare = await _seconds(duel.bare, messages, ref)
                measured[duel.key].append(Round(bare, await _seconds(duel.kit, messages, ref)))
                watcher.done()
    return [Outcome(duel, tuple(measured[duel.key])) for duel in DUELS]


async def _seconds(work: Work, count: int, ref: Ref[Message]) -> float:
    gc.collect()  # nobody pays for what another left
    began = trio.current_time()
    await work(count, ref)
    return (trio.current_time() - began) / count


@asynccontextmanager
async def _listener() -> AsyncIterator[Ref[Message]]:
    supervisor, ref = DynamicSupervisor("bench"), Ref[Message]("listener", capacity=CAPACITY)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.spawn(actor_child(ref, Listener))
        yield ref
        supervisor.request_stop()
