"""What a message to an actor can meet with instead of an answer. None of these errors tells a message's contents."""

from __future__ import annotations


class ActorError(Exception):
    """The message has no answer. Its kinds say what the sender may do next."""


class MailboxFull(ActorError):
    """The actor has as many messages waiting as it may have; this one was not taken. Try later, or shed the load."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the mailbox of {name} is full")


class ActorStopped(ActorError):
    """The actor takes no more messages.

    `reason` is why it ended for good (the exception that its `start` raised, its last crash), or None when it ended
    in order. `begun` is False when the message was never handled, True when its handling was cut off, so that it may
    or may not have had its effect.
    """

    def __init__(self, reason: BaseException | None = None, *, name: str = "the actor", begun: bool = False) -> None:
        why = "" if reason is None else f" ({type(reason).__name__})"
        super().__init__(f"{name} has stopped{why}")
        self.reason = reason
        self.begun = begun


class ActorCrashed(ActorError):
    """The actor crashed on this very message, which may or may not have had its effect and is not delivered again."""

    def __init__(self, name: str, message_type: str) -> None:
        super().__init__(f"{name} crashed on a {message_type}")


class AskTimeout(ActorError):
    """No answer before the deadline. The message was dropped if it still waited; else its effect is unknown."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} gave no answer within {seconds:g} s")
