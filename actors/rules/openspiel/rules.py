"""A game of OpenSpiel as rules of this house."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from actors.rules.interface import Change, IllegalAction, MalformedAction, Outcome, Step
from actors.rules.openspiel.catalogue import ACT, LOSE, TIME_IS_UP, Entry
from actors.rules.openspiel.state import SpielState, load_game
from actors.rules.validation import BadOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import ForcedAction, JsonObject
    from actors.rules.openspiel.state import Loaded, Move

PREFIX: Final = "openspiel"

MOST_LISTED: Final = 1000
"""Legal actions past which they are too many to list."""

_SEQUENTIAL: Final = "sequential"
_PERFECT: Final = "PERFECT_INFORMATION"
_GRAIN: Final = 2**53
_LONGEST_NAME: Final = 1000
_LARGEST: Final = 2**53


@frozen
class SpielAction:
    """An action by its number and its name in OpenSpiel. Where the legal ones are too many to list, whoever acts may
    not know the name: None."""

    number: int
    name: str | None


@frozen
class OpenSpiel:
    """Rules[SpielState, SpielAction]: the game of this entry of the catalogue.

    Whatever a player is shown comes from OpenSpiel's own observation or information state of that player. Chance is
    drawn from the game's generator. A player who gives up has the worst score that the game has; while two or more are
    left the game goes on, and an action is drawn for those who are gone whenever it is their turn.
    """

    entry: Entry
    version: str
    native: bool = True
    end_in_draw: None = None
    reveals: tuple[str, ...] = ("$.observation",)
    """A change tells nobody but the player what they did; what others see of it OpenSpiel says."""

    @property
    def name(self) -> str:
        """See `Rules`."""
        return f"{PREFIX}:{self.entry.name}"

    @property
    def title(self) -> str:
        """See `Rules`."""
        return self.entry.title

    @property
    def min_players(self) -> int:
        """See `Rules`."""
        return self.entry.min_players

    @property
    def max_players(self) -> int:
        """See `Rules`."""
        return self.entry.max_players

    @property
    def options_schema(self) -> JsonObject:
        """See `Rules`."""
        return self.entry.options_schema

    def load(self) -> None:
        """Imports OpenSpiel, in the process in which it runs, and has it load the game, which takes some a while."""
        self._loaded(self.min_players, self.entry.parameters)

    def _loaded(self, players: int, options: JsonObject) -> Loaded:
        parameters = {}
        for name, default in self.entry.parameters.items():
            value = options[name]
            if value != default:  # a default that is told may be another thing than one that is left out
                # JSON has no 5.0, and OpenSpiel no 5 in its place.
                parameters[name] = float(value) if isinstance(default, float) else value
        if self.entry.players_parameter is not None:
            parameters[self.entry.players_parameter] = players
        return load_game(self.entry.name, tuple(sorted(parameters.items())))

    # ---- states

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> SpielState:
        """See `Rules`."""
        filled = {**self.entry.parameters, TIME_IS_UP: ACT, **options}
        try:
            return self._begun(players, filled, chance)
        except Exception as error:
            if filled.items() <= {**self.entry.parameters, TIME_IS_UP: filled[TIME_IS_UP]}.items():
                raise  # with its own parameters a game has to begin
            raise BadOptions("", "OpenSpiel cannot begin the game with these, for so many players") from error

    def _begun(self, players: int, options: JsonObject, chance: Chance) -> SpielState:
        node = self._loaded(players, options).game.new_initial_state()
        if node.num_players() != players:
            raise ValueError(f"with these options the game is for {node.num_players()} players")
        state = self._settled(SpielState(players, options, (), node), chance)
        if not set(state.waiting_for) <= set(range(players)):  # OpenSpiel does not look at every parameter
            raise ValueError("the game begins with a player who does not play")
        return state

    def _settled(self, state: SpielState, chance: Chance) -> SpielState:
        """The position at which somebody who is there has to act, or at which the game is over."""
        while not state.is_over:
            waiting = state.waiting_for
            gone = next((seat for seat in waiting if seat in state.gone), None)
            if state.node.is_chance_node():
                state = state.after(_drawn(state.node.chance_outcomes(), chance), by_chance=True)
            elif gone is not None:
                state = _taken(state, gone, chance.choice(state.node.legal_actions(gone)))
            elif state.node.is_simultaneous_node() and not waiting:
                chosen = dict(state.chosen)
                state = state.after(tuple(chosen.get(seat, 0) for seat in range(state.players)))
            else:
                break
        return state

    def save(self, state: SpielState) -> JsonObject:
        """See `Rules`."""
        return {
            "players": state.players,
            "options": state.options,
            "moves": [move if isinstance(move, int) else list(move) for move in state.moves],
            "chosen": [list(one) for one in state.chosen],
            "gone": list(state.gone),
            "late": state.late,
            "turns": state.turns,
        }

    def restore(self, saved: JsonObject) -> SpielState:
        """See `Rules`."""
        node = self._loaded(saved["players"], saved["options"]).game.new_initial_state()
        moves: list[Move] = [move if isinstance(move, int) else tuple(move) for move in saved["moves"]]
        for move in moves:
            if isinstance(move, int):
                node.apply_action(move)
            else:
                node.apply_actions(list(move))
        return SpielState(
            players=saved["players"],
            options=saved["options"],
            moves=tuple(moves),
            node=node,
            chosen=tuple((seat, action) for seat, action in saved["chosen"]),
            gone=tuple(saved["gone"]),
            late=saved["late"],
            turns=saved["turns"],
        )

    # ---- actions

    def parse(self, action: JsonObject) -> SpielAction:
        """See `Rules`: `{"type": "move", "action": 17, "name": "Bet"}`, as it stands among the legal actions."""
        match action:
            case {"type": "move", "action": int() as number, **rest} if type(number) is int and abs(number) < _LARGEST:
                match rest:
                    case {"name": str() as name} if len(rest) == 1 and len(name) <= _LONGEST_NAME:
                        return SpielAction(number, name)
                    case {} if not rest:
                        return SpielAction(number, None)
        raise MalformedAction('an action is {"type": "move"} with its number as "action" and its "name"')

    def dump(self, action: SpielAction) -> JsonObject:
        """See `Rules`."""
        dumped: JsonObject = {"type": "move", "action": action.number}
        return dumped if action.name is None else {**dumped, "name": action.name}

    def legal(self, state: SpielState, seat: int) -> Sequence[SpielAction] | None:
        """See `Rules`."""
        if seat not in self.to_act(state):
            return ()
        numbers = state.node.legal_actions(seat)
        if len(numbers) > MOST_LISTED:
            return None
        return tuple(_named(state, seat, number) for number in numbers)

    def apply(self, state: SpielState, seat: int, action: SpielAction, chance: Chance) -> Step[SpielState]:
        """See `Rules`."""
        number = _legal_number(state, seat, action)
        change = _moved(state, seat, number, drawn=False)
        return Step(self._settled(_taken(state, seat, number), chance), (change,), action.name or "")

    # ---- giving up, and time

    def resign(self, state: SpielState, seat: int, chance: Chance) -> Step[SpielState]:
        """See `Rules`."""
        after = self._settled(evolve(state, gone=(*state.gone, seat), late=False), chance)
        return Step(after, (Change({"type": "resigned", "seat": seat}),))

    def time_out(self, state: SpielState, seats: tuple[int, ...], chance: Chance) -> Step[SpielState]:
        """See `Rules`."""
        changes = []
        if state.options[TIME_IS_UP] == LOSE:
            after = evolve(state, gone=(*state.gone, *seats), late=True)
            changes = [Change({"type": "timed_out", "seat": seat}) for seat in seats]
            return Step(self._settled(after, chance), tuple(changes))
        for seat in seats:
            number = chance.choice(state.node.legal_actions(seat))
            changes.append(_moved(state, seat, number, drawn=True))
            state = _taken(state, seat, number)
        return Step(self._settled(state, chance), tuple(changes))

    def has_resigned(self, state: SpielState, seat: int) -> bool:
        """See `Rules`."""
        return seat in state.gone

    # ---- whose turn it is

    def current(self, state: SpielState) -> int | None:
        """See `Rules`."""
        return None if state.node.is_simultaneous_node() else next(iter(self.to_act(state)), None)

    def to_act(self, state: SpielState) -> tuple[int, ...]:
        """See `Rules`."""
        return () if state.is_over else tuple(seat for seat in state.waiting_for if seat not in state.gone)

    def forced(self, state: SpielState) -> tuple[ForcedAction, ...]:
        """See `Rules`: nothing is ever forced."""
        return ()

    def turn(self, state: SpielState) -> int:
        """See `Rules`."""
        return state.turns

    # ---- what is seen, and how it ends

    def view(self, state: SpielState, seat: int | None) -> JsonObject:
        """See `Rules`: `observation` is what OpenSpiel says that this player sees now, `information_state` what they
        may remember besides, `chosen` the action that they have chosen while the others have yet to. Where nothing
        is hidden there is all that led there, too: `players`, `moves`, `gone`, and the `options` that are not at their
        defaults. Spectators are shown what is open to everybody, where OpenSpiel says what that is."""
        node, kind = state.node, state.node.get_game().get_type()
        if seat is None:
            return {"game": self.entry.name, "turn": state.turns, "observation": self._for_everybody(state)}
        observed = node.observation_string(seat) if kind.provides_observation_string else None
        view: JsonObject = {"game": self.entry.name, "turn": state.turns, "observation": observed}
        if kind.provides_information_state_string and (observed is None or not _is_open(state)):
            view["information_state"] = node.information_state_string(seat)
        chosen = dict(state.chosen).get(seat)
        if self._shows_all(state):
            view |= {"players": state.players, "moves": list(state.moves), "gone": list(state.gone)}
            if options := {name: one for name, one in state.options.items() if one != self._default(name)}:
                view["options"] = options
        if node.is_simultaneous_node():
            view["chosen"] = None if chosen is None else self.dump(_named(state, seat, chosen))
        return view

    def _shows_all(self, state: SpielState) -> bool:
        return self.entry.dynamics == _SEQUENTIAL and _is_open(state)

    def _default(self, name: str) -> object:
        return ACT if name == TIME_IS_UP else self.entry.parameters[name]

    @property
    def imagine(self) -> Callable[[JsonObject, int, Chance], SpielState] | None:
        """See `Imagines`: where nothing is hidden there is the one position. In other games OpenSpiel can deal anew
        what a player does not know (`resample_from_infostate`), but only from the real state, which nobody who imagines
        has."""
        return self._imagined if self.entry.information == "perfect" and self.entry.dynamics == _SEQUENTIAL else None

    def _imagined(self, view: JsonObject, seat: int, chance: Chance) -> SpielState:
        if "moves" not in view:
            raise ValueError("with its options, this game hides something")
        options = {**self.entry.parameters, TIME_IS_UP: ACT, **view.get("options", {})}
        return self.restore(
            {
                "players": view["players"],
                "options": options,
                "moves": view["moves"],
                "chosen": [],
                "gone": view["gone"],
                "late": False,
                "turns": view["turn"],
            }
        )

    def _for_everybody(self, state: SpielState) -> str | None:
        if _is_open(state):
            return str(state.node)
        everybody = self._loaded(state.players, state.options).everybody
        return None if everybody is None else str(everybody.string_from(state.node, 0))

    def outcome(self, state: SpielState) -> Outcome | None:
        """See `Rules`."""
        if not state.is_over:
            return None
        game = state.node.get_game()
        worst, best = _finite(game.min_utility(), -1), _finite(game.max_utility(), 1)
        if state.node.is_terminal():
            scores = [_score(one) for one in state.node.returns()]
            reason = "finished"
        else:
            scores = [best] * state.players
            reason = "timeout" if state.late else "resignation"
        for seat in state.gone:
            scores[seat] = min(worst, scores[seat])
        return Outcome(_winner(scores, state.left), tuple(scores), reason)


def _taken(state: SpielState, seat: int, number: int) -> SpielState:
    """The position after this seat's legal action, which in a simultaneous phase is only noted down."""
    if state.node.is_simultaneous_node():
        return evolve(state, chosen=(*state.chosen, (seat, number)))
    return state.after(number)


