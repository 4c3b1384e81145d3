"""docs/duel.md says what is so: each of its rules has a test, its lists are those of the code, its messages are those
that are sent."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import fields

from actors.rules.duel.actions import dump
from actors.rules.duel.catalogue import with_catalogue
from actors.rules.duel.decks import OPTIONS_SCHEMA, READY
from tests.samples.duel_games import RULES, Deal, Leave, play_out
from tests.samples.duel_positions import position, side, there

HERE = Path(__file__).parent
PAGE = HERE.parents[3] / "docs" / "duel.md"
TEXT = PAGE.read_text("utf-8")

_RULE = re.compile(r"^\* \*\*(\d+\.\d+)\*\* (.*(?:\n  .*)*)", re.MULTILINE)
_SECTION = re.compile(r"^### (\d+)\. .*?$(.*?)(?=^###? )", re.MULTILINE | re.DOTALL)

GAMES = [
    Deal(
        seed,
        {"decks": [sorted(READY)[seed % 6], sorted(READY)[(seed + 1 + seed // 6) % 6]]},
        quick=95,
        resigning=1,
        dawdling=2,
    )
    for seed in range(80)
]


def rules() -> dict[str, str]:
    """The sentences of the rules by their numbers."""
    return {number: " ".join(text.split()) for number, text in _RULE.findall(TEXT)}


def rules_with_a_test() -> dict[str, list[str]]:
    """The numbers that tests say they are about, each with those tests."""
    found: dict[str, list[str]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for number in _numbers(node):
                    found.setdefault(number, []).append(node.name)
    return found


def _numbers(test: ast.FunctionDef) -> list[str]:
    calls = [one for one in test.decorator_list if isinstance(one, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "rule"]
    return [argument.value for call in named for argument in call.args if isinstance(argument, ast.Constant)]  # type: ignore[misc]


def table_after(heading: str) -> list[list[str]]:
    """The rows of the first table after this heading, without its head."""
    _, _, rest = TEXT.partition(f"# {heading}\n")
    rows = []
    for line in rest.splitlines():
        if line.startswith("| "):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return rows[2:]


# ---- the rules


def test_every_sentence_of_the_rules_has_a_test_and_every_test_a_sentence() -> None:
    assert len(rules()) > 60
    assert sorted(rules()) == sorted(rules_with_a_test())


@pytest.mark.parametrize("number", rules())
def test_under_each_number_there_is_one_sentence(number: str) -> None:
    quoted = re.sub(r'"[^"]*"', "", rules()[number])
    assert re.findall(r"[.!?](?= |$)", quoted) == ["."]
    assert quoted.endswith(".")


def test_the_numbers_follow_each_other() -> None:
    numbers = [tuple(map(int, number.split("."))) for number in rules()]
    assert numbers == sorted(numbers)
    for before, after in pairwise(numbers):
        assert after in ((before[0], before[1] + 1), (before[0] + 1, 1))


def test_the_sections_of_the_rules_hold_nothing_but_numbered_sentences() -> None:
    sections = dict(_SECTION.findall(TEXT))
    assert list(sections) == [str(number) for number in range(1, 12)]
    for number, text in sections.items():
        rest = _RULE.sub("", text).strip()
        assert rest == ("Where turns have a time limit:" if number == "11" else ""), number


# ---- the lists


def test_the_list_of_the_cards_is_that_of_the_set() -> None:
    # When this fails: python -m actors.rules.duel.catalogue docs/duel.md
    assert with_catalogue(TEXT) == TEXT


def test_the_list_can_only_be_written_between_its_marks() -> None:
    with pytest.raises(ValueError, match="no marks"):
        with_catalogue("# A page without")


def test_every_option_is_in_the_table_with_its_default() -> None:
    table = {cells[0].strip("`"): cells[2].strip("`") for cells in table_after("Options")}
    assert table.keys() == OPTIONS_SCHEMA["properties"].keys()
    assert table == {"decks": '["embers", "tides"]', "points_to_win": "4", "first_player": "random"}


# ---- the messages


def test_every_action_is_in_the_table_with_its_fields() -> None:
    documented = {cells[0].strip("`") for cells in table_after("Actions")}
    sent = set()
    for deal in GAMES[:20]:
        for turn in play_out(deal):
            if not isinstance(turn.action, Leave):
                form = dump(turn.action)
                others = "".join(f', "{name}"' for name in form if name != "type")
                sent.add(f'{{"type": "{form["type"]}"{others}}}')
                assert {one.name for one in fields(type(turn.action))} >= form.keys() - {"type"}
    assert sent == documented


def test_every_change_is_in_the_table_with_its_fields_and_each_happens() -> None:
    documented: dict[str, set[str]] = {}
    for cells in table_after("Changes"):
        kinds, _, named = cells[0].partition(":")
        fields_of = set(re.findall(r"`(\w+)`", named))
        for kind in re.findall(r"`(\w+)`", kinds):
            documented[kind] = fields_of | (set() if "without `seat`" in cells[1] else {"seat"})
    happened: dict[str, set[str]] = {}
    for deal in GAMES:
        for turn in play_out(deal):
            for change in turn.step.changes:
                kind = change.public["type"]
                happened.setdefault(kind, change.public.keys() - {"type"})
                assert change.public.keys() - {"type"} == happened[kind]
                assert all(private.keys() == change.public.keys() for private in change.private.values())
    unseen = documented.keys() - happened.keys()
    assert unseen <= {"peeked"}, "no ready deck of these games has the card that does it"
    assert {kind: documented[kind] for kind in happened} == happened


def test_every_field_of_the_state_is_on_the_page() -> None:
    documented = {
        name for cells in table_after("The state, as a viewer sees it") for name in re.findall(r"`(\w+)`", cells[0])
    }
    state = position(side(there("cinderpup", "ember"), "ashmoth"), side("drizzlet"))
    shown = RULES.view(state, 0)
    assert set(shown) == documented
    for name in {*shown["sides"][0], *shown["sides"][0]["active"]}:
        assert re.search(rf'[`"]{name}[`"]', TEXT), name
