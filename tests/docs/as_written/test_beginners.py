"""The pages for beginners, run as they stand: their code blocks, with real servers. That takes up to fifteen seconds a
page, so it is run where it is asked for by name (`.ci/run`)."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
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


@pytest.mark.parametrize("rules", ["crazy_eights", "duel"])
async def test_the_python_client_of_the_page_plays_a_game_through_a_kill(tmp_path: Path, rules: str) -> None:
    [program] = of("clients.md", "python")
    await plays_through_a_kill(program.text, "{host} {port} {token} {game_id}", tmp_path, rules)


async def test_the_client_of_the_protocols_page_plays_a_game_through_a_kill(tmp_path: Path) -> None:
    program = of("protocol.md", "python")[0]
    await plays_through_a_kill(program.text, "{token} {game_id}", tmp_path)


async def plays_through_a_kill(program: str, arguments: str, folder: Path, rules: str = "crazy_eights") -> None:
    """A client with this program and these arguments sees a game to its end, though the server is killed on the way."""
    one, two = "player:one", "player:two"
    with trio.fail_after(PATIENCE):
        async with RealServer(folder / "data", limits()) as server, trio.open_nursery() as nursery:
            game_id = await server.api.create_game(rules, (one, two))
            host, _, port = server.address.rpartition(":")
            (folder / "client.py").write_text(program.replace("8765", port))
            given = arguments.format(host=host, port=port, token=server.token(one), game_id=game_id)
            nursery.start_soon(ended_well, f"{sys.executable} client.py {given}", folder)
            await oppose(server, two, game_id, until_acted=3)
            await server.kill()
            await server.start()
            await oppose(server, two, game_id)


async def ended_well(command: str, folder: Path) -> None:
    assert re.search(r"^(over|it was over)\b", await run(command, folder), re.M)


async def test_the_backup_of_the_page_can_be_restored(tmp_path: Path) -> None:
    [back_up, restore] = [block.text for block in of("operating.md", "sh") if "backup.tar.gz" in block.text]
    async with RealServer(tmp_path / "data", limits()):
        await run(back_up + restore, tmp_path)
    assert {"secret", "store"} <= set(os.listdir(tmp_path / "restored"))
