"""Finding rules: those that ship, and those of installed packages.

The plug-ins here are really installed, on a search path of their own.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from actors.rules.registry import Problem, Registry, RulesVersionMissing, UnknownRules
from actors.rules.validation import InvalidRules, validate
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actors.rules.interface import AnyRules

Install = Callable[[str, str], None]

PRELUDE = """
from actors.rules.crazy_eights import CrazyEights

def rules(name, version):
    return type("Made", (CrazyEights,), {"name": name, "version": version})()
"""


def rules(name: str, version: str) -> AnyRules:
    """Crazy Eights under another name and version."""
    return type("Made", (CrazyEights,), {"name": name, "version": version})()  # type: ignore[no-any-return]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package with one entry point: what RULES is at the end of this source."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def install(entry_point: str, source: str) -> None:
        module = f"plug_in_{entry_point}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(PRELUDE + dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[croupier.rules]\n{entry_point} = {module}:RULES\n")
        importlib.invalidate_caches()

    yield install
    for module in modules:
        sys.modules.pop(module, None)


# ---- looking up


def test_the_games_that_ship_pass_every_check() -> None:
    for each in Registry.built_in():
        assert validate(each) is each


def test_crazy_eights_and_duel_ship() -> None:
    registry = Registry.built_in()
    assert registry.names == ("crazy_eights", "duel")
    assert isinstance(registry.latest("crazy_eights"), CrazyEights)
    assert isinstance(registry.latest("duel"), Duel)
    assert registry.problems == ()


def test_the_latest_version_is_the_greatest_number_not_the_greatest_text() -> None:
    registry = Registry([rules("a", "9"), rules("a", "10.1"), rules("a", "10"), rules("b", "1")])
    assert registry.versions("a") == ("9", "10", "10.1")
    assert registry.latest("a").version == "10.1"


def test_a_game_finds_the_version_it_began_with() -> None:
    old, new = rules("a", "1"), rules("a", "2")
    registry = Registry([new, old])
    assert registry.find("a", "1") is old
    assert registry.find("a", "2") is new


def test_iterating_gives_the_latest_of_each_by_name() -> None:
    registry = Registry([rules("b", "1"), rules("a", "2"), rules("a", "1")])
    assert [(one.name, one.version) for one in registry] == [("a", "2"), ("b", "1")]


@pytest.mark.parametrize("look_up", [Registry.latest, lambda registry, name: registry.find(name, "1")])
def test_unknown_rules_are_refused_with_the_names_that_there_are(
    look_up: Callable[[Registry, str], AnyRules],
) -> None:
    registry = Registry([rules("b", "1"), rules("a", "1")])
    with pytest.raises(UnknownRules) as caught:
        look_up(registry, "whist")
    assert (caught.value.name, caught.value.known) == ("whist", ("a", "b"))


def test_an_absent_version_is_refused_with_the_versions_that_there_are() -> None:
    registry = Registry([rules("a", "10"), rules("a", "9")])
    with pytest.raises(RulesVersionMissing) as caught:
        registry.find("a", "1")
    assert (caught.value.name, caught.value.version, caught.value.known) == ("a", "1", ("9", "10"))


def test_faulty_rules_and_the_same_rules_twice_are_refused() -> None:
    with pytest.raises(InvalidRules, match="name"):
        Registry([rules("A", "1")])
    with pytest.raises(InvalidRules, match="a 1 is already there"):
        Registry([rules("a", "1"), rules("a", "1")])


# ---- plug-ins


def test_a_plug_in_may_offer_one_rules_object(install: Install) -> None:
    install("one", "RULES = rules('whist', '1')")
    registry = Registry.discover()
    assert registry.names == ("crazy_eights", "duel", "whist")
    assert registry.problems == ()


@pytest.mark.parametrize(
    "source",
    [
        "RULES = [rules('whist', '1'), rules('whist', '2'), rules('skat', '1')]",
        "RULES = (rules(name, version) for name, version in [('whist', '1'), ('skat', '1'), ('whist', '2')])",
    ],
)
def test_a_plug_in_may_offer_several_versions_and_several_games(install: Install, source: str) -> None:
    install("several", source)
    registry = Registry.discover()
    assert registry.names == ("crazy_eights", "duel", "skat", "whist")
    assert registry.versions("whist") == ("1", "2")
    assert registry.problems == ()


def test_a_plug_in_may_add_a_version_to_a_game_that_ships(install: Install) -> None:
    install("newer", "RULES = rules('crazy_eights', '1000')")
    registry = Registry.discover()
    assert registry.latest("crazy_eights").version == "1000"
    assert type(registry.find("crazy_eights", "2")) is CrazyEights


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "does not load: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(2)", "does not load: SystemExit: 2"),
        ("raise ValueError('a\\nb')", "does not load: ValueError: a b"),
        ("OTHER = 1", "does not load: AttributeError: module 'plug_in_bad' has no attribute 'RULES'"),
        ("def each():\n    yield rules('whist', '1')\n    1 / 0\nRULES = each()", "does not load: ZeroDivisionError"),
        ("from itertools import repeat\nRULES = repeat(1)", "does not load: ValueError: more than 100 rules"),
        ("RULES = CrazyEights", "class CrazyEights: is a class"),
        ("RULES = None", "NoneType: is no Rules object"),
        ("RULES = 'crazy_eights'", "str: is no Rules object"),
        ("RULES = [None]", "NoneType: is no Rules object"),
        ("RULES = rules('Whist', '1')", "Made: name: must be"),
        ("RULES = rules('crazy_eights', '1')", "crazy_eights 1 is already there"),
    ],
)
def test_a_plug_in_that_is_no_good_is_told_of_and_harms_nobody(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    install("bad", source)
    install("good", "RULES = rules('skat', '1')")
    with caplog.at_level(logging.ERROR, "actors.rules.registry"):
        registry = Registry.discover()
    assert registry.names == ("crazy_eights", "duel", "skat")
    (problem,) = registry.problems
    assert problem.entry_point == "bad"
    assert problem.reason.startswith(reason)
    assert caplog.messages == [f"rules plug-in bad: {problem.reason}"]


def test_of_several_rules_in_a_plug_in_only_the_faulty_ones_are_left_out(install: Install) -> None:
    install("mixed", "RULES = [rules('whist', '1'), rules('skat', 'x'), rules('whist', '1'), rules('go', '1')]")
    registry = Registry.discover()
    assert registry.names == ("crazy_eights", "duel", "go", "whist")
    assert [problem.entry_point for problem in registry.problems] == ["mixed", "mixed"]
    assert registry.problems[1] == Problem("mixed", "whist 1 is already there")


# ---- rules in native code


class NativeTally(Tally):
    native = True


class Unpicklable(NativeTally):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


def test_native_rules_have_another_stand_in_for_them_and_only_those() -> None:
    native, plain = NativeTally("2"), Tally("1")
    stand_in = Tally("2")
    registry = Registry([native, plain]).with_native(lambda rules: stand_in if rules is native else pytest.fail("no"))
    assert registry.latest("tally") is stand_in
    assert registry.find("tally", "1") is plain


def test_native_rules_that_cannot_go_to_another_process_are_faulty() -> None:
    with pytest.raises(InvalidRules, match="cannot go to another process: TypeError"):
        Registry([Unpicklable()])
