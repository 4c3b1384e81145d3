"""`croupier demo` as a newcomer runs it."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio

import net
from net.demo import run, run_demo
from net.demo.plan import CannotPlay
from net.process import own_command
from tests.net.demo.played import plan

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 100.0


def environment(tmp_path: Path) -> dict[str, str]:
    """Ours, with a folder for temporary files that is looked into afterwards."""
    temporary = tmp_path / "tmp"
    temporary.mkdir(exist_ok=True)
    return {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")} | {
        "TMPDIR": str(temporary),
        "TERM": "xterm-256color",
    }


async def start_demo(tmp_path: Path, *arguments: str) -> trio.Process:
    return await trio.lowlevel.open_process(
        own_command("demo", *arguments),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def demo(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs it to its end: the exit status, and what it wrote."""
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            own_command("demo", *arguments),
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def read_until(process: trio.Process, wanted: str) -> str:
    assert process.stdout is not None
    text = b""
    with trio.fail_after(PATIENCE):
        while wanted.encode() not in text:
            more = await process.stdout.receive_some()
            assert more, f"it ended without {wanted!r}: {text.decode()}"
            text += more
    return text.decode()


def nothing_is_left(tmp_path: Path, output: str) -> None:
    """Neither the files, nor the servers that it told of."""
    assert list((tmp_path / "tmp").iterdir()) == []
    pids = [int(pid) for pid in re.findall(r"\bpid (\d+)", output)]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_in_a_pipe_it_is_lines_with_the_kill_the_proof_and_the_way_on(tmp_path: Path) -> None:
    status, output, errors = await demo(tmp_path, "--pace", "0", "--seed", "pipe", "--players", "3")
    assert (status, errors) == (0, "")
    assert {character for character in output if not character.isprintable()} == {"\n"}
    kill_after = plan(seed="pipe", players=3).kill_after
    assert re.search(rf"^  kill  kill -9 \d+, right after event {kill_after}$", output, re.MULTILINE)
    proof = rf"killed after event {kill_after}; back after \d+\.\d\d s; the same hands; nothing lost"
    assert re.search(rf"^ proof  {proof}\.$", output, re.MULTILINE)
    assert re.search(r"^  (\d+) actions acknowledged, \1 found in the journal, each once: equal$", output, re.MULTILINE)
    assert output.endswith("demo --players 3 --seed pipe\n")
    nothing_is_left(tmp_path, output)


async def test_without_a_kill_the_same_seed_is_the_same_play(tmp_path: Path) -> None:
    outputs = []
    for _ in range(2):
        status, output, errors = await demo(tmp_path, "--pace", "0", "--seed", "again", "--no-kill")
        assert (status, errors) == (0, "")
        assert "kill" not in output
        outputs.append(output)
    first, second = ([line for line in output.splitlines() if re.match(r" +\d+  ", line)] for output in outputs)
    assert first == second
    assert len(first) > 10


@pytest.mark.parametrize(
    ("number", "status", "moment"),
    [
        (signal.SIGINT, 130, "    3  "),
        (signal.SIGINT, 130, "  kill  "),
        (signal.SIGTERM, 143, "  kill  "),
        (signal.SIGHUP, 129, "    3  "),
    ],
)
async def test_interrupted_it_ends_cleanly_and_leaves_nothing_behind(
    number: signal.Signals, status: int, moment: str, tmp_path: Path
) -> None:
    process = await start_demo(tmp_path, "--pace", "0.05", "--seed", "stop")
    output = await read_until(process, moment)
    process.send_signal(number)
    output += await read_until(process, "Interrupted; the demo's server and its files are gone.\n")
    with trio.fail_after(PATIENCE):
        assert await process.wait() == status
    assert process.stderr is not None
    assert await process.stderr.receive_some() == b""
    nothing_is_left(tmp_path, output)


async def test_when_the_reader_has_gone_it_ends_in_silence(tmp_path: Path) -> None:
    process = await start_demo(tmp_path, "--pace", "0.05", "--seed", "gone")
    output = await read_until(process, "    2  ")
    assert process.stdout is not None
    await process.stdout.aclose()
    with trio.fail_after(PATIENCE):
        assert await process.wait() == 1
    assert process.stderr is not None
    assert await process.stderr.receive_some() == b""
    nothing_is_left(tmp_path, output)


async def test_a_server_that_does_not_start_is_one_clear_line_and_status_2(tmp_path: Path) -> None:
    code = (
        "import sys; from functools import partial; from net.demo import run; from net.cli import main\n"
        "program = ['sh', '-c', 'echo \"croupier: the disk is full\" >&2; exit 2']\n"
        "run.ServerProcess = partial(run.ServerProcess, program=program)\n"
        "sys.argv = ['croupier', 'demo']; main(prog_name='croupier')"
    )
    done = await trio.run_process(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.decode() == "croupier: the demo's server does not start: the disk is full\n"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("pace", [math.nan, math.inf, -1.0])
def test_a_pace_that_is_no_number_of_seconds_is_refused(pace: float) -> None:
    with pytest.raises(CannotPlay, match="--pace"):
        run_demo(players=2, rules="crazy_eights", pace=pace, seed=None, kill=True)


def test_the_way_on_names_commands_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [command for _, command in run._next_steps()] == ["README.md", "./dev serve"]
    monkeypatch.setattr(net, "__file__", str(tmp_path / "site-packages" / "net" / "__init__.py"))
    assert [command for _, command in run._next_steps()] == ["croupier serve"]
