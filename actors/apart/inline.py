"""Rules that run apart, and yet in this process: for the simulation, which has no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from actors.apart.desk import Desk
from actors.apart.questions import Question, dump_reply, parse_reply

if TYPE_CHECKING:
    from actors.apart.questions import Reply
    from actors.rules.interface import AnyRules


@frozen(eq=False)
class Inline:
    """Workers that answer on the spot, by way of the bytes that others send through a pipe."""

    _desks: dict[tuple[str, str], Desk] = field(factory=dict)

    async def ask(self, rules: AnyRules, question: Question) -> Reply:
        """See `Workers`. There is no time limit."""
        await trio.lowlevel.checkpoint()
        desk = self._desks.setdefault((rules.name, rules.version), Desk(rules))
        return parse_reply(dump_reply(desk.answer(Question.parse(question.dump()))))
