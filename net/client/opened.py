"""A client for the length of a block."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from net.client.websocket import CroupierClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from net.client.websocket import Where


@asynccontextmanager
async def open_client(
    where: Where, token: str, *, recovery: bool = False, record: bool = False
) -> AsyncIterator[CroupierClient]:
    """A client for the length of a block; closed at its end. What the block raises comes in an ExceptionGroup, because
    the client's tasks live in a nursery around it. Raises as `CroupierClient.connect_ws`."""
    async with trio.open_nursery() as nursery:
        client = await CroupierClient.connect_ws(nursery, where, token, recovery=recovery, record=record)
        try:
            yield client
        finally:
            await client.aclose()
