"""Games to show, and what is seen of them, made by the real rules without a server."""

from __future__ import annotations

from typing import Any

import orjson
from attrs import frozen

from actors.audience import Audience
from actors.events import Created
from actors.game import Game, Position
from actors.rules.registry import Registry
from actors.views import Now, view
from net.demo.plan import Plan, make_plan
from net.protocol import JsonEncoder
from tests.samples.memory import CountingEntropy
from tests.samples.tally import Tally

Json = dict[str, Any]

REGISTRY = Registry([*Registry.built_in(), Tally()])


@frozen
class Played:
    """A game that was played to its end by a plan's players: each position, and how each seat is shown it."""

    plan: Plan
    game: Game
    positions: tuple[Position, ...]

    @classmethod
    def of(cls, plan: Plan) -> Played:
        rules = REGISTRY.latest(plan.rules)
        created = Created(1, 0.0, "g", plan.rules, rules.version, plan.players, plan.seed, plan.options)
        game = Game.of(created, rules)
        choosers = [plan.chooser(seat) for seat in range(len(plan.players))]
        positions = [game.begin()]
        while positions[-1].ended is None:
            [seat] = rules.to_act(positions[-1].state)
            seen = cls(plan, game, tuple(positions)).view(len(positions), seat)
            positions.append(game.act(positions[-1], seat, rules.parse(choosers[seat](seen))))
        return cls(plan, game, tuple(positions))

    def view(self, event_id: int, seat: int = 0, *, changes: bool = True) -> Json:
        """What that seat is shown of that event."""
        shown = view(self.game, self.positions[event_id - 1], seat, Now(0.0, Audience()), changes=changes)
        as_json: Json = orjson.loads(JsonEncoder().push(shown))
        return as_json


def plan(**options: Any) -> Plan:  # noqa: ANN401 - options of make_plan
    """A plan: of Crazy Eights, for two, with a kill, unless the options say otherwise."""
    asked: Json = {"rules": "crazy_eights", "players": 2, "seed": "s", "kill": True} | options
    return make_plan(REGISTRY, CountingEntropy(), **asked)
