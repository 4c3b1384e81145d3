"""`croupier openspiel`: the games are tried in processes that they may end, and the list says what came of it."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from actors.rules.openspiel.catalogue import catalogue
from net import openspiel
from net.cli import main
from net.openspiel import listed, page_with, tried

CRASHING = """
import json, os, sys
for name, _ in json.loads(sys.stdin.readline()):
    if name == "bad":
        os.abort()
    print('{"trial":""}', flush=True)
    print("what the library has to say", flush=True)
"""


def test_games_are_tried_in_a_process_of_their_own() -> None:
    (first, good), (second, bad) = tried([("kuhn_poker", 2), ("crossword", 1)])
    assert (first, second) == (("kuhn_poker", 2), ("crossword", 1))
    assert (good, bad[:9]) == ("", "it fails:")


def test_a_game_that_ends_the_process_is_told_of_and_the_next_ones_are_tried_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openspiel, "own_command", lambda *_: [sys.executable, "-c", CRASHING])
    jobs = [("good", 2), ("bad", 2), ("bad", 3), ("good", 3)]
    ended = "OpenSpiel ends its process by SIGABRT"
    assert [what for _, what in tried(jobs)] == ["", ended, ended, ""]


def test_the_list_has_every_game_with_what_it_is_or_why_it_is_not_for_here() -> None:
    text = listed("2.0", catalogue().games.values())
    assert "| `hearts` | Hearts | 4 | sequential | imperfect | explicit |" in text
    assert "| `goofspiel` | Goofspiel | 2 to 10 | simultaneous | perfect | explicit |" in text
    assert "| `tarok` | its chance comes from a generator of its own, so it could not be recovered |" in text
    assert all(f"| `{name}` |" in text for name in catalogue().games)


def test_the_list_stands_in_its_place_on_the_page_and_nowhere_else() -> None:
    page = "# A\n<!-- croupier openspiel -->\nold\n<!-- the end of croupier openspiel -->\n# B\n"
    assert page_with(page, "new\n") == page.replace("\nold\n", "\n\nnew\n\n")
    with pytest.raises(ValueError, match="there is no"):
        page_with("# A", "new")


def test_where_openspiel_is_not_installed_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openspiel, "installed", lambda: None)
    result = CliRunner().invoke(main, ["openspiel"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "croupier: OpenSpiel is not installed: pip install 'croupier[openspiel]' brings it, and no binary has it\n"
    )
