"""One position of one game under examination: every call is made twice and watched, and what it raises is told."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from attrs import define, field

from actors.game import Game, Position
from actors.rules.chance import Chance
from actors.rules.interface import IllegalAction, MalformedAction
from net.testing.rules.broken import Finding
from net.testing.rules.images import image
from net.testing.rules.spying import Spy

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules


class Found(Exception):
    """A property does not hold."""

    def __init__(self, property_: str, seen: str, advice: str, *, kind: str = "") -> None:
        super().__init__(seen)
        self.finding = Finding(property_, seen, advice, kind=kind)


@define
class Case:
    """A position, and the ways to ask the rules about it. Each raises Found when a call does what none may do."""

    game: Game
    at: Position
    state: Any
    spy: Spy = field(factory=Spy)
    _before: object = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._before = image(self.state)

    @classmethod
    def of(cls, game: Game, at: Position) -> Case:
        """The case of this position."""
        return cls(game, at, at.state)

    @property
    def rules(self) -> AnyRules:
        """The rules under examination."""
        return self.game.rules

    @property
    def seats(self) -> range:
        """Every seat of the game."""
        return range(len(self.game.created.players))

    def chance(self) -> Chance:
        """The game's chance as the next step finds it."""
        return Chance(self.game.key, self.at.chance_position)

    def ask(self, name: str, *args: Any) -> Any:  # noqa: ANN401 - what the rules say
        """What a function that may raise nothing returns."""
        return self._twice(name, args, refusals=())

    def submit(self, name: str, *args: Any) -> Any:  # noqa: ANN401 - as above
        """What a function that may refuse returns. Raises IllegalAction, MalformedAction."""
        return self._twice(name, args, refusals=(IllegalAction, MalformedAction))

    def _twice(self, name: str, args: tuple[Any, ...], refusals: tuple[type[Exception], ...]) -> Any:  # noqa: ANN401
        first, refused = self._once(name, args, refusals)
        second, refused_again = self._once(name, args, refusals, watched=True)
        same = image(first) == image(second) if refused is None else str(refused) == str(refused_again)
        if not same or (refused is None) is not (refused_again is None):
            self.untouched(name)
            raise Found(
                "the same call gives the same every time",
                f"{_call(name, args)}, called twice, gave first {_short(refused or first)} and then "
                f"{_short(refused_again or second)}",
                "take chance from the `chance` argument alone, and keep nothing between calls",
            )
        if refused is not None:
            raise refused
        return first

    def _once(
        self, name: str, args: tuple[Any, ...], refusals: tuple[type[Exception], ...], *, watched: bool = False
    ) -> tuple[Any, Exception | None]:
        call = getattr(self.rules, name)
        filled = tuple(self.chance() if arg is CHANCE else arg for arg in args)
        try:
            value = self.spy.watch(call, *filled) if watched else call(*filled)
        except refusals as refusal:
            return None, refusal
        except (Exception, SystemExit) as error:
            raise self._raised(name, args, error) from error
        if self.spy.seen:
            raise Found(
                "rules read nothing but their arguments",
                f"{_call(name, args)} read {self.spy.seen[0]}",
                "a replay in another year must give the same game: take chance from the `chance` argument, and keep "
                "time and the world out of the rules",
            )
        return value, None

    def _raised(self, name: str, args: tuple[Any, ...], error: BaseException) -> Found:
        may = {"apply": "raise IllegalAction for what is against the rules", "parse": "raise MalformedAction for it"}
        return Found(
            f"{name} raises nothing that it may not",
            f"{_call(name, args)} raised {type(error).__name__}: {error} ({place_of(error)})",
            may.get(name, "it may raise nothing: in a real game this suspends the game"),
            kind=f"{name} raises {type(error).__name__}",
        )

    def untouched(self, name: str) -> None:
        """Raises Found when the state is no more what it was."""
        if image(self.state) != self._before:
            raise mutated(name)


CHANCE: Any = object()
"""Stands for a fresh Chance among the arguments of a call."""


def mutated(name: str) -> Found:
    """The state was changed in place."""
    return Found(
        "no call changes the state that it is given",
        f"{name} changed the state that it was given, instead of making a new one",
        "use frozen attrs classes, tuples and attrs.evolve; a state that is changed in place cannot be taken back when "
        "the store refuses the event",
    )


def place_of(error: BaseException) -> str:
    """The line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return "nowhere" if last is None else f"line {last.lineno} of {last.filename.rpartition('/')[2]}"


def _call(name: str, args: tuple[Any, ...]) -> str:
    shown = ["state" if n == 0 and name not in ("parse", "dump", "restore") else _short(a) for n, a in enumerate(args)]
    return f"{name}({', '.join(shown)})"


def _short(value: object) -> str:
    text = "chance" if value is CHANCE else repr(value)
    return text if len(text) <= 160 else f"{text[:160]}…"
