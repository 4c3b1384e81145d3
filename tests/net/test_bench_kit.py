"""`croupier bench kit`: that it counts what it says, and leaves nothing behind. No figure is asserted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from attrs import define, field
from click.testing import CliRunner
from rich.console import Console

from actors.kit.actor import Actor, Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor
from net.bench import kit_actors, kit_crowd
from net.bench.errors import BenchFailed
from net.bench.files import check_writable, write_json
from net.bench.kit import DUELS, Last, Message, Note, Outcome, Ping, Round, compare
from net.bench.kit_actors import Crowds, measure, sizes
from net.bench.kit_crowd import Crowd, Span, gather
from net.bench.kit_report import KitReport
from net.bench.machine import Machine
from net.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio.testing import MockClock

    from net.bench.kit import Duel

ASK = DUELS[0]
on_linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="there is no such /proc")


@define
class Steps:
    """A watcher that keeps what it is told."""

    said: list[str] = field(factory=list)
    total: int = 0
    parts: int = 0

    def step(self, what: str, total: int) -> None:
        self.said.append(what)
        self.total += total

    def done(self) -> None:
        self.parts += 1


class Counting(Actor[Message]):
    """Counts what comes, by its type."""

    seen: dict[str, int]

    def __init__(self, seen: dict[str, int]) -> None:
        self.seen = seen

    async def handle(self, message: Message) -> int:
        name = type(message).__name__
        self.seen[name] = self.seen.get(name, 0) + 1
        if isinstance(message, Last):
            message.come.set()
        return 1


@pytest.mark.parametrize("duel", DUELS, ids=lambda duel: duel.key)
async def test_the_kit_handles_as_many_messages_as_are_counted(
    autojump_clock: MockClock, nursery: trio.Nursery, duel: Duel
) -> None:
    seen: dict[str, int] = {}
    supervisor, ref = DynamicSupervisor("bench"), Ref[Message]("counting", capacity=4)
    await nursery.start(supervisor.run)
    supervisor.spawn(actor_child(ref, lambda: Counting(seen)))
    await duel.kit(50, ref)
    assert seen == ({Ping.__name__: 50} if duel is ASK else {Note.__name__: 49, Last.__name__: 1})
    supervisor.request_stop()


@pytest.mark.parametrize("duel", DUELS, ids=lambda duel: duel.key)
async def test_the_bare_channels_come_to_an_end(autojump_clock: MockClock, duel: Duel) -> None:
    await duel.bare(200, Ref("nobody"))


def test_every_duel_is_measured_in_each_round() -> None:
    watcher = Steps()
    outcomes = trio.run(lambda: compare(watcher, messages=20, rounds=3))
    assert [outcome.duel for outcome in outcomes] == list(DUELS)
    assert all(len(outcome.rounds) == 3 for outcome in outcomes)
    assert all(each.bare > 0 and each.kit > 0 for outcome in outcomes for each in outcome.rounds)
    assert (watcher.total, watcher.parts) == (9, 9)


def test_what_counts_is_the_median_of_the_ratios() -> None:
    outcome = Outcome(ASK, (Round(1.0, 2.0), Round(10.0, 30.0), Round(2.0, 8.0)))
    assert (outcome.bare, outcome.kit, outcome.ratio, outcome.spread) == (2.0, 8.0, 3.0, (2.0, 4.0))


# ---- crowds


def test_a_crowd_is_measured_at_three_sizes() -> None:
    assert sizes(100_000) == (10_000, 30_000, 100_000)


@define
class FakeMeter:
    """A process that takes a kilobyte more at each look."""

    looks: int = 0

    def memory(self) -> int:
        self.looks += 1
        return 1000 * self.looks

    def cpu(self) -> float:
        return 0.0


async def test_a_crowd_starts_and_stops_and_its_memory_is_looked_at_before_and_when_all_are_up() -> None:
    meter = FakeMeter()
    crowd = await gather(50, meter)
    assert (crowd.actors, crowd.memory, meter.looks) == (50, 1000, 2)
    assert min(crowd.start.elapsed, crowd.start.cpu, crowd.stop.elapsed, crowd.stop.cpu) > 0


def test_the_figures_of_a_crowd_are_medians_for_one_actor() -> None:
    rounds = [(100, (1.0, 6.0), (9.0, 1.0)), (300, (2.0, 5.0), (8.0, 2.0)), (200, (3.0, 4.0), (7.0, 3.0))]
    crowds = Crowds(10, False, tuple(Crowd(10, memory, Span(*start), Span(*stop)) for memory, start, stop in rounds))
    assert (crowds.memory, crowds.start, crowds.stop) == (20.0, Span(0.2, 0.5), Span(0.8, 0.2))


@on_linux
@pytest.mark.parametrize("as_served", [False, True])
def test_a_crowd_meets_the_collector_as_a_table_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_served: bool
) -> None:
    done: list[str] = []
    for name in ("calm_down", "spare_what_is_there"):
        monkeypatch.setattr(kit_crowd, name, partial(done.append, name))
    kit_crowd.run_crowd(10, as_served=as_served)
    assert done == (["calm_down", "spare_what_is_there"] if as_served else [])
    assert orjson.loads(capsys.readouterr().out)["actors"] == 10


def fake_program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """What is run in place of `croupier bench kit --crowd N`; N is the last argument."""

    def command(*arguments: str) -> Sequence[str]:
        return [sys.executable, "-c", code, *arguments]

    monkeypatch.setattr(kit_actors, "own_command", command)


async def test_each_size_is_gathered_in_each_round_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import json, sys; span = {'elapsed': 2.0, 'cpu': 1.0};"
        "print(json.dumps({'actors': int(sys.argv[-1]), 'memory': 1, 'start': span, 'stop': span}))"
    )
    fake_program(monkeypatch, code)
    watcher = Steps()
    measured = await measure(1000, watcher, rounds=2)
    crowd = (1, Span(2.0, 1.0), Span(2.0, 1.0))
    assert measured == [
        Crowds(size, as_served, (Crowd(size, *crowd),) * 2) for as_served in (False, True) for size in (100, 300, 1000)
    ]
    assert (watcher.total, watcher.parts) == (12, 12)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            "100 actors were killed: the memory does not do for them; ask for fewer",
        ),
        ("raise SystemExit(3)", "100 actors ended with status 3"),
    ],
)
async def test_a_crowd_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    fake_program(monkeypatch, code)
    with pytest.raises(BenchFailed, match=said):
        await measure(1000, Steps())


async def test_a_crowd_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(monkeypatch, "import time; time.sleep(100)")
    monkeypatch.setattr(kit_actors, "_PATIENCE", 0.0)
    with pytest.raises(BenchFailed, match="100 actors have not started and stopped within 0 s"):
        await measure(1000, Steps())


# ---- the report


def report() -> KitReport:
    machine = Machine("a processor", 2, "an OS", {"croupier": "1"})
    outcomes = [Outcome(duel, (Round(1e-5, 1.2e-5), Round(2e-5, 3e-5))) for duel in DUELS]
    crowds = [
        Crowds(
            size, as_served, (Crowd(size, 6144 * size, Span(2e-4 * size, cpu * size), Span(1e-4 * size, cpu * size)),)
        )
        for as_served, size, cpu in ((False, 10, 5e-5), (False, 1000, 1e-4), (True, 10, 3e-5), (True, 1000, 3e-5))
    ]
    return KitReport(machine, 5000, outcomes, crowds)


def printed(render: Callable[[Console], None]) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        render(console)
    return capture.get()


def test_the_tables_hold_every_figure_and_fit_a_terminal() -> None:
    messages, own, as_served = report().tables()
    text = printed(lambda console: console.print(messages))
    assert "│ ask, there and back        │  15.0 µs │ 21.0 µs │ x1.35 │ x1.20 x1.50 │ x2.5 │" in text
    assert max(map(len, text.splitlines())) <= 80
    text = printed(lambda console: console.print(own))
    assert text.startswith("the garbage collector as Python has it")
    assert "│          10 │ 6.00 KiB │  50 µs x1.00 │  50 µs x1.00 │ 0.00 s │ 0.00 s │" in text
    assert "│       1,000 │ 6.00 KiB │ 100 µs x2.00 │ 100 µs x2.00 │ 0.20 s │ 0.10 s │" in text
    assert max(map(len, text.splitlines())) <= 80
    text = printed(lambda console: console.print(as_served))
    assert text.startswith("the garbage collector as croupier serve has it")
    assert "│       1,000 │ 6.00 KiB │ 30 µs x1.00 │ 30 µs x1.00 │ 0.20 s │ 0.10 s │" in text


def test_the_notes_say_what_was_measured_and_on_what() -> None:
    first, second, third = report().notes()
    assert "medians of 2 rounds of 5000 each" in first
    assert "medians of 1 rounds" in second
    assert third == "2 x a processor, an OS; croupier 1"


def test_the_json_holds_everything_that_was_measured() -> None:
    told = orjson.loads(orjson.dumps(report().json()))
    assert told["benchmark"] == "kit"
    assert [duel["duel"] for duel in told["duels"]] == ["ask", "tell", "send"]
    assert told["duels"][0]["aim"] == 2.5
    assert told["duels"][0]["rounds"] == [{"bare": 1e-5, "kit": 1.2e-5}, {"bare": 2e-5, "kit": 3e-5}]
    assert told["actors"][0]["rounds"] == [
        {
            "actors": 10,
            "memory": 61440,
            "start": {"elapsed": 0.002, "cpu": 0.0005},
            "stop": {"elapsed": 0.001, "cpu": 0.0005},
        }
    ]
    assert (told["actors"][1]["memory_each"], told["actors"][1]["start_each"]["cpu"]) == (6144, 1e-4)
    assert [each["collector"] for each in told["actors"]] == ["as Python has it"] * 2 + ["as served"] * 2


def test_a_file_that_cannot_be_written_is_told_before_and_after(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match=r"^--json: .*nowhere/a\.json cannot be written$"):
        check_writable(tmp_path / "nowhere" / "a.json")
    with pytest.raises(BenchFailed, match=r"cannot be written: No such file or directory$"):
        write_json(tmp_path / "nowhere" / "a.json", {})


# ---- the command


def test_the_command_line_is_held_to_its_bounds() -> None:
    for arguments in (["--actors", "99"], ["--actors", "1000001"], ["--messages", "99"], ["--crowd", "0"]):
        assert CliRunner().invoke(main, ["bench", "kit", *arguments]).exit_code == 2
    help_text = CliRunner().invoke(main, ["bench", "kit", "--help"]).output
    assert "--crowd" not in help_text
    assert "--as-served" not in help_text


ONE_ROUND = """
from functools import partial
from net.bench import kit_run
kit_run.compare, kit_run.measure = partial(kit_run.compare, rounds=1), partial(kit_run.measure, rounds=1)
from net.cli import main
main(prog_name="croupier")
"""
"""The command, but that it measures once what it takes the median of."""


def kit_process(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ONE_ROUND, "bench", "kit", *arguments],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@on_linux
def test_the_command_prints_the_tables_and_writes_the_json(tmp_path: Path) -> None:
    process = kit_process(tmp_path, "--actors", "100", "--messages", "100", "--json", "figures.json")
    stdout, stderr = process.communicate(timeout=100)
    assert (process.returncode, stderr) == (0, "the kit beside bare channels\nactors start and stop\n")
    assert "ask, there and back" in stdout
    assert "the garbage collector as croupier serve has it" in stdout
    actors = orjson.loads((tmp_path / "figures.json").read_bytes())["actors"]
    assert [each["actors"] for each in actors] == [10, 30, 100] * 2


@on_linux
def test_the_command_ends_on_a_signal_and_says_so(tmp_path: Path) -> None:
    process = kit_process(tmp_path, "--actors", "1000000")
    assert process.stderr is not None
    assert process.stderr.readline() == "the kit beside bare channels\n"
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=100)
    assert (process.returncode, stdout) == (128 + signal.SIGTERM, "")
    assert stderr.endswith("Interrupted.\n")
