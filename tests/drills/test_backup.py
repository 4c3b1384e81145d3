"""A backup of a server that serves, and the way back; and an upgrade by the operator's book: drain, swap, start."""

from __future__ import annotations

import os
import random
import stat
import tarfile
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drills.player import enter, make_game
from tests.drills.server import PATIENCE, RealServer, croupier
from tests.drills.tables import busy_tables

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_backup_of_a_busy_server_has_every_game_as_it_stood_or_later(tmp_path: Path, seed: int) -> None:
    file, rng = tmp_path / "backup.tar.gz", random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            async with trio.open_nursery() as nursery:
                game_id, (first, second) = await make_game(server, rng)
                anna, ben = await enter(nursery, server, first), await enter(nursery, server, second)
                await ben.join(game_id)
                answer = await anna.act(game_id, (await anna.join(game_id))["legal_actions"][0], "before the backup")
                nursery.cancel_scope.cancel()
            async with busy_tables(server, rng) as tables:  # the file grows while it is copied
                await tables.actions.wait_for(20)
                done = await croupier("backup", file, "--data-dir", server.data, cwd=tmp_path)
                assert (done.status, done.stderr) == (0, ""), done
            secret = server.secret
            assert await server.terminate() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    put_back = tmp_path / "elsewhere" / "data"
    with trio.fail_after(PATIENCE):
        done = await croupier("restore", file, "--data-dir", put_back, cwd=tmp_path)
        assert (done.status, done.stderr) == (0, ""), done
        assert {stat.S_IMODE(path.stat().st_mode) for path in (put_back, *put_back.rglob("*"))} == {0o700, 0o600}
        async with RealServer(put_back) as again:
            assert again.secret == secret
            async with trio.open_nursery() as nursery:
                anna = await enter(nursery, again, first)
                assert (await anna.join(game_id))["event_id"] == answer["event_id"]
                nursery.cancel_scope.cancel()


async def test_a_backup_without_a_server_is_as_good_and_an_upgrade_loses_no_game(tmp_path: Path, seed: int) -> None:
    file, rng = tmp_path / "backup.tar.gz", random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, busy_tables(server, rng) as tables:
            await tables.actions.wait_for(10)
            assert await server.terminate() == 0  # drain
            done = await croupier("backup", file, "--data-dir", server.data, cwd=tmp_path)
            assert (done.status, "no server runs" in done.stdout) == (0, True), done
            await server.start()  # the new version; the players come back by themselves, and miss nothing
            await tables.actions.wait_for(10)
    with tarfile.open(file) as tar:
        assert {"./backup.json", "./secret"} <= set(tar.getnames())


@pytest.mark.parametrize("stands", ["a file", "a folder that is not empty"])
async def test_nothing_that_stands_is_overwritten(tmp_path: Path, stands: str) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "secret").write_text("x" * 40)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    if stands == "a file":
        done = await croupier("backup", tmp_path / "there" / "file", "--data-dir", "data", cwd=tmp_path)
    else:
        await croupier("backup", tmp_path / "b", "--data-dir", "data", cwd=tmp_path)
        done = await croupier("restore", tmp_path / "b", "--data-dir", "there", cwd=tmp_path)
    assert done.status == 2
    assert done.stderr.startswith("croupier: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "there" / "file").read_text() == "mine"


async def test_what_is_no_data_and_what_is_no_backup_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"nonsense")
    for arguments in (["backup", "x", "--data-dir", "nowhere"], ["restore", "b"], ["restore", "c"]):
        done = await croupier(*arguments, cwd=tmp_path)
        assert (done.status, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert done.stderr.startswith("croupier: ")
    assert sorted(os.listdir(tmp_path)) == ["b"]
