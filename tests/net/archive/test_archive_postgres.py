"""The archive on a real PostgreSQL: the same contract as on SQLite, and what only a server can do to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio

from actors.ports import ArchiveUnavailable
from net.archive import open_archive
from net.archive.archive import open_to_read
from net.archive.engine import make_engine, writing
from net.archive.errors import ArchiveNotUsable
from tests.samples.archive import ANNA, ArchiveContract, a_game
from tests.samples.archive_faults import DeathContract, SchemaContract
from tests.samples.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from net.archive import SqlArchive


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.archive()


class TestContract(ArchiveContract):
    @pytest.fixture
    async def archive(self, url: str) -> AsyncIterator[SqlArchive]:
        async with open_archive(url) as archive:
            yield archive


class TestSchema(SchemaContract):
    pass


class TestDeath(DeathContract):
    pass


async def test_a_server_that_goes_away_is_unavailable_and_is_used_again_when_it_is_back(
    cluster: Cluster, url: str
) -> None:
    events, description = a_game()
    async with open_archive(url) as archive:
        await archive.put(events, description)
        cluster.kill()
        try:
            with pytest.raises(ArchiveUnavailable, match=r"^the archive: .*connection"):
                await archive.put(*a_game("game-2"))
            with pytest.raises(ArchiveUnavailable, match=r"^the archive: .*connection"):
                await archive.events("game-1")
        finally:
            cluster.start()
        assert await archive.events("game-1") == events  # the connections of before are not tried again
        await archive.put(*a_game("game-2"))
        assert len(await archive.games_of(ANNA, before=None, limit=10)) == 2


async def test_a_server_killed_while_games_are_put_keeps_what_was_acknowledged(cluster: Cluster, url: str) -> None:
    stands: list[str] = []
    some_stand = trio.Event()
    async with open_archive(url) as archive:

        async def put_until_it_is_away() -> None:
            with contextlib.suppress(ArchiveUnavailable):
                for number in range(10_000):
                    await archive.put(*a_game(f"game-{number}", acts=40))
                    stands.append(f"game-{number}")
                    if len(stands) == 5:
                        some_stand.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(put_until_it_is_away)
            await some_stand.wait()
            await trio.to_thread.run_sync(cluster.kill)
        cluster.start()
        for game_id in stands:
            assert len(await archive.events(game_id)) == 43
        torn = a_game(f"game-{len(stands)}", acts=40)
        await archive.put(*torn)
        assert await archive.events(f"game-{len(stands)}") == torn[0]


@pytest.mark.parametrize(("set_to", "in_force"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_what_is_acknowledged_is_on_the_disk_whatever_the_server_is_set_to(
    cluster: Cluster, set_to: str, in_force: str
) -> None:
    engine = make_engine(cluster.archive(synchronous_commit=set_to))
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == in_force
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == set_to
    engine.dispose()


async def test_a_server_that_forces_nothing_to_the_disk_is_spoken_of(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_archive(url):
        pass
    assert caplog.messages == [
        "the archive's PostgreSQL has fsync off: a power cut loses games that have left the store already"
    ]


async def test_who_only_reads_may_not_write(url: str) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game())
        with open_to_read(url) as reader:
            assert reader.description("game-1").game_id == "game-1"
            with pytest.raises(ArchiveUnavailable, match=r"read-only transaction$"):
                reader.put(*a_game("game-2"))


async def test_the_tables_of_others_in_the_same_database_are_left_alone(cluster: Cluster, url: str) -> None:
    """A database may be somebody's who has players, games, and an Alembic of their own."""
    cluster.execute(
        "CREATE TABLE games (id int)",
        "CREATE TABLE players (id int)",
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('theirs')",
        at=url,
    )
    async with open_archive(url) as archive:
        await archive.put(*a_game())
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("theirs",)]
        assert connection.execute("SELECT count(*) FROM games").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("postgresql://croupier@/nothing?host={folder}", 'database "nothing" does not exist'),
        ("postgres://nobody:hunter2@/postgres?host={folder}", 'role "nobody" does not exist'),
        ("postgresql://croupier@/postgres?host={folder}&sslmode=hunter2", "invalid sslmode value"),
    ],
)
async def test_a_wrong_url_is_refused_in_one_line_that_says_what_to_mend(
    cluster: Cluster, wrong: str, why: str
) -> None:
    with pytest.raises(ArchiveNotUsable) as raised:
        async with open_archive(wrong.format(folder=cluster.folder)):
            pass
    said = str(raised.value)
    assert why in said
    assert "\n" not in said
    assert ":hunter2" not in said


async def test_a_user_who_may_make_no_tables_is_told_so(cluster: Cluster, url: str) -> None:
    cluster.execute("DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    with pytest.raises(ArchiveNotUsable, match="no schema has been selected to create in"):
        async with open_archive(url.replace("croupier@", "guest@")):
            pass
