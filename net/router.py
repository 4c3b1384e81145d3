"""Request → actor → answer. Synchronous throughout: a request goes from the reader of its session into the mailbox of
its table without a hop, and the table's answer goes out from the table's own task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from actors.directory import may_be_game_id
from actors.failures import Code, Failure
from actors.faults import report
from actors.kit.actor import ActorError, ActorStopped, MailboxFull
from actors.kit.supervisor import StartTimeout
from actors.messages import Sealed, View
from actors.meter import Meter
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.roll import Following
from actors.table_messages import Act, Describe, Draw, Join, Resign, Role, Spectate
from net.comeback import follow_in
from net.limits import in_milliseconds
from net.protocol import (
    ActionRequest,
    DrawRequest,
    GameRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    Invalid,
    JoinRequest,
    LeaveAnswer,
    Request,
    ResignRequest,
    SpectateRequest,
    encode_bare,
    message_id_of,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.directory import Directory
    from actors.ports import Clock, Entropy
    from actors.rules.interface import JsonObject
    from net.limits import RequestLimits
    from net.protocol import AckId
    from net.session import Session

log = logging.getLogger("croupier.requests")

Outcome: TypeAlias = "Sealed | Failure | ActorError"
TableRequest: TypeAlias = "Join | Spectate | Act | Resign | Draw"
Handler: TypeAlias = "Callable[[Session, Request], None]"

SUCCESS: Final = "success"
NO_EVENT: Final = "unknown"
"""How a request that no event is known of is counted: names that clients make up must not become labels."""

_MISSED_A_REQUEST: Final = 20
"""So many states that were missed are as much work as a request."""
_MISSED_AT_MOST: Final = 10

_NOT_FOUND = Failure(Code.GAME_NOT_FOUND, "there is no such game")
_NOT_IN_GAME = Failure(Code.NOT_IN_GAME, "you are not a player of this game")
_NOT_FOLLOWED = Failure(Code.NOT_IN_GAME, "you have not joined this game")
_NOT_WATCHED = Failure(Code.NOT_IN_GAME, "you do not watch this game")
_DRAINING = Failure(Code.DRAINING, "the server is stopping; come back in a moment")


class Router:
    """Answers every request of every session, exactly once."""

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        entropy: Entropy,
        *,
        limits: RequestLimits,
        pending_requests: int,
        meter: Meter | None = None,
    ) -> None:
        self.draining = False
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._pending_requests = pending_requests
        self._meter = Meter() if meter is None else meter
        self._handlers: dict[str, Handler] = {
            "game:join": self._join,
            "game:action": self._act,
            "game:resign": self._resign,
            "game:draw": self._draw,
            "game:leave": self._leave,
            "game:spectate": self._spectate,
            "game:leave_spectate": self._leave_spectate,
            "heartbeat": self._heartbeat,
        }

    def handle(self, session: Session, request: Request) -> None:
        """Takes one request. Its answer may be given before this returns, or later by a table. Raises nothing."""
        if not self._lets_in(session, request):
            return
        handler = self._handlers.get(request.event)
        if handler is None:
            self._fail(session, request, Failure(Code.UNKNOWN_EVENT, f"there is no event {request.event[:64]!r}"))
            return
        try:
            handler(session, request)
        except Invalid as invalid:
            self._fail(session, request, invalid.failure)
        except Exception as error:
            self._fail(session, request, self._internal_error(error))

    def refuse(self, session: Session, failure: Failure, ack: AckId | None) -> None:
        """Answers what could not even be read as a request; it counts as one."""
        request = Request("", None, ack)
        if self._lets_in(session, request):
            self._fail(session, request, failure)

    def _lets_in(self, session: Session, request: Request) -> bool:
        """Whether the session and its user may ask anything now; if not, that is answered, or the connection ends."""
        now = trio.current_time()
        wait = self._limits.take(session.sid, session.user_id, now)
        if wait is None:
            return True
        if self._limits.floods(session.sid, now):
            log.warning("a session floods; it is cut off", extra={"session": session.sid, "user": session.user_id})
            session.cut_off()
        else:
            details: JsonObject = {"retry_after": in_milliseconds(wait)}
            self._fail(session, request, Failure(Code.RATE_LIMITED, "too many requests; try again later", details))
        return False

    def _answer(self, session: Session, request: Request, body: bytes) -> None:
        self._meter.answered(request.event, SUCCESS)
        if log.isEnabledFor(logging.DEBUG):
            _log(session, request, request.event, SUCCESS)
        session.answer(request, body)

    def _fail(self, session: Session, request: Request, failure: Failure) -> None:
        event = request.event if request.event in self._handlers else NO_EVENT
        self._meter.answered(event, failure.code)
        if log.isEnabledFor(logging.DEBUG):
            _log(session, request, event, failure.code)
        session.fail(request, failure)

    def _heartbeat(self, session: Session, request: Request) -> None:
        parse({} if request.data is None else request.data, HeartbeatRequest)
        self._answer(session, request, encode_bare(HeartbeatAnswer(self._clock.now())))

    def _join(self, session: Session, request: Request) -> None:
        asked = parse(request.data, JoinRequest)
        following = Following(asked.game_id, Role.PLAYER, patches=asked.state_encoding == "patch")
        message = Join(session.user_id, session, asked.last_event_id)
        self._ask_table(session, request, asked.game_id, message, following)

    def _act(self, session: Session, request: Request) -> None:
        asked = parse(request.data, ActionRequest)
        message = Act(session.user_id, session, asked.action, asked.message_id)
        self._ask_table(session, request, asked.game_id, message)

    def _resign(self, session: Session, request: Request) -> None:
        asked = parse(request.data, ResignRequest)
        self._ask_table(session, request, asked.game_id, Resign(session.user_id, session, asked.message_id))

    def _draw(self, session: Session, request: Request) -> None:
        asked = parse(request.data, DrawRequest)
        message = Draw(session.user_id, session, asked.move, asked.message_id)
        self._ask_table(session, request, asked.game_id, message)

    def _spectate(self, session: Session, request: Request) -> None:
        asked = parse(request.data, SpectateRequest)
        following = Following(asked.game_id, Role.SPECTATOR, patches=asked.state_encoding == "patch")
        self._ask_table(session, request, asked.game_id, Spectate(session.user_id, session), following)

    def _leave(self, session: Session, request: Request) -> None:
        self._leave_as(session, request, Role.PLAYER, _NOT_FOLLOWED)

    def _leave_spectate(self, session: Session, request: Request) -> None:
        self._leave_as(session, request, Role.SPECTATOR, _NOT_WATCHED)

    def _leave_as(self, session: Session, request: Request, role: Role, refusal: Failure) -> None:
        """No table is needed to leave; but whoever cannot leave is told first if there is no such game."""
        asked = parse(request.data, GameRequest)
        if session.leave(Following(asked.game_id, role)):
            self._answer(session, request, encode_bare(LeaveAnswer(success=True, game_id=asked.game_id)))
            return
        if (refused := self._overloaded(session)) is not None:
            self._fail(session, request, refused)
            return
        standing = self._directory.standing(asked.game_id)
        if standing is not None and standing.stands is not None:
            self._fail(session, request, refusal)
            return

        def described(outcome: object) -> None:
            session.is_answered()
            failed = self.failure_of(outcome) if isinstance(outcome, ActorError) else refusal
            self._fail(session, request, failed)

        session.asks()
        try:
            self._directory.table(asked.game_id).post(Describe(), described)
        except ActorError as error:
            described(error)
        except GameNotFound:
            session.is_answered()
            self._fail(session, request, _NOT_FOUND)

    def _ask_table(
        self,
        session: Session,
        request: Request,
        game_id: str,
        message: TableRequest,
        following: Following | None = None,
    ) -> None:
        """`following`: what the session will follow if the table lets it; None when it only asks."""
        refused = self._refuse(session, game_id, message)
        if refused is not None:
            self._fail(session, request, refused)
            return
        join = None if following is None else session.joins(following)

        def answered(outcome: Outcome) -> None:
            session.is_answered()
            if join is not None and not isinstance(outcome, Sealed):
                session.join_failed(join)
            match outcome:
                case Sealed(json=body):
                    if join is not None and following is not None:
                        session.follow(join, follow_in(self._directory, session, following))
                    self._answer(session, request, body)
                    if (more := _work_besides(outcome.body)) > 0:
                        self._limits.charge(session.sid, session.user_id, trio.current_time(), more)
                case Failure():
                    self._fail(session, request, outcome)
                case ActorError():
                    self._fail(session, request, self.failure_of(outcome))

        session.asks()
        try:
            self._directory.table(game_id).post(message, answered)
        except ActorError as error:
            answered(error)
        except GameNotFound:
            answered(_NOT_FOUND)

    def _refuse(self, session: Session, game_id: str, message: TableRequest) -> Failure | None:
        """What is refused without asking the table: nobody who has no seat in it may keep its mailbox busy."""
        if (refused := self._overloaded(session)) is not None:
            return refused
        standing = self._directory.standing(game_id)
        if standing is None or isinstance(message, Spectate):
            return None
        return _NOT_IN_GAME if standing.is_stranger(session.user_id) else None

    def _overloaded(self, session: Session) -> Failure | None:
        if self.draining:
            return _DRAINING
        if session.pending >= self._pending_requests:
            message = f"more than {self._pending_requests} requests are waiting for their answers"
            return Failure(Code.OVERLOADED, message)
        return None

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


def _log(session: Session, request: Request, event: str, result: str) -> None:
    """One line for a request that was answered, with its game and its id, as far as it names them well."""
    data = request.data if isinstance(request.data, dict) else {}
    game_id, message_id = data.get("game_id"), message_id_of(data)
    log.debug(
        "a request was answered",
        extra={
            "session": session.sid,
            "event": event,
            "result": str(result),
            "game": game_id if isinstance(game_id, str) and may_be_game_id(game_id) else None,
            "request": message_id or None,
        },
    )


def _work_besides(answer: object) -> int:
    """As how many requests more this answer counts, for the work that it was: what was missed is made again."""
    match answer:
        case View(resync=True):
            return _MISSED_AT_MOST
        case View(missed=tuple() as missed):
            return len(missed) // _MISSED_A_REQUEST
        case _:
            return 0
