"""The Rules protocol: what a game is, as pure, deterministic functions over immutable state.

Rules speak of *seats* (0, 1, …), never of users: the table knows who sits where. They take chance only from the
`Chance` they are handed, so the same state, action and chance give the same step in every process and every year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.rules.chance import Chance

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object that the rules define and nobody else looks into: an action, a view, a change."""

S = TypeVar("S")
A = TypeVar("A")


class MalformedAction(Exception):
    """The action is not of a form that these rules know. The text goes to the client, so it names no hidden thing."""


class IllegalAction(Exception):
    """The action is well-formed, and against the rules here and now. The text goes to the client."""


@frozen
class Change:
    """One thing that happened, as each viewer may know it.

    `public` is what everybody sees; `private[seat]` is what that seat sees in its place. A change must not tell
    hidden things by its presence, order or size either.
    """

    public: JsonObject
    private: Mapping[int, JsonObject] = field(factory=dict)

    def seen_by(self, seat: int | None) -> JsonObject:
        """The change as that seat sees it; None is a spectator."""
        return self.public if seat is None else self.private.get(seat, self.public)


@frozen
class ForcedAction:
    """An action that this seat, and nobody else, must take next. `params` go to that seat only."""

    seat: int
    action_type: str
    reason: str
    params: JsonObject = field(factory=dict)


@frozen
class Outcome:
    """How a game ended: `winner` is a seat (None: a draw), `scores` one number a seat, in the order of the seats."""

    winner: int | None
    scores: tuple[float, ...]
    reason: str


@frozen
class Step(Generic[S]):
    """What an action did: the next state, what happened, and one line for whoever acted."""

    state: S
    changes: tuple[Change, ...] = ()
    message: str = ""


class Rules(Protocol[S, A]):
    """A game. Every function is pure: it mutates nothing, and reads nothing but its arguments.

    An exception other than those named is a fault of the rules; it suspends the game it happened in.
    """

    @property
    def name(self) -> str:
        """The name under which games are made: lower case, `crazy_eights`."""

    @property
    def version(self) -> str:
        """The version of the rules; a game is played to its end by the version it began with."""

    @property
    def title(self) -> str:
        """The name that people read."""

    @property
    def min_players(self) -> int:
        """The fewest seats a game can have."""

    @property
    def max_players(self) -> int:
        """The most seats a game can have."""

    @property
    def options_schema(self) -> JsonObject:
        """JSON Schema (2020-12) of the options, with a `default` for each property."""

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> S:
        """The first state. `options` already satisfy `options_schema`; absent ones take their defaults here. Raises
        BadOptions (`actors.rules.validation`) when they do not go together, which a schema may not be able to say."""

    def parse(self, action: JsonObject) -> A:
        """The action of this JSON object (it has a string `type`). Raises MalformedAction."""

    def dump(self, action: A) -> JsonObject:
        """The JSON object of this action: `parse(dump(a)) == a`."""

    def legal(self, state: S, seat: int) -> Sequence[A] | None:
        """Every action this seat may take now (empty: none); None when they are too many to list."""

    def apply(self, state: S, seat: int, action: A, chance: Chance) -> Step[S]:
        """Takes an action of a seat that is to act. Raises IllegalAction when it is against the rules."""

    def resign(self, state: S, seat: int, chance: Chance) -> Step[S]:
        """That seat gives up; with one player left the game is over, else the others play on."""

    @property
    def end_in_draw(self) -> Callable[[S, Chance], Step[S]] | None:
        """`end_in_draw(state, chance)`: all players who are left have agreed on a draw, and the game is over with it;
        its outcome then has no winner, and whatever scores a draw is worth. None where the rules know no such draw.

        A class has a method of this name, or `end_in_draw = None`.
        """

    def view(self, state: S, seat: int | None) -> JsonObject:
        """What that seat may see; None is a spectator, who has no hand."""

    def current(self, state: S) -> int | None:
        """Whose turn it is; None in a phase in which nobody's or everybody's turn it is."""

    def to_act(self, state: S) -> tuple[int, ...]:
        """The seats that may act now (several in a simultaneous phase); none once the game is over."""

    def forced(self, state: S) -> tuple[ForcedAction, ...]:
        """The actions that must come before anything else; their seats are then exactly `to_act`."""

    def turn(self, state: S) -> int:
        """A number that changes whenever the turn clock is to start anew: with each turn, each phase, each forced
        action. Several actions within one turn share one clock.

        The seat whose turn it is will not do, where one seat may have two turns in a row: count the turns.
        """

    def time_out(self, state: S, seats: tuple[int, ...], chance: Chance) -> Step[S]:
        """The time of these seats, which were all that were to act, is up: a default action for them, or their loss.
        After it the clock of whoever is to act then starts anew, whatever `turn` says.

        It is a step like any other, and draws from `chance` like any other. A default action should bring the game on
        (end the turn, for instance), or those who dawdle hold it up for ever. If the game ends with it, the outcome
        names the reason: `timeout` for a loss on time, and what else it is for a default action. Raises nothing.
        """

    def save(self, state: S) -> JsonObject:
        """The state as JSON, whole, hidden things included, for a snapshot: `restore(save(s)) == s`.

        Equal states give equal JSON. `actors.rules.saving.StateCodec` does both for a state of attrs classes.
        """

    def restore(self, saved: JsonObject) -> S:
        """The state that was saved by this version of the rules; the game then goes on as it would have without."""

    def has_resigned(self, state: S, seat: int) -> bool:
        """Whether that seat has left the game for good."""

    def outcome(self, state: S) -> Outcome | None:
        """How the game ended, or None while it runs."""


class Imagines(Protocol):
    """What rules may offer besides, so that players who search (`docs/npc.md`) can play them well: a position as one
    seat could believe it to be. Rules without it are searched by dealing again and again, which is only quick enough
    for small games."""

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> Any:  # noqa: ANN401 - the rules' own state
        """A whole position at random, of a game that runs, in which that seat sees what `view` (its own, as `view`
        gave it) shows: `view(imagine(v, seat, chance), seat) == v`, and the same actions are legal for it. What the
        seat cannot see is dealt from `chance`, each way as likely as the view leaves it.

        The view is all there is to go by, so it has to show what of the options matters. Raises ValueError for the view
        of a game that is over.
        """


class Appraises(Protocol):
    """What rules may offer besides, so that players who cannot look as far as the end know good from bad."""

    def appraise(self, state: Any, seat: int) -> float:  # noqa: ANN401 - the rules' own state
        """How well that seat stands in this position: -1 lost, 1 won. It is given imagined positions only, so it may
        look at everything in them; it should, for whoever hopes for a card is to like having it."""


class Reveals(Protocol):
    """What rules may say besides, for `assert_no_leak` (`docs/test-your-game.md`), where they show on purpose what some
    seat alone is shown elsewhere."""

    @property
    def reveals(self) -> Sequence[str]:
        """Those places: paths of the view (`$.seats[*].up`), or of a change of that type (`$.changes[found].card`)."""


def is_native(rules: AnyRules) -> bool:
    """Whether these rules say that they are made of native code (`native = True`), which no signal interrupts: the
    server runs them in a process of their own, which it can end (`docs/rules-limits.md`).

    Such rules can be pickled. They may have a method `load()`, which is called in that process before all others and
    has half a minute: what takes long to import belongs there.
    """
    return getattr(rules, "native", False) is True


AnyRules: TypeAlias = Rules[Any, Any]
