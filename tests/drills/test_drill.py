"""`croupier drill` itself: it passes on a Croupier as it should be, and finds what is wrong with one that is not."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from rich.console import Console

from net.checks import Promise
from net.drill.plan import Fault, Plan
from net.drill.run import Options, run_drill
from tests.drills.server import croupier

if TYPE_CHECKING:
    from net.drill.report import Report

BROKEN = Path(__file__).parent / "broken"

KILLS = int(os.environ.get("CROUPIER_DRILL_KILLS") or 4)
GAMES = int(os.environ.get("CROUPIER_DRILL_GAMES") or 4)


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


@pytest.mark.timeout(3600 if KILLS > 10 else 120)
def test_a_croupier_as_it_should_be_passes(seed: int) -> None:
    plan = Plan(f"{seed}", games=GAMES, kills=KILLS, think=0.02, closing=60.0 if KILLS > 10 else 3.0)
    report, output = drill(Options(plan))
    score = report.score
    assert report.holds, output
    assert score.kills >= KILLS
    assert all(score.blows[fault] for fault in Fault)
    assert score.actions > 0
    assert score.judged == score.made
    assert len(score.ready) == score.kills
    assert "acknowledged and lost" in output


# ---- builds that break a promise


@pytest.mark.timeout(240)
def test_a_build_that_acknowledges_before_it_appends_is_found(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=6, kills=20, faults=(Fault.KILL,), think=0.02, until_broken=True)
    report, output = drill_broken("acknowledges_first.py", plan, tmp_path / "kept")
    assert "LOST" in broken(report)
    assert f"--seed {seed}" in output
    assert "may hold hidden cards" in output


@pytest.mark.timeout(240)
def test_a_build_that_forgets_the_message_ids_is_found_and_the_evidence_is_kept(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=6, kills=20, faults=(Fault.KILL,), think=0.02, until_broken=True)
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
def test_a_build_that_ignores_a_fence_is_found(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=8, kills=0, faults=(Fault.TWO_SERVERS,), think=0.02, closing=0.0)
    report, _ = drill_broken("ignores_the_fence.py", plan, tmp_path / "kept")
    assert "WRITERS" in broken(report)  # if only that the server that was replaced goes on
    # What it goes on to write is refused, and acknowledged all the same; or taken, and then two wrote by turns.
    harmed = {violation.promise for violation in report.score.violations if violation.game_id != "-"}
    assert harmed & {Promise.LOST, Promise.WRITERS}


@pytest.mark.timeout(240)
def test_a_build_that_restarts_its_clock_from_zero_is_found(tmp_path: Path, seed: int) -> None:
    plan = Plan(f"{seed}", games=4, kills=2, faults=(Fault.KILL,), think=0.5, closing=0.0)
    report, _ = drill_broken("restarts_the_clock.py", plan, tmp_path / "kept")
    assert broken(report) == {"CLOCK"}


# ---- the command


async def test_the_command_drills_writes_its_report_and_leaves_nothing_behind(tmp_path: Path, seed: int) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = await croupier(
        "drill",
        *(
            "--games",
            "2",
            "--kills",
            "1",
            "--faults",
            "kill",
            "--seed",
            f"{seed}",
            "--report",
            tmp_path / "report.json",
        ),
        cwd=tmp_path,
        TMPDIR=str(temporary),
    )
    assert (done.status, done.stderr) == (0, "")
    assert f"seed {seed}" in done.stdout
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert report["passed"] is True
    assert report["kills"] == 1
    assert report["actions_acknowledged"] > 0
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
async def test_what_cannot_be_drilled_is_refused_in_a_line_and_with_status_2(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    (tmp_path / "external.toml").write_text('[store]\nredis_url = "redis://localhost:1"\n')
    done = await croupier("drill", *arguments, cwd=tmp_path)
    assert done.status == 2
    assert done.stdout == ""
    assert words in done.stderr
