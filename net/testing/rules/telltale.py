"""Which differences between two games betray something: what a viewer is told of a moment that is, to all that they may
know, the same in both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from net.testing.rules.games import in_json
from net.testing.rules.pairs import Moment
from net.testing.rules.sight import Told, private_differences, refusals, told

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.testing.rules.sight import Diff

_INDEX: Final = re.compile(r"\[\d+\]")
_CHANGE: Final = re.compile(r"\$\.changes\[(\d+)\]")
_OF_THE_EVENT: Final = ("$.changes", "$.pending_forced_action", "the answer's")
_MISSING: Final = "(nothing)"


@frozen
class Telltale:
    """Something that betrays: to whom, where, what stands there in either game, and why it must not."""

    viewer: int | None
    path: str
    one: Any
    other: Any
    why: str
    advice: str
    number: int = 0
    """After how many moves."""
    kept_at: str = ""
    """Of a copy: the place where the seat whose secret it is sees it."""

    @property
    def place(self) -> str:
        """The path with every index left out."""
        return general(self.path)


def general(path: str) -> str:
    """The path with every index left out: `$.hands[*]`."""
    return _INDEX.sub("[*]", path)


def whom(viewer: int | None) -> str:
    """The viewer in words."""
    return "a spectator" if viewer is None else f"seat {viewer}"


@define
class Watch:
    """Goes through a pair of games moment by moment, and says what betrays. `may_show` are places that may show to all
    what some seat alone is shown elsewhere.

    `hidden` says up to which move each viewer could not know which of both games it is, though they were different.
    `secrets` are the places where some seat was told something otherwise that others were not (and whether that is held
    against spectators, or seats), `copies` those that somebody was shown all the same: in one pair that may be chance.
    """

    viewers: Sequence[int | None]
    may_show: Sequence[str] = ()
    hidden: dict[int | None, int] = field(factory=dict)
    secrets: set[tuple[str, bool]] = field(factory=set)
    copies: list[Telltale] = field(factory=list)
    _informed: set[int | None] = field(factory=set)
    _former: Moment | None = None

    @property
    def over(self) -> bool:
        """Whether everybody knows."""
        return len(self._informed) == len(self.viewers)

    def look(self, moment: Moment, probes: Sequence[JsonObject]) -> Telltale | None:
        """What betrays in this moment, if something does. Raises RulesFault."""
        seen = _Seen(moment)
        different, before = not self.over and not moment.same, set(self._informed)
        for viewer in self.viewers:
            if viewer not in self._informed:
                found = self._look(moment, seen, viewer, probes if different else ())
                if found is not None:
                    return found
                if different and viewer not in self._informed:
                    self.hidden[viewer] = moment.number
        if all(at.ended is None for at in moment.at):  # else everything may be shown
            self._look_for_copies(moment, seen, self._informed - before)
        self._former = moment
        return None

    def _look(self, moment: Moment, seen: _Seen, viewer: int | None, probes: Sequence[JsonObject]) -> Telltale | None:
        mine = seen.by(viewer)
        if mine.knows:
            self._informed.add(viewer)
        elif mine.other:
            if not self._in_the_open(moment, seen, mine):
                return _betrayal(moment, viewer, mine.other[0])
            self._informed.add(viewer)
        elif viewer is not None and probes and (answers := refusals(moment, viewer, probes)):
            return _betrayal(moment, viewer, answers[0])
        return None

    def _in_the_open(self, moment: Moment, seen: _Seen, mine: Told) -> bool:
        """Whether this is something that all are told, a roll of dice; and nothing that any seat alone is shown, or it
        may be."""
        public = seen.by(None)
        if not public.other or not all(path.startswith(_OF_THE_EVENT) for path, _, _ in mine.other):
            return False
        if public.knows or all(self._may(moment, path) for path, _, _ in public.other):
            return True
        return not any(seen.by(viewer).knows for viewer in self.viewers if viewer is not None)

    def _look_for_copies(self, moment: Moment, seen: _Seen, new: set[int | None]) -> None:
        """Whether a viewer sees the very thing that a seat is shown where others are not; of what its view has, at the
        moment when that is first so: later it may have been revealed."""
        for owner in (viewer for viewer in self.viewers if viewer is not None):
            secrets: Diff = []
            if private_differences(moment, owner):
                secrets += [one for one in seen.by(owner).mine if _CHANGE.match(one[0])]
            if owner in new:
                secrets += _hidden_part(moment, seen.by(owner))
            if secrets:  # what a change of this very step tells all has been turned up
                told_all = [(in_json(a), in_json(b)) for path, a, b in seen.by(None).other if _CHANGE.match(path)]
                secrets = [one for one in secrets if (in_json(one[1]), in_json(one[2])) not in told_all]
            for secret in secrets:
                self._compare(moment, owner, secret, seen)

    def _compare(self, moment: Moment, owner: int, secret: tuple[str, Any, Any], seen: _Seen) -> None:
        path, a, b = secret
        if not (_is_telling(a) and _is_telling(b)) or " (" in path:  # how many there are may be known
            return
        kept_at = place_in(moment, path) if _CHANGE.match(path) else path
        former = [] if self._former is None else told(self._former, None).state
        for viewer in self.viewers:
            if viewer == owner:
                continue
            self.secrets.add((kept_at, viewer is None))
            for place, one, other in (*seen.by(viewer).state, *(former if viewer is None else ())):
                if (one, other) == (a, b) and not self._may(moment, place):
                    self.copies.append(_copy(moment, viewer, (place, a, b), owner, path, kept_at))

    def _may(self, moment: Moment, path: str) -> bool:
        return any(place_in(moment, path).startswith(general(one)) for one in self.may_show)


@define
class _Seen:
    """What each viewer is told otherwise in this moment, looked at when it is asked for."""

    moment: Moment
    _told: dict[int | None, Told] = field(factory=dict)

    def by(self, viewer: int | None) -> Told:
        """This viewer's."""
        if viewer not in self._told:
            self._told[viewer] = told(self.moment, viewer)
        return self._told[viewer]


