"""HTTP: health, the rules on offer, games made and looked at, those that are over too (contract, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import AttrsInstance, field, frozen

from actors.directory import Directory, may_be_game_id
from actors.failures import Code, Failure
from actors.faults import report
from actors.game import RulesFault
from actors.kit.actor import ActorError
from actors.messages import ABSENT, GameCreated
from actors.ports import Archive, Entropy, GameNotFound, Journal, StoreLostData, StoreUnavailable
from actors.rules.interface import JsonObject
from actors.rules.registry import Registry, UnknownRules
from actors.rules.validation import BadOptions
from actors.table_messages import Abort, Describe
from net.auth import Scope, Tokens, is_user_id
from net.bearer import authorized
from net.http import Refused, Routes, error_response, json_response
from net.outside import new_id, new_token
from net.player_games import BadCursor, Cursor, PlayerGames
from net.protocol import Invalid, check_nesting, load_json, parse_body
from net.replay.document import description_json, replay_json
from net.table_answers import ask_table, failure_response, resume

if TYPE_CHECKING:
    from actors.events import Event
    from actors.kit.actor import Ask
    from actors.messages import Description
    from net.http import Request, Response

T = TypeVar("T")
A = TypeVar("A", bound=AttrsInstance)

GAME_RUNNING = "game_running"
"""The code of what is only to be had of a game that is over."""

_USER_ID = "a user id has 1 to 64 of the characters A-Z a-z 0-9 : _ . @ -"
_SPECTATORS = ("public", "none")
_SEED_LENGTH = 128
_ABORT_REASON_LENGTH = 200
_LONGEST_TURN = 30 * 86400
_GAMES, _MOST_GAMES = 20, 100
"""How many of a player's games are on a page, unless another number is asked for; and how many at most."""


@frozen
class NewGame:
    """The body of `POST /api/games`."""

    rules: str
    players: list[str]
    options: JsonObject = field(factory=dict)
    seed: str | None = field(default=None, repr=False)
    spectators: str = "public"
    turn_timeout_seconds: Any = None


@frozen
class AbortGame:
    """The body of `POST /api/games/{id}/abort`."""

    reason: str


