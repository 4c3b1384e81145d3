"""`croupier new-game`: what it makes is a game that works, under the name that was asked for; what it refuses."""

from __future__ import annotations

import ast
import importlib
import tomllib
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from actors.rules.registry import Registry
from net.cli import main
from net.new_game.make import NotMade, make_game, names, rendered
from net.testing.rules import check_rules

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def new_game(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["new-game", *map(str, arguments)])


def test_it_makes_a_package_and_says_what_next(tmp_path: Path) -> None:
    done = new_game("sea_battle", "--into", tmp_path)
    assert done.exit_code == 0
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert made == [
        "sea_battle/README.md",
        "sea_battle/pyproject.toml",
        "sea_battle/sea_battle/__init__.py",
        "sea_battle/sea_battle/rules.py",
        "sea_battle/tests/conftest.py",
        "sea_battle/tests/test_rules.py",
        "sea_battle/tests/test_service.py",
    ]
    assert all(f"made {tmp_path / file}" in done.output for file in made)
    assert "pip install -e . --no-deps" in done.output


def test_the_rules_that_it_makes_are_sound_and_have_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_game("sea_battle_2", tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "sea_battle_2")
    package = importlib.import_module("sea_battle_2")
    [rules] = Registry(package.RULES)
    assert (rules.name, rules.title, type(rules).__name__) == ("sea_battle_2", "Sea Battle 2", "SeaBattle2")
    check_rules(rules, games=2, positions=4, other_process=False)


@pytest.mark.parametrize("name", ["sea_battle", "a", "whist2"])
def test_every_file_has_the_new_name_alone_and_is_a_program(name: str) -> None:
    for path, text in rendered(name).items():
        for there in names(name):
            assert there not in path + text, path
        if path.endswith(".py"):
            ast.parse(text)


def test_the_project_offers_its_rules_to_croupier() -> None:
    project = tomllib.loads(rendered("sea_battle")["pyproject.toml"])["project"]
    assert project["name"] == "sea-battle"
    assert project["entry-points"] == {"croupier.rules": {"sea_battle": "sea_battle:RULES"}}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SeaBattle", "is no name of a game"),
        ("sea-battle", "is no name of a game"),
        ("2sea", "is no name of a game"),
        ("sea__battle", "is no name of a game"),
        ("../sea", "is no name of a game"),
        ("a" * 65, "is no name of a game"),
        ("class", "a word of Python's own: take another, such as class_game"),
        ("random", "a word of Python's own"),
        ("duel", "there is a game named 'duel' already"),
        ("pytest", "there is a Python package named 'pytest' already"),
        ("actors", "there is a Python package named 'actors' already"),
    ],
)
def test_names_that_will_not_do_are_refused(tmp_path: Path, name: str, why: str) -> None:
    done = new_game(name, "--into", tmp_path)
    assert done.exit_code == 2
    assert why in done.output
    assert done.output.startswith("croupier: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_there_is_left_as_it_is(tmp_path: Path, there: str) -> None:
    place = tmp_path / "sea_battle"
    match there:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
        case _:
            place.symlink_to(tmp_path / "nowhere")
    done = new_game("sea_battle", "--into", tmp_path)
    assert (done.exit_code, "is there already, and is left as it is" in done.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["sea_battle"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotMade, match="cannot be made: Not a directory"):
        make_game("sea_battle", tmp_path / "file")
