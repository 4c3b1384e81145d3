"""`croupier bench scale`: that it measures, says what has no more to give, draws it, and leaves nothing behind."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import orjson
import pytest
import trio
from attrs import evolve
from click.testing import CliRunner
from rich.console import Console

from net.bench.machine import Machine
from net.bench.plot import Line, Panel, draw
from net.bench.process import is_linux
from net.bench.scale import Figures, Memory, Plan, Point, up_to
from net.bench.scale_run import ScaleReport
from net.cli import main
from net.process import own_command, own_environment

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 300.0  # against hanging: a machine with much other work takes minutes
SVG = "{http://www.w3.org/2000/svg}"
POINT = Point(
    1000,
    0,
    16_000,
    4.0,
    0.25,
    1.5,
    0,
    server=0.97,
    store=0.2,
    players=0.8,
    machine=2.0,
    empty=50 * 2**20,
    seated=150 * 2**20,
)
FIGURES = Figures(
    (evolve(POINT, games=1, actions=2000), POINT),
    (evolve(POINT, games=50), evolve(POINT, games=50, resting=10_000)),
    Memory(20 * 1024.0, 60 * 1024.0, 400.0, 5000.0),
)


def report(figures: Figures = FIGURES) -> ScaleReport:
    return ScaleReport(evolve(Machine.this(), processors=2), Plan(1000, 10_000, 4.0, 2), figures)


def test_sizes_go_up_to_what_was_asked_for_which_is_one_of_them() -> None:
    assert up_to((1, 10, 50), 30) == [1, 10, 30]
    assert up_to((1, 10, 50), 10) == [1, 10]
    assert up_to((0, 1000), 0) == [0]
    assert up_to((1, 10), 500) == [1, 10, 500]


def test_files_are_enough_for_whichever_step_needs_more() -> None:
    assert Plan(5000, 100, 4.0, 2).files == 10_000
    assert Plan(10, 10_000, 4.0, 2).files == 10_020


@pytest.mark.parametrize(
    ("server", "store", "players", "machine", "busy"),
    [
        (0.97, 0.2, 0.8, 1.9, "server"),
        (0.5, 0.9, 0.4, 1.9, "store"),
        (0.5, 0.1, 1.8, 1.9, "players"),
        (0.8, 0.2, 1.0, 1.9, "machine"),
        (0.3, 0.1, 0.2, 1.9, "others"),
        (0.3, 0.1, 0.2, 0.7, "disk"),
    ],
)
def test_what_has_no_more_to_give_is_named(
    server: float, store: float, players: float, machine: float, busy: str
) -> None:
    point = evolve(POINT, server=server, store=store, players=players, machine=machine)
    assert point.limit(processors=2, processes=2) == busy


def test_an_action_s_cpu_is_the_server_s_over_all_of_them() -> None:
    assert POINT.rate == 4000
    assert POINT.each == pytest.approx(0.97 / 4000)
    assert evolve(POINT, actions=0).each == 0.0


def test_the_tables_have_every_figure_and_fit_a_terminal() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80)
    for table in report().tables():
        console.print(table)
    text = output.getvalue()
    assert "…" not in text
    for figure in ("1,000", "4,000", "250.0", "1,500.0", "242", "97%", "20%", "80%", "150", "server", "10,000"):
        assert figure in text, figure
    for figure in ("20.0 KiB", "60.0 KiB", "0.4 KiB", "4.9 KiB"):
        assert figure in text, figure
    notes = "\n".join(report().notes())
    assert "4,000 actions a second, with 1,000 games; busy: server" in notes


def test_what_was_measured_is_written_as_json() -> None:
    written = orjson.loads(orjson.dumps(report().json()))
    assert [point["games"] for point in written["games"]] == [1, 1000]
    assert [point["resting"] for point in written["connections"]] == [0, 10_000]
    assert written["games"][1]["actions_per_second"] == 4000
    assert written["memory"]["session"] == 20 * 1024


def test_without_connections_at_rest_there_is_no_panel_of_them_and_no_memory_of_a_session() -> None:
    bare = evolve(FIGURES, connections=FIGURES.connections[:1], memory=Memory(None, None, 400.0, 5000.0))
    assert "at rest" in report().plot()
    assert "at rest" not in report(bare).plot()
    output = io.StringIO()
    Console(file=output, width=80).print(report(bare).tables()[2])
    assert " - " in output.getvalue()


# ---- the plot


def points(svg: str) -> list[list[tuple[float, float]]]:
    """Where each line goes."""
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    return [
        [(float(x), float(y)) for x, y in (at.split(",") for at in line.attrib["points"].split())] for line in lines
    ]


def test_every_power_of_ten_is_as_far_from_the_next_and_what_is_more_is_higher() -> None:
    [line] = points(draw([Panel("t", "x", "y", [Line("l", [(1, 0), (10, 50), (100, 100)])])]))
    (x1, y1), (x2, y2), (x3, y3) = line
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert x1 < x2
    assert y1 > y2


def test_waits_have_powers_of_ten_too() -> None:
    [line] = points(draw([Panel("t", "x", "y", [Line("l", [(1, 1), (10, 10), (100, 100)])], powers=True)]))
    assert line[0][1] - line[1][1] == pytest.approx(line[1][1] - line[2][1], abs=0.2)


@pytest.mark.parametrize("powers", [False, True])
@pytest.mark.parametrize("line", [[], [(1.0, 0.0)], [(5.0, 3.0)], [(1.0, 0.0), (5000.0, 1e6)]])
def test_few_points_and_none_are_drawn_inside_the_panel(line: list[tuple[float, float]], *, powers: bool) -> None:
    [drawn] = points(draw([Panel("<a & b>", "x", "y", [Line("l", line)], powers=powers)]))
    assert all(0 <= x <= 300 and 0 <= y <= 220 for x, y in drawn)


# ---- the command


def test_a_file_that_cannot_be_written_is_found_out_at_the_beginning(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench", "scale", "--plot", str(tmp_path / "missing" / "plot.svg")])
    assert done.exit_code == 2
    assert "--plot" in done.output


@pytest.mark.timeout(PATIENCE + 20)
@pytest.mark.skipif(not is_linux(), reason="it reads /proc")
async def test_a_small_run_measures_everything_draws_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Servers of its own, three of them, and processes that play: some seconds."""
    (tmp_path / "tmp").mkdir()
    json, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    sizes = ["--games", "1", "--connections", "20", "--seconds", "1", "--processes", "1"]
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            own_command("bench", "scale", *sizes, "--json", str(json), "--plot", str(plot)),
            cwd=tmp_path,
            env=own_environment() | {"TMPDIR": str(tmp_path / "tmp")},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    figures = orjson.loads(json.read_bytes())
    assert [(point["games"], point["resting"]) for point in figures["connections"]] == [(1, 0), (1, 20)]
    for point in (*figures["games"], *figures["connections"]):
        assert point["actions"] > 0
        assert point["failures"] == 0
        assert 0 < point["half"] <= point["p99"]
        assert 0 < point["server"] < 4
        assert 0 < point["players"] < 4
        assert point["seated"] >= 10 * 2**20
    # So few take up no more than what a process may give back meanwhile: what it is, is for larger runs to tell.
    assert isinstance(figures["memory"]["session"], float)
    assert isinstance(figures["memory"]["at_rest_in_store"], float)
    assert len(points(plot.read_text())) == 8
    assert "20 connections are made" in done.stderr.decode()
    assert os.listdir(tmp_path / "tmp") == []