@frozen
class Api:
    """The handlers of the HTTP API. `not_ready` gives the reasons why the server cannot serve games now, if any;
    `history` has every game, the archived ones too."""

    directory: Directory
    registry: Registry
    tokens: Tokens
    entropy: Entropy
    failure_of: Callable[[ActorError], Failure]
    not_ready: Callable[[], list[str]]
    history: Journal
    archive: Archive
    games_of: PlayerGames
    created: Callable[[GameCreated], None] = lambda _: None
    """Is told of each game that is made; must not block."""

    def routes(self) -> Routes:
        """Every path of the API, with its handler."""
        routes = Routes()
        routes.add("GET", "/healthz", self.healthz)
        routes.add("GET", "/readyz", self.readyz)
        routes.add("GET", "/api/rules", self.rules)
        routes.add("POST", "/api/games", self.create)
        routes.add("GET", "/api/games/{id}", self.game)
        routes.add("GET", "/api/games/{id}/replay", self.replay)
        routes.add("POST", "/api/games/{id}/abort", self.abort)
        routes.add("POST", "/api/games/{id}/resume", self.resume)
        routes.add("GET", "/api/players/{id}/games", self.player_games)
        return routes

    async def healthz(self, _: Request) -> Response:
        """The process lives and its event loop turns."""
        return json_response(200, {"status": "alive"})

    async def readyz(self, _: Request) -> Response:
        """Whether games can be served now, or why not."""
        reasons = self.not_ready()
        return json_response(
            503 if reasons else 200, {"status": "not ready" if reasons else "ready", "reasons": reasons}
        )

    async def rules(self, _: Request) -> Response:
        """The rules that games can be made of."""
        return json_response(
            200,
            [
                {
                    "name": rules.name,
                    "version": rules.version,
                    "title": rules.title,
                    "min_players": rules.min_players,
                    "max_players": rules.max_players,
                    "options": rules.options_schema,
                }
                for rules in self.registry
            ],
        )

    async def create(self, request: Request) -> Response:
        """Makes a game; it stands in the journal when this answers 201."""
        authorized(request, self.tokens, Scope.SERVICE)
        asked = self._body(request, NewGame)
        self._check(asked)
        game_id = new_id(self.entropy)
        try:
            await self.directory.create(
                game_id,
                asked.rules,
                tuple(asked.players),
                seed=asked.seed if asked.seed is not None else new_token(self.entropy, 256),
                options=asked.options,
                spectators=asked.spectators,
                turn_timeout_seconds=asked.turn_timeout_seconds,
            )
        except BadOptions as bad:
            return bad_request(f"options.{bad.field}" if bad.field else "options", bad.reason)
        except StoreUnavailable:
            return error_response(503, Code.UNAVAILABLE, "the store is away; no game was made")
        except RulesFault as error:
            return self._internal_error("no game was made", error)
        self.created(GameCreated(game_id, asked.rules, tuple(asked.players)))
        return json_response(201, {"game_id": game_id})

    def _check(self, asked: NewGame) -> None:
        try:
            rules = self.registry.latest(asked.rules)
        except UnknownRules as unknown:
            raise Refused(bad_request("rules", str(unknown))) from None
        if asked.seed is not None and not 1 <= len(asked.seed) <= _SEED_LENGTH:
            raise Refused(bad_request("seed", f"must be a string of 1 to {_SEED_LENGTH} characters"))
        if asked.spectators not in _SPECTATORS:
            raise Refused(bad_request("spectators", f"must be {' or '.join(_SPECTATORS)}"))
        seconds = asked.turn_timeout_seconds
        if seconds is not None and not (type(seconds) in (int, float) and 1 <= seconds <= _LONGEST_TURN):
            reason = f"must be a number of seconds from 1 to {_LONGEST_TURN}, or null"
            raise Refused(bad_request("turn_timeout_seconds", reason))
        wrong = [player for player in asked.players if not is_user_id(player)]
        if wrong:
            raise Refused(bad_request("players", _USER_ID))
        if len(set(asked.players)) != len(asked.players):
            raise Refused(bad_request("players", "a user can sit in one seat only"))
        if not rules.min_players <= len(asked.players) <= rules.max_players:
            reason = f"{rules.name} is for {rules.min_players} to {rules.max_players} players"
            raise Refused(bad_request("players", reason))

    async def game(self, request: Request) -> Response:
        """What is publicly known of a game."""
        authorized(request, self.tokens, None)
        return json_response(200, description_json(await self._described(request)))

    async def replay(self, request: Request) -> Response:
        """A game that is over, whole, for those who played in it. All that was hidden in it stands there."""
        claims = authorized(request, self.tokens, None)
        described = await self._described(request)
        if claims.scope is not Scope.SERVICE and claims.user_id not in described.players:
            text = "a replay is for the players of the game"
            raise Refused(error_response(403, Code.NOT_IN_GAME, text))
        if described.ended_at is ABSENT:
            text = "the game is not over; until then its replay would give everybody's secrets away"
            raise Refused(error_response(409, GAME_RUNNING, text, {"status": described.status}))
        return json_response(200, replay_json(described, await self._events(described)))

    async def player_games(self, request: Request) -> Response:
        """A page of a player's games, the newest first."""
        claims, user_id = authorized(request, self.tokens, None), request.params["id"]
        if claims.scope is not Scope.SERVICE and claims.user_id != user_id:
            raise Refused(error_response(403, "forbidden", "a list of games is for the player whose games they are"))
        if not is_user_id(user_id):
            raise Refused(bad_request("id", _USER_ID))
        limit = request.query.get("limit", str(_GAMES))
        if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 1 <= int(limit) <= _MOST_GAMES):
            raise Refused(bad_request("limit", f"must be a whole number from 1 to {_MOST_GAMES}"))
        try:
            before = Cursor.parse(request.query["before"]) if "before" in request.query else None
        except BadCursor as bad:
            raise Refused(bad_request("before", str(bad))) from None
        try:
            page = await self.games_of.page(user_id, before=before, limit=int(limit))
        except StoreUnavailable:
            return error_response(503, Code.UNAVAILABLE, "the games cannot be looked up now")
        games = [description_json(self._as_it_stands(described)) for described in page.games]
        return json_response(200, {"games": games, "next": None if page.next is None else str(page.next)})

    async def abort(self, request: Request) -> Response:
        """Calls a game off."""
        authorized(request, self.tokens, Scope.SERVICE)
        reason = self._body(request, AbortGame).reason
        if not 1 <= len(reason) <= _ABORT_REASON_LENGTH:
            raise Refused(bad_request("reason", f"must be a string of 1 to {_ABORT_REASON_LENGTH} characters"))
        answer = await self._ask(request, Abort(reason))
        if isinstance(answer, Failure):
            return failure_response(answer)
        return json_response(
            200, {"game_id": answer.game_id, "event_id": answer.event_id, "end_reason": answer.end_reason}
        )

    async def resume(self, request: Request) -> Response:
        """Has a suspended game tried again."""
        authorized(request, self.tokens, Scope.SERVICE)
        return await resume(self.directory, request.params["id"], self.failure_of)

    async def _described(self, request: Request) -> Description:
        """What is publicly known of the game in the path. No table is woken for one that is in the archive."""
        game_id = request.params["id"]
        standing = self.directory.standing(game_id)
        if standing is not None and standing.description is not None:
            return standing.description
        if standing is None and may_be_game_id(game_id):
            try:
                return await self.archive.description(game_id)
            except (GameNotFound, StoreUnavailable):  # it may be running: its table knows, or why not
                pass
        return await self._ask(request, Describe())

    def _as_it_stands(self, described: Description) -> Description:
        """What this process knows better: whether the game is suspended, say."""
        standing = self.directory.standing(described.game_id)
        return described if standing is None or standing.description is None else standing.description

    async def _events(self, described: Description) -> tuple[Event, ...]:
        try:
            events = await self.history.history(described.game_id)
            if len(events) == described.event_count:
                return events
            return await self.archive.events(described.game_id)  # it went there while we read
        except GameNotFound:
            raise Refused(error_response(404, Code.GAME_NOT_FOUND, "there is no such game")) from None
        except StoreUnavailable:
            raise Refused(error_response(503, Code.UNAVAILABLE, "the game cannot be read now")) from None
        except StoreLostData as error:
            raise Refused(self._internal_error(f"game {described.game_id} was not replayed", error)) from None

    async def _ask(self, request: Request, message: Ask[T]) -> T:
        return await ask_table(self.directory, request.params["id"], message, self.failure_of)

    def _body(self, request: Request, into: type[A]) -> A:
        try:
            body = load_json(request.body)
            check_nesting(request.body)
            return parse_body(body, into)
        except Invalid as invalid:
            details = {"field": "", "reason": str(invalid), **invalid.failure.details}
            raise Refused(bad_request(details["field"], details["reason"])) from None

    def _internal_error(self, what: str, error: Exception) -> Response:
        report_id = report(self.entropy, what, error)
        return error_response(500, Code.INTERNAL_ERROR, f"the server failed; {what}", {"id": report_id})


def bad_request(where: str, reason: str) -> Response:
    """A 400 that names the field (empty: the whole body) and says what is wrong with it."""
    message = f"{where}: {reason}" if where else reason
    return error_response(400, Code.INVALID_MESSAGE, message, {"field": where, "reason": reason})
