"""The games that a check plays: every number of players, the defaults first, then what else the options allow."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final

from actors.rules.chance import Chance, key_of
from actors.rules.interface import is_native
from actors.rules.validation import BadOptions, checked_options
from net.testing.rules.games import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.rules.interface import AnyRules, JsonObject

_MOST_SIZES: Final = 6
_SHIFT: Final = 3
"""Of four settings one has the default options."""


def settings(
    rules: AnyRules,
    seed: int,
    how_many: int,
    *,
    players: Sequence[int] | None = None,
    options: Sequence[JsonObject] | None = None,
) -> list[Setting]:
    """So many settings, always the same for a seed. Raises BadOptions for options that the schema does not allow."""
    given = None if options is None else [checked_options(rules, one) for one in options]
    return list(islice(_settings(rules, seed, sizes(rules) if players is None else players, given), how_many))


def sizes(rules: AnyRules) -> list[int]:
    """Every number of players; of very many the fewest, the most and some between."""
    each = list(range(rules.min_players, rules.max_players + 1))
    if len(each) <= _MOST_SIZES:
        return each
    return sorted({*each[:3], each[len(each) // 2], *each[-2:]})


def _settings(
    rules: AnyRules, seed: int, players: Sequence[int], given: Sequence[JsonObject] | None
) -> Iterator[Setting]:
    pick = Chance(key_of(f"settings {seed}"))
    defaults = checked_options(rules, {})
    for number in count():
        size = players[number % len(players)]
        if given is not None:
            options = given[(number // len(players)) % len(given)]
        elif (number // len(players)) % (_SHIFT + 1) == 0 or is_native(rules):  # native code may end the process
            options = defaults
        else:
            options = any_options(rules, pick)
            options = options if _can_be_dealt(rules, size, options) else defaults
        yield Setting(size, options, f"{seed}.{number}")


def _can_be_dealt(rules: AnyRules, players: int, options: JsonObject) -> bool:
    """Whether the rules do not say that these options do not go together, which they may."""
    try:
        rules.set_up(players, checked_options(rules, options), Chance(b"any"))
    except BadOptions:
        return False
    except Exception:  # that is for whoever looks at what they may raise
        return True
    return True


def any_options(rules: AnyRules, pick: Chance) -> JsonObject:
    """Options at random that the schema allows: each at its default, or at one of the values that its schema names or
    bounds. Where those do not go together, the defaults."""
    properties: JsonObject = rules.options_schema.get("properties", {})
    chosen = {name: pick.choice([one["default"], *values_of(one)]) for name, one in properties.items()}
    try:
        return checked_options(rules, chosen)
    except BadOptions:
        return checked_options(rules, {})


def values_of(schema: JsonObject) -> list[Any]:
    """Values of an option that its schema names or bounds; none where it does neither."""
    if "enum" in schema:
        return list(schema["enum"])
    kinds = schema.get("type")
    values: list[Any] = []
    for kind in [kinds] if isinstance(kinds, str) else kinds or []:
        match kind:
            case "boolean":
                values += [False, True]
            case "null":
                values.append(None)
            case "integer" | "number":
                values += [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
            case _:
                pass
    return values
