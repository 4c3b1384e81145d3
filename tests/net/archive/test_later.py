"""The archive that is opened when it is first needed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trio

from actors.ports import ArchiveUnavailable
from net.archive import archive_url, open_archive, open_when_needed
from net.archive.errors import ArchiveTooNew
from net.archive.later import LaterArchive, is_up_to_date
from tests.samples.archive import ANNA, ArchiveContract, a_game
from tests.samples.archive_faults import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actors.ports import Archive

_PROGRAM = """
import sys, trio
from net.archive import open_when_needed
async def main():
    async with open_when_needed(sys.argv[1]) as archive:
        print("sqlalchemy" in sys.modules)
        await archive.games_of("anna", before=None, limit=1)
        print("sqlalchemy" in sys.modules)
trio.run(main)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """That of an archive that has been there before."""

    async def make() -> None:
        async with open_archive(there):
            pass

    there = archive_url("", tmp_path)
    trio.run(make)
    return there


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "archive.sqlite")) as database, database:
        database.execute(statement)


class TestLater(ArchiveContract):
    @pytest.fixture
    async def archive(self, url: str) -> AsyncIterator[Archive]:
        async with open_when_needed(url) as archive:
            assert isinstance(archive, LaterArchive)
            yield archive


def test_sqlalchemy_is_not_imported_before_the_first_call(url: str) -> None:
    command = [sys.executable, "-c", _PROGRAM, url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]


async def test_an_archive_that_is_not_there_yet_is_made_at_once(tmp_path: Path) -> None:
    url = archive_url("", tmp_path)
    assert not is_up_to_date(url)
    async with open_when_needed(url):
        assert is_up_to_date(url)


async def test_an_archive_of_a_newer_program_is_refused_at_once(url: str, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE croupier_version SET version_num = '9999'")
    with pytest.raises(ArchiveTooNew):
        async with open_when_needed(url):
            pass


@pytest.mark.parametrize("statement", ["DELETE FROM croupier_version", "DROP TABLE croupier_version"])
async def test_an_archive_that_does_not_say_its_version_is_looked_at_closely(
    url: str, tmp_path: Path, statement: str
) -> None:
    change(tmp_path, statement)
    assert not is_up_to_date(url)


def test_what_is_no_file_of_ours_is_looked_at_closely(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("this is no database, but it is long enough to be one, at first sight" * 99)
    for url in (f"sqlite:///{tmp_path}/text.sqlite", f"sqlite:///{tmp_path}", "sqlite://", "postgresql://h/games"):
        assert not is_up_to_date(url)


def test_a_url_with_options_is_looked_at_closely(url: str) -> None:
    assert is_up_to_date(url)
    assert not is_up_to_date(f"{url}?timeout=3")


async def test_calls_that_come_at_once_open_it_once(url: str) -> None:
    async with open_archive(url) as archive:
        await archive.put(*a_game())
    found: list[int] = []
    async with open_when_needed(url) as later:

        async def look() -> None:
            found.append(len(await later.games_of(ANNA, before=None, limit=9)))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(look)
        assert isinstance(later, LaterArchive)
        assert later._archive is not None
    assert found == [1] * 5


async def test_one_that_was_changed_in_between_is_away_until_it_is_mended(url: str, tmp_path: Path) -> None:
    async with open_when_needed(url) as archive:
        change(tmp_path, "UPDATE croupier_version SET version_num = '9999'")
        with pytest.raises(ArchiveUnavailable, match="newer Croupier"):
            await archive.games_of(ANNA, before=None, limit=1)
        change(tmp_path, "UPDATE croupier_version SET version_num = '0001'")
        assert await archive.games_of(ANNA, before=None, limit=1) == ()
