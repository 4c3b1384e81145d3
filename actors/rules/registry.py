"""Finds rules: those that ship, and those that installed packages offer through the entry-point group
`croupier.rules`. An entry point loads to a Rules object, or to an iterable of them (several versions of one
game, for instance).

A game is played to its end by the version it began with, so every version that unfinished games may need has
to stay installed; new games get the latest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib import metadata
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

from actors.rules.crazy_eights import CrazyEights, FirstCrazyEights
from actors.rules.duel import Duel
from actors.rules.interface import is_native
from actors.rules.openspiel import OpenSpielFamily
from actors.rules.validation import InvalidRules, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.rules.interface import AnyRules

GROUP: Final = "croupier.rules"

_MOST_PER_ENTRY_POINT: Final = 100

_log = logging.getLogger(__name__)


class UnknownRules(LookupError):
    """There are no rules of this name; `known` are the names that there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there are no rules named {name!r}; there are {', '.join(known) or 'none'}")
        self.name = name
        self.known = known


class RulesVersionMissing(LookupError):
    """The rules are there, but not in this version; `known` are the versions that there are, oldest first."""

    def __init__(self, name: str, version: str, known: tuple[str, ...]) -> None:
        super().__init__(f"version {version!r} of {name} is not installed; installed are {', '.join(known)}")
        self.name = name
        self.version = version
        self.known = known


@frozen
class Problem:
    """Why an entry point, or one of the rules that it loads to, is left out."""

    entry_point: str
    reason: str


class Family(Protocol):
    """Rules of which there are many, so that each is made when it is first asked for: those named `prefix:NAME`."""

    prefix: str

    def rules(self, name: str) -> AnyRules | None:
        """The rules of this NAME; None when there are none."""

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        """The whole names of those rules that are to be listed, of these."""


class Registry:
    """The rules that games can be made of. It does not change after it was made.

    Iterating gives the latest version of each, by name; of a family only those that are `listed`.
    """

    def __init__(
        self,
        rules: Iterable[AnyRules] = (),
        problems: Iterable[Problem] = (),
        *,
        families: Iterable[Family] = (),
        listed: tuple[str, ...] = (),
    ) -> None:
        """Raises InvalidRules when one of the rules is faulty, or there twice."""
        self._versions: dict[str, dict[str, AnyRules]] = {}
        self._families = {family.prefix: family for family in families}
        self._of_families: dict[str, dict[str, AnyRules]] = {}
        self._listed = listed
        self._stand_in: Callable[[AnyRules], AnyRules] | None = None
        for one in rules:
            self._add(one)
        self.problems: tuple[Problem, ...] = tuple(problems)

    @classmethod
    def built_in(cls, listed: tuple[str, ...] = ()) -> Registry:
        """The games that ship, and OpenSpiel's where that is installed, of which these are listed. They are not checked
        at each start: the tests do that."""
        registry = cls(families=(OpenSpielFamily(),), listed=listed)
        for rules in (FirstCrazyEights(), CrazyEights(), Duel()):
            registry._take(rules)
        return registry

    @classmethod
    def discover(cls, besides: Iterable[AnyRules] = (), *, listed: tuple[str, ...] = ()) -> Registry:
        """The games that ship, those of the installed packages, and these besides. Of OpenSpiel's games the `listed`
        are among those that are iterated over.

        A plug-in that does not load is left out, logged, and told of in `problems`; so are rules that are
        faulty, or of a name and version that are already taken. Raises InvalidRules for those that are given.
        """
        registry = cls.built_in(listed)
        for rules in besides:
            registry._add(rules)
        problems: list[Problem] = []
        for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
            problems += registry._add_plug_in(entry_point)
        registry.problems = tuple(problems)
        for problem in problems:
            _log.error("rules plug-in %s: %s", problem.entry_point, problem.reason)
        return registry

    def with_native(self, stand_in: Callable[[AnyRules], AnyRules]) -> Registry:
        """The same rules, but for those in native code, each of which has this one stand in for it."""
        registry = Registry(problems=self.problems, families=self._families.values(), listed=self._listed)
        registry._stand_in = stand_in
        for versions in self._versions.values():
            for rules in versions.values():
                registry._take(stand_in(rules) if is_native(rules) else rules)
        return registry

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which games can be made, sorted; of a family only those that are listed."""
        listed = [name for family in self._families.values() for name in family.names(self._listed)]
        return tuple(sorted([*self._versions, *listed]))

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of these rules, oldest first. Raises UnknownRules."""
        return tuple(sorted(self._named(name), key=_order))

    def latest(self, name: str) -> AnyRules:
        """The rules that a new game of this name is played by. Raises UnknownRules."""
        return self._named(name)[self.versions(name)[-1]]

    def find(self, name: str, version: str) -> AnyRules:
        """The rules that a game began with. Raises UnknownRules, RulesVersionMissing."""
        found = self._named(name).get(version)
        if found is None:
            raise RulesVersionMissing(name, version, self.versions(name))
        return found

    def __iter__(self) -> Iterator[AnyRules]:
        return (self.latest(name) for name in self.names)

    def _named(self, name: str) -> Mapping[str, AnyRules]:
        versions = self._versions.get(name) or self._of_families.get(name) or self._of_a_family(name)
        if versions is None:
            raise UnknownRules(name, self.names)
        return versions

    def _of_a_family(self, name: str) -> Mapping[str, AnyRules] | None:
        prefix, _, of_family = name.partition(":")
        family = self._families.get(prefix)
        rules = None if family is None else family.rules(of_family)
        if rules is None:
            return None
        if self._stand_in is not None and is_native(rules):
            rules = self._stand_in(rules)
        found = self._of_families[name] = {rules.version: rules}
        return found

    def _add(self, rules: object) -> None:
        self._take(validate(rules))

    def _take(self, rules: AnyRules) -> None:
        versions = self._versions.setdefault(rules.name, {})
        if rules.version in versions:
            raise InvalidRules(f"{rules.name} {rules.version} is already there")
        versions[rules.version] = rules

    def _add_plug_in(self, entry_point: metadata.EntryPoint) -> list[Problem]:
        problems = []
        # Importing foreign code can raise anything, and a script's sys.exit() must not end the server.
        try:
            loaded = _each(entry_point.load())
        except (Exception, SystemExit) as error:
            return [Problem(entry_point.name, f"does not load: {_in_a_line(error)}")]
        for one in loaded:
            try:
                self._add(one)
            except InvalidRules as error:
                problems.append(Problem(entry_point.name, str(error)))
        return problems


def _each(loaded: object) -> list[object]:
    """What an entry point loaded to, one by one. Raises what the iterable raises; ValueError for too many."""
    if isinstance(loaded, type) or callable(getattr(loaded, "set_up", None)):
        return [loaded]
    if not isinstance(loaded, Iterable) or isinstance(loaded, str | bytes | Mapping):
        return [loaded]
    each = list(islice(loaded, _MOST_PER_ENTRY_POINT + 1))
    if len(each) > _MOST_PER_ENTRY_POINT:
        raise ValueError(f"more than {_MOST_PER_ENTRY_POINT} rules")
    return each


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
