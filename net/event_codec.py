"""Events to bytes and back, as they stand in the journal and in the archive."""

from __future__ import annotations

from typing import Any, Final, get_args

import cattrs
import orjson

from actors.events import Event
from actors.ports import StoreLostData
from net.codec import faults, make_converter

SCHEMA_VERSION: Final = 1
"""Raised when an older program could not read what is written now; `decode_event` keeps reading older
ones."""

_KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in get_args(Event)}
_converter = make_converter()


class UnreadableEvent(StoreLostData):
    """What stands in the journal is no event that this program knows: a newer program wrote it, or it is
    damaged.

    To whoever loads a game that is as good as lost: it must not go on. The text names the version, the kind
    and the faulty fields, and no value: values may be hidden game state.
    """


def encode_event(event: Event) -> bytes:
    """The event as JSON: schema version `v`, `kind`, then its fields in order. Raises TypeError when
    something in it is no JSON value."""
    return orjson.dumps({"v": SCHEMA_VERSION, "kind": event.kind, **_converter.unstructure(event)})


def decode_event(data: bytes) -> Event:
    """The event of these bytes. Raises UnreadableEvent."""
    try:
        fields: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableEvent("an event that is no JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableEvent("an event that is no JSON object")
    version, kind = fields.pop("v", None), fields.pop("kind", None)
    if type(version) is not int or version != SCHEMA_VERSION:
        raise UnreadableEvent(f"an event of schema version {version!r}; this program reads {SCHEMA_VERSION}")
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise UnreadableEvent(f"an event of unknown kind {kind!r}")
    try:
        event: Event = _converter.structure(fields, cls)
    except cattrs.BaseValidationError as error:
        raise UnreadableEvent(f"an event of kind {kind!r}, damaged: {'; '.join(faults(error))}") from None
    return event
