"""The archive on SQLite: in a file, on threads; and in memory, without any."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.dialects import postgresql

from actors.ports import ArchiveUnavailable, StoreLostData
from net.archive import SqlArchive, archive_url, directly, open_archive
from net.archive.archive import Threads, open_to_read
from net.archive.errors import ArchiveNotUsable, ArchiveTooOld
from net.archive.schema import AnyText
from tests.samples.archive import ANNA, ArchiveContract, a_game

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from trio.testing import MockClock


class TestInAFile(ArchiveContract):
    @pytest.fixture
    async def archive(self, tmp_path: Path) -> AsyncIterator[SqlArchive]:
        async with open_archive(archive_url("", tmp_path)) as archive:
            yield archive


class TestInMemory(ArchiveContract):
    @pytest.fixture
    async def archive(self) -> AsyncIterator[SqlArchive]:
        async with open_archive("sqlite://", run_sync=directly) as archive:
            yield archive


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "archive.sqlite"


@pytest.fixture
def url(file: Path) -> str:
    file.parent.mkdir()
    return archive_url("", file.parent)


def test_the_archive_is_a_file_in_the_data_directory_unless_it_is_configured(tmp_path: Path) -> None:
    assert archive_url("", tmp_path) == f"sqlite:///{tmp_path}/archive.sqlite"
    assert archive_url("postgresql://h/games", tmp_path) == "postgresql://h/games"


async def test_what_was_put_is_there_after_a_restart(url: str) -> None:
    events, description = a_game()
    async with open_archive(url) as archive:
        await archive.put(events, description)
    async with open_archive(url) as archive:
        assert await archive.events("game-1") == events


async def test_a_commit_is_on_the_disk_when_it_returns(url: str) -> None:
    async with open_archive(url) as archive:
        with archive._games._engine.connect() as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "fullfsync", "foreign_keys")
            }
    assert settings == {"journal_mode": "wal", "synchronous": 3, "fullfsync": 1, "foreign_keys": 1}


async def test_the_files_are_for_their_owner_alone(url: str, file: Path) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game())
        modes = {name: stat.S_IMODE(os.stat(file.parent / name).st_mode) for name in os.listdir(file.parent)}
    assert modes == {"archive.sqlite": 0o600, "archive.sqlite-wal": 0o600, "archive.sqlite-shm": 0o600}


async def test_the_simulation_uses_no_thread_and_no_time() -> None:
    events, description = a_game()
    async with open_archive("sqlite://", run_sync=directly) as archive:
        before = trio.lowlevel.current_statistics().tasks_living, trio.current_time()
        await archive.put(events, description)
        assert await archive.events("game-1") == events
        assert trio.lowlevel.current_statistics().tasks_living == before[0]


async def test_a_deleted_game_takes_its_events_and_its_players_along(url: str, file: Path) -> None:
    """So an operator can take a game out with one statement."""
    async with open_archive(url) as archive:
        await archive.put(*a_game())
        with sqlite3.connect(file) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("DELETE FROM croupier_games WHERE id = 'game-1'")
        database.close()
        assert await archive.games_of(ANNA, before=None, limit=1) == ()
        await archive.put(*a_game())
        assert len(await archive.events("game-1")) == 6


def tamper(file: Path, change: Callable[[bytes], bytes]) -> None:
    """Changes the second piece of the events."""
    database = sqlite3.connect(file)
    (piece,) = database.execute("SELECT events FROM croupier_events WHERE first_event_id = 501").fetchone()
    database.execute("UPDATE croupier_events SET events = ? WHERE first_event_id = 501", (change(piece),))
    database.commit()
    database.close()


def one_event_otherwise(piece: bytes) -> bytes:
    first, _, *rest = zlib.decompress(piece).split(b"\n")
    return zlib.compress(b"\n".join([first, b'{"v": 99, "hand": "8S"}', *rest]))


def one_event_less(piece: bytes) -> bytes:
    return zlib.compress(zlib.decompress(piece).rpartition(b"\n")[0])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (one_event_less, r"^game game-1: the archive has 902 of its 903 events$"),
        (one_event_otherwise, r"^game game-1, event 502 in the archive: an event of schema version 99[^S]*$"),
        (lambda piece: piece[:-1], r"^game game-1: the events from 501 on are damaged in the archive$"),
        (lambda piece: piece[:99] + bytes([piece[99] ^ 1]) + piece[100:], "are damaged in the archive$"),
    ],
)
async def test_what_is_damaged_is_not_taken_for_a_game_and_not_quoted(
    url: str, file: Path, change: Callable[[bytes], bytes], why: str
) -> None:
    async with open_archive(url) as archive:
        events, description = a_game(acts=900)
        await archive.put(events, description)
        assert await archive.events("game-1") == events
        tamper(file, change)
        with pytest.raises(StoreLostData, match=why):
            await archive.events("game-1")


async def test_a_piece_that_is_missing_is_noticed(url: str, file: Path) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game(acts=1200))
        database = sqlite3.connect(file)
        database.execute("DELETE FROM croupier_events WHERE first_event_id = 501")
        database.commit()
        database.close()
        with pytest.raises(StoreLostData, match=r"^game game-1: events 501 to 1000 are missing in the archive$"):
            await archive.events("game-1")


async def test_events_that_an_older_program_encoded_otherwise_are_the_same_game(url: str, file: Path) -> None:
    events, description = a_game(acts=900)
    async with open_archive(url) as archive:
        await archive.put(events, description)
        tamper(file, lambda piece: zlib.compress(zlib.decompress(piece).replace(b",", b", ")))
        await archive.put(events, description)
        assert await archive.events("game-1") == events


async def test_a_page_of_a_users_games_is_read_from_an_index_and_not_sorted(url: str, file: Path) -> None:
    """So the hundredth page costs what the first did."""
    asked: list[tuple[str, Any]] = []
    async with open_archive(url) as archive:
        await archive.put(*a_game())
        engine = archive._games._engine
        event.listen(engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        await archive.games_of(ANNA, before="game-1", limit=10)
    database = sqlite3.connect(file)
    plans = [str(database.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()) for query, values in asked[1:]]
    database.close()
    (plan,) = [plan for plan in plans if "croupier_players" in plan]
    assert "USING COVERING INDEX croupier_players_of_user_ix (user_id=? AND (ended_at,game_id)<(?,?))" in plan
    assert "B-TREE" not in plan


# ---- away


async def test_a_locked_archive_is_unavailable_and_takes_the_game_later(
    url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("net.archive.engine.BUSY", 0.05)
    events, description = a_game()
    async with open_archive(url) as archive:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArchiveUnavailable, match=r"^the archive: database is locked$"):
            await archive.put(events, description)
        other.execute("ROLLBACK")
        other.close()
        await archive.put(events, description)
        assert await archive.events("game-1") == events


async def test_who_reads_does_not_wait_for_who_writes(url: str, file: Path) -> None:
    events, description = a_game()
    async with open_archive(url) as archive:
        await archive.put(events, description)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await archive.events("game-1") == events
        other.close()


async def test_what_the_database_refuses_is_told_without_the_statement_and_its_values(url: str, file: Path) -> None:
    async with open_archive(url) as archive:
        with sqlite3.connect(file) as database:
            database.execute("DROP TABLE croupier_events")
        database.close()
        with pytest.raises(ArchiveUnavailable) as raised:
            await archive.put(*a_game())
    assert str(raised.value) == "the archive: no such table: croupier_events"
    assert raised.value.__cause__ is None


async def test_an_archive_that_does_not_answer_counts_as_away(autojump_clock: MockClock) -> None:
    async def never(call: object, /, *, writes: bool) -> NoReturn:
        await trio.sleep_forever()
        raise AssertionError

    async with open_archive("sqlite://", run_sync=directly) as open_one:
        archive = SqlArchive(open_one._games, never)
        with pytest.raises(ArchiveUnavailable, match=r"^the archive: no answer within 20 s$"):
            await archive.put(*a_game())


async def test_one_write_is_under_way_at_a_time_and_reads_go_on_beside_it() -> None:
    threads = Threads()
    under_way, most = 0, 0
    hold = threading.Event()

    def write() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        assert hold.wait(10)
        under_way -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(partial(threads, write, writes=True))
        assert await threads(lambda: "read", writes=False) == "read"
        hold.set()
    assert most == 1


# ---- what keeps it from being opened


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("no url", "[archive] url: no url is no URL of a database"),
        ("sqlite:////nowhere/at/all/archive.sqlite", "cannot use the archive: sqlite:////nowhere/at/all/archive.sqlite:"
         " unable to open database file"),
    ],
)  # fmt: skip
async def test_a_url_that_leads_nowhere_is_refused_in_one_line(wrong: str, why: str) -> None:
    with pytest.raises(ArchiveNotUsable) as raised:
        async with open_archive(wrong):
            pass
    assert str(raised.value) == why


async def test_a_file_that_is_no_archive_is_refused_and_left_as_it_is(url: str, file: Path) -> None:
    before = b"a shopping list, and long enough to be looked at: eggs, milk, bread, and one hundred other things"
    await trio.Path(file).write_bytes(before)
    with pytest.raises(ArchiveNotUsable, match=r"file is not a database$"):
        async with open_archive(url):
            pass
    assert await trio.Path(file).read_bytes() == before


async def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ArchiveNotUsable) as raised:
        async with open_archive("postgresql://anna:hunter2@nowhere/games"):
            pass
    assert str(raised.value) == (
        "[archive] url names PostgreSQL, whose driver is not installed: pip install 'croupier[postgres]'"
    )


async def test_a_postgresql_that_is_away_is_refused_in_one_line_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotUsable) as raised:
        async with open_archive(f"postgresql://anna:hunter2@/games?host={tmp_path}"):
            pass
    said = str(raised.value)
    assert said.startswith(f"cannot use the archive: postgresql://anna:***@/games?host={tmp_path}: connection is bad: ")
    assert "\n" not in said
    assert "hunter2" not in said


# ---- read by another process


async def test_an_archive_can_be_read_while_a_server_writes_to_it(url: str) -> None:
    events, description = a_game()
    async with open_archive(url) as archive:
        await archive.put(events, description)
        with open_to_read(url) as reader:
            assert reader.events("game-1") == events
            await archive.put(*a_game("game-2"))
            assert reader.description("game-2").game_id == "game-2"


async def test_reading_changes_no_file(url: str, file: Path) -> None:
    events, description = a_game()
    async with open_archive(url) as archive:
        await archive.put(events, description)
    before = await trio.Path(file).read_bytes()
    with open_to_read(url) as reader:
        assert reader.events("game-1") == events
        with pytest.raises(ArchiveUnavailable, match="readonly database"):
            reader.put(*a_game("game-2"))
    assert await trio.Path(file).read_bytes() == before


async def test_a_copy_that_may_not_be_written_can_be_read(
    url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so a file system that is read-only is played by the answer to `os.access`."""
    async with open_archive(url) as archive:
        await archive.put(*a_game())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with open_to_read(url) as reader:
        assert reader.description("game-1").game_id == "game-1"
    assert sorted(os.listdir(file.parent)) == ["archive.sqlite"]


async def test_what_a_server_writes_is_seen_also_where_no_file_can_be_made(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game())
        monkeypatch.setattr(os, "access", lambda *_: False)
        with open_to_read(url) as reader:
            assert reader.description("game-1").game_id == "game-1"


def test_an_archive_that_is_not_there_is_not_made_by_reading(url: str, file: Path) -> None:
    with pytest.raises(ArchiveNotUsable, match=r"unable to open database file$"), open_to_read(url):
        pass
    assert not file.exists()


def test_an_empty_archive_is_for_a_server_to_set_up(url: str, file: Path) -> None:
    file.touch()
    with (
        pytest.raises(
            ArchiveTooOld, match=r"^the archive has no tables yet; start a server of this version on it once$"
        ),
        open_to_read(url),
    ):
        pass


# ---- texts


@given(st.text(alphabet=st.sampled_from(["\\", "0", "\0", "a", "é"]), max_size=8))
def test_any_text_comes_back_and_has_no_nul_in_the_database(text: str) -> None:
    kind, dialect = AnyText(), postgresql.dialect()  # type: ignore[no-untyped-call]
    stored = kind.process_bind_param(text, dialect)
    assert stored is not None
    assert "\0" not in stored
    assert kind.process_result_value(stored, dialect) == text
