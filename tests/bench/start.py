"""Starts Croupier for the comparison's kit (docs/performance.md), which drives it next to the other servers:

    python run.py --wait-ready --targets limit_trio,croupier,socketio_node \\
        --custom 'croupier=socketio:CHECKOUT/.venv/bin/python CHECKOUT/tests/bench/start.py --port {port}'

A real server on a real disk, with everything that `croupier serve` has: supervision, limits (but the rates, for all
clients come from one address), `appendfsync always`. Games, users and tokens are made through its API, before the line
that says it is ready. Ends with SIGTERM, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

import trio

from net.auth import Scope
from net.bench.server import started_server
from net.bench.workload import BenchDuel
from net.interrupt import interruptible

if TYPE_CHECKING:
    from net.process import ServerProcess

SPARE_CONNECTIONS = 200


async def make_games(server: ServerProcess, games: int, spectators: int) -> dict[str, object]:
    """What the kit calls sessions: each game with its players and spectators, and the token of each."""
    people = iter(range(games * (2 + spectators)))

    def person() -> dict[str, str]:
        user_id = str(UUID(int=next(people), version=4))
        return {"user_id": user_id, "token": server.token(user_id, Scope.PLAYER)}

    made = []
    for number in range(games):
        players = [person(), person()]
        users = [one["user_id"] for one in players]
        game_id = await server.api.create_game(BenchDuel.name, users, seed=f"kit {number}")
        made.append({"game_id": game_id, "players": players, "spectators": [person() for _ in range(spectators)]})
    return {"games": made}


def move_to_core(pid: int, core: int) -> None:
    """All threads of a process to one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


async def serve(port: int, games: int, spectators: int, store_core: str | None, folder: Path) -> None:
    """Until SIGTERM or Ctrl-C."""
    connections = games * (2 + spectators) + SPARE_CONNECTIONS
    environ = {"CROUPIER_GAMES_MAX_EVENTS": "1000000"}  # the workload's games never end
    async with (
        interruptible(),
        started_server(connections=connections, environ=environ, bench_rules=True, port=port, inside=folder) as server,
    ):
        if store_core is not None:
            move_to_core(server.store_pid, int(store_core))
        sessions = folder / "sessions.json"
        sessions.write_text(json.dumps(await make_games(server, games, spectators)))
        ready = {
            "ready": True,
            "server_pid": server.pid,
            "store_pid": server.store_pid,
            "sessions": str(sessions),
            "protocol": str(Path(__file__).with_name("protocol.json")),
        }
        print(json.dumps(ready), flush=True)  # noqa: T201 - it is what the kit waits for
        await server.watch()


def main() -> None:
    """The kit tells how many games and spectators, and the store's core, in the environment."""
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    games, spectators = (int(os.environ.get(f"BENCH_{name}", 0)) for name in ("GAMES", "SPECTATORS"))
    with TemporaryDirectory(prefix="croupier-kit-", dir=os.environ.get("BENCH_TMP")) as folder:
        trio.run(serve, port, games, spectators, os.environ.get("BENCH_STORE_CPU"), Path(folder))


if __name__ == "__main__":
    main()
