"""Request → actor → answer. Synchronous throughout: a request goes from the reader of its session into the mailbox of
its table without a hop, and the table's answer goes out from the table's own task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

from actors.failures import Code, Failure
from actors.game import RulesFault
from actors.kit.actor import ActorCrashed, ActorError, ActorStopped, MailboxFull
from actors.kit.reports import trace
from actors.messages import Act, Join, Resign, View
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.rules.registry import RulesVersionMissing, UnknownRules
from net.protocol import (
    ActionRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    Invalid,
    JoinRequest,
    ResignRequest,
    encode_answer,
    encode_bare,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.directory import Directory
    from actors.messages import ActionAnswer, ResignAnswer
    from actors.ports import Clock, Entropy
    from net.protocol import (
        Request,
    )
    from net.session import Session

log = logging.getLogger("croupier.router")

Outcome: TypeAlias = "View | ActionAnswer | ResignAnswer | Failure | ActorError"
Handler: TypeAlias = "Callable[[Session, Request], None]"

_NOT_FOUND = Failure(Code.GAME_NOT_FOUND, "there is no such game")


class Router:
    """Answers every request of every session, exactly once."""

    def __init__(self, directory: Directory, clock: Clock, entropy: Entropy, *, pending_requests: int) -> None:
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
        if session.pending >= self._pending_requests:
            message = f"more than {self._pending_requests} requests are waiting for their answers"
            session.fail(request, Failure(Code.OVERLOADED, message))
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
        try:
            table = self._directory.table(game_id)
        except GameNotFound:
            session.fail(request, _NOT_FOUND)
            return

        def answered(outcome: Outcome) -> None:
            session.pending -= 1
            match outcome:
                case Failure():
                    session.fail(request, outcome)
                case ActorError():
                    session.fail(request, self.failure_of(outcome))
                case View():
                    session.follow(game_id, table)
                    session.answer(request, encode_answer(outcome))
                case _:
                    session.answer(request, encode_answer(outcome))

        session.pending += 1
        try:
            table.post(message, answered)
        except ActorError as error:
            answered(error)

    def failure_of(self, error: ActorError) -> Failure:
        """What a client is told when a table could not answer. The log has the reason under the same id."""
        match error:
            case MailboxFull():
                return Failure(Code.OVERLOADED, "this game has too many requests waiting; try again")
            case ActorStopped(begun=True):  # cut off in the middle: nobody may promise that nothing was applied
                return self._internal_error(error)
            case ActorStopped(reason=GameNotFound()):
                return _NOT_FOUND
            case ActorStopped(reason=StoreUnavailable()):
                return Failure(Code.UNAVAILABLE, "the store is away; nothing was applied, try again")
            case ActorStopped(reason=StoreLostData() | RulesFault()):
                return Failure(Code.UNAVAILABLE, "the game is suspended after a fault; nothing was applied")
            case ActorStopped(reason=UnknownRules() | RulesVersionMissing()):
                return Failure(Code.RULES_VERSION, "this server lacks the rules, or their version, of this game")
            case ActorStopped(reason=None):
                return Failure(Code.UNAVAILABLE, "the server is stopping, or the game just left memory; try again")
            case ActorCrashed():
                return self._internal_error(error)
            case _:
                return self._internal_error(error)

    def _internal_error(self, error: Exception) -> Failure:
        report = self._entropy.bytes(6).hex()
        log.error("internal error %s\n%s", report, trace(error, confidential=True))
        return Failure(
            Code.INTERNAL_ERROR, "the server failed; the request may or may not have counted", {"id": report}
        )
