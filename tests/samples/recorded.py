"""Whole games as they would stand in a journal, played in the head: no table, no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.events import Aborted, Acted, Created, Resigned, TimedOut
from actors.game import Game
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from actors.standing import Status, described
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.events import Event
    from actors.game import Position
    from actors.messages import Description
    from actors.rules.interface import AnyRules, JsonObject

ANNA, BEN = "8a1f6c9e-0f5b-4f0e-9a52-6a1f5be0a001", "npc:ben"
REGISTRY = Registry([CrazyEights(), Tally()])
STARTED = 1_700_000_000.0


class Recorder:
    """Plays a game and keeps its events."""

    def __init__(
        self,
        rules: AnyRules,
        *,
        players: tuple[str, ...] = (ANNA, BEN),
        seed: str = "a seed",
        options: JsonObject | None = None,
    ) -> None:
        created = Created(
            1, STARTED, "game-1", rules.name, rules.version, players, seed, options or {}, turn_timeout_seconds=30.0
        )
        self.game = Game.of(created, rules)
        self.events: list[Event] = [created]
        self.position: Position = self.game.begin()

    def act(self, seat: int, action: dict[str, object], message_id: str | None = None) -> None:
        """That seat acts."""
        parsed = self.game.rules.parse(action)
        after = self.game.act(self.position, seat, parsed, clock=self._clock)
        player = self.game.created.players[seat]
        self._keep(
            Acted(after.event_id, self._at, player, action, after.chance_position, message_id, None, self._clock)
        )
        self.position = after

    def resign(self, seat: int) -> None:
        """That seat gives up."""
        after = self.game.resign(self.position, seat, clock=self._clock)
        player = self.game.created.players[seat]
        self._keep(Resigned(after.event_id, self._at, player, after.chance_position, clock=self._clock))
        self.position = after

    def time_out(self) -> None:
        """The time of whoever is to act is up."""
        players = self.game.waiting_for(self.position)
        after = self.game.time_out(self.position, clock=self._clock)
        self._keep(TimedOut(after.event_id, self._at, players, after.chance_position, self._clock))
        self.position = after

    def abort(self, reason: str) -> None:
        """The game is called off."""
        self.position = self.game.abort(self.position)
        self._keep(Aborted(self.position.event_id, self._at, reason, self._clock))

    @property
    def whole(self) -> tuple[tuple[Event, ...], Description]:
        """The events, and what is publicly known of the game after them."""
        events, created = tuple(self.events), self.game.created
        return events, described(created, Status.ENDED, len(events), self.position.ended, events[-1].at)

    @property
    def _at(self) -> float:
        return STARTED + 2.5 * len(self.events)

    @property
    def _clock(self) -> float:
        return 2.5 * len(self.events)

    def _keep(self, event: Event) -> None:
        self.events.append(event)


def a_tally(*, called_off: str | None = None) -> Recorder:
    """An action, a timeout, and then Ben gives up; or it is called off, for this reason."""
    played = Recorder(Tally())
    played.act(0, {"type": "guess", "number": 999}, "m1")
    played.time_out()
    if called_off is None:
        played.resign(1)
    else:
        played.abort(called_off)
    return played


def a_game_of_cards(seed: str = "a seed", players: tuple[str, ...] = (ANNA, BEN)) -> Recorder:
    """Crazy Eights to its end, by players who take any card that fits."""
    played = Recorder(CrazyEights(), players=players, seed=seed, options={"draw_when_playable": False})
    chance = Chance(key_of(f"players of {seed}"))
    rules = played.game.rules
    while played.position.ended is None:
        seat = rules.to_act(played.position.state)[0]
        legal = rules.legal(played.position.state, seat)
        assert legal
        played.act(seat, rules.dump(chance.choice(legal)))
    return played
