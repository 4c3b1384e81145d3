"""A drill's end: a table for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen
from rich.table import Table

from net.checks import Promise
from net.client import Over
from net.drill.plan import Fault, Plan
from net.drill.score import Score, Spread

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

_SHOWN: Final = 20

_LOOKED_AT: Final = tuple(promise for promise in Promise if promise is not Promise.LEAKED)
"""For what is told of hidden things a game must be played twice: the simulation does that."""

_WAYS: Final = {
    Over.PLAIN: "the plain protocol",
    Over.SOCKET_IO: "Socket.IO on a WebSocket",
    Over.POLLING: "Socket.IO, polling",
}


@frozen
class Report:
    """What was done, what was found, how long it took. `seconds` is the whole drill's time."""

    plan: Plan
    score: Score
    seconds: float
    store: str
    interrupted: bool = False

    @property
    def holds(self) -> bool:
        """Whether no promise was broken."""
        return not self.score.violations

    def table(self) -> Table:
        """Blows by kind, what was counted, the zeros, the times."""
        score = self.score
        table = Table(show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right")
        for fault in Fault:
            if score.blows[fault]:
                table.add_row(str(fault), f"{score.blows[fault]}")
        table.add_section()
        table.add_row("kills", f"{score.kills}")
        table.add_row("  of them at a crash point", f"{score.points.total()}")
        table.add_row("games played, of them to the end", f"{score.made}, {score.ended}")
        table.add_row("games moved to the archive", f"{score.archived}")
        table.add_row("events, of them timeouts", f"{score.events:,}, {score.timeouts:,}")
        table.add_row("  and draw moves", f"{score.draw_moves:,}")
        table.add_row("spectators", f"{score.spectators:,}")
        for over, count in sorted(score.ways.items(), key=lambda one: one[0].name):
            table.add_row(f"connections by {_WAYS[over]}", f"{count:,}")
        table.add_row("actions acknowledged", f"{score.actions:,}")
        table.add_row("requests sent again though answered", f"{score.resent:,}")
        table.add_row("views held against the journal", f"{score.views:,}")
        table.add_section()
        for promise in _LOOKED_AT:
            broken = score.broken(promise)
            table.add_row(str(promise), f"{broken}", style="bold red" if broken else "green")
        table.add_section()
        table.add_row("ready again after a kill", _times(Spread.of(score.ready)))
        table.add_row("each player back in the seat", _times(Spread.of(score.seated)))
        return table

    def notes(self) -> list[str]:
        """What the table has no room for, a line each."""
        plan = self.plan
        lines = [f"{plan.games} games at a time for {self.seconds:.0f} s, seed {plan.seed}; {self.store}."]
        lines += [f"BROKEN: {one}" for one in self.score.violations[:_SHOWN]]
        if (more := len(self.score.violations) - _SHOWN) > 0:
            lines.append(f"... and {more} more")
        return lines

    def json(self) -> JsonObject:
        """Everything."""
        plan, score = self.plan, self.score
        return {
            "drill": "croupier",
            "passed": self.holds and not self.interrupted,
            "interrupted": self.interrupted,
            "seed": plan.seed,
            "games": plan.games,
            "kills_wanted": plan.kills,
            "seconds_wanted": plan.seconds,
            "seconds": self.seconds,
            "store": self.store,
            "faults": {str(fault): score.blows[fault] for fault in plan.faults},
            "kills": score.kills,
            "crash_points": dict(score.points),
            "games_made": score.made,
            "games_ended": score.ended,
            "games_judged": score.judged,
            "games_archived": score.archived,
            "events": score.events,
            "timeouts": score.timeouts,
            "draw_moves": score.draw_moves,
            "spectators": score.spectators,
            "connections": {over.name.lower(): score.ways[over] for over in Over},
            "actions_acknowledged": score.actions,
            "requests_resent": score.resent,
            "views": score.views,
            "refusals": dict(score.refused),
            "violations_by_promise": {promise.name.lower(): score.broken(promise) for promise in _LOOKED_AT},
            "violations": [
                {
                    "promise": one.promise.name.lower(),
                    "game_id": one.game_id,
                    "user_id": one.user_id,
                    "text": one.text,
                }
                for one in score.violations
            ],
            "recovery_seconds": _spread(Spread.of(score.ready)),
            "back_in_seat_seconds": _spread(Spread.of(score.seated)),
        }


def _times(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"p50 {spread.p50:.2f} s, p99 {spread.p99:.2f} s, max {spread.longest:.2f} s"


def _spread(spread: Spread | None) -> JsonObject | None:
    return None if spread is None else asdict(spread)
