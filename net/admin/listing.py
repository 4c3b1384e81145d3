"""Games as the admin pages list and show them: nothing of them that a spectator could not see."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.apart.patience import patiently
from actors.directory import may_be_game_id
from actors.game import RulesFault, ask_rules
from actors.messages import ABSENT, Description
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.recovery import recover
from actors.rules.interface import JsonObject
from actors.standing import Status, described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.standing import Standing
    from net.admin.inside import Inside

MOST: Final = 200
"""Games that a list shows at most; so many of those at rest are looked at."""

_NO_SPECTATORS: Final = "This game has no spectators, so nothing of it is shown to anybody but its players."


@frozen
class Wanted:
    """What a list is to show: games of that status (`any`), whose id or one of whose players begins with `text`."""

    text: str = ""
    status: str = "any"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """What the query of a request asks for."""
        return cls(query.get("text", "").strip()[:64], query.get("status", "any"))

    def admits(self, about: Description) -> bool:
        """Whether the game is one of those."""
        if self.status not in {"any", about.status}:
            return False
        return any(name.startswith(self.text) for name in (about.game_id, *about.players))


@frozen
class Listed:
    """A game in a list. `players` are with whether they are here; `watching` counts the others who follow it, `waiting`
    the messages in its table's mailbox."""

    about: Description
    players: tuple[tuple[str, bool], ...]
    watching: int | None
    waiting: int | None
    in_memory: bool


@frozen
class Shown:
    """One game: a few facts, and its public state, or `why` there is none to show."""

    facts: tuple[tuple[str, str | int], ...]
    suspended: bool = False
    state: JsonObject | None = None
    why: str = ""


async def listed_games(inside: Inside, wanted: Wanted) -> tuple[list[Listed], bool]:
    """The games that are wanted, those in memory first, then the newest at rest; and whether there may be more. Those
    at rest are left out while the store is away."""
    tables = {game_id: (standing, depth) for game_id, standing, depth in inside.tables()}
    games = [
        _in_memory(standing.description, standing, depth)
        for standing, depth in tables.values()
        if standing.description is not None and wanted.admits(standing.description)
    ]
    at_rest = [about for about in await inside.latest_games(MOST) if about.game_id not in tables]
    games += [
        Listed(about, tuple((player, False) for player in about.players), None, None, in_memory=False)
        for about in at_rest
        if wanted.admits(about)
    ]
    return games[:MOST], len(games) > MOST or len(at_rest) >= MOST


def _in_memory(about: Description, standing: Standing, depth: int) -> Listed:
    audience = standing.audience
    here = tuple((player, audience.is_here(seat)) for seat, player in enumerate(about.players))
    watching = max(len(audience) - sum(is_here for _, is_here in here), 0)
    return Listed(about, here, watching, depth, in_memory=True)


async def public_state(inside: Inside, game_id: str) -> Shown | None:
    """The game as a spectator would be shown it; None when there is no such game in the store."""
    if not may_be_game_id(game_id):
        return None
    try:
        found = await recover(game_id, inside.journal, inside.registry, told=None)
    except GameNotFound:
        return None
    except (StoreUnavailable, StoreLostData) as error:
        return Shown((("problem", f"it cannot be read: {type(error).__name__}"),), why="It cannot be read now.")
    created, standing = found.loaded.created, inside.directory.standing(game_id)
    about = standing.description if standing is not None else None
    if about is None:
        about = described(created, Status.RUNNING, found.loaded.last_event_id, None, created.at)
    facts: list[tuple[str, str | int]] = [
        ("rules", f"{created.rules} {created.rules_version}"),
        ("status", about.status),
        ("players", ", ".join(created.players)),
        ("events", found.loaded.last_event_id),
        ("spectators", created.spectators),
        ("in memory", "no" if standing is None else "yes"),
    ]
    suspended = False
    if about.end_reason is not ABSENT:
        facts.append(("ended by", str(about.end_reason)))
    if standing is not None and standing.suspended is not None:
        suspended = True
        facts.append(("suspended", f"{standing.suspended.why} (report {standing.suspended.report_id})"))
    if created.spectators == "none":
        return Shown(tuple(facts), suspended, why=_NO_SPECTATORS)
    if found.game is None or found.at is None:
        return Shown(
            tuple(facts), suspended, why="Its rules, or their version, are not installed, or cannot rebuild it."
        )
    try:
        state = await patiently(partial(ask_rules, found.game.rules.view, found.at.state, None))
    except RulesFault:
        return Shown(tuple(facts), suspended, why="Its rules cannot show it.")
    return Shown(tuple(facts), suspended, state)
