"""`croupier bench load`: that players play at the pace that they are told, come back, and are counted."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from attrs import define
from click.testing import CliRunner
from rich.console import Console

from net.bench.load import Load, LoadPlan, Tally, percentile
from net.bench.load_run import LoadReport
from net.bench.machine import Machine
from net.bench.stages import Stages, Watch, stage_of
from net.cli import main
from net.frames import PlainFrames
from net.process import own_command, own_environment
from net.testing.house import House

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from net.auth import Scope
    from net.testing.streams import SimStream

PATIENCE = 100.0


async def load(tmp_path: Path, *arguments: str) -> dict[str, object]:
    """Runs it to its end; the figures."""
    file = tmp_path / "figures.json"
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            own_command("bench", "load", "--json", str(file), *arguments),
            cwd=tmp_path,
            env=own_environment() | {"TMPDIR": str(tmp_path)},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    figures: dict[str, object] = orjson.loads(file.read_bytes())
    return figures


@pytest.mark.parametrize(("part", "wait"), [(0.0, 1.0), (0.5, 6.0), (0.99, 10.0), (1.0, 10.0)])
def test_a_percentile_is_a_wait_that_was_measured(part: float, wait: float) -> None:
    assert percentile([float(n) for n in range(10, 0, -1)], part) == wait


def test_of_no_waits_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None


def test_tallies_of_several_processes_are_summed() -> None:
    tally = Tally(1, 2, 3, [0.1], [0.2], [0.3], 0.5, 4)
    tally.add(Tally(10, 20, 30, [1.0], [2.0], [3.0], 0.25, 40))
    assert tally == Tally(11, 22, 33, [0.1, 1.0], [0.2, 2.0], [0.3, 3.0], 0.75, 44)


def test_the_report_has_what_was_measured_and_where_the_time_went() -> None:
    plan = LoadPlan("bench_duel", 3, 4, 2.0)
    stages = Stages({"rules": 0.75, "loop": 0.25}, {"rules": 30.0}, {"rules": 4.0, "loop": 2.0}, 0.125)
    tally = Tally(100, 600, 1, [0.001, 0.002], [0.003], [], state_bytes=720_000)
    report = LoadReport(Machine.this(), plan, 2, tally, 0.05, (2**20, 2**21), stages)
    output = io.StringIO()
    console = Console(file=output, width=100)
    console.print(report.table())
    console.print(report.budget())
    assert "50 actions a second, 300 states" in output.getvalue()
    assert "from a break" not in output.getvalue()
    rows = [line.split() for line in output.getvalue().replace("│", "").splitlines()]
    assert ["rules", "75%", "375", "30", "4"] in rows
    assert ["loop", "25%", "125", "0", "2"] in rows
    assert ["all", "100%", "500", "30", "6"] in rows
    text = "\n".join(report.notes())
    assert "0.500 ms of CPU an action" in text
    assert "The kernel's part of the server's time was 12%" in text
    assert "1 failures" in text
    assert "A state took 1,200 bytes, with the encoding 'full'" in text
    assert report.json()["answers"]["p50"] == 0.002


def test_the_stage_is_that_of_the_innermost_frame_that_has_one() -> None:
    here = sys._getframe()
    assert stage_of(here) == "loop"
    seen = []

    class Spy(PlainFrames):
        def _message(self, data: bytes, at: int, stop: int) -> None:
            seen.append(stage_of(sys._getframe()))

    Spy(100).feed(b"\x81\x80mask")
    assert seen == ["decode"]


def test_calls_are_counted_by_stage_for_some_actions_and_looked_at_before_and_after() -> None:
    timer: list[float] = []
    watch = Watch(timer.append)

    def _make_good(do: Callable[[], object]) -> None:
        """Called as the table's is, once for each action."""
        do()

    def play() -> None:
        _make_good(lambda: PlainFrames(100).feed(b"\x81\x80mask"))

    watch.look(0, sys._getframe())
    assert timer == []  # nobody plays yet
    before = sys.getprofile()
    _make_good(lambda: watch.look(0, sys._getframe()))
    try:
        actions = 0
        while timer[-1:] == [0]:
            play()
            actions += 1
    finally:
        sys.setprofile(before)
    assert timer[0] == 0
    assert timer[1] > 0
    stages = watch.result()
    assert stages.time == {}  # what was seen before anybody played is forgotten
    assert stages.calls["decode"] == pytest.approx(5 * (actions - 1) / (actions - 2), rel=0.01)
    assert stages.native_calls["decode"] > 0
    watch.look(0, sys._getframe())
    assert watch.result().time == {"loop": 1.0}


def test_a_profile_is_for_a_server_of_ones_own() -> None:
    done = CliRunner().invoke(main, ["bench", "load", "--profile", "--url", "http://127.0.0.1:1"])
    assert (done.exit_code, "--url" in done.output) == (2, True)


def test_a_server_of_others_needs_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROUPIER_AUTH_SECRET", raising=False)
    done = CliRunner().invoke(main, ["bench", "load", "--url", "http://127.0.0.1:1"])
    assert (done.exit_code, "CROUPIER_AUTH_SECRET" in done.output) == (2, True)


async def test_everybody_plays_and_watches_at_the_pace_that_was_asked_for_and_comes_back(tmp_path: Path) -> None:
    arguments = ["--games", "3", "--spectators", "1", "--seconds", "2", "--rate", "30", "--storm", "0.4", "--profile"]
    figures = await load(tmp_path, *arguments)
    # Sixty, and what they have to catch up with; as fast as they may it would be thousands.
    assert 0 < figures["actions"] < 180  # type: ignore[operator]
    assert figures["errors"] == 0
    assert figures["frames"] >= figures["actions"]  # type: ignore[operator]
    assert figures["answers"]["p50"] > 0  # type: ignore[index]
    assert figures["storms"]["max"] > 0  # type: ignore[index]
    stages = figures["server"]["stages"]  # type: ignore[index]
    assert sum(stages["time"].values()) == pytest.approx(1)
    assert 0 < stages["kernel"] < 1
    assert os.listdir(tmp_path) == ["figures.json"]


@define
class Visited:
    """The house, as a load comes to it."""

    house: House
    deals: int = 0

    async def dial(self) -> SimStream:
        return await self.house.network.host("bench").connect("croupier")

    async def connect(self) -> trio.abc.Stream:
        self.deals += 1  # only who makes a game comes so
        return await self.dial()

    def token(self, user_id: str, scope: Scope) -> str:
        return self.house.token(user_id, scope=scope)


async def test_games_that_end_are_followed_by_others(house: House) -> None:
    visited, told, seated = Visited(house), list[int](), list[None]()
    plan = LoadPlan("crazy_eights", 2, seconds=20.0, think=0.1)
    tally = await Load(visited, plan, told.append, lambda: seated.append(None), trio.lowlevel.checkpoint).play()
    assert visited.deals > 2
    assert tally.actions == told[-1] > 2 * 60
    assert (told[0], len(seated), tally.errors) == (0, 4, 0)
