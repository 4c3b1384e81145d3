"""A server that starts counts service time from zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.clock_store import RedisClockStore

if TYPE_CHECKING:
    import pytest


def mutate(patch: pytest.MonkeyPatch) -> None:
    read = RedisClockStore.read

    async def zero(self: RedisClockStore) -> float:
        await read(self)
        return 0.0

    patch.setattr(RedisClockStore, "read", zero)
