"""How a client that comes back is brought to where it was: with its session, it is told what it missed; without one, a
person is put into the game that they play (`game:reconnected`)."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from actors.directory import Directory
from actors.kit.actor import ActorError
from actors.kit.supervisor import SupervisorStopped
from actors.messages import Restored
from actors.ports import GameNotFound, StoreUnavailable
from actors.roll import Following
from actors.table_messages import Reconnect, Recover, Role
from net.auth import is_person
from net.latest_games import LatestGames
from net.session import Followed, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.connections import Resume
    from actors.failures import Failure
    from actors.messages import Push

log = logging.getLogger("croupier.sessions")

_BATCH: Final = 200
"""Users whose games are looked up at once."""

_RETRY: Final = 0.5
"""Seconds between two tries to look while the store is away."""


@define(eq=False)
class Comeback:
    """Brings sessions back into their games. What comes of it is told to the client, and waited for by nobody."""

    directory: Directory
    games: LatestGames
    _waiting: deque[tuple[Session, int]] = field(factory=deque, init=False)
    _somebody: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    # ---- with a session

    def recover(self, session: Session, resume: Resume, done: Callable[[tuple[Push, ...] | None], None]) -> None:
        """Has the session follow its game again. `done` is called once, perhaps before this returns, with what the
        client missed, to be handed to it in that very call; or with None when that is not to be had."""
        following = resume.following
        number = session.joins(following)

        def answered(outcome: Restored | Failure | ActorError) -> None:
            if isinstance(outcome, Restored):
                session.follow(number, follow_in(self.directory, session, following))
                done(outcome.pushes)
            else:
                log.debug("what session %s missed is not to be had: %r", session.sid, outcome)
                session.join_failed(number)
                done(None)

        try:
            table = self.directory.table(following.game_id)
            table.post(Recover(session.user_id, session, following.role, resume.since), answered)
        except ActorError as error:
            answered(error)
        except (GameNotFound, SupervisorStopped):
            session.join_failed(number)
            done(None)

    # ---- without one

    def put_back(self, session: Session) -> None:
        """Has a person who has connected afresh put into the game that they play, if they do, in a moment. Whatever
        they join by themselves meanwhile goes before."""
        if is_person(session.user_id):
            self._waiting.append((session, session.next_join()))
            self._somebody.unpark_all()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: looks up the games of those who wait, for ever. Cancelled, or run again: nobody is forgotten but
        those whose games were being looked up."""
        task_status.started()
        while True:
            while not self._waiting:
                await self._somebody.park()
            await self._put_some_back()

    async def _put_some_back(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        some = [(session, number) for session, number in some if not session.gone]
        try:
            latest = await self.games.of([session.user_id for session, _ in some])
        except StoreUnavailable:
            self._waiting.extendleft(reversed(some))
            await trio.sleep(_RETRY)
            return
        for session, number in some:
            game_id = latest.get(session.user_id)
            if game_id is not None and not session.gone:
                self._reconnect(session, Following(game_id, Role.PLAYER), number)

    def _reconnect(self, session: Session, following: Following, number: int) -> None:
        if session.following is not None and session.following != following:
            return  # they have chosen another one
        session.joins(following, number)

        def answered(outcome: Restored | Failure | ActorError) -> None:
            if not isinstance(outcome, Restored):
                log.debug("session %s is not put into its game: %r", session.sid, outcome)
                session.join_failed(number)
                return
            session.follow(number, follow_in(self.directory, session, following))
            if session.following == following and not session.gone:
                with session.in_one_send():
                    session.replay(outcome.pushes)

        try:
            self.directory.table(following.game_id).post(Reconnect(session.user_id, session), answered)
        except ActorError as error:
            answered(error)
        except (GameNotFound, SupervisorStopped):
            session.join_failed(number)


def follow_in(directory: Directory, session: Session, following: Following) -> Followed:
    """How this session leaves the audience of this game again."""
    game_id = following.game_id
    return Followed(following, partial(directory.leave, game_id, session), partial(directory.drop, game_id, session))
