"""Many worlds, on all processors: what is seen of them meanwhile, and what is left of those in which a promise was
broken."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter  # noqa: TID251 - how fast it goes is what people ask first
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from net.checks import Promise, Violation
from net.errors import StartError
from net.process import typed
from net.testing.story import diagram
from net.testing.trace import Trace
from net.testing.world.plan import MEANING, Fault, make_plan
from net.testing.world.world import Outcome, run_world

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAY_EVERY: Final = 15.0
"""Seconds between two lines where there is no terminal."""

_MOST_SHOWN: Final = 20
"""Broken worlds that are told of one by one."""


@frozen
class Options:
    """What was asked for on the command line. `seconds` bounds how long it lasts, `jobs` is by default the number of
    processors, `trace_file` is for the story of the one world there is."""

    seeds: Sequence[int]
    seconds: float | None
    jobs: int | None
    keep: Path
    trace_file: Path | None = None


@define(eq=False)
class Tally:
    """What many worlds came to."""

    began: float = field(factory=perf_counter)
    worlds: int = 0
    seconds: float = 0.0
    events: int = 0
    games: int = 0
    faults: Counter[str] = field(factory=Counter)
    broken: list[Outcome] = field(factory=list)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.worlds += 1
        self.seconds += outcome.seconds
        self.events += outcome.events
        self.games += outcome.games
        self.faults += outcome.faults
        if outcome.violations:
            self.broken.append(outcome)

    @property
    def real_seconds(self) -> float:
        """Since it began."""
        return max(perf_counter() - self.began, 1e-9)

    def line(self) -> str:
        """How it stands."""
        took = self.real_seconds
        return (
            f"{self.worlds:,} worlds  {self.worlds / took:.1f} a second  {self.seconds / 3600:.2f} simulated hours  "
            f"{sum(self.faults.values()):,} faults  {len(self.broken)} broken"
        )


def play(seed: int, trace: Trace | None = None) -> Outcome:
    """One world. What is no violation but an exception, of the server or of the simulation, becomes one."""
    try:
        return run_world(seed, trace=trace)
    except Exception as error:
        text = "".join(traceback.format_exception(error)).strip()
        violation = Violation(Promise.STOP, "-", f"it ended with {type(error).__name__}\n{text}")
        return Outcome(seed, (violation,), "", 0.0, 0, 0, 0, Counter(), Counter())


def story_of(seed: int) -> tuple[Outcome, str]:
    """The world once more, as text: what was broken, all that followed from its seed, and what happened."""
    trace = Trace(keep=None)
    outcome = play(seed, trace)
    plan = make_plan(seed)
    games = "\n".join(
        f"  {game.rules} {game.options}, {len(game.players)} players, {len(game.watchers)} spectators,"
        f" turn clock {game.turn_timeout}, from {game.begins_at:.2f} s on"
        for game in plan.games
    )
    strikes = "\n".join(
        f"  {strike.after:.2f} s later: {strike.fault} ({MEANING[strike.fault]}; {strike.seconds:.2f} s,"
        f" count {strike.count}, {_choice(strike.fault, strike.point, strike.error)})"
        for strike in plan.strikes
    )
    violations = "\n".join(f"  {violation}" for violation in outcome.violations) or "  none"
    head = (
        f"The world of seed {seed}. Again: {typed(f'sim --seeds {seed}')}",
        f"Broken promises:\n{violations}",
        f"Games:\n{games}",
        f"Faults, until {plan.horizon:.2f} s, when all is calm:\n{strikes}",
        f"The network: {plan.link}\nThe store: appendfsync {plan.fsync}",
        f"{plan.config.sessions}\n{plan.config.limits}\n{plan.config.games}",
        diagram(trace.moments, last=None),
    )
    return outcome, "\n\n".join(head) + "\n"


def _choice(fault: Fault, point: str, error: str) -> str:
    match fault:
        case Fault.KILL_AT_POINT:
            return point
        case Fault.STORE_ERRORS:
            return error
        case _:
            return "no choice"


def run_many(asked: Options) -> bool:
    """Plays the worlds and shows how that goes. Says whether all promises hold. Raises StartError when a story cannot
    be written."""
    console = Console(highlight=False)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # what a server logs while it is killed is no news
    try:
        return _run_many(asked, console)
    finally:
        logging.disable(before)


def _run_many(asked: Options, console: Console) -> bool:
    if asked.trace_file is not None:
        outcome, story = story_of(asked.seeds[0])
        _write(asked.trace_file, story)
        console.print(f"the story of world {outcome.seed} is in {asked.trace_file}")
        for violation in outcome.violations:
            console.print(Text(f"BROKEN: {violation}", "bold red"), soft_wrap=True)
        return not outcome.violations
    tally = Tally()
    said = tally.began
    with Live(console=console, auto_refresh=False, transient=True) as live:
        try:
            for outcome in _outcomes(asked):
                tally.add(outcome)
                if outcome.violations and len(tally.broken) <= _MOST_SHOWN:
                    _tell(outcome, asked.keep, console)
                if console.is_terminal:
                    live.update(Text(tally.line(), "dim"), refresh=True)
                elif perf_counter() - said > _SAY_EVERY:
                    said = perf_counter()
                    console.print(tally.line())
        except KeyboardInterrupt:
            console.print("stopped")
    console.print(_report(tally))
    return not tally.broken


def _outcomes(asked: Options) -> Iterator[Outcome]:
    jobs = min(asked.jobs or os.cpu_count() or 1, len(asked.seeds))
    deadline = None if asked.seconds is None else perf_counter() + asked.seconds
    seeds = _until(asked.seeds, deadline)
    if jobs == 1:
        yield from map(play, seeds)
        return
    with multiprocessing.Pool(jobs, _begin) as pool:
        # One after the other is handed out, or the time limit would come too late for all that were.
        under_way = deque(pool.apply_async(play, (seed,)) for seed in islice(seeds, 2 * jobs))
        while under_way:
            yield under_way.popleft().get()
            under_way.extend(pool.apply_async(play, (seed,)) for seed in islice(seeds, 1))


def _begin() -> None:
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _until(seeds: Sequence[int], deadline: float | None) -> Iterator[int]:
    for seed in seeds:
        if deadline is not None and perf_counter() > deadline:
            return
        yield seed


def _tell(outcome: Outcome, keep: Path, console: Console) -> None:
    for violation in outcome.violations[:3]:
        console.print(Text(f"BROKEN in world {outcome.seed}: {violation}", "bold red"), soft_wrap=True)
    path = keep / f"world-{outcome.seed}.txt"
    _, story = story_of(outcome.seed)
    _write(path, story)
    again = typed(f"sim --seeds {outcome.seed}")
    console.print(f"  again: {again}      its story: {path}", soft_wrap=True)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise StartError(f"{path} cannot be written: {error.strerror}") from None


def _report(tally: Tally) -> Table:
    took = tally.real_seconds
    table = Table.grid(padding=(0, 2))
    rows = [
        ("worlds", f"{tally.worlds:,}, of which {len(tally.broken)} broken"),
        ("games", f"{tally.games:,}, with {tally.events:,} events"),
        ("real time", f"{took:.1f} s: {tally.worlds / took:.1f} worlds a second"),
        ("simulated", f"{tally.seconds / 3600:.2f} hours: {tally.seconds / took:.0f} seconds a second"),
        ("faults", f"{sum(tally.faults.values()):,}"),
        *((f"  {fault}", f"{tally.faults[fault]:,}") for fault in Fault if tally.faults[fault]),
    ]
    for name, value in rows:
        table.add_row(name, value)
    return table
