"""What comes over a stream, as much of it as a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio


async def receive_exactly(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    """So many bytes. Fails when the stream ends before."""
    data = b""
    while len(data) < count:
        part = await stream.receive_some(count - len(data))
        assert part, f"the stream ended after {len(data)} bytes: {data[:200]!r}"
        data += part
    return data


async def receive_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything, until the stream ends."""
    data = b""
    while part := await stream.receive_some():
        data += part
    return data
