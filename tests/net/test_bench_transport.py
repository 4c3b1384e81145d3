"""`croupier bench transport`: what it reads, whom it sends, how it counts, and that nothing of it stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
from attrs import define, field, frozen
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from net.bench import process
from net.bench.carriers import ServerHungUp, client_frame, content_length, open_polling, open_websocket
from net.bench.client import TRANSPORTS
from net.bench.errors import BenchFailed
from net.bench.machine import Machine
from net.bench.process import ProcessMeter, busy_ticks, check_system, cpu_ticks, parse_smaps_rollup, quiet
from net.bench.progress import ProgressBar
from net.bench.report import Report
from net.bench.transport import CONNECTIONS, Bench, Figures, Memory, Plan, Work, compare
from net.cli import main
from net.interrupt import interruptible
from net.testing.house import House, open_house
from net.testing.streams import SimStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.auth import Scope
    from net.bench.client import Client, Transport

USER = "00000000-0000-4000-8000-000000000001"
KIB = 1024

on_linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="there is no such /proc")
each_transport = pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda transport: transport.key)


# ---- what is read of a process


SMAPS_ROLLUP = """\
55d65852a000-7ffe82d04000 ---p 00000000 00:00 0                          [rollup]
Rss:                1736 kB
Anonymous:           112 kB
Swap:                  3 kB
"""


def test_a_machine_is_busy_but_when_it_is_idle_or_waits_for_a_disk() -> None:
    assert busy_ticks("cpu  100 20 30 90000 7000 4 5 6 50 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n") == 165


def test_the_fields_of_smaps_rollup_are_read_in_bytes() -> None:
    assert parse_smaps_rollup(SMAPS_ROLLUP) == {"Rss": 1736 * KIB, "Anonymous": 112 * KIB, "Swap": 3 * KIB}


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15), user=st.integers(0, 2**60))
def test_cpu_time_is_found_behind_any_name_of_a_program(name: str, user: int) -> None:
    fields = ["S", "1", "2", "2", "0", "-1", "4194560", "10", "11", "12", "13", str(user), "7", "99", "98", "20"]
    assert cpu_ticks(f"4711 ({name}) {' '.join(fields)}\n") == user + 7


@on_linux
def test_the_meter_sees_the_memory_that_a_process_takes() -> None:
    meter = ProcessMeter(os.getpid())
    before = meter.memory()
    taken = b"x" * (32 * KIB * KIB)
    assert meter.memory() - before > 0.9 * len(taken)


@on_linux
def test_the_meter_sees_the_cpu_time_of_the_process_whose_id_it_has() -> None:
    meter = ProcessMeter(os.getpid())
    used = sum(os.times()[:2])
    assert used - 1 < meter.cpu() <= sum(os.times()[:2]) + 1


@on_linux
def test_a_process_that_has_ended_cannot_be_measured() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(BenchFailed, match="has ended"):
        ProcessMeter(ended.pid).memory()


def test_a_system_without_proc_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match=r"^this benchmark reads /proc/.* it runs on Linux alone$"):
        check_system(tmp_path)


@pytest.mark.parametrize(("soft", "hard", "raised"), [(100, 500, [300]), (300, 300, []), (-1, -1, []), (9, -1, [300])])
def test_the_limit_of_open_files_is_raised_when_it_is_too_low(soft: int, hard: int, raised: list[int]) -> None:
    limits: list[int] = []
    process._allow(300, soft, hard, limits.append)
    assert limits == raised


def test_a_hard_limit_of_open_files_that_is_too_low_is_told() -> None:
    limits: list[int] = []
    with pytest.raises(BenchFailed, match=r"needs 300 open files at once, and 299 are allowed .* ask for fewer"):
        process._allow(300, 100, 299, limits.append)
    assert limits == []


@define
class FakeMeter:
    """A process as a test wants it."""

    memory_now: Callable[[], int] = lambda: 0
    cpu_now: Callable[[], float] = lambda: 0.0

    def memory(self) -> int:
        return self.memory_now()

    def cpu(self) -> float:
        return self.cpu_now()


async def test_a_process_is_quiet_once_it_uses_no_cpu_any_more(autojump_clock: object) -> None:
    start = trio.current_time()
    await quiet(FakeMeter(cpu_now=lambda: min(trio.current_time() - start, 3.0)))
    assert 3.0 <= trio.current_time() - start < 4.0


async def test_a_process_that_is_never_quiet_is_not_waited_for_for_ever(autojump_clock: object) -> None:
    start = trio.current_time()
    await quiet(FakeMeter(cpu_now=trio.current_time), limit=7)
    assert trio.current_time() - start == pytest.approx(7)


# ---- the clients


@define
class Visited:
    """The house, as a benchmark visits it: it counts what is open and what is written."""

    house: House
    wires: list[CountingWire] = field(factory=list)

    async def dial(self) -> CountingWire:
        wire = CountingWire(await self.house.network.host("bench").connect("croupier"))
        self.wires.append(wire)
        return wire

    async def connect(self) -> trio.abc.Stream:
        return await self.house.network.host("bench").connect("croupier")

    def token(self, user_id: str, scope: Scope) -> str:
        return self.house.token(user_id, scope=scope)

    @property
    def open(self) -> int:
        return sum(not wire.stream.closed for wire in self.wires)

    @property
    def writes(self) -> int:
        return sum(wire.writes for wire in self.wires)


@define
class CountingWire:
    stream: SimStream
    writes: int = 0
    last: bytes = b""
    peer: str = "croupier"
    unsent: int = 0

    def send_nowait(self, buffers: Sequence[bytes | memoryview]) -> int:
        self.writes += 1
        self.last = bytes(buffers[0])
        return self.stream.send_nowait(buffers)

    async def wait_writable(self) -> None:
        await self.stream.wait_writable()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def receive_some(self, max_bytes: int) -> bytes:
        return await self.stream.receive_some(max_bytes)

    def close(self) -> None:
        self.stream.close()


async def visitor(house: House, transport: Transport) -> Client:
    return await transport.connect(Visited(house).dial, house.token(USER))


async def ask_heartbeat(client: Client) -> None:
    await client.ask("heartbeat", {}, mark=b'"server_time":')


@each_transport
async def test_each_client_is_answered_before_and_after_it_rests(house: House, transport: Transport) -> None:
    client = await visitor(house, transport)
    await ask_heartbeat(client)
    client.rest()
    await trio.sleep(20)
    await ask_heartbeat(client)
    client.hang_up()


@each_transport
async def test_each_client_gets_the_state_that_joining_again_pushes(house: House, transport: Transport) -> None:
    game_id = await house.new_game("crazy_eights", [USER, "b"])
    client = await visitor(house, transport)
    for _ in range(3):
        with trio.fail_after(10):
            await client.ask("game:join", {"game_id": game_id}, mark=b'"success":true', push="game:state")
    client.hang_up()


@each_transport
async def test_a_request_that_fails_ends_the_benchmark_and_shows_the_answer(house: House, transport: Transport) -> None:
    client = await visitor(house, transport)
    with pytest.raises(BenchFailed, match=r"answered game:join with .*game_not_found"):
        await client.ask("game:join", {"game_id": "none"}, mark=b'"success":true')
    client.hang_up()


@each_transport
async def test_a_client_that_is_refused_leaves_nothing_open(house: House, transport: Transport) -> None:
    visited = Visited(house)
    with pytest.raises(BenchFailed, match="unauthorized"):
        await transport.connect(visited.dial, "no token")
    assert visited.wires
    assert visited.open == 0


@each_transport
async def test_a_client_tells_when_the_server_hangs_up(house: House, transport: Transport) -> None:
    client = await visitor(house, transport)
    await house.crash()
    with pytest.raises(BenchFailed):
        await ask_heartbeat(client)


@each_transport
async def test_a_server_that_is_down_cannot_be_connected_to(house: House, transport: Transport) -> None:
    visited = Visited(house)
    await house.crash()
    with pytest.raises(BenchFailed, match="cannot connect"):
        await transport.connect(visited.dial, house.token(USER))


async def test_an_idle_polling_client_has_one_connection_with_a_get_that_hangs(house: House) -> None:
    visited = Visited(house)
    client = await TRANSPORTS[2].connect(visited.dial, house.token(USER))
    await ask_heartbeat(client)
    assert visited.open == 2
    client.rest()
    [left] = [wire for wire in visited.wires if not wire.stream.closed]
    assert left.last.startswith(b"GET ")
    with trio.move_on_after(10) as hanging:
        await left.receive_some(1)
    assert hanging.cancelled_caught
    client.hang_up()


async def test_a_path_without_a_websocket_is_told(house: House) -> None:
    with pytest.raises(BenchFailed, match=r"refused a WebSocket: HTTP/1\.1 404"):
        await open_websocket(Visited(house).dial, "/nowhere")


async def test_a_polling_session_that_the_server_has_ended_is_told(house: House) -> None:
    carrier = await open_polling(Visited(house).dial)
    await carrier.send(b"1")
    with pytest.raises(BenchFailed, match="400"):
        await carrier.send(b"40/game,{}")
    carrier.hang_up()


async def test_a_frame_that_is_no_text_ends_the_benchmark(house: House) -> None:
    carrier = await open_websocket(Visited(house).dial, "/ws", subprotocol="croupier.v1.json")
    await carrier.send(b"no JSON")
    assert b"error" in await carrier.receive()
    with pytest.raises(ServerHungUp, match="begins with 0x88"):
        await carrier.receive()
    carrier.hang_up()


@given(st.integers(0, 70000))
def test_a_clients_frame_is_masked_and_says_how_long_it_is(size: int) -> None:
    frame = client_frame(b"x" * size)
    extended = {126: 2, 127: 8}.get(frame[1] & 0x7F, 0)
    said = int.from_bytes(frame[2 : 2 + extended], "big") if extended else frame[1] & 0x7F
    assert (frame[0], frame[1] & 0x80, said) == (0x81, 0x80, size)
    assert frame[2 + extended :] == bytes(4) + b"x" * size


@pytest.mark.parametrize("head", [b"", b"\r\ncontent-length: many\r\n", b"\r\ncontent-length: -1\r\n"])
def test_a_response_that_does_not_say_how_long_it_is_is_refused(head: bytes) -> None:
    with pytest.raises(BenchFailed):
        content_length(b"http/1.1 200 ok" + head)
    assert content_length(b"http/1.1 200 ok\r\nx: y\r\ncontent-length: 12\r\n\r\n") == 12


# ---- what is counted


@define
class Watched:
    """What a benchmark said of how far it is."""

    steps: list[str] = field(factory=list)
    totals: list[int] = field(factory=list)
    parts: list[int] = field(factory=list)

    def step(self, what: str, total: int) -> None:
        self.steps.append(what)
        self.totals.append(total)
        self.parts.append(0)

    def done(self) -> None:
        self.parts[-1] += 1


def bench(house: House, transport: Transport, plan: Plan, watched: Watched) -> tuple[Bench, Visited]:
    """A benchmark of the house: a session takes 3 KiB, and a write costs a second of CPU."""
    visited = Visited(house)
    meter = FakeMeter(lambda: 500 * KIB + 3 * KIB * visited.open, lambda: float(visited.writes))
    return Bench(transport, visited, meter, plan, watched), visited


async def figures_of(house: House, plan: Plan, watched: Watched) -> tuple[list[Figures], int]:
    async with AsyncExitStack() as stack:
        # One for each transport: they have the same users.
        others = [await stack.enter_async_context(open_house(house.config, house.registry)) for _ in TRANSPORTS[1:]]
        houses = [house, *others]
        benches, visited = zip(*map(partial(bench, plan=plan, watched=watched), houses, TRANSPORTS), strict=True)
        figures = await compare(benches)
    return figures, sum(each.open for each in visited)


async def test_memory_is_what_all_sessions_take_that_are_there_at_once(house: House) -> None:
    figures, _ = await figures_of(house, Plan(40, 100), Watched())
    assert [each.transport for each in figures] == list(TRANSPORTS)
    for each in figures:
        assert each.memory == Memory(40, 500 * KIB, (620 * KIB, 620 * KIB))
        assert (each.memory.per_session, each.memory.kept_per_session, each.memory.settled) == (3 * KIB, 0, True)


async def test_cpu_is_counted_over_exactly_the_requests_that_are_asked_for(house: House) -> None:
    figures, _ = await figures_of(house, Plan(5, 103), Watched())
    for each, writes in zip(figures, [1, 1, 2], strict=True):  # polling: a POST, and a GET for the answer
        assert (each.heartbeat.count, each.state.count) == (103, 51)
        assert each.heartbeat.each == writes
    assert [each.state.each for each in figures[:2]] == [1, 1]


async def test_nothing_stays_connected_and_every_step_is_done_in_full(house: House) -> None:
    watched = Watched()
    _, left_open = await figures_of(house, Plan(3, 100), watched)
    assert left_open == 0
    assert "Socket.IO, polling: states, turn 5 of 5" in watched.steps
    assert watched.parts == watched.totals


async def test_a_benchmark_that_is_cancelled_leaves_nothing_connected(house: House) -> None:
    measured, visited = bench(house, TRANSPORTS[0], Plan(100, 10_000), Watched())
    with trio.move_on_after(1.5) as cut:
        await compare([measured])
    assert cut.cancelled_caught
    assert visited.wires
    assert visited.open == 0


async def test_memory_that_is_never_given_back_is_told_after_some_rounds(house: House) -> None:
    visited = Visited(house)
    meter = FakeMeter(lambda: KIB * KIB * len(visited.wires))
    memory = await Bench(TRANSPORTS[0], visited, meter, Plan(10, 100), Watched()).measure_memory()
    assert (len(memory.rounds), memory.settled) == (6, False)
    assert memory.kept_per_session == 5 * KIB * KIB


@pytest.mark.parametrize(
    ("rounds", "settled"),
    [
        ((100,), False),
        ((100, 100), True),
        ((100, 300, 301), True),
        ((10**8, 10**8 + 10**6), True),
        ((10**8, 10**9), False),
        ((10**8, 10**9, 10**9), True),
    ],
)
def test_memory_has_settled_when_a_round_takes_about_what_the_one_before_took(
    rounds: tuple[int, ...], settled: bool
) -> None:
    assert Memory(10, 0, rounds).settled is settled


# ---- what is said of it


MACHINE = Machine("A Processor", 2, "Linux 6", {"croupier": "1.0", "CPython": "3.11.0"})
FIGURES = [
    Figures(transport, Memory(500, 0, (memory, memory)), Work(5000, heartbeat, 1.0), Work(2500, 2 * heartbeat, 1.0))
    for transport, memory, heartbeat in zip(
        TRANSPORTS, [10_240_000, 15_360_000, 5_120_000], [0.5, 0.625, 4.0], strict=True
    )
]
REPORT = Report(MACHINE, Plan(500, 5000), FIGURES, tick=0.01)


def test_the_table_fits_a_narrow_terminal_and_has_each_figure_with_its_ratio() -> None:
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 (closed below)
    console.print(REPORT.table())
    console.file.close()
    lines = console.export_text().splitlines()
    assert "…" not in "".join(lines)
    rows = {key: re.findall(r"[\d.]+ (?:KiB|ms) +x[\d.]+", line) for line in lines for key in [line[2:22].strip()]}
    assert rows["WebSocket, /ws"] == ["20.0 KiB  x1.00", "0.100 ms  x1.00", "0.400 ms  x1.00"]
    assert rows["Socket.IO, WebSocket"] == ["30.0 KiB  x1.50", "0.125 ms  x1.25", "0.500 ms  x1.25"]
    assert rows["Socket.IO, polling"] == ["10.0 KiB  x0.50", "0.800 ms  x8.00", "3.200 ms  x8.00"]


def test_the_notes_say_how_much_was_measured_how_sharply_and_on_what() -> None:
    notes = "\n".join(REPORT.notes())
    assert "500 idle sessions; 5000 heartbeats and 2500 states" in notes
    assert "ticks of 10 ms, which is 2.0%" in notes
    assert notes.count("settled in round 2") == 3
    assert notes.endswith("2 x A Processor, Linux 6; croupier 1.0, CPython 3.11.0")


def test_the_json_has_everything_that_was_measured() -> None:
    report: Any = orjson.loads(orjson.dumps(REPORT.json()))
    assert report["machine"]["versions"]["croupier"] == "1.0"
    assert (report["sessions"], report["messages"], report["connections"]) == (500, 5000, CONNECTIONS)
    assert [each["transport"] for each in report["transports"]] == [each.key for each in TRANSPORTS]
    polling = report["transports"][2]
    assert polling["memory"] == {
        "sessions": 500,
        "before": 0,
        "rounds": [5_120_000, 5_120_000],
        "per_session": 10240,
        "kept_per_session": 0,
        "settled": True,
        "ratio": 0.5,
    }
    assert polling["heartbeat"] == {"count": 5000, "cpu": 4.0, "elapsed": 1.0, "each": 0.0008, "ratio": 8.0}


def test_no_ratio_is_given_to_what_was_too_little_to_be_seen() -> None:
    nothing = [Figures(TRANSPORTS[0], Memory(1, 9, (9, 9)), Work(1000, 0.0, 1.0), Work(500, 0.0, 1.0))]
    report = Report(MACHINE, Plan(1, 1000), nothing, tick=0.01)
    assert report.table().row_count == 1
    said: Any = report.json()["transports"]
    assert said[0]["memory"]["ratio"] is said[0]["heartbeat"]["ratio"] is None


def test_the_machine_names_its_versions_and_fits_a_line() -> None:
    machine = Machine.this()
    assert next(iter(machine.versions)) == "croupier"
    assert machine.versions["trio"] == trio.__version__
    assert machine.processors >= 1
    assert "\n" not in str(machine)


async def test_progress_is_a_line_a_step_where_there_is_no_terminal(
    autojump_clock: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProgressBar(Console(stderr=True)) as progress:
        for step in ("one", "two"):
            progress.step(step, 2)
            progress.done()
            await trio.sleep(1)
            progress.done()
    assert capsys.readouterr() == ("", "one\ntwo\n")


async def test_progress_is_a_bar_on_a_terminal(autojump_clock: object, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(Console(stderr=True, force_terminal=True, width=80)) as progress:
        progress.step("one", 3)
        for _ in range(2):
            await trio.sleep(1)
            progress.done()
    assert "2/3" in capsys.readouterr().err


# ---- the command


@frozen
class Run:
    """`croupier bench transport` in a process of its own, with its temporary files in a folder of the test's."""

    process: subprocess.Popen[str]
    folder: Path

    def remains(self) -> list[str]:
        """The processes and the files of it that are there now."""
        needle = str(self.folder).encode()
        processes = [
            place.name
            for place in Path("/proc").glob("[0-9]*")
            if place.name != str(self.process.pid) and needle in _command_of(place)
        ]
        return processes + [path.name for path in self.folder.iterdir()]


