"""The pages for beginners, run as they stand: their code blocks, with real servers. That takes up to fifteen seconds a
page, so it is run where it is asked for by name (`.ci/run`)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import trio

from tests.docs.opponent import limits, oppose
from tests.docs.pages import ROOT, of
from tests.drills.server import CROUPIER, PATIENCE, RealServer

if TYPE_CHECKING:
    from pathlib import Path


def session(*texts: str, port: int) -> str:
    """A script of these blocks, with the server where it is here."""
    return "set -eu\n" + "\n".join(texts).replace("8765", str(port))


async def run(script: str, folder: Path) -> str:
    """Runs it as somebody would who sits in that folder; returns what it printed."""
    path = os.pathsep.join([str(CROUPIER.parent), os.environ["PATH"]])
    environ = {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            ["bash", "-c", script], cwd=folder, env=environ, capture_stdout=True, capture_stderr=True, check=False
        )
    assert done.returncode == 0, f"{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout.decode()


async def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    [serve, make, play, kill, again, see] = [block.text for block in of("tutorial.md", "sh")]
    [program] = of("tutorial.md", "python")
    assert serve == "croupier serve\n"
    (tmp_path / "play.py").write_text(program.text)
    async with RealServer(tmp_path / "data", limits()) as server:
        port = int(server.address.rpartition(":")[2])
        state = 'export GAME="$GAME" ANNA_TOKEN="$ANNA_TOKEN" BEN_TOKEN="$BEN_TOKEN" ANNA="$ANNA"; export -p > vars\n'
        printed = await run(session(make, play, state, kill, "wait || :", port=port), tmp_path)
        assert '"name":"crazy_eights"' in printed
        assert (tmp_path / "anna.txt").read_text().count("event") >= 1
        await server.kill()  # it is dead already; this notes it
        await server.start()
        printed = await run(session(". ./vars", again, see, port=port), tmp_path)
    assert "won by" in printed
    assert '"status":"ended"' in printed


async def test_the_python_client_of_the_page_plays_a_game_through_a_kill(tmp_path: Path) -> None:
    [program] = of("clients.md", "python")
    (tmp_path / "client.py").write_text(program.text)
    players = ("player:one", "player:two")
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", limits()) as server, trio.open_nursery() as nursery:
            game_id = await server.api.create_game("crazy_eights", players)
            host, _, port = server.address.rpartition(":")
            command = f"{sys.executable} client.py {host} {port} {server.token(players[0])} {game_id}"
            nursery.start_soon(ended_well, command, tmp_path)
            await oppose(server, players[1], game_id, until_acted=3)
            await server.kill()
            await server.start()
            await oppose(server, players[1], game_id)


async def ended_well(command: str, folder: Path) -> None:
    assert "over at event" in await run(command, folder)


async def test_the_backup_of_the_page_can_be_restored(tmp_path: Path) -> None:
    [back_up, restore] = [block.text for block in of("operating.md", "sh") if "backup.tar.gz" in block.text]
    async with RealServer(tmp_path / "data", limits()):
        await run(back_up + restore, tmp_path)
    assert {"secret", "store"} <= set(os.listdir(tmp_path / "restored"))
