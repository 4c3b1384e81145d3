"""A Croupier that acknowledges an event before it is in the journal."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from net.cli import main
from net.journal import RedisJournalWriter

if TYPE_CHECKING:
    from actors.events import Event

AFTER = 0.3
"""Seconds from the acknowledgement to the write."""

append = RedisJournalWriter.append
last_event_id = RedisJournalWriter.last_event_id.fget  # type: ignore[attr-defined]
queues: dict[RedisJournalWriter, trio.MemorySendChannel[tuple[Any, ...]]] = {}
promised: dict[RedisJournalWriter, int] = {}


async def acknowledge_first(
    self: RedisJournalWriter, event: Event, *, ends: bool, deadline: float | None = None
) -> None:
    if self not in queues:
        queues[self], events = trio.open_memory_channel[tuple[Any, ...]](1000)
        trio.lowlevel.spawn_system_task(write_later, self, events)
    queues[self].send_nowait((event, ends, deadline))
    promised[self] = event.event_id
    await trio.lowlevel.checkpoint()


async def write_later(writer: RedisJournalWriter, events: trio.MemoryReceiveChannel[tuple[Any, ...]]) -> None:
    async for event, ends, deadline in events:
        await trio.sleep(AFTER)
        with suppress(Exception):
            await append(writer, event, ends=ends, deadline=deadline)


def not_at_once(self: RedisJournalWriter, event: Event, **_: object) -> bool:
    return False  # then it is `append` that is called


RedisJournalWriter.append = acknowledge_first  # type: ignore[method-assign]
RedisJournalWriter.append_at_once = not_at_once  # type: ignore[method-assign]
RedisJournalWriter.last_event_id = property(  # type: ignore[assignment,method-assign]
    lambda self: max(promised.get(self, 0), last_event_id(self))
)
main(prog_name="croupier")
