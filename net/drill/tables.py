"""The tables of a drill: where a game ends the next one begins, and each that has ended is held against its journal.
Players and spectators come each way that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from uuid import UUID

import trio
from attrs import define, field

from actors.events import DrawMoved, TimedOut
from actors.rules.registry import Registry
from net.checks import Promise, Reading, Violation, check_game
from net.client import Api, ApiFailed, ConnectionLost, Connector, Over, Player, RequestFailed, ShutOut
from net.client.errors import leaves
from net.drill.evidence import Evidence
from net.drill.ledger import Ledger, digest
from net.drill.plan import between
from net.drill.players import Crowd, Recorder
from net.drill.rules import PeacefulEights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject
    from net.checks import Diary, Written

DEALT: Final[dict[str, JsonObject]] = {
    "crazy_eights": {"draw_when_playable": False, "hand_size": 9},
    PeacefulEights.name: {"draw_when_playable": False, "hand_size": 9},
    "duel": {},
}
"""The rules that are played, with options under which games of random players neither end at once nor go on and on."""

_MOST_PLAYERS: Final = 4
_TIMED_ONE_IN: Final = 2
_MOST_SPECTATORS: Final = 2
_WAYS: Final = (Over.PLAIN, Over.PLAIN, Over.SOCKET_IO, Over.POLLING)
_RETRY: Final = 0.05


@define(eq=False)
class Match:
    """One game, its players and who watches them, and what was found of it when it was over."""

    game_id: str
    everybody: list[Player]
    recorders: list[Recorder] = field(repr=False)
    over: bool = False
    """Whether its players have played it to its end."""
    events: int = 0
    digest: bytes = b""
    """Of the journal as it was when the game was over."""

    @property
    def players(self) -> list[Player]:
        """Those who have a seat."""
        return [one for one in self.everybody if not one.watches]

    def diaries(self) -> list[Diary]:
        """What all of them kept."""
        return [recorder.diary(one) for recorder, one in zip(self.recorders, self.everybody, strict=True)]


@define(eq=False)
class Tables:
    """Keeps games going until `closing`, and judges each. `token` makes players' tokens, `api` makes games."""

    crowd: Crowd
    registry: Registry
    ledger: Ledger
    evidence: Evidence
    api: Callable[[], Api]
    token: Callable[[str], str]
    connect: Callable[[str], Connector]
    """How a user comes to the server."""
    closing: bool = False
    matches: list[Match] = field(factory=list, init=False)
    live: list[Match] = field(factory=list, init=False)
    """Those that are being played."""

    async def keep(self, number: int) -> None:
        """One table; ends when its game does and the drill is closing."""
        chance = self.crowd.plan.chance(f"table {number}")
        async with trio.open_nursery() as judging:
            while (match := await self._seat(chance)) is not None:
                self.matches.append(match)
                self.live.append(match)
                await self._play(match)
                self.live.remove(match)
                judging.start_soon(self.judge, match)

    # ---- one game

    async def _seat(self, chance: Chance) -> Match | None:
        """Makes a game; tries again while the server is being killed. None: there is no more need of one."""
        rules = self.registry.latest(chance.choice([name for name in DEALT if name in self.registry.names]))
        seats = rules.min_players + chance.below(min(rules.max_players, _MOST_PLAYERS) - rules.min_players + 1)
        users = [_user(chance) for _ in range(seats)]
        timeout = between(chance, 0.7, 1.3) * self.crowd.plan.timeout if not chance.below(_TIMED_ONE_IN) else None
        seed = f"{chance.below(1 << 64):x}"
        while not self.closing:
            try:
                game_id = await self.api().create_game(
                    rules.name, users, options=DEALT[rules.name], turn_timeout_seconds=timeout, seed=seed
                )
            except (ConnectionLost, OSError, ApiFailed) as error:
                if isinstance(error, ApiFailed) and error.status != 503:
                    raise
                await trio.sleep(_RETRY)
            else:
                self.crowd.score.made += 1
                return self._match(game_id, users, timeout, chance)
        return None

    def _match(self, game_id: str, users: Sequence[str], timeout: float | None, chance: Chance) -> Match:
        match = Match(game_id, [], [])
        spectators = [_user(chance) for _ in range(chance.below(1 + _MOST_SPECTATORS))]
        self.crowd.score.spectators += len(spectators)
        for user in (*users, *spectators):
            recorder = Recorder(self.crowd, self.crowd.plan.chance(f"player {chance.below(1 << 64):x}"), timeout)
            player = Player(
                user,
                game_id,
                self.token(user),
                self.connect(user),
                recorder.choose,
                recorder,
                resume=True,
                over=chance.choice(_WAYS),
                respond=recorder.respond,
                watches=user in spectators,
            )
            match.everybody.append(player)
            match.recorders.append(recorder)
        return match

    async def _play(self, match: Match) -> None:
        users = {player.user_id for player in match.everybody}
        try:
            async with trio.open_nursery() as nursery:
                for player in match.everybody:
                    nursery.start_soon(player.play)
        except* (RequestFailed, ShutOut) as group:
            for error in leaves(group):
                promise = _broken_by(error)
                self.evidence.found(Violation(promise, match.game_id, f"a player cannot go on: {error}"))
        else:
            match.over = True
            self.crowd.score.ended += 1
        finally:
            self.crowd.outside -= users
            self.crowd.tell()

    # ---- afterwards

    async def judge(self, match: Match, clock: float | None = None) -> None:
        """Holds what its players kept against its journal, and forgets it, unless something is wrong."""
        diaries = match.diaries()
        until = self.crowd.clock.now()
        journal, _ = await self.ledger.read(match.game_id)
        found = check_game(match.game_id, diaries, journal, self.registry, until=until, clock=clock)
        match.events, match.digest = len(journal), digest(journal)
        score = self.crowd.score
        score.judged += 1
        score.events += len(journal)
        score.timeouts += sum(isinstance(entry.event, TimedOut) for entry in journal)
        score.draw_moves += sum(isinstance(entry.event, DrawMoved) for entry in journal)
        score.readings += [Reading(entry.event.at, entry.event.clock) for entry in journal]
        if found:
            self._keep(match, journal, found)
        for recorder in match.recorders:
            recorder.records.clear()
        self.crowd.tell()

    def _keep(self, match: Match, journal: Sequence[Written], found: Sequence[Violation]) -> None:
        self.evidence.of_game(match.game_id, match.diaries(), journal)
        for violation in found:
            self.evidence.found(violation)


def _user(chance: Chance) -> str:
    """A fresh person's id."""
    return str(UUID(int=chance.below(1 << 128), version=4))


def _broken_by(error: BaseException) -> Promise:
    gone = isinstance(error, RequestFailed) and error.code in {"game_not_found", "not_in_game"}
    return Promise.LOST if gone else Promise.STUCK
