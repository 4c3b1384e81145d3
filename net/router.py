"""Request → actor → answer. Synchronous throughout: a request goes from the reader of its session into the mailbox of
its table without a hop, and the table's answer goes out from the table's own task."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from actors.failures import Code, Failure
from actors.faults import report
from actors.kit.actor import ActorError, ActorStopped, MailboxFull
from actors.kit.supervisor import StartTimeout
from actors.messages import Act, Join, Resign, Sealed
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from net.protocol import (
    ActionRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    Invalid,
    JoinRequest,
    ResignRequest,
    encode_bare,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.directory import Directory
    from actors.ports import Clock, Entropy
    from net.protocol import (
        Request,
    )
    from net.session import Session

Outcome: TypeAlias = "Sealed | Failure | ActorError"
Handler: TypeAlias = "Callable[[Session, Request], None]"

_NOT_FOUND = Failure(Code.GAME_NOT_FOUND, "there is no such game")
_NOT_IN_GAME = Failure(Code.NOT_IN_GAME, "you are not a player of this game")
_DRAINING = Failure(Code.DRAINING, "the server is stopping; come back in a moment")


class Router:
    """Answers every request of every session, exactly once."""

    def __init__(self, directory: Directory, clock: Clock, entropy: Entropy, *, pending_requests: int) -> None:
        self.draining = False
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._pending_requests = pending_requests
        self._handlers: dict[str, Handler] = {
            "game:join": self._join,
            "game:action": self._act,
            "game:resign": self._resign,
            "heartbeat": self._heartbeat,
        }

    def handle(self, session: Session, request: Request) -> None:
        """Takes one request. Its answer may be given before this returns, or later by a table. Raises nothing."""
        handler = self._handlers.get(request.event)
        if handler is None:
            session.fail(request, Failure(Code.UNKNOWN_EVENT, f"there is no event {request.event[:64]!r}"))
            return
        try:
            handler(session, request)
        except Invalid as invalid:
            session.fail(request, invalid.failure)
        except Exception as error:
            session.fail(request, self._internal_error(error))

    def _heartbeat(self, session: Session, request: Request) -> None:
        parse({} if request.data is None else request.data, HeartbeatRequest)
        session.answer(request, encode_bare(HeartbeatAnswer(self._clock.now())))

    def _join(self, session: Session, request: Request) -> None:
        asked = parse(request.data, JoinRequest)
        self._ask_table(session, request, asked.game_id, Join(session.user_id, session, asked.last_event_id))

    def _act(self, session: Session, request: Request) -> None:
        asked = parse(request.data, ActionRequest)
        message = Act(session.user_id, session, asked.action, asked.message_id)
        self._ask_table(session, request, asked.game_id, message)

    def _resign(self, session: Session, request: Request) -> None:
        asked = parse(request.data, ResignRequest)
        self._ask_table(session, request, asked.game_id, Resign(session.user_id, session, asked.message_id))

    def _ask_table(self, session: Session, request: Request, game_id: str, message: Join | Act | Resign) -> None:
        refused = self._refuse(session, game_id)
        if refused is not None:
            session.fail(request, refused)
            return
        join = session.next_join() if isinstance(message, Join) else None

        def answered(outcome: Outcome) -> None:
            session.is_answered()
            match outcome:
                case Sealed(json=body):
                    if join is not None:
                        session.follow(join, game_id, lambda: self._directory.leave(game_id, session))
                    session.answer(request, body)
                case Failure():
                    session.fail(request, outcome)
                case ActorError():
                    session.fail(request, self.failure_of(outcome))

        session.asks()
        try:
            self._directory.table(game_id).post(message, answered)
        except ActorError as error:
            answered(error)
        except GameNotFound:
            answered(_NOT_FOUND)

    def _refuse(self, session: Session, game_id: str) -> Failure | None:
        """What is refused without asking the table: nobody who has no seat in it may keep its mailbox busy."""
        if self.draining:
            return _DRAINING
        if session.pending >= self._pending_requests:
            message = f"more than {self._pending_requests} requests are waiting for their answers"
            return Failure(Code.OVERLOADED, message)
        standing = self._directory.standing(game_id)
        return _NOT_IN_GAME if standing is not None and standing.is_stranger(session.user_id) else None

    def failure_of(self, error: ActorError) -> Failure:
        """What a client is told when a table could not answer. The log has the reason under the same id."""
        match error:
            case MailboxFull():
                return Failure(Code.OVERLOADED, "this game has too many requests waiting; try again")
            case ActorStopped(begun=True):  # cut off in the middle: nobody may promise that nothing was applied
                return self._internal_error(error)
            case ActorStopped(reason=GameNotFound()):
                return _NOT_FOUND
            case ActorStopped(reason=StoreUnavailable() | StartTimeout()):
                return Failure(Code.UNAVAILABLE, "the store is away; nothing was applied, try again")
            case ActorStopped(reason=StoreLostData()):
                return Failure(Code.UNAVAILABLE, "the journal of this game cannot be read; nothing was applied")
            case ActorStopped(reason=None):
                return Failure(Code.UNAVAILABLE, "the server is stopping, or the game just left memory; try again")
            case _:
                return self._internal_error(error)

    def _internal_error(self, error: Exception) -> Failure:
        report_id = report(self._entropy, "a request failed", error)
        message = "the server failed; the request may or may not have counted"
        return Failure(Code.INTERNAL_ERROR, message, {"id": report_id})
