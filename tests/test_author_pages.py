"""docs/test-your-game.md and docs/your-game.md: what they have to be written down works, and fails, as they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import util
from typing import TYPE_CHECKING, Any

import pytest

from net.testing.rules import RulesBroken, assert_no_leak, check_rules
from tests.docs.pages import ROOT, of

if TYPE_CHECKING:
    from pathlib import Path

GAME, TESTS, TELLS_ALL, SHOWS_ALL, OTHERWISE, SERVER = (block.text for block in of("test-your-game.md", "python"))
PASSES, TOLD, SHOWN, CHANGED = (block.text for block in of("test-your-game.md", "text"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "high_card.py").write_text(GAME)
    return tmp_path


def rules(folder: Path, *edits: tuple[str, str]) -> Any:  # noqa: ANN401 - the page's game has no types
    """The page's game, with these edits."""
    text = GAME
    for there, becomes in edits:
        assert text.count(there) == 1
        text = text.replace(there, becomes)
    file = folder / "high_card_edited.py"
    file.write_text(text)
    spec = util.spec_from_file_location("high_card_edited", file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HighCard()


def test_the_tests_of_the_page_pass_and_print_what_it_says(folder: Path) -> None:
    (folder / "test_high_card.py").write_text(f"{TESTS}\n\n{OTHERWISE}")
    (folder / "test_server.py").write_text(SERVER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rP", "-p", "no:cacheprovider", "-o", "trio_mode=true", "--rootdir", "."],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " 4 passed in " in done.stdout
    for line in PASSES.splitlines():
        assert line in done.stdout


def test_a_secret_in_a_change_is_found_in_the_words_of_the_page(folder: Path) -> None:
    told = rules(folder, ('told = {"type": "swapped", "seat": seat}', TELLS_ALL.strip()))
    with pytest.raises(RulesBroken) as caught:
        assert_no_leak(told)
    assert TOLD.strip() in str(caught.value)


def test_a_secret_in_a_view_is_found_in_the_words_of_the_page(folder: Path) -> None:
    there = 'seen = {"turn": state.turn, "deck": len(state.deck), "players": len(state.cards)}'
    with pytest.raises(RulesBroken) as caught:
        assert_no_leak(rules(folder, (there, SHOWS_ALL.strip())))
    assert SHOWN.strip() in str(caught.value)


def test_a_state_that_is_changed_in_place_is_found_in_the_words_of_the_page(folder: Path) -> None:
    there = '        if action == "keep":'
    changes = f'        object.__setattr__(state, "turn", 1)\n{there}'
    with pytest.raises(RulesBroken, match=re.escape(CHANGED.strip())):
        check_rules(rules(folder, (there, changes)), other_process=False)


def test_words_that_say_too_much_are_found_by_both(folder: Path) -> None:
    there = "        card, cards = state.deck[-1], list(state.cards)\n"
    worse = f"{there}        if rank_of(card) is Rank.ACE:\n            raise IllegalAction('the next card is worse')\n"
    refusing = rules(folder, (there, worse))
    with pytest.raises(RulesBroken, match=r'the answer to \{"type":"swap"\}, at \$\.code is "\w+" in one'):
        assert_no_leak(refusing, games=40, service=0)
    with pytest.raises(RulesBroken, match="what legal lists can be done"):
        check_rules(refusing, other_process=False)
