"""What will be played: decided, and played through in the head, before anything is started."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from actors.events import Created
from actors.game import Game
from actors.rules.chance import Chance, key_of
from actors.rules.interface import JsonObject
from actors.rules.registry import UnknownRules
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.ports import Entropy
    from actors.rules.interface import AnyRules
    from actors.rules.registry import Registry

NAMES: Final = ("Anna", "Ben", "Carla", "Dario", "Elif")

TAMED: Final[JsonObject] = {"draw_when_playable": False}
"""Options that keep random players from drawing the whole stock, for rules that have them."""

LONGEST_SEED: Final = 128
"""What the server takes."""

GOOD_LENGTH: Final = range(22, 31)
"""Events of a game that takes some ten seconds at the pace that the command has by default."""

LONGEST_REHEARSAL: Final = 2_000
MOST_TRIED_EVENTS: Final = 4_000
"""Over all seeds that are tried; a tenth of a second of Crazy Eights."""


class CannotPlay(StartError):
    """These rules, or so many players, are not to be had."""


@frozen
class Plan:
    """A game to show. `kill_after` is the event after which the server is killed; None: it is left alone.

    Everything that happens in the game follows from `seed`: the deal from the server's rules, the players' choices
    from streams of their own.
    """

    rules: str
    title: str
    players: tuple[str, ...]
    options: JsonObject
    seed: str
    kill_after: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the players are called, in the order of their seats."""
        return NAMES[: len(self.players)]

    def name(self, player: str) -> str:
        """What this player is called."""
        return NAMES[self.players.index(player)]

    def chooser(self, seat: int) -> Callable[[JsonObject], JsonObject]:
        """How the player in this seat picks from the legal actions of a view: any of them, as the seed has it."""
        chance = self._chance(seat)
        return lambda view: chance.choice(view["legal_actions"])

    def _chance(self, seat: int) -> Chance:
        return Chance(key_of(f"demo player {seat} of {self.seed}"))


def make_plan(registry: Registry, entropy: Entropy, *, rules: str, players: int, seed: str | None, kill: bool) -> Plan:
    """The game to show. Without a seed, one whose game is neither over at once nor long. Raises CannotPlay."""
    try:
        found = registry.latest(rules)
    except UnknownRules as unknown:
        raise CannotPlay(f"--rules: {unknown}") from None
    if not found.min_players <= players <= found.max_players:
        raise CannotPlay(f"--players: {found.title} has {found.min_players} to {found.max_players}, not {players}")
    if seed is not None and not _is_seed(seed):
        raise CannotPlay(f"--seed: must be a text of 1 to {LONGEST_SEED} characters")
    known = found.options_schema.get("properties", {})
    plan = Plan(
        rules=rules,
        title=found.title,
        players=tuple(f"npc:{name.lower()}" for name in NAMES[:players]),
        options={name: value for name, value in TAMED.items() if name in known},
        seed=seed or "",
    )
    if seed is None:
        plan = _with_a_good_seed(plan, found, entropy)
    return evolve(plan, kill_after=_middle(plan, found) if kill else None)


def rehearse(plan: Plan, rules: AnyRules, at_most: int) -> int | None:
    """How many events the game will have; None when it has not ended after `at_most`.

    The rules are pure and the players' choices follow from the seed, so a game in which one player acts at a time
    goes on the server as it goes here. Raises CannotPlay when the rules do not list what is legal.
    """
    created = Created(1, 0.0, "rehearsal", plan.rules, rules.version, plan.players, plan.seed, plan.options)
    game = Game.of(created, rules)
    chances = [plan._chance(seat) for seat in range(len(plan.players))]
    position = game.begin()
    while position.ended is None:
        seats = rules.to_act(position.state)
        if position.event_id >= at_most or not seats:
            return None
        legal = rules.legal(position.state, seats[0])
        if not legal:
            raise CannotPlay(f"--rules: {plan.title} does not list the legal actions, which random players pick from")
        action: Any = chances[seats[0]].choice(legal)
        position = game.act(position, seats[0], action)
    return position.event_id


def _is_seed(text: str) -> bool:
    try:
        text.encode()  # an argument may hold bytes that are no text; they arrive as lone surrogates
    except UnicodeEncodeError:
        return False
    return 1 <= len(text) <= LONGEST_SEED


def _with_a_good_seed(plan: Plan, rules: AnyRules, entropy: Entropy) -> Plan:
    """This plan with the seed, of those that are tried, whose game comes nearest to a good length."""
    tries = MOST_TRIED_EVENTS // GOOD_LENGTH.stop
    middle = (GOOD_LENGTH.start + GOOD_LENGTH.stop) // 2
    best, best_distance = plan, float("inf")
    for seed in islice(_seeds(entropy), tries):
        tried = evolve(plan, seed=seed)
        length = rehearse(tried, rules, GOOD_LENGTH.stop)
        distance = abs(length - middle) if length is not None else 1e9
        if distance < best_distance:
            best, best_distance = tried, distance
        if length in GOOD_LENGTH:
            break
    return best


def _seeds(entropy: Entropy) -> Iterator[str]:
    while True:
        yield entropy.bytes(4).hex()


def _middle(plan: Plan, rules: AnyRules) -> int:
    length = rehearse(plan, rules, LONGEST_REHEARSAL)
    # Of a long game nobody wants to see the half before anything happens.
    return max(1, min((length or GOOD_LENGTH.stop) // 2, GOOD_LENGTH.stop // 2))
