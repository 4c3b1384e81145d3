"""`croupier play` as a person runs it: a process that reads lines, with a server of its own, and on one that runs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import trio

from net.process import ServerProcess, own_command

if TYPE_CHECKING:
    from pathlib import Path


async def play(folder: Path, typed: str, *arguments: str) -> str:
    """What it printed."""
    command = [*own_command(), "play", "duel", "--against", "random", "--folder", str(folder), *arguments]
    with trio.fail_after(60):
        done = await trio.run_process(
            command, stdin=typed.encode(), capture_stdout=True, stderr=subprocess.STDOUT, cwd=folder, check=False
        )
    printed = done.stdout.decode()
    assert done.returncode == 0, printed
    return printed


async def test_a_game_is_begun_left_and_gone_on_with(tmp_path: Path) -> None:
    first = await play(tmp_path, "1\nquit\n")
    assert "choose your first active creature:" in first
    assert "The game waits for you: croupier play duel --against random goes on with it." in first
    assert "\x1b[" not in first  # no colours where there is no terminal
    second = await play(tmp_path, "resign\nyes\n")
    assert f"going on with {first.split()[1]}" in second
    assert "The game is over: random wins (the others resigned)" in second


async def test_a_game_is_played_on_a_server_that_runs(tmp_path: Path) -> None:
    own, servers = tmp_path / "own", tmp_path / "server"
    own.mkdir()
    servers.mkdir()
    async with ServerProcess(servers) as server:
        await server.start()
        url = ("--url", f"http://{server.address}", "--data-dir", str(server.data))
        printed = await play(own, "1\nresign\nyes\n", *url)
        assert "The game is over: random wins" in printed
        await server.stop()
