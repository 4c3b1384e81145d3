"""Every code block of the documentation is at least what it says it is: JSON and TOML that parse, Python that compiles,
commands and options that there are. Those of the pages for beginners are run as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import click
import pytest
import trio

from net.cli import main
from net.config import KEYS
from tests.docs.pages import PAGES, ROOT, blocks, of
from tests.drills.server import CROUPIER, PATIENCE, RealServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.pages import Block

ALL = [block for page in PAGES for block in blocks(page)]
CHECKED = {"json", "toml", "python", "sh"}
SHOWN = {"", "text", "sql", "nginx", "yaml", "ini", "gdscript", "html", "js"}
"""What is only shown: output, and what another program than ours reads. That of js is run by tests/references/js."""

DEV = re.findall(r"^    ([a-z |]+)\) ;;$", (ROOT / "dev").read_text(), re.MULTILINE)[0].split(" | ")


def all_of(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", [block for block in ALL if block.language == language], ids=str)


def test_every_block_is_of_a_kind_that_is_checked_or_only_shown() -> None:
    assert {block.language for block in ALL} <= CHECKED | SHOWN
    assert len(ALL) > 50


@all_of("json")
def test_json_is_json(block: Block) -> None:
    for part in re.split(r"\n(?=[{\[])", block.text.strip()):
        json.loads(re.sub(r"…|\.\.\.", "", part))


@all_of("toml")
def test_a_configuration_has_keys_that_there_are(block: Block) -> None:
    for section, keys in tomllib.loads(block.text).items():
        if section in KEYS:
            assert set(keys) <= set(KEYS[section])


@all_of("python")
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec", flags=__import__("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT)


@all_of("sh")
def test_commands_and_their_options_exist(block: Block) -> None:
    assert subprocess.run(["sh", "-n"], input=block.text, text=True, check=False).returncode == 0
    for words in commands(block.text):
        check_command(words)


def commands(text: str) -> list[list[str]]:
    """The calls of ours that it makes, without the name of the program."""
    found = []
    lines = text.replace("\\\n", " ")
    pattern = r"(?:^|\$\(|[;&|] ?)(?:[A-Z_]+=\S+ )*(?:\./)?(croupier|dev)((?: (?!#)[^\n;&|)#>]*)?)"
    for program, rest in re.findall(pattern, lines, re.MULTILINE):
        words = shlex.split(rest)
        if program == "dev":
            assert words[0] in {*DEV, "help"}, words
            words = ["serve", *words[1:]] if words[0] == "serve" else words[1:] if words[0] == "run" else []
        if words:
            found.append(words)
    return found


def check_command(words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    options = {
        name for parameter in command.get_params(context) for name in (*parameter.opts, *parameter.secondary_opts)
    }
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert asked <= options | {"--help"}, words


# ---- the pages for beginners, run as they stand


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
    async with RealServer(tmp_path / "data") as server:
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


async def test_the_python_client_of_the_page_plays_a_game(tmp_path: Path) -> None:
    [program] = of("clients.md", "python")
    (tmp_path / "client.py").write_text(program.text)
    players = ("npc:one", "player:two")
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id = await server.api.create_game("crazy_eights", players, options={"draw_when_playable": False})
            host, _, port = server.address.rpartition(":")
            for user_id in players:
                command = f"{sys.executable} client.py {host} {port} {server.token(user_id)} {game_id}"
                nursery.start_soon(ended_well, command, tmp_path)


async def ended_well(command: str, folder: Path) -> None:
    assert "over at event" in await run(command, folder)


async def test_the_backup_of_the_page_can_be_restored(tmp_path: Path) -> None:
    [back_up, restore] = [block.text for block in of("operating.md", "sh") if not block.why]
    async with RealServer(tmp_path / "data"):
        await run(back_up + restore, tmp_path)
    assert {"secret", "store"} <= set(os.listdir(tmp_path / "restored"))
