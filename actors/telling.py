"""What a table says, and to whom: views and answers made into JSON, and pushes handed to those who follow the game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import evolve, frozen

from actors.audience import Audience
from actors.game import ABORTED, RulesFault
from actors.messages import DrawOffered, GameOver, LiveState, Push, Sealed
from actors.ports import Clock, Encoder, ServiceClock
from actors.views import Now, Scene, game_over, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actors.events import Created
    from actors.game import Game, Position
    from actors.messages import ActionAnswer, DrawAnswer, PushBody, ResignAnswer, View
    from actors.ports import Outlet
    from actors.rules.interface import JsonObject

MISSED_BYTES: Final = 256 * 1024
"""A joiner is given at most this much of what it missed (contract, section 2)."""

Pushes: TypeAlias = dict[int | None, tuple[Push, ...]]
"""What each seat that is listening is sent, and what the spectators (None) are: each push made once, however many its
outlets."""


@frozen
class Telling:
    """One table's voice."""

    clock: Clock
    service: ServiceClock
    encoder: Encoder
    audience: Audience

    def now(self) -> Now:
        """What a view tells that is not of the game."""
        return Now(self.clock.now(), self.audience, self.service.now())

    def view(self, game: Game, at: Position, seat: int | None, *, changes: bool) -> View:
        """The game as this seat sees it now. Raises RulesFault."""
        return view(game, at, seat, self.now(), changes=changes)

    def with_missed(self, shown: View, game: Game, missed: Sequence[Position] | None, seat: int) -> View:
        """The view with what this seat missed, as it would have been sent live; or with the word to resync, if that is
        not known (None) or too much. Raises RulesFault."""
        states = self.states(game, missed, seat)
        if states is None:
            return evolve(shown, resync=True)
        return evolve(shown, missed=tuple(view for view, _ in states))

    def states(
        self, game: Game, positions: Sequence[Position] | None, seat: int | None
    ) -> list[tuple[View, Push]] | None:
        """These positions as this seat would have been sent them live; None when they are not known (None), or too
        much. Raises RulesFault."""
        if positions is None:
            return None
        states: list[tuple[View, Push]] = []
        size = 0
        for position in positions:
            seen = self.view(game, position, seat, changes=True)
            states.append((seen, self.push(seen)))
            size += len(states[-1][1].json)
            if size > MISSED_BYTES:
                return None
        return states

    def pushes(self, game: Game, at: Position) -> Pushes:
        """What each seat that is listening is sent of this position. Raises RulesFault."""
        return self.pushes_of(Scene.of(game, at, self.now()))

    def pushes_of(self, scene: Scene) -> Pushes:
        """What each seat that is listening is sent of this scene. Raises RulesFault."""
        game, at = scene.game, scene.at
        pushes: Pushes = {}
        for seat, _ in self.audience.by_seat():
            state = LiveState(game.created.game_id, at.event_id, scene.fields(seat, changes=True))
            pushes[seat] = (self.push(state),)
            if at.ended is not None:
                pushes[seat] += self.last_word(game, at, state.fields["state"])
            if at.draws.offered_at == at.event_id:
                pushes[seat] += self.offer(game, at, seat)
        return pushes

    def last_word(self, game: Game, at: Position, state: JsonObject) -> tuple[Push, ...]:
        """The game over for who sees this last state of it; nothing while the game runs. Raises RulesFault."""
        return (self.push(game_over(game, at, state)),) if at.ended else ()

    def offer(self, game: Game, at: Position, seat: int | None) -> tuple[Push, ...]:
        """The word of the offer of a draw that stands, for the players who have yet to answer to it."""
        by = game.player(at.draws.by)
        if by is None or seat is None or seat in at.draws.agreed:
            return ()
        return (self.push(DrawOffered(game.created.game_id, by)),)

    def last_words(self, created: Created, event_id: int) -> Pushes:
        """What is sent of the abort of a game that its rules cannot show."""
        over = GameOver(created.game_id, event_id, None, dict.fromkeys(created.players, 0), ABORTED, {})
        return {seat: (self.push(over),) for seat, _ in self.audience.by_seat()}

    def push(self, body: PushBody) -> Push:
        """The push with its JSON. Raises RulesFault when it has none."""
        try:
            return Push(body, self.encoder.push(body))
        except Exception as error:
            raise RulesFault("the rules showed what has no JSON") from error

    def seal(self, answer: View | ActionAnswer | ResignAnswer | DrawAnswer) -> Sealed:
        """The answer with its JSON. Raises RulesFault when it has none."""
        try:
            return Sealed(answer, self.encoder.answer(answer))
        except Exception as error:
            raise RulesFault("the rules answered what has no JSON") from error

    def catch_up(self, game: Game, positions: Iterable[Position]) -> None:
        """Tells of those positions that come after what was told last. After a crash or a fence there may be events
        that nobody was shown: another writer's, or our own last. Raises RulesFault."""
        told = self.audience.told
        for position in positions:
            if told is not None and position.event_id > told:
                self.tell(self.pushes(game, position), position.event_id)

    def tell(self, pushes: Pushes, event_id: int) -> None:
        """Hands the pushes about this event to everybody who follows the game."""
        for seat, outlets in self.audience.by_seat():
            for outlet in outlets:
                _hand_over(pushes.get(seat, ()), outlet)
        self.audience.told = event_id


def _hand_over(pushes: tuple[Push, ...], outlet: Outlet) -> None:
    if len(pushes) == 1:  # as nearly always: there is nothing to hold together
        outlet.push(pushes[0])
    elif pushes:
        with outlet.in_one_send():
            for push in pushes:
                outlet.push(push)
