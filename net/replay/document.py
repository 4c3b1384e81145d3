"""A whole game as JSON, from which it can be played through again exactly: what the API gives out of a game that is
over, and the way back to its events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, get_args

import attrs
import cattrs

from actors.events import Acted, Created, DrawMoved, Event, Extended, Resigned, TimedOut
from actors.messages import ABSENT
from net.codec import WrongType, faults, make_converter

if TYPE_CHECKING:
    from actors.messages import Description
    from actors.rules.interface import JsonObject

_KINDS: Final[dict[str, type[Event]]] = {cls.kind: cls for cls in get_args(Event)}
_OF_THE_GAME: Final = tuple(
    field.name for field in attrs.fields(Created) if field.name not in ("event_id", "at", "clock")
)
"""The fields of the creation that stand in the document itself, not in its first event."""

_converter = make_converter()


class BadReplay(ValueError):
    """This is no replay of a game. The text says where it is wrong."""


def description_json(described: Description) -> JsonObject:
    """A game's description with its times as ISO 8601, in UTC."""
    body: JsonObject = {
        "game_id": described.game_id,
        "rules": described.rules,
        "rules_version": described.rules_version,
        "players": list(described.players),
        "status": described.status,
        "event_count": described.event_count,
        "created_at": _iso(described.created_at),
    }
    if described.ended_at is not ABSENT:
        body |= {
            "winner_id": described.winner_id,
            "results": described.results,
            "end_reason": described.end_reason,
            "ended_at": _iso(described.ended_at),
        }
    return body


def replay_json(described: Description, events: tuple[Event, ...]) -> JsonObject:
    """The document of a game that is over: what is publicly known of it, what all chance in it follows from, and what
    its players did. The answers that they got follow from that, and are left out."""
    created = _converter.unstructure(events[0], Created)
    return {
        **description_json(described),
        **{name: created[name] for name in _OF_THE_GAME},
        "events": [_event_json(event) for event in events],
    }


def _event_json(event: Event) -> JsonObject:
    fields = {"event_id": event.event_id, "kind": event.kind, **_converter.unstructure(event, type(event))}
    left_out = _OF_THE_GAME if isinstance(event, Created) else ("answer",)
    for name in left_out:
        fields.pop(name, None)
    if fields.get("message_id", "") is None:
        del fields["message_id"]
    return fields


def parse_replay(document: object) -> tuple[Event, ...]:
    """The events of a document that `replay_json` made, of this version or a later one: fields that are not known are
    passed over. Raises BadReplay."""
    if not isinstance(document, dict) or not isinstance(document.get("events"), list):
        raise BadReplay("it is no object with a list of events")
    events = tuple(_event(number, raw, document) for number, raw in enumerate(document["events"], start=1))
    if not events:
        raise BadReplay("it has no events")
    return events


def _event(number: int, raw: object, document: JsonObject) -> Event:
    where = f"event {number}"
    if not isinstance(raw, dict):
        raise BadReplay(f"{where} is no object")
    cls = _KINDS.get(raw["kind"]) if isinstance(raw.get("kind"), str) else None
    if cls is None or (cls is Created) != (number == 1):
        raise BadReplay(f"{where} is of a kind that is not known, or that does not belong there")
    given = {**document, **raw} if cls is Created else raw
    known = {field.name: given[field.name] for field in attrs.fields(cls) if field.name in given}
    try:
        event: Event = _converter.structure(known, cls)
    except (cattrs.BaseValidationError, WrongType) as error:
        raise BadReplay(f"{where}: {'; '.join(faults(error))}") from None
    if event.event_id != number:
        raise BadReplay(f"{where} says that it is event {event.event_id}")
    strangers = set(_who(event)).difference(_list(document.get("players")))
    if strangers:
        raise BadReplay(f"{where} is of somebody who is no player")
    return event


def _who(event: Event) -> tuple[str, ...]:
    match event:
        case Acted() | Resigned() | Extended() | DrawMoved():
            return (event.player_id,)
        case TimedOut():
            return event.players
        case _:
            return ()


def _list(value: Any) -> list[object]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else []


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
