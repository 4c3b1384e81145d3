"""Calling what asks rules, when the answer may take a while."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from actors.apart.questions import Died, Failed, Unanswered
from actors.game import RulesFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.apart.questions import Question, Reply

T = TypeVar("T")

log = logging.getLogger("croupier.rules")

_MOST_QUESTIONS: Final = 64
"""Far more than one move needs: rules that always ask something else do not hold up their table for ever."""


async def patiently(fold: Callable[[], T]) -> T:
    """What this function returns or raises. It must be pure: when it asks rules that run apart what they have not been
    asked yet, they are asked, and it is called again from its beginning. Of other rules' games it is called once, and
    nothing waits. Raises RulesFault when there is no end of questions."""
    try:
        return fold()
    except Unanswered as unanswered:
        needed = unanswered
    answers: dict[Question, Reply] = {}
    for _ in range(_MOST_QUESTIONS):
        asker = needed.asker
        answers[needed.question] = await _ask(needed)
        before, asker.answers = asker.answers, answers
        try:
            return fold()
        except Unanswered as unanswered:
            needed = unanswered
        finally:
            asker.answers = before
    raise RulesFault(f"the rules were asked {_MOST_QUESTIONS} questions, and there was no end of it")


async def _ask(needed: Unanswered) -> Reply:
    rules, question = needed.asker.original, needed.question
    reply = await needed.asker.workers.ask(rules, question)
    if isinstance(reply, Failed):
        log.error("%s of %s %s failed apart\n%s", question.call, rules.name, rules.version, reply.trace)
    elif isinstance(reply, Died):
        log.error("%s of %s %s: its process %s", question.call, rules.name, rules.version, reply.how)
    return reply
