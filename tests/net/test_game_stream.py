"""Whose entry stands, told apart by all that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from net.game_stream import Entry, GameStream

if TYPE_CHECKING:
    from net.redis import Redis


@pytest.fixture
async def stream(redis: Redis) -> GameStream:
    """A stream of one entry."""
    stream = GameStream(redis, "p:", "g")
    await stream.create(Entry(1, b"event", b"nonce"), [])
    return stream


async def test_an_entry_that_stands_is_ours_if_nonce_and_event_are(stream: GameStream) -> None:
    await stream.ours_or_fenced(Entry(1, b"event", b"nonce"))


@pytest.mark.parametrize("entry", [Entry(1, b"event", b"other"), Entry(1, b"other", b"nonce")])
async def test_an_entry_that_differs_in_either_is_anothers(stream: GameStream, entry: Entry) -> None:
    with pytest.raises(Fenced):
        await stream.ours_or_fenced(entry)


async def test_an_entry_that_is_gone_is_lost(stream: GameStream) -> None:
    with pytest.raises(StoreLostData):
        await stream.ours_or_fenced(Entry(2, b"event", b"nonce"))


async def test_the_same_entry_sent_again_stands_once(stream: GameStream, redis: Redis) -> None:
    await stream.append(Entry(2, b"e", b"n"), epoch=redis.epoch, also=[])
    await stream.append(Entry(2, b"e", b"n"), epoch=redis.epoch, also=[])
    await stream.create(Entry(1, b"event", b"nonce"), [])
    assert await stream.page(0, 10) == [Entry(1, b"event", b"nonce"), Entry(2, b"e", b"n")]


async def test_an_append_for_another_connection_writes_nothing(stream: GameStream, redis: Redis) -> None:
    with pytest.raises(StoreUnavailable):
        await stream.append(Entry(2, b"e", b"n"), epoch=redis.epoch - 1, also=[("SET", "along", "x")])
    assert await stream.one(2) is None
    assert await redis.call("EXISTS", "along") == 0


async def test_what_is_created_with_it_is_created_with_it_alone(redis: Redis) -> None:
    stream = GameStream(redis, "p:", "g2")
    with pytest.raises(StoreUnavailable):
        await stream.create(Entry(1, b"e", b"n"), [("NO-SUCH-COMMAND",)])
    assert await stream.tail(epoch=redis.epoch) is None
    assert isinstance(await stream.why_nothing(), GameNotFound)


@pytest.mark.parametrize("binary", [b"", b"\x00\xff\r\n", b"x" * 300_000])
async def test_what_is_written_is_what_is_read(stream: GameStream, redis: Redis, binary: bytes) -> None:
    entry = Entry(2, binary, binary)
    await stream.append(entry, epoch=redis.epoch, also=[])
    assert await stream.tail(epoch=redis.epoch) == entry
    assert await stream.one(2) == entry
    assert await stream.page(1, 10) == [entry]
