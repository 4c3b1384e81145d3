"""Values compared deeply: a state before a call with the same state after it, one JSON text with another."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import attrs

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_MISSING: Final = "(nothing)"
_PLAIN: Final = (type(None), bool, int, float, str, bytes)


def image(value: Any) -> object:  # noqa: ANN401 - anything that rules may keep
    """What the value is made of, all the way down, in a form of its own: it does not change when the value does, and
    two images are equal when the values are made of the same. Of what it cannot look into it knows the identity."""
    return _image(value, {})


def _image(value: Any, above: dict[int, int]) -> object:  # noqa: ANN401
    kind = type(value)
    if kind is float and not isfinite(value):
        return repr(value)  # what is not a number is not equal to itself
    if kind in _PLAIN or isinstance(value, enum.Enum | type) or callable(value):
        return value if kind in _PLAIN else (kind.__qualname__, str(value))
    if id(value) in above:  # it is a part of itself
        return ("above", above[id(value)])
    above = {**above, id(value): len(above)}
    if isinstance(value, Mapping):
        return (kind.__qualname__, tuple((_image(key, above), _image(one, above)) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return (kind.__qualname__, tuple(_image(one, above) for one in value))
    if isinstance(value, set | frozenset):
        return (kind.__qualname__, frozenset(_image(one, above) for one in value))
    parts = _parts(value)
    if parts is None:
        return (kind.__qualname__, _ADDRESS.sub("", repr(value)))
    return (kind.__qualname__, tuple((name, _image(one, above)) for name, one in parts))


def _parts(value: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401
    if attrs.has(type(value)):
        return [(one.name, getattr(value, one.name)) for one in attrs.fields(type(value))]
    slots = [name for cls in type(value).__mro__ for name in _slots(cls) if hasattr(value, name)]
    held = [*((name, getattr(value, name)) for name in slots), *sorted(getattr(value, "__dict__", {}).items())]
    return held if held or hasattr(value, "__dict__") else None


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def json_fault(value: object, path: str = "$") -> str | None:
    """Where and why this has no JSON that comes back as it went; None when it has."""
    match value:
        case None | bool():
            return None
        case int():
            return None if -(2**63) <= value < 2**63 else f"{path}: a whole number of more than 64 bits"
        case float():
            return None if isfinite(value) else f"{path}: {value} is no number that JSON has"
        case str():
            return None if _is_unicode(value) else f"{path}: a text that is no Unicode"
        case list() | tuple():
            each = (json_fault(one, f"{path}[{n}]") for n, one in enumerate(value))
            return next((fault for fault in each if fault is not None), None)
        case dict():
            for name, one in value.items():
                if type(name) is not str:
                    return f"{path}: the name of a field must be a text, not {type(name).__name__} ({name!r:.40})"
                fault = json_fault(one, f"{path}.{name}")
                if fault is not None:
                    return fault
            return None
        case _:
            return f"{path}: {type(value).__name__} is nothing that JSON has ({value!r:.60})"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def differences(one: Any, other: Any, path: str = "$") -> list[tuple[str, Any, Any]]:  # noqa: ANN401
    """Where two JSON values differ: the path, and what stands there in the one and in the other. Lists of different
    lengths differ in their length as well, objects of another order of fields in that."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for name in {**one, **other}:
            found += differences(one.get(name, _MISSING), other.get(name, _MISSING), f"{path}.{name}")
        if not found and list(one) != list(other):
            found.append((f"{path} (the order of its fields)", list(one), list(other)))
        return found
    if isinstance(one, list) and isinstance(other, list):
        found = [] if len(one) == len(other) else [(f"{path} (its length)", len(one), len(other))]
        for n, (left, right) in enumerate(zip(one, other, strict=False)):
            found += differences(left, right, f"{path}[{n}]")
        return found
    return [] if type(one) is type(other) and one == other else [(path, one, other)]
