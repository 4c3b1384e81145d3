"""The records follow the sessions in memory, whatever the store does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import define, evolve, field

from actors.ports import StoreUnavailable
from actors.record_keeper import RecordKeeper
from actors.roll import ConnectionRecord, Roll
from tests.samples.connected import GAME, Client, KeyMaker, at
from tests.samples.memory import FixedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from actors.roll import UserSession

BEAT, STALE, WINDOW = 20.0, 90.0, 120.0


@define(eq=False)
class MemoryRecords:
    """Implements `actors.ports.ConnectionRecords`, with what a store does: to be away, and to forget."""

    standing: dict[str, ConnectionRecord] = field(factory=dict)
    away: bool = False
    writes: list[tuple[list[str], list[str]]] = field(factory=list)
    beats: list[list[str]] = field(factory=list)

    async def write(self, records: Sequence[ConnectionRecord], gone: Sequence[str]) -> None:
        await self._reached()
        self.writes.append(([record.sid for record in records], list(gone)))
        for sid in gone:
            self.standing.pop(sid, None)
        for record in records:
            self.standing[record.sid] = record

    async def beat(self, records: Sequence[ConnectionRecord]) -> list[str]:
        await self._reached()
        self.beats.append([record.sid for record in records])
        wrong = [record.sid for record in records if record.sid not in self.standing]
        for record in records:
            if record.sid not in wrong:
                self.standing[record.sid] = evolve(self.standing[record.sid], seen=record.seen)
        return wrong

    async def load(self) -> tuple[ConnectionRecord, ...]:
        await self._reached()
        return tuple(self.standing.values())

    async def stale(self, before: float) -> list[str]:
        await self._reached()
        return [sid for sid, record in self.standing.items() if record.seen.service < before]

    async def _reached(self) -> None:
        await trio.sleep(0.01)
        if self.away:
            raise StoreUnavailable


class Desk:
    """A keeper, and what it keeps. Service time and wall time go as Trio's."""

    def __init__(self, records: MemoryRecords | None = None) -> None:
        self.records = MemoryRecords() if records is None else records
        self.roll = Roll(window=WINDOW)
        self.service = _Running()
        self.keeper = RecordKeeper(
            self.roll, self.records, FixedClock(5000.0), self.service, beat_every=BEAT, stale_after=STALE
        )
        self._make_keys = KeyMaker()

    def comes(self, client: Client) -> UserSession:
        client.last_seen = trio.current_time()
        decision = self.roll.connect(client, self._make_keys, now=at(self.service.now()))
        self.keeper.changed(decision.session.sid)
        return decision.session

    def goes(self, client: Client, *, left: bool = False) -> None:
        session = self.roll.cut_off(client, at(self.service.now()), left=left)
        assert session is not None
        self.keeper.changed(session.sid)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.keeper.run)
            yield
            nursery.cancel_scope.cancel()


class _Running:
    def now(self) -> float:
        return trio.current_time()


async def test_who_comes_moves_and_goes_is_written_down(autojump_clock: trio.testing.MockClock) -> None:
    desk, client = Desk(), Client()
    async with desk.open():
        session = desk.comes(client)
        await trio.sleep(1)
        record = desk.records.standing["s1"]
        assert (record.user_id, record.pid, record.following, record.online) == ("u", "p1", None, True)
        client.following = GAME
        desk.keeper.changed(session.sid)
        await trio.sleep(1)
        assert desk.records.standing["s1"].following == GAME
        desk.goes(client)
        await trio.sleep(1)
        kept = desk.records.standing["s1"]
        assert (kept.online, kept.following, kept.pid) == (False, GAME, "p1")


async def test_who_leaves_for_good_is_struck_out(autojump_clock: trio.testing.MockClock) -> None:
    desk, client = Desk(), Client()
    async with desk.open():
        desk.comes(client)
        await trio.sleep(1)
        desk.goes(client, left=True)
        await trio.sleep(1)
        assert desk.records.standing == {}


