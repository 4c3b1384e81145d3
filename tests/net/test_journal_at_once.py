"""Events that are sent on their way without waiting, on a real Valkey: each stands once, or it is found out, by an
append of the same event, why not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from actors.ports import Fenced, ServerReplaced, StoreLostData
from tests.samples.journal import CREATED, KEY, acted

if TYPE_CHECKING:
    from actors.events import Event
    from net.journal import RedisJournalWriter
    from tests.samples.journal import Scene


async def send(writer: RedisJournalWriter, event: Event, *, deadline: float | None = None) -> BaseException | None:
    """Sends the event on its way; what became of it."""
    heard: list[BaseException | None] = []
    settled = trio.Event()

    def done(error: BaseException | None) -> None:
        heard.append(error)
        settled.set()

    assert writer.append_at_once(event, deadline=deadline, done=done)
    await settled.wait()
    (error,) = heard
    return error


async def send_or_append(writer: RedisJournalWriter, event: Event) -> None:
    """What a table does."""
    if await send(writer, event) is not None:
        await writer.append(event, ends=False)


async def test_it_stands_with_all_that_follows_from_it(scene: Scene, writer: RedisJournalWriter) -> None:
    assert await send(writer, acted(4), deadline=77.5) is None
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]
    assert (scene.running(), scene.deadline()) == ([1004.0] * 3, 77.5)
    assert await send(writer, acted(5)) is None
    assert (writer.last_event_id, scene.deadline()) == (5, None)
    assert await scene.events() == [CREATED, *map(acted, (2, 3, 4, 5))]


async def test_a_writer_that_has_not_looked_at_the_end_of_the_stream_does_not(scene: Scene) -> None:
    await scene.journal.create(CREATED)
    writer = scene.journal.writer(CREATED, 1)
    assert not writer.append_at_once(acted(2), deadline=None, done=lambda _: None)
    await writer.append(acted(2), ends=False)
    assert await send(writer, acted(3)) is None


async def test_an_event_that_is_not_the_next_is_left_to_append(scene: Scene, writer: RedisJournalWriter) -> None:
    assert not writer.append_at_once(acted(5), deadline=None, done=lambda _: None)
    assert scene.ids() == ["1-0", "2-0", "3-0"]


async def test_while_one_is_on_its_way_there_is_no_other(scene: Scene, writer: RedisJournalWriter) -> None:
    settled = trio.Event()
    assert writer.append_at_once(acted(4), deadline=None, done=lambda _: settled.set())
    assert not writer.append_at_once(acted(4), deadline=None, done=lambda _: None)
    assert not writer.set_deadline(5.0)
    with pytest.raises(Fenced):
        await writer.append(acted(4, player="ben"), ends=False)
    await settled.wait()


async def test_one_whose_acknowledgement_was_lost_stands_once(scene: Scene, writer: RedisJournalWriter) -> None:
    async with scene.reply_lost(partial(send_or_append, writer, acted(4))):
        pass
    await writer.append(acted(5), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0", "5-0"]


async def test_one_that_never_arrived_is_sent_again(scene: Scene, writer: RedisJournalWriter) -> None:
    async with scene.in_doubt(partial(send_or_append, writer, acted(4))):
        pass
    await scene.proxy.lines[0].deliver()
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]
    await writer.append(acted(5), ends=False)


async def test_whoever_wrote_first_has_fenced_us(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.add("4-0", {"event": "theirs", "nonce": "theirs"})
    event = acted(4)
    assert await send(writer, event) is not None
    with pytest.raises(Fenced):
        await writer.append(event, ends=False)


async def test_what_did_not_work_is_found_out_by_the_same_event_alone(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.add("4-0", {"event": "theirs", "nonce": "theirs"})
    assert await send(writer, acted(4)) is not None
    with pytest.raises(Fenced, match="load it again"):
        await writer.append(acted(4, player="ben"), ends=False)


async def test_a_script_that_the_server_has_forgotten_is_sent_whole(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.script_flush()
    event = acted(4)
    assert await send(writer, event) is not None
    assert scene.ids() == ["1-0", "2-0", "3-0"]
    await writer.append(event, ends=False)
    assert await send(writer, acted(5)) is None


async def test_a_replaced_server_writes_nothing(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.replace()
    event = acted(4)
    assert await send(writer, event) is not None
    with pytest.raises(ServerReplaced):
        await writer.append(event, ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0"]


async def test_a_stream_that_is_gone_is_lost_data(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.delete(KEY)
    event = acted(4)
    assert isinstance(await send(writer, event), StoreLostData)
    with pytest.raises(StoreLostData):
        await writer.append(event, ends=False)
