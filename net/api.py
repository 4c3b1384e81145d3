"""HTTP: health, the rules on offer, games made and looked at (contract, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import AttrsInstance, field, frozen

from actors.directory import Directory
from actors.failures import Code, Failure
from actors.faults import report
from actors.game import RulesFault
from actors.kit.actor import ActorError, AskTimeout
from actors.messages import ABSENT, Abort, Describe
from actors.ports import Entropy, GameNotFound, StoreUnavailable
from actors.rules.interface import JsonObject
from actors.rules.registry import Registry, UnknownRules
from actors.rules.validation import BadOptions
from net.auth import Scope, Tokens, Unauthorized, is_user_id
from net.http import Refused, Routes, error_response, json_response
from net.outside import new_id, new_token
from net.protocol import Invalid, check_nesting, load_json, parse_body

if TYPE_CHECKING:
    from actors.kit.actor import Ask
    from actors.messages import Description
    from net.auth import Claims
    from net.http import Request, Response

T = TypeVar("T")
A = TypeVar("A", bound=AttrsInstance)

ASK_TIMEOUT = 10.0
"""Seconds that a request waits for a table."""

_SPECTATORS = ("public", "none")
_SEED_LENGTH = 128
_ABORT_REASON_LENGTH = 200

_STATUS_OF = {
    Code.GAME_NOT_FOUND: 404,
    Code.GAME_ENDED: 409,
    Code.UNAVAILABLE: 503,
    Code.OVERLOADED: 503,
    Code.RULES_VERSION: 409,
    Code.INTERNAL_ERROR: 500,
}


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
    """The handlers of the HTTP API. `not_ready` gives the reasons why the server cannot serve games now, if any."""

    directory: Directory
    registry: Registry
    tokens: Tokens
    entropy: Entropy
    failure_of: Callable[[ActorError], Failure]
    not_ready: Callable[[], list[str]]

    def routes(self) -> Routes:
        """Every path of the API, with its handler."""
        routes = Routes()
        routes.add("GET", "/healthz", self.healthz)
        routes.add("GET", "/readyz", self.readyz)
        routes.add("GET", "/api/rules", self.rules)
        routes.add("POST", "/api/games", self.create)
        routes.add("GET", "/api/games/{id}", self.game)
        routes.add("POST", "/api/games/{id}/abort", self.abort)
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
        self._authorize(request, Scope.SERVICE)
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
            )
        except BadOptions as bad:
            return bad_request(f"options.{bad.field}" if bad.field else "options", bad.reason)
        except StoreUnavailable:
            return error_response(503, Code.UNAVAILABLE, "the store is away; no game was made")
        except RulesFault as error:
            return self._internal_error(error)
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
        if asked.turn_timeout_seconds is not None:
            raise Refused(bad_request("turn_timeout_seconds", "this version has no turn timers yet; leave it out"))
        wrong = [player for player in asked.players if not is_user_id(player)]
        if wrong:
            raise Refused(bad_request("players", "a user id has 1 to 64 of the characters A-Z a-z 0-9 : _ . @ -"))
        if len(set(asked.players)) != len(asked.players):
            raise Refused(bad_request("players", "a user can sit in one seat only"))
        if not rules.min_players <= len(asked.players) <= rules.max_players:
            reason = f"{rules.name} is for {rules.min_players} to {rules.max_players} players"
            raise Refused(bad_request("players", reason))

    async def game(self, request: Request) -> Response:
        """What is publicly known of a game."""
        self._authorize(request, None)
        standing = self.directory.standing(request.params["id"])
        if standing is None or standing.description is None:
            return json_response(200, as_json(await self._ask(request, Describe())))
        return json_response(200, as_json(standing.description))

    async def abort(self, request: Request) -> Response:
        """Calls a game off."""
        self._authorize(request, Scope.SERVICE)
        reason = self._body(request, AbortGame).reason
        if not 1 <= len(reason) <= _ABORT_REASON_LENGTH:
            raise Refused(bad_request("reason", f"must be a string of 1 to {_ABORT_REASON_LENGTH} characters"))
        answer = await self._ask(request, Abort(reason))
        if isinstance(answer, Failure):
            return failure_response(answer)
        return json_response(
            200, {"game_id": answer.game_id, "event_id": answer.event_id, "end_reason": answer.end_reason}
        )

    async def _ask(self, request: Request, message: Ask[T]) -> T:
        try:
            return await self.directory.table(request.params["id"]).ask(message, timeout=ASK_TIMEOUT)
        except GameNotFound:
            raise Refused(error_response(404, Code.GAME_NOT_FOUND, "there is no such game")) from None
        except AskTimeout:
            text = "the game gave no answer in time; look at it again in a moment"
            raise Refused(error_response(503, Code.UNAVAILABLE, text)) from None
        except ActorError as error:
            raise Refused(failure_response(self.failure_of(error))) from None

    def _authorize(self, request: Request, scope: Scope | None) -> Claims:
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise Unauthorized("this needs a token: Authorization: Bearer …")
            return self.tokens.verify(token.strip(), scope=scope)
        except Unauthorized as refusal:
            challenge = (("WWW-Authenticate", "Bearer"),)
            raise Refused(error_response(401, refusal.code, str(refusal), headers=challenge)) from None

    def _body(self, request: Request, into: type[A]) -> A:
        try:
            body = load_json(request.body)
            check_nesting(request.body)
            return parse_body(body, into)
        except Invalid as invalid:
            details = {"field": "", "reason": str(invalid), **invalid.failure.details}
            raise Refused(bad_request(details["field"], details["reason"])) from None

    def _internal_error(self, error: Exception) -> Response:
        report_id = report(self.entropy, "a game was not made", error)
        return error_response(500, Code.INTERNAL_ERROR, "the server failed; no game was made", {"id": report_id})


def bad_request(where: str, reason: str) -> Response:
    """A 400 that names the field (empty: the whole body) and says what is wrong with it."""
    message = f"{where}: {reason}" if where else reason
    return error_response(400, Code.INVALID_MESSAGE, message, {"field": where, "reason": reason})


def failure_response(failure: Failure) -> Response:
    """A table's refusal, as HTTP says it."""
    return error_response(_STATUS_OF.get(failure.code, 400), failure.code, failure.message, failure.details)


def as_json(described: Description) -> JsonObject:
    """A game's description with its times as ISO 8601, in UTC."""
    body: JsonObject = {
        "game_id": described.game_id,
        "rules": described.rules,
        "rules_version": described.rules_version,
        "players": list(described.players),
        "status": described.status,
        "event_count": described.event_count,
        "created_at": _iso(described.created_at),
    }
    if described.ended_at is not ABSENT:
        body |= {
            "winner_id": described.winner_id,
            "results": described.results,
            "end_reason": described.end_reason,
            "ended_at": _iso(described.ended_at),
        }
    return body


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
