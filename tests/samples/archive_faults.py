"""What holds for the archive's schema and for its writer's sudden death, whatever database it is on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import net.archive
from actors.ports import GameNotFound
from net.archive import open_archive
from net.archive.archive import open_to_read
from net.archive.engine import make_engine, writing
from net.archive.errors import ArchiveTooNew
from net.archive.migration import SHIPPED, Migrations, bring_up_to_date, revision, upgrade
from net.archive.revisions import HEAD, REVISIONS
from net.archive.schema import METADATA, VERSION
from tests.samples.archive import ANNA, a_game

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, Inspector

ROOT = Path(__file__).parents[2]
NEWER = ("0001", "0002")

_SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("croupier_games", sa.Column("mood", sa.Text))
    op.execute("UPDATE croupier_games SET mood = 'merry'")
    {then}
"""
_DIES = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def second_migration(folder: Path, then: str = "pass") -> Migrations:
    """The shipped migrations and one more, which does this at its end."""
    scripts = folder / "migrations"
    shutil.copytree(Path(net.archive.__file__).parent / "migrations", scripts, dirs_exist_ok=True)
    (scripts / "versions" / "v0002_moods.py").write_text(_SECOND.format(then=then))
    return Migrations(str(scripts), NEWER)


def tables_of(engine: Engine) -> dict[str, Any]:
    """All that the database says of its tables."""
    inspector: Inspector = inspect(engine)
    return {
        name: {
            "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)],
            "key": inspector.get_pk_constraint(name),
            "foreign": inspector.get_foreign_keys(name),
            "indexes": inspector.get_indexes(name),
        }
        for name in sorted(inspector.get_table_names())
    }


def revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return revision(connection)


def test_the_revisions_that_are_named_are_those_that_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", SHIPPED.scripts)
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_current_head() == HEAD


class SchemaContract:
    """The tests of `net.archive.migration`; whoever inherits them has a fixture `url` of an empty database."""

    @pytest.fixture
    def engine(self, url: str) -> Iterator[Engine]:
        engine = make_engine(url)
        yield engine
        engine.dispose()

    def test_the_migrations_lead_to_the_tables_that_an_empty_database_gets_at_once(self, engine: Engine) -> None:
        bring_up_to_date(engine)
        at_once = tables_of(engine)
        with writing(engine) as connection:
            METADATA.drop_all(connection)
        with writing(engine) as connection:
            upgrade(connection)
            assert compare_metadata(
                MigrationContext.configure(connection, opts={"version_table": VERSION.name}), METADATA
            ) == []  # fmt: skip
        assert tables_of(engine) == at_once
        assert revision_of(engine) == HEAD

    @pytest.mark.parametrize("standing", REVISIONS)
    def test_an_archive_of_any_revision_is_brought_up_to_date(self, engine: Engine, standing: str) -> None:
        with writing(engine) as connection:
            upgrade(connection, to=standing)
        bring_up_to_date(engine)
        assert revision_of(engine) == HEAD
        migrated = tables_of(engine)
        with writing(engine) as connection:
            METADATA.drop_all(connection)
        bring_up_to_date(engine)
        assert migrated == tables_of(engine)

    def test_a_migration_keeps_what_stands(self, engine: Engine, url: str, tmp_path: Path) -> None:
        trio.run(_put_one, url)
        bring_up_to_date(engine, second_migration(tmp_path))
        assert revision_of(engine) == "0002"
        with engine.connect() as connection:
            moods = connection.execute(text("SELECT id, mood FROM croupier_games")).all()
        assert [tuple(row) for row in moods] == [("game-1", "merry")]

    def test_a_migration_that_fails_has_not_happened_and_can_be_run_again(
        self, engine: Engine, url: str, tmp_path: Path
    ) -> None:
        trio.run(_put_one, url)
        before = tables_of(engine)
        with pytest.raises(ZeroDivisionError):
            bring_up_to_date(engine, second_migration(tmp_path, then="1 / 0"))
        assert (revision_of(engine), tables_of(engine)) == ("0001", before)
        bring_up_to_date(engine, second_migration(tmp_path))
        assert revision_of(engine) == "0002"

    def test_a_process_killed_in_a_migration_leaves_the_archive_as_it_was(
        self, engine: Engine, url: str, tmp_path: Path
    ) -> None:
        trio.run(_put_one, url)
        before = tables_of(engine)
        migrations = second_migration(tmp_path, then=_DIES)
        program = (
            "import sys; from net.archive.engine import make_engine;"
            " from net.archive.migration import Migrations, bring_up_to_date;"
            f" bring_up_to_date(make_engine(sys.argv[1]), Migrations(sys.argv[2], {NEWER!r}))"
        )
        command = [sys.executable, "-c", program, url, migrations.scripts]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")
        assert (revision_of(engine), tables_of(engine)) == ("0001", before)
        bring_up_to_date(engine, second_migration(tmp_path))
        assert revision_of(engine) == "0002"

    def test_an_archive_of_a_newer_program_is_refused_and_left_alone(self, engine: Engine, url: str) -> None:
        bring_up_to_date(engine)
        with writing(engine) as connection:
            connection.execute(VERSION.update().values(version_num="9000"))
        said = (
            "^a newer Croupier has written to the archive: its schema is 9000, this program knows"
            f" {HEAD}; run that version, or a newer one$"
        )
        with pytest.raises(ArchiveTooNew, match=said):
            bring_up_to_date(engine)
        with pytest.raises(ArchiveTooNew, match=said), open_to_read(url):
            pass
        assert revision_of(engine) == "9000"

    def test_of_several_that_open_an_empty_archive_at_once_each_finds_it_ready(self, url: str) -> None:
        async def put(number: int) -> None:
            async with open_archive(url) as archive:
                await archive.put(*a_game(f"game-{number}"))

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(put, number)

        trio.run(main)
        with open_to_read(url) as reader:
            assert len(reader.games_of(ANNA, before=None, limit=10)) == 4


class DeathContract:
    """What a killed writer leaves; whoever inherits this has a fixture `url` of an empty database."""

    @pytest.mark.parametrize("after", [0.0, 0.004, 0.011])
    def test_a_writer_killed_at_any_moment_leaves_whole_games_and_all_that_it_told_of(
        self, url: str, after: float
    ) -> None:
        told: list[int] = []
        for _ in range(2):
            told += _killed_archiver(url, first=len(told), after=after)
        assert told == list(range(len(told)))
        trio.run(_look_at, url, told)


def _killed_archiver(url: str, *, first: int, after: float) -> list[int]:
    """The games that a writer told of before it was killed, some seconds after it told of the third."""
    command = [sys.executable, "-m", "tests.samples.archiver", url, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        trio.run(trio.sleep, after)
        process.kill()
        told += process.stdout.readlines()
    return [int(line) for line in told if line.endswith("\n")]


async def _put_one(url: str) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game())


async def _look_at(url: str, told: list[int]) -> None:
    async with open_archive(url) as archive:
        for number in told:
            assert await archive.events(f"game-{number}") == _game(number)[0]
        for number in (len(told), len(told) + 1):  # one may stand that was not told of any more
            with suppress(GameNotFound):
                assert await archive.events(f"game-{number}") == _game(number)[0]
            await archive.put(*_game(number))
        listed = await archive.games_of(ANNA, before=None, limit=10_000)
        assert [one.game_id for one in reversed(listed)] == [f"game-{number}" for number in range(len(told) + 2)]


def _game(number: int) -> Any:  # noqa: ANN401 - events and description
    return a_game(f"game-{number}", acts=40, ended_at=2000.0 + number)
