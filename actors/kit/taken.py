"""Messages that an actor takes at once, in the task of whoever sends them: no task is woken for such a message.

It is the same mailbox, and still one message at a time: while one is taken, all others wait. An actor that cannot go on
with it by itself has it handled by `handle` after all, in its own task; what fails is a crash of the actor, as ever.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.letters import Letter
    from actors.kit.mailbox import Mailbox


class AtOnce(enum.Enum):
    """What `Actor.handle_at_once` says besides an answer."""

    NO = enum.auto()
    """The message is for `handle`."""
    TAKEN = enum.auto()
    """The message is in hand; its `Taken` says what becomes of it."""


NOT_AT_ONCE: Final[Literal[AtOnce.NO]] = AtOnce.NO
TAKEN: Final[Literal[AtOnce.TAKEN]] = AtOnce.TAKEN


class Taken:
    """A message that was taken at once, and stays in hand. Exactly one of `done` and `hand_on` ends that. Once its
    incarnation is over, nothing here has any effect."""

    __slots__ = ("_box", "_letter")

    def __init__(self, box: Mailbox, letter: Letter) -> None:
        self._box = box
        self._letter = letter

    @property
    def over(self) -> bool:
        """Whether it is not in hand any more: the actor was stopped with it, or it is done."""
        return self._box.in_hand is not self._letter

    def reply(self, answer: object) -> None:
        """Answers it. Only the first answer counts."""
        if not self.over:
            self._letter.answer(answer)

    def done(self) -> None:
        """It is handled; the next message has its turn."""
        if not self.over:
            self._box.release()

    def hand_on(self) -> None:
        """Has it handled by `handle`, in the actor's task, before all others."""
        if not self.over:
            self._box.hand_on()

    def go_on(self, step: Callable[[], None]) -> None:
        """Takes a step with it. What that raises is a crash of the actor, and not the caller's business."""
        if self.over:
            return
        try:
            step()
        except Exception as error:
            self._box.crash(error)
