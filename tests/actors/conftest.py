"""A room with its tables, and a rival on the same journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.kit.supervisor import DynamicSupervisor
from tests.samples.room import Room
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def tables() -> AsyncIterator[DynamicSupervisor]:
    async with trio.open_nursery() as nursery:
        supervisor = DynamicSupervisor("tables")
        await nursery.start(supervisor.run)
        yield supervisor
        await supervisor.stop()


@pytest.fixture
async def room(tables: DynamicSupervisor, nursery: trio.Nursery) -> Room:
    room = Room(tables, Tally())
    await nursery.start(room.directory.passivate_idle)
    return room


@pytest.fixture
async def rival(room: Room, nursery: trio.Nursery) -> Room:
    """Another server on the same journal."""
    supervisor = DynamicSupervisor("other tables")
    await nursery.start(supervisor.run)
    other = Room(supervisor, Tally())
    other.journal.games = room.journal.games
    return other
