"""Whose entry stands, told apart by all that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from net.game_stream import Entry, GameStream, Head
from net.scripts import Scripts
from net.store_keys import StoreKeys
from net.store_scripts import AS_IT_STANDS

if TYPE_CHECKING:
    from net.ownership import Ownership
    from net.redis import Redis


@pytest.fixture
async def stream(redis: Redis, ownership: Ownership) -> GameStream:
    """A stream of one entry."""
    stream = of(redis, ownership, "g")
    await stream.create(Entry(1, b"event", b"nonce"), [], at=1.0, deadline=None)
    return stream


def of(redis: Redis, ownership: Ownership, game_id: str) -> GameStream:
    return GameStream(redis, Scripts(redis, ownership), StoreKeys("p:"), game_id)


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
    await stream.append(Entry(2, b"e", b"n"), [], at=2.0, deadline=AS_IT_STANDS, epoch=redis.epoch)
    await stream.append(Entry(2, b"e", b"n"), [], at=2.0, deadline=AS_IT_STANDS, epoch=redis.epoch)
    await stream.create(Entry(1, b"event", b"nonce"), [], at=1.0, deadline=None)
    assert await stream.page(0, 10) == [Entry(1, b"event", b"nonce"), Entry(2, b"e", b"n")]


async def test_an_append_for_another_connection_writes_nothing(stream: GameStream, redis: Redis) -> None:
    with pytest.raises(StoreUnavailable):
        await stream.append(Entry(2, b"e", b"n"), [], at=2.0, deadline=9.0, epoch=redis.epoch - 1)
    assert await stream.one(2) is None
    assert await redis.call("EXISTS", "p:deadlines") == 0


async def test_a_creation_that_is_refused_puts_nothing_into_the_indexes(stream: GameStream, redis: Redis) -> None:
    with pytest.raises(Fenced):
        await stream.create(Entry(1, b"another", b"n"), ["index"], at=5.0, deadline=6.0)
    assert await redis.call("EXISTS", "index", "p:deadlines") == 0


async def test_a_stream_that_is_not_there_has_no_head(redis: Redis, ownership: Ownership) -> None:
    assert await of(redis, ownership, "g2").head(10) == Head(None, None, [])
    assert isinstance(await of(redis, ownership, "g2").why_nothing(), GameNotFound)


@pytest.mark.parametrize("binary", [b"", b"\x00\xff\r\n", b"x" * 300_000])
async def test_what_is_written_is_what_is_read(stream: GameStream, redis: Redis, binary: bytes) -> None:
    entry = Entry(2, binary, binary)
    await stream.append(entry, [], at=2.0, deadline=AS_IT_STANDS, epoch=redis.epoch)
    assert await stream.tail(epoch=redis.epoch) == entry
    assert (await stream.head(10)).entries[1:] == [entry]
    assert await stream.one(2) == entry
    assert await stream.page(1, 10) == [entry]


@pytest.mark.parametrize("binary", [b"", b"\x00\xff\r\n", b"x" * 300_000])
async def test_what_an_end_writes_is_what_is_read(stream: GameStream, redis: Redis, binary: bytes) -> None:
    entries = [Entry(2, binary, binary), Entry(3, binary, binary)]
    await stream.append(entries[0], [], at=2.0, deadline=5.0, epoch=redis.epoch)
    await stream.finish(entries[1], [], at=1.0, epoch=redis.epoch)
    assert await stream.page(1, 10) == entries
