"""Every code block of the documentation is at least what it says it is: JSON and TOML that parse, Python that compiles,
commands and options that there are. Those of the pages for beginners are run as they stand, in `as_written`."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from typing import TYPE_CHECKING

import click
import pytest

from net.cli import main
from net.config import KEYS
from tests.docs.pages import PAGES, ROOT, blocks

if TYPE_CHECKING:
    from tests.docs.pages import Block

ALL = [block for page in PAGES for block in blocks(page)]
CHECKED = {"json", "toml", "python", "sh"}
SHOWN = {"", "text", "sql", "nginx", "yaml", "ini", "gdscript", "html", "js"}
"""What is only shown: output, and what another program than ours reads. That of js and of gdscript is run by
tests/references."""

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
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


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
