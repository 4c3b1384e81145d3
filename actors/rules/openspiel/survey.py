"""Which of OpenSpiel's games can be played here, and why not the others: found by playing them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from actors.rules.chance import Chance, key_of
from actors.rules.openspiel.catalogue import Entry
from actors.rules.openspiel.rules import OpenSpiel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actors.rules.openspiel.state import SpielState

_PLAYERS: Final = ("players", "num_players", "numPlayers")
_SEEDS: Final = frozenset({"seed", "rng_seed"})
_MOST_PLAYERS: Final = 15
_BROKEN: Final = {"morpion_solitaire": "a copy of a position of it reads memory that is not its own"}
"""What a trial finds on some days and not on others."""

_STEPS: Final = 60
"""Actions that a game is tried for."""

_DYNAMICS: Final = {"SEQUENTIAL": "sequential", "SIMULTANEOUS": "simultaneous", "MEAN_FIELD": "mean field"}
_CHANCE: Final = {"DETERMINISTIC": "none", "EXPLICIT_STOCHASTIC": "explicit", "SAMPLED_STOCHASTIC": "sampled"}
_INFORMATION: Final = {"PERFECT_INFORMATION": "perfect", "IMPERFECT_INFORMATION": "imperfect", "ONE_SHOT": "one-shot"}


def entries() -> Iterator[Entry]:
    """Every game that OpenSpiel registers, by name, untried: `why_not` is what its description says."""
    import pyspiel

    for kind in sorted(pyspiel.registered_games(), key=lambda one: one.short_name):
        yield _entry(kind)


def _entry(kind: Any) -> Entry:  # noqa: ANN401 - OpenSpiel has no types
    specified: dict[str, Any] = dict(kind.parameter_specification)
    players = next((name for name in _PLAYERS if name in specified), None)
    return Entry(
        name=kind.short_name,
        title=kind.long_name,
        min_players=kind.min_num_players,
        max_players=min(kind.max_num_players, _MOST_PLAYERS),
        dynamics=_DYNAMICS[kind.dynamics.name],
        information=_INFORMATION[kind.information.name],
        chance=_CHANCE[kind.chance_mode.name],
        players_parameter=players if kind.min_num_players != kind.max_num_players else None,
        parameters={
            name: default
            for name, default in specified.items()
            if name not in _SEEDS and name not in _PLAYERS and isinstance(default, bool | int | float | str)
        },
        why_not=_why_not(kind),
    )


def concluded(entry: Entry, trials: Mapping[int, str]) -> Entry:
    """The entry, with the numbers of players that it can be played by; or why it cannot. `trials` are those numbers
    that were tried, each with what went wrong, empty if nothing did."""
    good = [players for players in sorted(trials) if not trials[players]]
    if not good:
        players, why = min(trials.items())
        return evolve(entry, why_not=f"with {players} players {why}" if players > 1 else why)
    last = next((players for players in good if players + 1 not in good), good[-1])  # they are to be without holes
    return evolve(entry, min_players=good[0], max_players=last)


def _why_not(kind: Any) -> str:  # noqa: ANN401 - as above
    if kind.dynamics.name == "MEAN_FIELD":
        return "it is a mean field game: of a crowd, not of players who take turns"
    if not kind.default_loadable:
        return "it is made of another game, or of a file, that would have to be named"
    if kind.chance_mode.name == "SAMPLED_STOCHASTIC":
        return "its chance comes from a generator of its own, so it could not be recovered"
    if not (kind.provides_observation_string or kind.provides_information_state_string):
        return "it does not say what a player sees"
    return _BROKEN.get(kind.short_name, "")


def trial(entry: Entry, players: int) -> str:
    """Plays the game for a while with so many players, and looks at everything on the way. What went wrong; empty if
    nothing did. OpenSpiel may also end the process."""
    try:
        _try(OpenSpiel(entry, "0"), players)
    except Exception as error:  # OpenSpiel's, of any kind
        return f"it fails: {_first_line(error)}"
    return ""


def _try(rules: OpenSpiel, players: int) -> None:
    """Plays for a while, and looks at everything on the way. Raises whatever goes wrong."""
    chance = Chance(key_of(f"{rules.name} {players}"))
    state = rules.set_up(players, rules.entry.parameters, chance)
    for _ in range(_STEPS):
        _look_at(rules, state)
        if rules.outcome(state) is not None:
            return
        to_act = rules.to_act(state)
        if not to_act:
            raise RuntimeError("nobody is to act, and it is not over")
        seat, number = to_act[0], chance.choice(state.node.legal_actions(to_act[0]))
        name = state.node.action_to_string(seat, number)
        action = rules.parse({"type": "move", "action": number, "name": name})
        state = rules.apply(state, to_act[0], action, chance).state


def _look_at(rules: OpenSpiel, state: SpielState) -> None:
    for seat in (*range(state.players), None):
        json.dumps(rules.view(state, seat))
    for seat in rules.to_act(state):
        rules.legal(state, seat)
    saved = rules.save(state)
    again = rules.restore(json.loads(json.dumps(saved)))
    if again != state or any(rules.view(again, seat) != rules.view(state, seat) for seat in range(state.players)):
        raise RuntimeError("the same moves do not lead to the same position")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")[:200]