async def test_many_changes_go_out_together_and_only_the_last_of_each(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    async with desk.open():
        clients = [Client(f"u{number}") for number in range(150)]
        for client in clients:
            sid = desk.comes(client).sid
            client.following = GAME
            desk.keeper.changed(sid)
        desk.goes(clients[0])
        await trio.sleep(1)
        assert [len(records) for records, _ in desk.records.writes] == [150]
        assert desk.records.standing["s1"].online is False
        assert desk.records.standing["s2"].following == GAME


async def test_while_the_store_is_away_nobody_waits_and_then_it_is_told_how_things_stand(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    async with desk.open():
        desk.records.away = True
        stays, goes = Client("stays"), Client("goes")
        desk.comes(stays)
        desk.comes(goes)
        await trio.sleep(60)
        desk.goes(goes, left=True)
        stays.following = GAME
        await trio.sleep(60)
        desk.records.away = False
        await trio.sleep(1)
        assert {sid: record.following for sid, record in desk.records.standing.items()} == {"s1": GAME}


async def test_the_heartbeats_of_all_who_were_seen_go_out_together(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    async with desk.open():
        clients = [Client(f"u{number}") for number in range(3)]
        for client in clients:
            desk.comes(client)
        await trio.sleep(BEAT)
        assert desk.records.beats == []
        for client in clients[:2]:
            client.last_seen = trio.current_time()
        await trio.sleep(BEAT + 1)
        assert desk.records.beats == [["s1", "s2"]]
        seen = [desk.records.standing[f"s{number}"].seen.service for number in (1, 2, 3)]
        assert seen[:2] == [pytest.approx(client.last_seen) for client in clients[:2]]
        assert seen[2] < 1


async def test_a_heartbeat_whose_record_has_vanished_registers_the_connection_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk, client = Desk(), Client(following=GAME)
    async with desk.open():
        desk.comes(client)
        await trio.sleep(1)
        desk.records.standing.clear()
        client.last_seen = trio.current_time()
        await trio.sleep(BEAT + 1)
        assert desk.records.standing["s1"].following == GAME


async def test_a_record_that_nobody_renews_is_swept_away(autojump_clock: trio.testing.MockClock) -> None:
    before = Desk()
    async with before.open():
        before.comes(Client("crashed"))
        await trio.sleep(1)
        left_behind = evolve(before.records.standing["s1"], pid="")
    before.records.standing = {"s1": left_behind}
    desk = Desk(before.records)
    async with desk.open():
        await trio.sleep(STALE - 5)
        assert "s1" in desk.records.standing
        await trio.sleep(STALE / 3 + 10)
        assert desk.records.standing == {}


async def test_a_record_whose_session_waits_for_its_client_is_kept_for_the_window_but_is_not_online(
    autojump_clock: trio.testing.MockClock,
) -> None:
    before = Desk()
    async with before.open():
        before.comes(Client("u", following=GAME))
        await trio.sleep(1)
        killed = dict(before.records.standing)
    before.records.standing = killed  # a killed server writes no last words
    desk = Desk(before.records)
    async with desk.open():
        assert [session.keys.pid for session in desk.roll] == ["p1"]
        await trio.sleep(STALE + 20)
        assert desk.records.standing["s1"].online is False
        await trio.sleep(WINDOW)
        desk.keeper.changed(desk.roll.expired(at(trio.current_time()))[0].sid)
        await trio.sleep(1)
        assert desk.records.standing == {}


async def test_sessions_past_their_window_are_not_taken_over_from_a_former_life(
    autojump_clock: trio.testing.MockClock,
) -> None:
    before = Desk()
    async with before.open():
        before.comes(Client("u"))
        await trio.sleep(1)
        killed = dict(before.records.standing)
    await trio.sleep(WINDOW + 1)
    before.records.standing = killed
    desk = Desk(before.records)
    async with desk.open():
        assert list(desk.roll) == []


async def test_it_is_not_up_before_it_has_read_what_stands(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    desk.records.away = True
    began = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def comes_back() -> None:
            await trio.sleep(30)
            desk.records.away = False

        nursery.start_soon(comes_back)
        await nursery.start(desk.keeper.run)
        assert trio.current_time() - began >= 30
        nursery.cancel_scope.cancel()


async def test_a_server_that_stops_writes_down_that_everybody_has_gone(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    async with desk.open():
        desk.comes(Client("u", following=GAME))
    record = desk.records.standing["s1"]
    assert (record.online, record.following, record.pid) == (False, GAME, "p1")


async def test_a_server_that_stops_while_the_store_is_away_does_not_wait_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    async with desk.open():
        desk.records.away = True
        desk.comes(Client("u"))
        ended = trio.current_time()
    assert trio.current_time() - ended <= 2
