"""Events to bytes and back, as they stand in the journal and in the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import cattrs
import orjson

from actors.events import Event
from actors.ports import StoreLostData
from net.codec import faults, make_converter

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_VERSION: Final = 2
"""Raised when an older program could not read what is written now; `decode_event` keeps reading older
ones. 1: until turn clocks came. 2: service time (`clock`), `turn_timeout_seconds`, timeouts, extensions of the turn
clock, draw moves, abandoned games."""

_KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in get_args(Event)}
_converter = make_converter()
_AS_FIELDS: Final = {cls: _converter.get_unstructure_hook(cls) for cls in _KINDS.values()}
"""What the converter would find for each, found once."""


class UnreadableEvent(StoreLostData):
    """What stands in the journal is no event that this program knows: a newer program wrote it, or it is
    damaged.

    To whoever loads a game that is as good as lost: it must not go on. The text names the version, the kind
    and the faulty fields, and no value: values may be hidden game state.
    """


def encode_event(event: Event) -> bytes:
    """The event as JSON: schema version `v`, `kind`, then its fields in order. Raises TypeError when
    something in it is no JSON value."""
    return orjson.dumps({"v": SCHEMA_VERSION, "kind": event.kind, **_AS_FIELDS[type(event)](event)})


def decode_event(data: bytes) -> Event:
    """The event of these bytes, of whatever version up to this program's. Raises UnreadableEvent."""
    try:
        fields: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableEvent("an event that is no JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableEvent("an event that is no JSON object")
    version, kind = fields.pop("v", None), fields.pop("kind", None)
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise UnreadableEvent(_of_another_version(version))
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None or version < _SINCE.get(cls.kind, 1):
        raise UnreadableEvent(f"an event of unknown kind {kind!r}")
    for newer in range(version + 1, SCHEMA_VERSION + 1):
        _UPCASTS[newer](cls.kind, fields)
    try:
        event: Event = _converter.structure(fields, cls)
    except cattrs.BaseValidationError as error:
        raise UnreadableEvent(f"an event of kind {kind!r}, damaged: {'; '.join(faults(error))}") from None
    return event


def _of_another_version(version: object) -> str:
    if type(version) is int and version > SCHEMA_VERSION:
        return (
            f"an event of schema version {version}, which a newer Croupier wrote; this one reads versions up to"
            f" {SCHEMA_VERSION}: go on with the newer one on this store"
        )
    return f"an event of schema version {version!r}; this program reads 1 to {SCHEMA_VERSION}"


# ---- older versions: each step makes the fields of one version those of the next

_SINCE: Final = {"timed_out": 2, "extended": 2, "draw_moved": 2, "abandoned": 2}
"""The version in which a kind of event came; the others were there from the first."""


def _to_version_2(kind: str, fields: dict[str, Any]) -> None:
    """Before there were turn clocks no game had one, and no event knew service time."""
    fields.setdefault("clock", 0.0)
    if kind == "created":
        fields.setdefault("turn_timeout_seconds", None)


_UPCASTS: Final[dict[int, Callable[[str, dict[str, Any]], None]]] = {2: _to_version_2}
