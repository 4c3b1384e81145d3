"""The table answers and shows what it has only begun to write."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from actors.table import Table
from actors.writing import Committed

if TYPE_CHECKING:
    import pytest

    from actors.events import Event
    from actors.ports import JournalWriter


def mutate(patch: pytest.MonkeyPatch) -> None:
    append = Table._append

    async def begin_to_append(
        self: Table, writer: JournalWriter, event: Event, *, ends: bool, deadline: float | None
    ) -> object:
        async def go_on() -> None:
            with suppress(Exception):
                await append(self, writer, event, ends=ends, deadline=deadline)

        trio.lowlevel.spawn_system_task(go_on)
        await trio.lowlevel.checkpoint()
        return Committed.DONE

    patch.setattr(Table, "_append", begin_to_append)
    patch.setattr(Table, "takes_at_once", False)  # or hardly anything would go this way
