"""The JavaScript client that docs/clients.md shows, run as it stands there. It needs Node: `setup`, and then pytest
with the name of this folder, which is left out otherwise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import trio

from tests.docs.opponent import limits
from tests.docs.pages import of
from tests.drills.server import PATIENCE, RealServer
from tests.references.js.test_javascript_client import node

HERE = Path(__file__).parent


@pytest.mark.parametrize("rules", ["crazy_eights", "duel"])
async def test_two_of_them_play_a_game_through_a_kill(tmp_path: Path, rules: str) -> None:
    [program] = of("clients.md", "js")
    players = ("player:one", "player:two")
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", limits()) as server, trio.open_nursery() as nursery:
            game_id = await server.api.create_game(rules, players)
            said: list[str] = []

            async def client(user_id: str) -> None:
                # As a module of this folder, where the library is; with -e nothing is left behind.
                command = [str(node()), "--input-type=module", "-e", program.text.replace("slice(2)", "slice(1)")]
                command += [f"http://{server.address}", server.token(user_id), game_id]
                # There argv has no name of a script, so the arguments begin one place earlier.
                done = await trio.run_process(command, cwd=HERE, capture_stdout=True, stderr=subprocess.STDOUT)
                said.append(done.stdout.decode())

            for user_id in players:
                nursery.start_soon(client, user_id)
            await trio.sleep(1)
            await server.kill()
            await server.start()
    assert len(said) == len(players)
    assert all("won by" in words for words in said)
