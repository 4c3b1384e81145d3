"""`croupier drill` itself: it passes on a Croupier as it should be, and finds what is wrong with one that is not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner
from rich.console import Console

from net.checks import Promise
from net.cli import main
from net.drill import faults
from net.drill.plan import Fault, Plan
from net.drill.run import Options, run_drill
from tests.drills.server import croupier

if TYPE_CHECKING:
    from net.drill.report import Report

BROKEN = Path(__file__).parent / "broken"


def drill(options: Options) -> tuple[Report, str]:
    """The report, and what was printed."""
    output = io.StringIO()
    report = run_drill(options, Console(file=output, width=160))
    return report, output.getvalue()


def drill_broken(build: str, plan: Plan, keep: Path) -> tuple[Report, str]:
    """What this build was found to break, and what was printed."""
    report, output = drill(
        Options(plan, plan.faults, keep=keep, program=(sys.executable, str(BROKEN / build), "drill"))
    )
    assert not report.holds
    return report, output


def broken(report: Report) -> set[str]:
    """The promises that were broken, by name."""
    return {violation.promise.name for violation in report.score.violations}


# ---- builds that break a promise


@pytest.mark.timeout(240)
def test_a_build_that_acknowledges_before_it_appends_is_found(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=6, kills=2, faults=(Fault.KILL,), think=0.02, closing=0.0)
    report, output = drill_broken("acknowledges_first.py", plan, tmp_path / "kept")
    assert "LOST" in broken(report)
    assert f"--seed {seed}" in output
    assert "may hold hidden cards" in output


@pytest.mark.timeout(240)
def test_a_build_that_forgets_the_message_ids_is_found_and_the_evidence_is_kept(tmp_path: Path, seed: int) -> None:
    # The players send again what they were answered, as soon as they are back.
    plan = Plan(f"{seed}", games=6, kills=1, faults=(Fault.KILL,), think=0.02, closing=0.5)
    kept = tmp_path / "kept"
    report, output = drill_broken("forgets_message_ids.py", plan, kept)
    assert "TWICE" in broken(report)
    assert str(kept) in output
    games = [folder for folder in (kept / "evidence").iterdir() if (folder / "journal.jsonl").stat().st_size]
    assert games
    for folder in games:
        diaries = [path for path in folder.iterdir() if path.name != "journal.jsonl"]
        assert len(diaries) >= 2
        for line in diaries[0].read_bytes().splitlines():
            assert orjson.loads(line)["record"] in {"connected", "asked", "answered", "shown", "over", "dropped"}
    written = orjson.loads((kept / "report.json").read_bytes())
    assert written["passed"] is False
    assert written["violations_by_promise"]["twice"] > 0


@pytest.mark.timeout(240)
def test_a_build_that_ignores_a_fence_is_found(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "REPLACED_WITHIN", 3.0)  # it would not go in thirty
    plan = Plan(f"{seed}", games=8, kills=0, faults=(Fault.TWO_SERVERS,), think=0.02, closing=0.0)
    report, _ = drill_broken("ignores_the_fence.py", plan, tmp_path / "kept")
    assert "WRITERS" in broken(report)  # if only that the server that was replaced goes on
    # What it goes on to write is refused, and acknowledged all the same; or taken, and then two wrote by turns.
    harmed = {violation.promise for violation in report.score.violations if violation.game_id != "-"}
    assert harmed & {Promise.LOST, Promise.WRITERS}


@pytest.mark.timeout(240)
def test_a_build_that_restarts_its_clock_from_zero_is_found(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=2, kills=2, faults=(Fault.KILL,), think=1.0, closing=0.5)
    report, _ = drill_broken("restarts_the_clock.py", plan, tmp_path / "kept")
    assert broken(report) == {"CLOCK"}


# ---- the command


@pytest.mark.timeout(240)
async def test_a_croupier_as_it_should_be_passes_and_the_command_leaves_nothing_behind(
    tmp_path: Path, seed: int
) -> None:
    """Every fault once. `.ci/run` has a longer one."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    asked = {"games": 3, "kills": 3, "closing": 1, "seed": seed, "report": tmp_path / "report.json"}
    arguments = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    done = await croupier("drill", *arguments, cwd=tmp_path, TMPDIR=str(temporary))
    assert (done.status, done.stderr) == (0, ""), done.stdout
    assert f"seed {seed}" in done.stdout
    assert "acknowledged and lost" in done.stdout
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert report["passed"] is True
    assert report["kills"] >= 3
    assert all(report["faults"][fault] for fault in Fault)
    assert report["actions_acknowledged"] > 0
    assert report["games_judged"] == report["games_made"]
    assert set(report["violations_by_promise"].values()) == {0}
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "earthquake"], "there is no fault 'earthquake'"),
        (["--games", "0"], "--games"),
        (["--keep", "full"], "is not empty"),
        (["--report", "nowhere/report.json"], "cannot be written"),
        (["--config", "external.toml", "--faults", "kill-store"], "a drill ends or stops no process but its own"),
    ],
)
def test_what_cannot_be_drilled_is_refused_in_a_line_and_with_status_2(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    (tmp_path / "external.toml").write_text('[store]\nredis_url = "redis://localhost:1"\n')
    done = CliRunner().invoke(main, ["drill", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
