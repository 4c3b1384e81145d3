"""A moment of a replay as lines of text: for the screen, and for pipes. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from rich.text import Text

from net.demo.felt import coloured
from net.demo.words import CRAZY_EIGHTS, in_words, outcome, short
from net.replay.projector import HELP, HELP_IN_ASCII

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.rules.interface import JsonObject
    from net.demo.words import Glyphs
    from net.replay.projector import Projector
    from net.replay.reel import Reel, Sight, Viewer

_WIDE: Final = 100
"""Columns that a JSON value may take before it is broken into lines."""

_AROUND: Final = 4
"""Rows of the screen that are not the game's: two above it and two below."""

_OF_CARDS: Final = {"seats", "top", "suit", "stock"}

_PERSON: Final = 36
"""Characters of a UUID; the first eight tell people apart."""


def title(reel: Reel) -> Text:
    """What is shown: the game, its rules, its players."""
    created = reel.game.created
    who = ", ".join(reel.players)
    return Text.assemble((created.game_id, "bold"), f"  {created.rules} {created.rules_version}  {short(who)}")


def block(reel: Reel, event_id: int, viewer: Viewer, glyphs: Glyphs) -> list[Text]:
    """One event, and the game after it, as this viewer saw it."""
    lines = [_headline(reel, event_id)]
    told = reel.told(event_id, viewer)
    if told is not None:
        lines.append(Text(f"  {_json(told)}"))
    for sight in reel.seen(event_id, viewer):
        if viewer.sees_all:
            lines.append(Text(f"  seen by {_eyes(reel, sight)}:", style="bold"))
        lines += _sight(reel, sight, glyphs)
    return lines


@frozen
class Screen:
    """All that the terminal shows; `scroll` is how many lines are above it, as far as there are so many."""

    text: Text
    scroll: int


def screen(reel: Reel, projector: Projector, width: int, height: int, glyphs: Glyphs) -> Screen:
    """What the terminal shows, in that many columns and rows."""
    viewer = reel.viewers[projector.viewer]
    body = block(reel, projector.at, viewer, glyphs)
    room = max(height - _AROUND, 1)
    scroll = min(projector.scroll, max(0, len(body) - room))
    shown = body[scroll : scroll + room]
    more = f"  lines {scroll + 1} to {scroll + len(shown)} of {len(body)}" if len(body) > room else ""
    help_line = Text(HELP_IN_ASCII if glyphs.ascii else HELP, style="dim")
    empty = [Text()] * (room - len(shown))
    lines = [title(reel), Text(), *shown, *empty, _status(projector, viewer, more), help_line]
    for line in lines:
        line.truncate(width, overflow="crop" if glyphs.ascii else "ellipsis")
    return Screen(Text("\n").join(lines[:height]), scroll)


# ---- the parts


def _headline(reel: Reel, event_id: int) -> Text:
    event = reel.events[event_id - 1]
    at = datetime.fromtimestamp(event.at, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "")
    players, did = reel.who(event_id)
    what = f"{' and '.join(map(short, players))} {did}".lstrip()
    return Text.assemble((f"event {event_id} of {len(reel.events)}", "bold"), f"  {at} UTC  {what}")


def _status(projector: Projector, viewer: Viewer, more: str) -> Text:
    if projector.typed is not None:
        return Text(f"go to event: {projector.typed}_", style="bold")
    doing = "playing" if projector.playing else "the end" if projector.at == projector.last else "paused"
    return Text.assemble((f"{doing}", "bold"), f"  {projector.speed:g} a second  as {short(viewer.name)}{more}")


def _eyes(reel: Reel, sight: Sight) -> str:
    return "a spectator" if sight.seat is None else f"{short(reel.players[sight.seat])} (seat {sight.seat})"


def _sight(reel: Reel, sight: Sight, glyphs: Glyphs) -> list[Text]:
    if sight.view is None:
        return [Text("    the rules fail to show it", style="red")]
    names, rules = _names(reel.players), reel.game.created.rules
    lines = [
        coloured(Text(f"    {in_words(change, rules, names, glyphs)}"))
        for change in sight.view.get("changes", ())
    ]  # fmt: skip
    known = rules == CRAZY_EIGHTS and sight.view["state"].keys() >= _OF_CARDS
    lines += eights(sight.view, sight.seat, names, glyphs) if known else _fields(sight.view)
    if sight.view.get("pending_forced_action"):
        lines.append(Text(f"    must: {_json(sight.view['pending_forced_action'])}"))
    if sight.view["game_over"]:
        lines.append(Text(f"    {_ending(sight.view, reel.players, names)}", style="bold green"))
    return lines


def _names(players: Sequence[str]) -> tuple[str, ...]:
    """What the players are called where there is little room; never two of them the same."""
    shortened = [player[:8] if len(player) == _PERSON else player for player in players]
    return tuple(map(short, shortened if len(set(shortened)) == len(players) else players))


def _ending(view: JsonObject, players: Sequence[str], names: Sequence[str]) -> str:
    winner = view.get("winner_id")
    how = outcome(None if winner is None else names[players.index(winner)], short(view.get("end_reason", "")))
    scores = "  ".join(f"{name} {view['results'][player]:g}" for player, name in zip(players, names, strict=True))
    return f"{how}: {scores}"


def _acting(view: JsonObject) -> set[str]:
    return set(view["to_act"])


def eights(view: JsonObject, viewer: int | None, names: Sequence[str], glyphs: Glyphs) -> list[Text]:
    """The table of a game of Crazy Eights: every hand that the viewer in this seat may see, and the backs of the
    others."""
    state = view["state"]
    width = max(map(len, names))
    lines = []
    for seat, player in enumerate(view["players"]):
        held = state["seats"][seat]
        hand = held.get("hand", state.get("hand") if seat == viewer else None)
        cards = " ".join(map(glyphs.card, hand)) if hand is not None else glyphs.back * held["cards"]
        mark = ">" if player["id"] in _acting(view) else " "
        lines.append(coloured(Text(f"  {mark} {names[seat]:<{width}}  {held['cards']:>2}  {cards}")))
    suit = glyphs.suit(state["suit"]) if state["suit"] is not None else "being chosen"
    lines.append(coloured(Text(f"    top card {glyphs.card(state['top'])}   suit {suit}   stock {state['stock']}")))
    return lines


def _fields(view: JsonObject) -> list[Text]:
    """The view of any game, as it stands."""
    lines = [Text(f"    to act: {', '.join(map(short, view['to_act']))}")] if view["to_act"] else []
    return [*lines, *(Text(f"    {line}") for line in pretty(view["state"]))]


# ---- JSON


def pretty(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """JSON as people read it: what fits on a line stands on one, the rest is indented below its name."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _item(f"{short(name)}:", inner)
    elif isinstance(value, list) and value and len(_json(value)) > _WIDE:
        for inner in value:
            yield from _item("-", inner)
    else:
        yield _json(value)


def _item(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    line = f"{name} {_json(value)}"
    if len(line) <= _WIDE or not isinstance(value, dict | list):
        yield line
    else:
        yield name
        yield from (f"  {inner}" for inner in pretty(value))


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(value, ensure_ascii=False)
    # What the rules show is no terminal's to obey: no control character goes out.
    return text if text.isprintable() else json.dumps(value)