def place_in(moment: Moment, path: str) -> str:
    """The place: the path with every index left out, and each change called by its type: `$.changes[found].card`."""
    number = _CHANGE.match(path)
    if number is None or int(number[1]) >= len(moment.at[0].changes):
        return general(path)
    kind = moment.at[0].changes[int(number[1])].public.get("type")
    return general(f"$.changes[{kind}]{path[number.end() :]}")


def _hidden_part(moment: Moment, owner: Told) -> Diff:
    """Where the owner's view is different in a part of it that spectators do not have at all."""
    rules = moment.games[0].rules
    public = rules.view(moment.at[0].state, None)
    return [(f"view: {path}", a, b) for path, a, b in owner.state if _at(public, path) is _MISSING]


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.split(" ")[0]):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _MISSING
    return value


def _is_telling(value: object) -> bool:
    return not isinstance(value, bool | None) and value != _MISSING


def _copy(
    moment: Moment, viewer: int | None, shown: tuple[str, Any, Any], owner: int, path: str, kept_at: str
) -> Telltale:
    place, one, other = shown
    return Telltale(
        viewer,
        place,
        one,
        other,
        f"{whom(viewer)} sees in view at {place} what seat {owner} is shown at {path}, where others are not: "
        f"{in_json(one, most=60)} in one game, {in_json(other, most=60)} in the other",
        "leave it out of what others see; or, if all may know it, leave it out of what is private, or say so: "
        f"may_show=[{place_in(moment, place)!r}]",
        number=moment.number,
        kept_at=kept_at,
    )


def _betrayal(moment: Moment, viewer: int | None, difference: tuple[str, Any, Any]) -> Telltale:
    path, one, other = difference
    return Telltale(
        viewer,
        path,
        one,
        other,
        f"to all that {whom(viewer)} may know these are the same game, and yet {path} is {in_json(one, most=120)} in "
        f"one and {in_json(other, most=120)} in the other",
        "let what they are told depend on nothing that their view does not show them"
        + (f"; or, if all may know it, say so: may_show=[{place_in(moment, path)!r}]" if _CHANGE.match(path) else ""),
        number=moment.number,
    )
