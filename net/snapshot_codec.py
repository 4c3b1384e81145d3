"""Snapshots to bytes and back, as they stand in the store.

A snapshot is JSON that begins with its schema version and its event: `{"v":1,"event_id":120,…`. That beginning is
part of the format in every version: the scripts in `net.store_scripts` read the event from it, and nothing else.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from actors.snapshot import Snapshot

SCHEMA_VERSION: Final = 1
"""Raised when what is written now means something else than it did. A snapshot of another version is no loss: whoever
reads it leaves it aside, and replays the events."""

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "event_id": int,
    "at": (int, float),
    "game_id": str,
    "rules": str,
    "rules_version": str,
    "chance_position": int,
    "state": dict,
    "deadline": (int, float, type(None)),
    "extended": list,
    "agreed": list,
    "declined": list,
    "offered_at": int,
    "answered": list,
}

_NUMBERS: Final[dict[str, tuple[type, ...]]] = {"extended": (int, float), "agreed": (int,), "declined": (int,)}


class UnreadableSnapshot(Exception):
    """What stands there is no snapshot that this program knows. The text holds no value: values may be hidden game
    state."""


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot as JSON. Raises TypeError when something in it is no JSON value."""
    return orjson.dumps(
        {
            "v": SCHEMA_VERSION,
            "event_id": snapshot.event_id,
            "at": snapshot.at,
            "game_id": snapshot.game_id,
            "rules": snapshot.rules,
            "rules_version": snapshot.rules_version,
            "chance_position": snapshot.chance_position,
            "deadline": snapshot.deadline,
            "extended": snapshot.extended,
            "agreed": snapshot.agreed,
            "declined": snapshot.declined,
            "offered_at": snapshot.offered_at,
            "state": snapshot.state,
            "answered": snapshot.answered,
        }
    )


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot of these bytes. Raises UnreadableSnapshot."""
    try:
        fields: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableSnapshot("a snapshot that is no JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableSnapshot("a snapshot that is no JSON object")
    version = fields.pop("v", None)
    if type(version) is not int or version != SCHEMA_VERSION:
        raise UnreadableSnapshot(f"a snapshot of schema version {version!r}; this program reads {SCHEMA_VERSION}")
    wrong = sorted(fields.keys() ^ _TYPES.keys()) or [
        name for name, kind in _TYPES.items() if not isinstance(fields[name], kind) or isinstance(fields[name], bool)
    ]
    if wrong:
        raise UnreadableSnapshot(f"a snapshot, damaged: {', '.join(wrong)}")
    fields["answered"] = tuple(_request(item) for item in fields["answered"])
    for name, kinds in _NUMBERS.items():
        if not all(type(item) in kinds for item in fields[name]):
            raise UnreadableSnapshot(f"a snapshot, damaged: {name}")
        fields[name] = tuple(fields[name])
    return Snapshot(**fields)


def _request(item: object) -> tuple[str, str, int]:
    match item:
        case [str(user_id), str(message_id), int(event_id)] if not isinstance(event_id, bool):
            return user_id, message_id, event_id
        case _:
            raise UnreadableSnapshot("a snapshot, damaged: answered")
