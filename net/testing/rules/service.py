"""The same two games through the whole service: what the viewer's own connection receives, frame by frame, when it
joins, plays, is refused, comes back for what it missed, recovers its session, and finds the server up after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import trio
from attrs import frozen

from actors.failures import Failure
from actors.judge import judge_action
from actors.rules.interface import JsonObject
from actors.rules.registry import Registry
from net.client import CroupierClient
from net.testing.house import House, open_house
from net.testing.plugin import run_in_virtual_time
from net.testing.rules.games import SECONDS_A_TURN, Act, GiveUp, SayDraw, TimeUp
from net.testing.rules.images import differences
from net.testing.rules.pairs import moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import AnyRules
    from net.testing.rules.games import Move
    from net.testing.rules.pairs import Moment, Recipe

Frames = dict[int | None, list[str | bytes]]
Probes = list[tuple[int, JsonObject]]

_A_MOMENT: Final = 1.0
_STEPS: Final = 200
"""Seconds that a turn may take to run out, at most."""


@frozen
class Betrayed:
    """A frame that is another in the other game; `number` counts what the viewer received."""

    viewer: int | None
    number: int
    path: str
    one: Any
    other: Any


def first_difference(
    rules: AnyRules, recipe: Recipe, viewers: Sequence[int | None], probes: Sequence[JsonObject]
) -> Betrayed | None:
    """Plays both games, each in a house of its own, and compares what these viewers receive. Raises what goes wrong."""
    one, other = recipe.taped(rules)
    refused = [_refused(moment, viewers, probes) for moment in moments(rules, recipe)]
    frames: list[Frames] = []
    for taped, moves in ((one, [m for m, _ in recipe.moves]), (other, [m for _, m in recipe.moves])):

        async def main(taped: Any = taped, moves: Sequence[Move] = tuple(moves)) -> None:  # noqa: ANN401
            frames.append(await _received(taped, recipe, moves, viewers, refused))

        run_in_virtual_time(main)
    return next((found for viewer in viewers if (found := _compared(viewer, *(each[viewer] for each in frames)))), None)


def _refused(moment: Moment, viewers: Sequence[int | None], probes: Sequence[JsonObject]) -> Probes:
    """Of these actions those that each viewer is refused in this moment."""
    game, at = moment.games[0], moment.at[0]
    each = [(viewer, probe) for viewer in viewers if viewer is not None for probe in probes]
    return [(seat, probe) for seat, probe in each if isinstance(judge_action(game, at, seat, probe), Failure)]


def _compared(viewer: int | None, one: list[str | bytes], other: list[str | bytes]) -> Betrayed | None:
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            path, a, b = next(iter(differences(orjson.loads(left), orjson.loads(right))), ("its bytes", left, right))
            return Betrayed(viewer, number, path, a, b)
    if len(one) != len(other):
        return Betrayed(viewer, min(len(one), len(other)) + 1, "how many there are", len(one), len(other))
    return None


async def _received(
    rules: Any,  # noqa: ANN401 - rules on a tape
    recipe: Recipe,
    moves: Sequence[Move],
    viewers: Sequence[int | None],
    refused: Sequence[Probes],
) -> Frames:
    async with open_house(registry=Registry([rules])) as house:
        visit = await _Visit.begin(house, rules, recipe)
        for move, probes in zip(moves, refused, strict=False):
            await visit.try_out(probes)
            await visit.make(move)
        for viewer in viewers:
            await visit.come_back(viewer)
        await house.crash()
        await house.start()
        await house.advance(_A_MOMENT)
        for viewer in viewers:
            await visit.come_back(viewer)
        await visit.try_out(refused[-1])
        return {viewer: visit.clients[viewer].received for viewer in viewers}


@frozen
class _Visit:
    """The players and the spectator of one game, each on a connection of their own that comes back by itself."""

    house: House
    game_id: str
    clients: dict[int | None, CroupierClient]

    @classmethod
    async def begin(cls, house: House, rules: AnyRules, recipe: Recipe) -> _Visit:
        """Makes the game, and has everybody follow it."""
        players = [f"player-{seat}" for seat in range(recipe.setting.players)]
        game_id = await house.new_game(
            rules.name, players, options=recipe.setting.options, turn_timeout_seconds=SECONDS_A_TURN
        )
        clients: dict[int | None, CroupierClient] = {}
        for seat, player in enumerate(players):
            clients[seat] = await house.player(player, record=True, recover=True)
            await clients[seat].join(game_id)
        clients[None] = await house.player("watcher", record=True, recover=True)
        await clients[None].spectate(game_id)
        return cls(house, game_id, clients)

    async def make(self, move: Move) -> None:
        """The move, and everything that follows from it at once."""
        match move:
            case Act(seat=seat, action=action):
                await self.clients[seat].act(self.game_id, action)
            case GiveUp(seat=seat):
                await self.clients[seat].resign(self.game_id)
            case SayDraw(seat=seat, move=said):
                await self.clients[seat].draw(self.game_id, said)
            case TimeUp():
                await self._let_time_run_out()
        await self.house.advance(_A_MOMENT)

    async def _let_time_run_out(self) -> None:
        before = self._event()
        for _ in range(_STEPS):
            await self.house.advance(_A_MOMENT)
            if self._event() > before:
                return

    def _event(self) -> int:
        latest = self.clients[None].latest_state
        return 0 if latest is None else int(latest["event_id"])

    async def try_out(self, probes: Probes) -> None:
        """Sends what is refused."""
        for seat, probe in probes:
            await self.clients[seat].request("game:action", {"game_id": self.game_id, "action": probe})

    async def come_back(self, viewer: int | None) -> None:
        """Joins again, with what was missed since the beginning; then loses its connection, and recovers."""
        client = self.clients[viewer]
        if viewer is None:
            await client.spectate(self.game_id)
        else:
            await client.join(self.game_id, last_event_id=1)
        await client.cut()
        with trio.move_on_after(60):
            await self.house.advance(5 * _A_MOMENT)
            await client.heartbeat()
