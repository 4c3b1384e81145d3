"""`croupier openspiel`: which of OpenSpiel's games can be played here, and why not the others.

Each is tried in a process of its own kind: games in native code may end it, and one that does is told of as that.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

from actors.rules.openspiel import catalogue as files
from actors.rules.openspiel.family import installed
from net.errors import StartError
from net.process import own_command, own_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actors.rules.openspiel.catalogue import Entry

PAGE: Final = "docs/openspiel.md"
_BEGIN, _END = "<!-- croupier openspiel -->", "<!-- the end of croupier openspiel -->"
_WITHIN: Final = 30.0
"""Seconds that one trial may take."""

Job = tuple[str, int]


def run_openspiel(*, write: bool, json: bool) -> None:
    """Tries every game, and prints the list. With `write` the catalogue and the page of this checkout are made anew.
    Raises StartError where OpenSpiel is not installed."""
    version = installed()
    if version is None:
        raise StartError(
            "OpenSpiel is not installed: pip install 'croupier[openspiel]' brings it, and no binary has it"
        )
    from actors.rules.openspiel.survey import concluded, entries

    found = list(entries())
    jobs = [
        (entry.name, players)
        for entry in found
        if not entry.why_not
        for players in range(entry.min_players, entry.max_players + 1)
    ]
    trials: dict[str, dict[int, str]] = {}
    with click.progressbar(length=len(jobs), label="playing", file=sys.stderr) as progress:
        for (name, players), what in tried(jobs):
            trials.setdefault(name, {})[players] = what
            progress.update(1)
    games = [entry if entry.why_not else concluded(entry, trials[entry.name]) for entry in found]
    if write:
        _write(version, games)
    elif json:
        click.echo(files.as_json(version, games), nl=False)
    else:
        click.echo(listed(version, games), nl=False)


def tried(jobs: Iterable[Job]) -> Iterator[tuple[Job, str]]:
    """What came of each job. When a process ends over one, another goes on with the next."""
    left = deque(jobs)
    while left:
        process = subprocess.Popen(
            own_command("openspiel", "--trials"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # OpenSpiel says everything twice
            env=own_environment(),
        )
        with process:
            timer = _patience(process)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(orjson.dumps(list(left)) + b"\n")
            process.stdin.close()
            for line in process.stdout:
                if line.startswith(b'{"trial":'):
                    timer.cancel()
                    timer = _patience(process)
                    yield left.popleft(), orjson.loads(line)["trial"]
            timer.cancel()
        if left:
            status = process.returncode
            how = f"ends its process by {signal.Signals(-status).name}" if status < 0 else f"exits with {status}"
            yield left.popleft(), f"OpenSpiel {how}"


def _patience(process: subprocess.Popen[bytes]) -> threading.Timer:
    """Kills the process if it is not called off in time."""
    timer = threading.Timer(_WITHIN, process.kill)
    timer.start()
    return timer


def run_trials() -> None:
    """The process in which games are tried: jobs come from standard input, and a line goes out for each."""
    from actors.rules.openspiel.survey import entries, trial

    known = {entry.name: entry for entry in entries()}
    for name, players in orjson.loads(sys.stdin.buffer.readline()):
        what = trial(known[name], players)
        sys.stdout.buffer.write(orjson.dumps({"trial": what}) + b"\n")
        sys.stdout.buffer.flush()


# ---- what it says


def listed(version: str, games: Iterable[Entry]) -> str:
    """The list, in Markdown."""
    games = list(games)
    good = [game for game in games if not game.why_not]
    lines = [
        f"OpenSpiel {version} has {len(games)} games, of which {len(good)} can be played here:",
        "",
        "| `openspiel:` | title | players | turns | information | chance |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{one.name}` | {one.title} | {_numbers(one)} | {one.dynamics} | {one.information} | {one.chance} |"
        for one in good
    ]
    lines += ["", "and these cannot:", "", "| name | why not |", "| --- | --- |"]
    lines += [f"| `{game.name}` | {game.why_not} |" for game in games if game.why_not]
    return "\n".join(lines) + "\n"


def _numbers(game: Entry) -> str:
    few, many = game.min_players, game.max_players
    return str(few) if few == many else f"{few} to {many}"


def page_with(page: str, text: str) -> str:
    """The page, with this list in its place. Raises ValueError when it has no place for it."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"there is no {_BEGIN} with {_END} behind it")
    return f"{before}{begin}\n\n{text}\n{end}{after}"


def _write(version: str, games: list[Entry]) -> None:
    catalogue = Path(files.__file__).with_name(files.FILE_NAME)
    page = Path(__file__).parents[1] / PAGE
    if not page.exists():
        raise StartError(f"--write is for a checkout: there is no {PAGE} here")
    catalogue.write_text(files.as_json(version, games), encoding="utf-8")
    text = listed(version, games)
    page.write_text(page_with(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    click.echo(f"wrote {catalogue.name} and {PAGE}")
