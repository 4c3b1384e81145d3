"""What turns one JSON value into another, as a JSON Patch (RFC 6902). Pure, and exact: the patch leads to the very
bytes of the other, the order of its members and the form of its numbers among them.

Of the operations, `add`, `remove` and `replace` are used, which every implementation has. Values are what a JSON parser
gives: dicts, lists, texts, numbers, true, false and null.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from typing import Any, Final, TypeAlias

import orjson

Operation: TypeAlias = "dict[str, Any]"
Json: TypeAlias = Any

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""Types whose `==` is as exact as their JSON; that of floats is not, for `0.0 == -0.0`."""


def make_patch(before: Json, after: Json) -> list[Operation]:
    """The operations that lead from the one to the other, in order. Neither is changed; they may share parts with what
    is returned."""
    return _between("", before, after)


def _between(path: str, before: Json, after: Json) -> list[Operation]:
    if _same(before, after):
        return []
    if type(before) is dict and type(after) is dict:
        found = _members(path, before, after)
    elif type(before) is list and type(after) is list:
        found = _elements(path, before, after)
    else:
        return [_replace(path, after)]
    whole = [_replace(path, after)]
    return whole if len(found) > 1 and len(orjson.dumps(found)) > len(orjson.dumps(whole)) else found


def _same(one: Json, other: Json) -> bool:
    """Whether these are the same JSON, to the byte: `1` is neither `true` nor `1.0`."""
    kind = type(one)
    if kind is not type(other):
        return False
    return bool(one == other) if kind in _PLAIN else orjson.dumps(one) == orjson.dumps(other)


def _members(path: str, before: dict[str, Json], after: dict[str, Json]) -> list[Operation]:
    """A member that is added comes last, so those that must come behind it are taken out and added again."""
    stay: list[str] = []
    of_both = (name for name in before if name in after)
    for name, wanted in zip(of_both, after, strict=False):
        if name != wanted:
            break
        stay.append(name)
    kept = set(stay)
    found: list[Operation] = [{"op": "remove", "path": _below(path, name)} for name in before if name not in kept]
    for name in stay:
        found += _between(_below(path, name), before[name], after[name])
    found += [
        {"op": "add", "path": _below(path, name), "value": after[name]} for name in islice(after, len(stay), None)
    ]
    return found


def _elements(path: str, before: list[Json], after: list[Json]) -> list[Operation]:
    """From the end to the beginning, so that the places of what is still to be done stand as they were."""
    found: list[Operation] = []
    for (first, last), (new_first, new_last) in reversed(_gaps(before, after)):
        pairs = min(last - first, new_last - new_first)
        found += [{"op": "remove", "path": f"{path}/{at}"} for at in range(last - 1, first + pairs - 1, -1)]
        found += [
            {"op": "add", "path": f"{path}/{first + number}", "value": after[new_first + number]}
            for number in range(pairs, new_last - new_first)
        ]
        for number in range(pairs):
            found += _between(f"{path}/{first + number}", before[first + number], after[new_first + number])
    return found


def _gaps(before: list[Json], after: list[Json]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where two lists differ: pairs of ranges, between elements that both have in the same order."""
    gaps: list[tuple[tuple[int, int], tuple[int, int]]] = []
    at = new_at = 0
    for here, there in [*_in_common(before, after), (len(before), len(after))]:
        if here > at or there > new_at:
            gaps.append(((at, here), (new_at, there)))
        at, new_at = here + 1, there + 1
    return gaps


def _in_common(before: list[Json], after: list[Json]) -> list[tuple[int, int]]:
    """Places of elements that are the same, rising in both lists: as many as there are, but that of elements that occur
    several times the first is matched with the first, and so on."""
    places: dict[bytes, list[int]] = {}
    for at in range(len(before) - 1, -1, -1):
        places.setdefault(orjson.dumps(before[at]), []).append(at)
    # The longest rising sequence (Schensted): `ends[n]` is the lowest place at which one of n + 1 elements ends.
    ends: list[int] = []
    chosen: list[tuple[int, int]] = []
    links: list[int] = []
    tops: list[int] = []
    for there, element in enumerate(after):
        where = places.get(orjson.dumps(element))
        if not where:
            continue
        here = where.pop()
        length = bisect_left(ends, here)
        links.append(tops[length - 1] if length else -1)
        number = len(chosen)
        chosen.append((here, there))
        if length == len(ends):
            ends.append(here)
            tops.append(number)
        else:
            ends[length], tops[length] = here, number
    pairs: list[tuple[int, int]] = []
    number = tops[-1] if tops else -1
    while number >= 0:
        pairs.append(chosen[number])
        number = links[number]
    return pairs[::-1]


def _below(path: str, name: str) -> str:
    """The JSON Pointer (RFC 6901) to a member."""
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"


def _replace(path: str, value: Json) -> Operation:
    return {"op": "replace", "path": path, "value": value}