def _legal_number(state: SpielState, seat: int, action: SpielAction) -> int:
    """The number of this action, which OpenSpiel is only told when it is legal. Raises IllegalAction."""
    legal: list[int] = state.node.legal_actions(seat)
    if action.number not in legal:
        raise IllegalAction(f"action {action.number} is not legal now: see legal_actions")
    if action.name is None and len(legal) > MOST_LISTED:
        return action.number
    if action.name != state.node.action_to_string(seat, action.number):
        raise IllegalAction(f"action {action.number} has another name: see legal_actions")
    return action.number


def _named(state: SpielState, seat: int, number: int) -> SpielAction:
    return SpielAction(number, state.node.action_to_string(seat, number))


def _is_open(state: SpielState) -> bool:
    """Whether nothing in this game, with its parameters, is hidden to anybody, but for what is being chosen at once."""
    return str(state.node.get_game().get_type().information.name) == _PERFECT


def _moved(state: SpielState, seat: int, number: int, *, drawn: bool) -> Change:
    """That somebody acts, and to whom it is open how: to all in a game in which nothing is hidden, but not while others
    choose at the same time."""
    hidden = {"type": "moved", "seat": seat, "drawn": drawn}
    whole = {**hidden, "action": number, "name": state.node.action_to_string(seat, number)}
    if _is_open(state) and not state.node.is_simultaneous_node():
        return Change(whole)
    return Change(hidden, {seat: whole})


def _drawn(outcomes: list[tuple[int, float]], chance: Chance) -> int:
    """One of chance's actions, each as likely as it is said to be."""
    at, total = chance.below(_GRAIN) / _GRAIN, 0.0
    possible = [(action, probability) for action, probability in outcomes if probability > 0]
    for action, probability in possible:
        total += probability
        if at < total:
            return action
    return possible[-1][0]  # the probabilities add up to a little less than 1


def _winner(scores: list[float], left: tuple[int, ...]) -> int | None:
    """Who of those who are left has more than everybody else; who plays alone wins with more than nothing."""
    if len(scores) == 1:
        return 0 if left and scores[0] > 0 else None
    best = max((scores[seat] for seat in left), default=None)
    if best is None or scores.count(best) != 1:
        return None
    return scores.index(best) if best == max(scores) else None


def _score(value: float) -> float:
    if not isfinite(value):
        return 0
    return int(value) if float(value).is_integer() and abs(value) < _LARGEST else float(value)


def _finite(value: float, otherwise: int) -> float:
    return _score(value) if isfinite(value) and abs(value) < _LARGEST else otherwise
