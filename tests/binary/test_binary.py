"""The single binary, as somebody has it who copied it and nothing else: alone in a folder, with an empty environment.
`./dev binary` first, and then pytest with the name of this folder, which is left out otherwise."""

from __future__ import annotations

import os
import random  # noqa: TID251 - for drills with real processes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from net import __version__
from net.auth import Scope
from net.binary.pack import pack
from net.client import http_request
from net.process import without_rates
from net.unix_socket import short_path
from tests.drills.conftest import seed
from tests.drills.server import PATIENCE, RealServer
from tests.drills.tables import busy_tables

__all__ = ["seed"]

BUILT = Path(__file__).parents[2] / "dist" / "croupier"
RULES = Path(__file__).parents[1] / "samples" / "tally.py"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it unpacks itself in these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """The binary, alone in a folder."""
    assert BUILT.exists(), "there is no binary: run ./dev binary"
    folder = tmp_path / "alone"
    folder.mkdir()
    return Path(shutil.copy(BUILT, folder / "croupier"))


def alone(binary: Path, cache: Path, **environ: str) -> list[str]:
    """The command that runs it with this environment and nothing else, not even a PATH or a home."""
    return ["/usr/bin/env", "-i", f"TMPDIR={cache}", *(f"{name}={text}" for name, text in environ.items()), str(binary)]


def run(binary: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*alone(binary, cache), *arguments],
        cwd=binary.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )


def program_of(pid: int) -> str | None:
    """The name of the program that this process is, by Linux; None: there is no such process."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except FileNotFoundError:
        return None


async def test_games_are_played_on_it_and_survive_kill_9(binary: Path, cache: Path, seed: int) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        program = alone(binary, cache, CROUPIER_LOG_FORMAT="human", **without_rates())
        async with RealServer(binary.parent / "data", program=program) as server:
            async with busy_tables(server, rng) as tables:
                for _ in range(3):
                    await tables.actions.wait_for(rng.randint(5, 30))
                    killed, store = server.pid, server.store_pid
                    assert program_of(killed) == "croupier"  # the server itself, no parent of it
                    await server.kill()
                    assert program_of(killed) is None
                    assert server.store_pid == store  # what it wrote is safe with the store, which goes on
                    await server.start()
                    assert server.store_pid == store
            assert await server.terminate() == 0
            assert server.complaints == []
    assert sorted(path.name for path in binary.parent.iterdir()) == ["croupier", "data", "data.stderr"]


def test_it_says_what_is_inside_and_under_which_licences(binary: Path, cache: Path) -> None:
    said = run(binary, cache, "version", "--verbose", "--licences")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith(f"croupier {__version__}\n")
    for part in ("CPython", "Valkey", "SQLite", "trio", "hiredis", "MIT License", "Redistributions in binary form"):
        assert part in said.stdout
    assert run(binary, cache, "--version").stdout == f"croupier {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--pace", "0", "--players", "2"),
        ("drill", "--games", "1", "--kills", "1", "--faults", "kill"),
        ("bench", "durability", "--seconds", "1", "--tables", "1"),
        ("config",),
        ("arena", "--rules", "duel", "--bots", "greedy,random", "--games", "2"),
        ("sim", "--seeds", "1", "--jobs", "1"),
        ("new-game", "my_game"),
        ("play", "--help"),
        ("token", "npc:anna"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_its_commands_work(binary: Path, cache: Path, arguments: tuple[str, ...]) -> None:
    done = run(binary, cache, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_its_server_can_be_asked_what_runs_in_it(binary: Path, cache: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(binary.parent / "data", program=alone(binary, cache)) as server:
            asked = await trio.to_thread.run_sync(run, binary, cache, "tree")
            answers = {}
            for path in ("/metrics", "/admin"):
                with short_path(server.data / "admin.sock") as socket:
                    stream = await trio.open_unix_socket(socket)
                token = server.token("operator", Scope.SERVICE)
                answers[path] = await http_request(stream, "GET", path, token=token)
    assert "service clock" in asked.stdout, asked.stderr
    assert {path: answer.status for path, answer in answers.items()} == {"/metrics": 200, "/admin": 200}


async def test_an_upgrade_loses_no_game(binary: Path, cache: Path, seed: int) -> None:
    """By the operator's book: the new file is renamed into place under the running server, which drains and is started
    again."""
    run(binary, cache, "version")
    [unpacked] = (cache / f"croupier-{os.getuid()}").glob(f"{__version__}-*")
    newer = binary.with_name("croupier.new")
    newer.write_bytes(pack(unpacked, 1_800_000_000, "99.0.0"))
    newer.chmod(0o755)
    with trio.fail_after(PATIENCE):
        program = alone(binary, cache, CROUPIER_LOG_FORMAT="human", **without_rates())
        server = RealServer(binary.parent / "data", program=program)
        async with server, busy_tables(server, random.Random(seed)) as tables:
            await tables.actions.wait_for(10)
            newer.replace(binary)
            await tables.actions.wait_for(10)  # what runs does not care
            assert await server.terminate() == 0
            await server.start()
            assert "/99.0.0-" in os.readlink(f"/proc/{server.pid}/exe")
            await tables.actions.wait_for(10)


async def test_rules_from_a_folder_are_on_offer(binary: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    (folder / "tally-1.0.dist-info").mkdir(parents=True)
    (folder / "tally-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tally\nVersion: 1.0\n")
    (folder / "tally-1.0.dist-info" / "entry_points.txt").write_text("[croupier.rules]\ntally = tally_rules:RULES\n")
    (folder / "tally_rules.py").write_text(f"{RULES.read_text()}\nRULES = Tally()\n")
    with trio.fail_after(PATIENCE):
        program = alone(binary, cache, CROUPIER_GAMES_RULES_PATH=str(folder))
        async with RealServer(binary.parent / "data", program=program) as server:
            assert "tally" in {rules["name"] for rules in await server.api.rules()}, server.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_runs_no_python_of_the_machine(binary: Path, cache: Path) -> None:
    """Nothing that it has open while it runs comes from the Python that built it."""
    with subprocess.Popen(
        [*alone(binary, cache), "drill", "--games", "1", "--kills", "1", "--faults", "kill"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        maps = ""
        while not maps.count("libpython"):
            assert process.poll() is None
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        process.terminate()
        process.wait(PATIENCE)
    files = {line.split(maxsplit=5)[5] for line in maps.splitlines() if line.count("/")}
    assert [path for path in files if path.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep))] == []