def _command_of(place: Path) -> bytes:
    try:
        return (place / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def start(folder: Path, *arguments: str) -> Run:
    temporary = folder / "t"
    temporary.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")}
    command = [sys.executable, "-m", "net", "bench", "transport", *arguments]
    streams = partial(subprocess.Popen[str], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return Run(streams(command, env=environ | {"TMPDIR": str(temporary)}), temporary)


@on_linux
def test_the_command_prints_the_table_writes_the_json_and_leaves_nothing(tmp_path: Path) -> None:
    run = start(tmp_path, "--sessions", "12", "--messages", "1000", "--json", str(tmp_path / "figures.json"))
    printed, progress = run.process.communicate(timeout=100)
    assert run.process.returncode == 0, progress
    for transport in TRANSPORTS:
        assert re.search(rf"{transport.name} +\S +\d+\.\d KiB +x\d.* ms +x\d.* ms +x\d", printed), printed
        assert f"{transport.name}: 12 sessions connect, round 1\n" in progress
    report = orjson.loads((tmp_path / "figures.json").read_bytes())
    assert [each["heartbeat"]["count"] for each in report["transports"]] == [1000] * 3
    assert all(each["memory"]["per_session"] > 0 for each in report["transports"])
    assert run.remains() == []


@on_linux
def test_ctrl_c_ends_the_command_and_everything_that_it_has_started(tmp_path: Path) -> None:
    run = start(tmp_path, "--sessions", "400", "--messages", "1000000", "--json", str(tmp_path / "figures.json"))
    assert run.process.stderr is not None
    for line in run.process.stderr:
        if "sessions connect" in line:
            break
    assert run.remains()
    run.process.send_signal(signal.SIGINT)
    printed, said = run.process.communicate(timeout=60)
    assert (run.process.returncode, printed) == (128 + signal.SIGINT, "")
    assert said.endswith("Interrupted; the benchmark's servers and their files are gone.\n")
    assert run.remains() == []
    assert not (tmp_path / "figures.json").exists()


@on_linux
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bench", "transport", "--json", str(tmp_path / "nowhere" / "f")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(r"croupier: --json: \S+ cannot be written\n", result.stderr)


def test_the_command_is_given_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    fake = types.ModuleType("net.bench.run")
    fake.run_transport = lambda **options: asked.append(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "net.bench.run", fake)
    arguments = ["bench", "transport", "--sessions", "7", "--messages", "2000", "--json", "f"]
    for line in (arguments, ["bench", "transport"]):
        assert CliRunner().invoke(main, line).exit_code == 0
    assert asked == [
        {"sessions": 7, "messages": 2000, "json_file": Path("f")},
        {"sessions": 500, "messages": 5000, "json_file": None},
    ]


@pytest.mark.parametrize("option", [["--sessions", "0"], ["--sessions", "10001"], ["--messages", "999"]])
def test_the_command_bounds_what_it_is_asked_for(option: list[str]) -> None:
    assert CliRunner().invoke(main, ["bench", "transport", *option]).exit_code == 2


async def test_a_signal_cuts_a_run_short_and_is_told_by_the_status() -> None:
    async with interruptible() as interrupt:
        signal.raise_signal(signal.SIGTERM)
        await trio.sleep(60)
    assert interrupt.status == 128 + signal.SIGTERM


async def test_a_run_that_no_signal_cuts_short_ends_by_itself() -> None:
    async with interruptible() as interrupt:
        await trio.lowlevel.checkpoint()
    assert interrupt.status == 0
