"""`croupier replay`, from the command line to what stands on the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson
import pytest
import trio
from click.testing import CliRunner

from net.archive import archive_url, open_archive
from net.cli import main
from net.replay.document import replay_json
from tests.samples.recorded import ANNA, BEN, a_game_of_cards

if TYPE_CHECKING:
    from click.testing import Result

EVENTS, DESCRIPTION = a_game_of_cards().whole
ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "replay.json"
    path.write_bytes(orjson.dumps(replay_json(DESCRIPTION, EVENTS)))
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)

    async def keep() -> None:
        async with open_archive(archive_url("", folder)) as archive:
            await archive.put(EVENTS, DESCRIPTION)

    trio.run(keep)
    return folder


def replay(*arguments: str | Path) -> Result:
    return CliRunner(env={"CROUPIER_AUTH_SECRET": None}).invoke(main, ["replay", *map(str, arguments)])


def refused(*arguments: str | Path) -> str:
    done = replay(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("croupier: ").rstrip()


def test_without_a_terminal_every_event_is_printed_as_a_block(file: Path) -> None:
    done = replay("--file", file)
    assert (done.exit_code, done.stderr) == (0, "")
    head, *blocks = done.stdout.removesuffix("\n\n").split("\n\n")
    assert head == f"game-1  crazy_eights {EVENTS[0].rules_version}  {ANNA}, {BEN}\nas spectator"  # type: ignore[union-attr]
    assert len(blocks) == len(EVENTS)
    for number, block in enumerate(blocks, start=1):
        assert block.startswith(f"event {number} of {len(EVENTS)}  2023-11-14 22:")
    assert " wins (" in blocks[-1]


def test_the_archive_and_a_file_show_the_same_game(file: Path, data_dir: Path) -> None:
    for viewer in ("spectator", ANNA, BEN, "all"):
        from_archive = replay("game-1", "--data-dir", data_dir, "--as", viewer)
        assert from_archive.exit_code == 0
        assert from_archive.stdout == replay("--file", file, "--as", viewer, "--plain").stdout


def test_what_is_asked_for_wrongly_is_refused_in_one_line(file: Path, data_dir: Path) -> None:
    assert refused() == "the ID of a game is needed, or a --file"
    assert refused("--file", file, "--url", "http://h") == "--file and --url: a game comes from one of them"
    assert refused("game-1", "--token", "x") == "--token: is for a server, which --url names"
    assert refused("game-2", "--file", file) == f"{file} holds game game-1, not game-2"
    assert refused("game-1", "--data-dir", data_dir, "--as", "npc:eve").startswith("--as: nobody of that name sees")
    assert refused("game-2", "--data-dir", data_dir).startswith("game game-2 is not in the archive sqlite:///")
    assert refused("game-1", "--url", "http://h", "--data-dir", data_dir) == (
        f"--token: is needed, as there is no secret in {data_dir}; `croupier token` prints one"
    )
    assert "secret" not in os.listdir(data_dir)


def test_letters_stand_for_suits_where_the_output_has_no_others(file: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "net", "replay", "--file", file]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=60, check=True)
    assert done.stdout.isascii()
    assert done.stderr == b""
    assert b" suit " in done.stdout


class Terminal:
    """A terminal with a replay on it, for the length of a block; at its end the command must have ended."""

    def __init__(self, *arguments: str | Path) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self._before = termios.tcgetattr(self._theirs)
        self._shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "net", "replay", *arguments],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.process.kill()
        _, complaints = self.process.communicate(timeout=30)
        settings = termios.tcgetattr(self._theirs)
        os.close(self._ours)
        os.close(self._theirs)
        if kind is None:
            assert (self.process.returncode, complaints) == (0, b"")
            assert settings == self._before

    def until(self, text: str) -> None:
        """Reads until this was shown, after what was waited for last."""
        while text.encode() not in self._shown:
            self._shown += os.read(self._ours, 65536)
        self._shown = self._shown.partition(text.encode())[2]

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)


def test_on_a_terminal_keys_step_through_the_game(file: Path) -> None:
    last = len(EVENTS)
    with Terminal("--file", file, "--step") as terminal:
        terminal.until(f"event 1 of {last}")
        terminal.press(b"\x1b[C")
        terminal.until(f"event 2 of {last}")
        terminal.press(b"g5\r")
        terminal.until(f"event 5 of {last}")
        terminal.press(b"v")
        terminal.until(f"as {ANNA}")
        terminal.press(b"\x1b[F")
        terminal.until(" wins (")
        terminal.press(b"q")


def test_on_a_terminal_the_game_plays_by_itself_to_its_end(file: Path) -> None:
    with Terminal("--file", file, "--speed", "100", "--as", BEN) as terminal:
        terminal.until(f"event {len(EVENTS)} of {len(EVENTS)}")
        terminal.until("the end")
        terminal.process.terminate()


def test_a_terminal_that_hangs_up_ends_the_replay(file: Path) -> None:
    with Terminal("--file", file, "--step") as terminal:
        terminal.until("event 1 of")
        terminal.process.send_signal(signal.SIGHUP)
