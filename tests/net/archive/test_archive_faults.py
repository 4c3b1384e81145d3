"""The schema and a writer's death, on SQLite; and what a start costs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from net.archive import archive_url
from tests.samples.archive_faults import (
    ROOT,
    DeathContract,
    SchemaContract,
    test_the_revisions_that_are_named_are_those_that_there_are,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["test_the_revisions_that_are_named_are_those_that_there_are"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return archive_url("", tmp_path)


class TestSchema(SchemaContract):
    pass


class TestDeath(DeathContract):
    def test_the_file_is_sound_after_a_death(self, url: str, tmp_path: Path) -> None:
        self.test_a_writer_killed_at_any_moment_leaves_whole_games_and_all_that_it_told_of(url, 0.003)
        with sqlite3.connect(tmp_path / "archive.sqlite") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()


def modules_after(program: str, *arguments: str) -> set[str]:
    """What a fresh process has imported when it has run this."""
    command = [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_importing_the_archive_does_not_import_sqlalchemy() -> None:
    assert not {"sqlalchemy", "alembic"} & modules_after("import net.archive, net.cli")


def test_opening_an_empty_archive_or_one_that_is_up_to_date_does_not_import_alembic(url: str) -> None:
    program = (
        "import sys, trio\nfrom net.archive import open_archive\n"
        "async def main():\n async with open_archive(sys.argv[1]): pass\n"
        "trio.run(main)"
    )
    for _ in range(2):
        modules = modules_after(program, url)
        assert "sqlalchemy" in modules
        assert "alembic" not in modules
