"""The outcome of a tournament, for people and for programs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict
from rich.table import Table

from actors.bots.standings import pairs_of, wilson

if TYPE_CHECKING:
    from actors.bots.standings import Score, Standings
    from actors.rules.interface import JsonObject

_COLUMNS: Final = ("games", "won", "drawn", "lost", "share", "95% interval")


def tables(standings: Standings) -> list[Table]:
    """All against all, and each pair."""
    elo = standings.elo()
    ranked = sorted(standings.bots, key=lambda bot: -elo[bot])
    whole = Table("bot", *_COLUMNS, "Elo", title="all", title_justify="left")
    for bot in ranked:
        whole.add_row(bot, *_row(standings.all_of(bot)), f"{elo[bot]:.0f}")
    pairs = Table("pair", *_COLUMNS, title="pairs", title_justify="left")
    for one, other in pairs_of(ranked):
        pairs.add_row(f"{one} - {other}", *_row(standings.between(one, other)))
    return [whole, pairs]


def _row(score: Score) -> tuple[str, ...]:
    found = wilson(score.points, score.games)
    return (
        str(score.games),
        str(score.won),
        str(score.drawn),
        str(score.lost),
        f"{found.share:.0%}",
        f"{found.low:.0%} to {found.high:.0%}",
    )


def as_json(standings: Standings, facts: JsonObject) -> JsonObject:
    """The same, with the facts of the tournament."""
    elo = standings.elo()
    bots = {bot: {**_told(standings.all_of(bot)), "elo": round(elo[bot], 1)} for bot in standings.bots}
    pairs = [{"bots": [one, other], **_told(standings.between(one, other))} for one, other in pairs_of(standings.bots)]
    return {**facts, "bots": bots, "pairs": pairs}


def _told(score: Score) -> JsonObject:
    found = wilson(score.points, score.games)
    return {**asdict(score), "share": round(found.share, 4), "interval": [round(found.low, 4), round(found.high, 4)]}
