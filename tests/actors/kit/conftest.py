"""What the kit's tests share. All of them run in virtual time, from 0 on."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from actors.kit.actor import Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor
from tests.actors.kit.troupe import Script, Troupe, run_in_virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.actors.kit.troupe import Message


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fixture that takes `autojump_clock` would not do: pytest-trio looks for a clock among the test's own arguments,
    and without one runs in real time, unseen."""
    here = Path(__file__).parent
    for item in items:
        if isinstance(item, pytest.Function) and here in item.path.parents and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)


@pytest.fixture
def troupe() -> Troupe:
    """A fresh troupe of services."""
    return Troupe()


@pytest.fixture
def script() -> Script:
    """The script of an actor whose incarnations start and stop at once, without an error."""
    return Script()


@pytest.fixture
async def stage() -> AsyncIterator[DynamicSupervisor]:
    """A supervisor that runs as long as the test."""
    supervisor = DynamicSupervisor("stage")
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield supervisor
        await supervisor.stop()


@pytest.fixture
def adder(stage: DynamicSupervisor, script: Script) -> Ref[Message]:
    """A running Adder."""
    ref: Ref[Message] = Ref("adder", capacity=8)
    stage.spawn(actor_child(ref, script.adder))
    return ref
