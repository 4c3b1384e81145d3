from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from click.testing import CliRunner

import net.testing.world.many as many
from net.checks import Promise, Violation
from net.cli import main
from net.testing.world.many import play, story_of

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def sim(*args: str) -> Result:
    return CliRunner().invoke(main, ["sim", "--jobs", "1", *args])


def test_worlds_that_hold_are_counted() -> None:
    result = sim("--seeds", "2..3")
    assert result.exit_code == 0, result.output
    assert "2, of which 0 broken" in result.output
    assert "worlds a second" in result.output


def test_the_processes_of_all_processors_play_each_world_once() -> None:
    result = CliRunner().invoke(main, ["sim", "--jobs", "2", "--seeds", "0..5"])
    assert result.exit_code == 0, result.output
    assert "6, of which 0 broken" in result.output


def break_it(seed: int, **of: object) -> object:
    """A world in the place of `run_world`."""
    raise ZeroDivisionError("the server is broken")


def test_a_broken_world_ends_with_status_1_its_story_and_the_command_that_plays_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "run_world", break_it)
    result = sim("--seeds", "7", "--keep", str(tmp_path))
    assert result.exit_code == 1
    assert "BROKEN in world 7" in result.output
    assert "again: ./dev sim --seeds 7" in result.output
    story = (tmp_path / "world-7.txt").read_text()
    assert "ZeroDivisionError" in story
    assert "Faults, until" in story


def test_an_exception_is_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "run_world", break_it)
    (violation,) = play(7).violations
    assert violation.promise is Promise.STOP


def test_the_story_of_a_world_names_who_said_what_to_whom(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    result = sim("--seeds", "2", "--trace", str(path))
    assert result.exit_code == 0, result.output
    story = path.read_text()
    assert "Broken promises:\n  none" in story
    assert "house starts server-1" in story
    assert "game:join" in story
    assert "EVALSHA" in story
    assert story == story_of(2)[1]


@pytest.mark.parametrize("seeds", ["x", "3..1", "1...2", "-1"])
def test_what_is_no_range_of_seeds_is_refused(seeds: str) -> None:
    result = sim(f"--seeds={seeds}")
    assert result.exit_code == 2
    assert "Invalid value for '--seeds'" in result.output


def test_a_time_limit_ends_it() -> None:
    result = sim("--minutes", "0.01")
    assert result.exit_code == 0, result.output
    assert "worlds a second" in result.output


def test_a_violation_of_a_whole_run_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = play(2)
    broken = evolve(found, violations=(Violation(Promise.LOST, "g", "m1 is gone", "alice"),))
    monkeypatch.setattr(many, "run_world", lambda seed, **of: broken)
    result = sim("--seeds", "2", "--keep", str(tmp_path))
    assert "BROKEN in world 2: acknowledged and lost: game g, alice: m1 is gone" in result.output
