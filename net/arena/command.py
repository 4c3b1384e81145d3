"""From the command line to the table: the games are played in processes, as many at once as the machine has cores."""

from __future__ import annotations

import json
import math
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
import trio
import trio_parallel
from attrs import field, frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actors.bots.budget import Budget
from actors.bots.match import Endless, play_match
from actors.bots.players import KINDS, CannotChoose
from actors.bots.standings import Standings, pairs_of
from actors.rules.interface import JsonObject
from actors.rules.registry import UnknownRules
from actors.rules.validation import BadOptions, checked_options
from net.arena.report import as_json, tables
from net.errors import StartError
from net.npc.processes import registry_of
from net.outside import stopwatch
from net.rules_path import absolute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from actors.bots.match import Played

_PLAYERS: Final = 2
_INTERRUPTED: Final = 130


@frozen
class Tournament:
    """All against all: each pair plays `games`, every deal twice, so that both have had both sides of it."""

    rules: str
    bots: tuple[str, ...]
    games: int
    seed: str
    options: JsonObject = field(factory=dict)
    iterations: int = 150
    seconds: float = math.inf
    rules_path: tuple[str, ...] = ()

    def matches(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Who plays, by seat, and the seed of the deal."""
        for number in range((self.games + 1) // 2):
            for one, other in pairs_of(self.bots):
                for bots in ((one, other), (other, one)):
                    yield bots, f"{self.seed}:{number}"


def run_arena(tournament: Tournament, *, processes: int | None = None, as_text: bool = True) -> None:
    """Plays the tournament and prints its tables, or JSON. Raises StartError for what cannot be played."""
    _check(tournament)
    standings = Standings(tournament.bots)
    notes: dict[str, int] = {}
    console = Console(highlight=False)
    try:
        trio.run(_play_all, tournament, standings, notes, processes or os.cpu_count() or 1)
    except* KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    if not as_text:
        budget: dict[str, float] = {"iterations": tournament.iterations}
        if tournament.seconds != math.inf:
            budget = {"seconds": tournament.seconds}
        facts = {"rules": tournament.rules, "seed": tournament.seed, "options": tournament.options, "budget": budget}
        click.echo(json.dumps(as_json(standings, {**facts, "notes": sorted(notes)}), indent=2))
        return
    for table in tables(standings):
        console.print(table)
    for note in sorted(notes):
        console.print(f"in {notes[note]} games: {note}", style="dim")


def _check(tournament: Tournament) -> None:
    if unknown := [bot for bot in tournament.bots if bot not in KINDS]:
        raise StartError(f"--bots: there is no {unknown[0]}; there are {', '.join(KINDS)}")
    if len(set(tournament.bots)) < len(tournament.bots) or len(tournament.bots) < _PLAYERS:
        raise StartError("--bots: two different ones at least, each named once")
    try:
        rules = registry_of(tournament.rules_path).latest(tournament.rules)
        checked_options(rules, tournament.options)
    except UnknownRules as error:
        raise StartError(f"--rules: {error}") from None
    except BadOptions as error:
        raise StartError(f"--options: {error}") from None
    if not rules.min_players <= _PLAYERS <= rules.max_players:
        raise StartError(f"--rules: {rules.name} is not for two players, and the arena seats two")


async def _play_all(tournament: Tournament, standings: Standings, notes: dict[str, int], processes: int) -> None:
    matches = list(tournament.matches())
    todo = iter(matches)
    console = Console(stderr=True)
    columns = (TextColumn("games"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with trio_parallel.open_worker_context() as context:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            advance = partial(bar.advance, bar.add_task("games", total=len(matches)))
            async with trio.open_nursery() as nursery:
                for _ in range(min(processes, len(matches))):
                    nursery.start_soon(_keep_playing, tournament, context, todo, standings, notes, advance)


async def _keep_playing(
    tournament: Tournament,
    context: Any,  # noqa: ANN401 - trio-parallel has no types
    todo: Iterator[tuple[tuple[str, str], str]],
    standings: Standings,
    notes: dict[str, int],
    advance: Callable[[], None],
) -> None:
    for bots, seed in todo:
        play = partial(_play_one, tournament, bots, seed)
        try:
            played: Played = await context.run_sync(play, cancellable=True, limiter=trio.CapacityLimiter(1))
        except (Endless, CannotChoose) as error:
            raise StartError(f"{bots[0]} and {bots[1]} cannot play {tournament.rules}: {error}") from None
        winner = played.outcome.winner
        standings.add(*bots, None if winner is None else bots[winner])
        if played.instead is not None:
            notes[played.instead] = notes.get(played.instead, 0) + 1
        advance()


def _play_one(tournament: Tournament, bots: Sequence[str], seed: str) -> Played:
    """One game, in the process that it is played in."""
    rules = registry_of(tournament.rules_path).latest(tournament.rules)
    timed = tournament.seconds != math.inf
    budget = Budget(
        iterations=10**9 if timed else tournament.iterations,
        seconds=tournament.seconds,
        clock=stopwatch if timed else None,
    )
    return play_match(rules, bots, seed, budget, tournament.options)


def tournament_of(
    rules: str,
    bots: str,
    games: int,
    seed: str,
    options: JsonObject,
    iterations: int,
    seconds: float | None,
    rules_path: Sequence[str],
) -> Tournament:
    """What was asked for on the command line."""
    named = tuple(bot.strip() for bot in bots.split(",") if bot.strip())
    return Tournament(
        rules, named, games, seed, options, iterations, math.inf if seconds is None else seconds,
        tuple(absolute(rules_path)),
    )  # fmt: skip
