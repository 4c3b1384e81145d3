"""`croupier bench durability` and `croupier bench recovery`: that they measure, say what, and leave nothing behind."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from click.testing import CliRunner
from rich.console import Console

from net.bench.durability import LEVELS, Figures
from net.bench.durability_run import DurabilityReport
from net.bench.machine import Machine
from net.bench.process import is_linux
from net.bench.recovery import Figures as RecoveryFigures
from net.bench.recovery import Recovery, Sizes
from net.bench.recovery_run import RecoveryReport
from net.cli import main
from net.process import own_environment

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

PATIENCE = 100.0

ONE_ROUND = """
from net.bench import recovery, recovery_run
recovery.ROUNDS = recovery_run.ROUNDS = 1
from net.cli import main
main(prog_name="croupier")
"""
"""The command, but that it measures a recovery once."""


async def bench(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs it to its end: the exit status, and what it wrote."""
    (tmp_path / "tmp").mkdir()
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            [sys.executable, "-c", ONE_ROUND, "bench", *arguments],
            cwd=tmp_path,
            env=own_environment() | {"TMPDIR": str(tmp_path / "tmp")},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def printed(*tables: Table) -> str:
    output = io.StringIO()
    console = Console(file=output, width=80)
    for table in tables:
        console.print(table)
    return output.getvalue()


# ---- durability


def test_figures_of_several_turns_are_summed() -> None:
    both = Figures("no", 100, 2.0, 1.0) + Figures("no", 300, 2.0, 3.0)
    assert both == Figures("no", 400, 4.0, 4.0)
    assert both.rate == 100.0
    assert both.latency == 0.01
    assert (Figures("no").rate, Figures("no").latency) == (0.0, 0.0)


def test_each_level_stands_in_the_table_with_its_ratio_to_the_first() -> None:
    figures = [Figures("no", 2000, 2.0, 4.0), Figures("everysec", 1500, 2.0, 4.5), Figures("always", 1000, 2.0, 8.0)]
    report = DurabilityReport(Machine.this(), 8, figures)
    rows = [line for line in printed(report.table()).splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == list(LEVELS)
    assert [row.split("│")[2].split()[-1] for row in rows] == ["x1.00", "x0.75", "x0.50"]
    assert [row.split("│")[3].split()[-1] for row in rows] == ["x1.00", "x1.50", "x4.00"]
    written = report.json()
    assert orjson.loads(orjson.dumps(written)) == written
    assert [level["rate"] for level in written["levels"]] == [1000.0, 750.0, 500.0]


async def test_a_short_run_counts_actions_at_every_level_and_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = ["durability", "--seconds", "1.5", "--tables", "2", "--json", "figures.json"]
    status, output, _ = await bench(tmp_path, *arguments)
    assert status == 0
    assert "2 tables of two who act at once" in output
    figures = orjson.loads((tmp_path / "figures.json").read_bytes())
    assert [level["level"] for level in figures["levels"]] == list(LEVELS)
    assert all(level["actions"] > 0 for level in figures["levels"])
    assert all(level["waited"] > 0 for level in figures["levels"])
    assert list((tmp_path / "tmp").iterdir()) == []


# ---- recovery


def test_each_size_stands_in_the_table_with_its_ratio_to_the_first_and_then_the_bytes() -> None:
    known = Recovery(1000, (0.5, 0.6, 0.55), (1.2,), (0.4, 0.3, 0.35), (2.0**20, 3.0 * 2**20))
    recoveries = (Recovery(100, (0.5, 0.4, 0.9), (0.6,)), known)
    report = RecoveryReport(Machine.this(), RecoveryFigures(recoveries, Sizes(1000.0, 20000.0, 0.0, 7000.0, 80.0)))
    text = printed(*report.tables())
    assert "0.50 s x1.00" in text
    assert "0.55 s x1.10" in text
    assert "1.20 s x2.00" in text
    assert "0.35 s" in text
    assert "2.0 MiB" in text
    assert "ended with 80 events" in text
    written = report.json()
    assert orjson.loads(orjson.dumps(written))["sizes"]["archived_in_store"] == 0.0


async def test_a_short_run_recovers_and_finds_an_archived_game_in_the_archive_alone(tmp_path: Path) -> None:
    status, output, _ = await bench(tmp_path, "recovery", "--games", "3", "--json", "figures.json")
    assert status == 0
    assert "a game takes up" in output
    figures = orjson.loads((tmp_path / "figures.json").read_bytes())
    [recovery] = figures["recoveries"]
    assert recovery["games"] == 3
    assert all(seconds > 0 for seconds in recovery["server"] + recovery["both"])
    assert len(recovery["cpu"]) == len(recovery["memory"]) == (len(recovery["server"]) if is_linux() else 0)
    sizes = figures["sizes"]
    assert sizes["ended"] > sizes["archive"] > 0
    assert sizes["archived_in_store"] == 0
    assert list((tmp_path / "tmp").iterdir()) == []


# ---- the command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["durability", "--tables", "0"], "--tables"),
        (["durability", "--seconds", "0.5"], "--seconds"),
        (["recovery", "--games", "0"], "--games"),
        (["durability", "--json", os.path.join("nowhere", "f.json")], "--json: nowhere"),
        (["recovery", "--json", os.path.join("nowhere", "f.json")], "--json: nowhere"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(main, ["bench", *arguments])
    assert done.exit_code == 2
    assert words in done.output
