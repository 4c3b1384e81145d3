"""HTTP for clients (h11 on any Trio stream), and the server's API."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import h11
import orjson
import trio
from attrs import frozen

from net.client.errors import ApiFailed, ConnectionLost
from net.client.streams import Connector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject

_RECEIVE_BYTES = 65536
_MOST_BYTES = 64 * 1024 * 1024
"""The largest body that is read; more is a broken server."""


@frozen
class HttpAnswer:
    """What a server answered. The names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body as JSON. Raises ValueError when it is none."""
        return orjson.loads(self.body)


async def http_request(
    stream: trio.abc.Stream,
    method: str,
    path: str,
    *,
    token: str | None = None,
    json: object = None,
    body: bytes | None = None,
    host: str = "localhost",
) -> HttpAnswer:
    """One request and its answer, on a stream that is closed afterwards, in any case.

    `token` goes as a bearer's; `json` is the body, or `body` is, as it stands. Raises ConnectionLost when the answer
    did not come whole, or is no HTTP.
    """
    content = body if body is not None else b"" if json is None else orjson.dumps(json)
    headers = [("Host", host), ("Connection", "close"), ("Content-Length", str(len(content)))]
    if json is not None:
        headers.append(("Content-Type", "application/json"))
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    connection = h11.Connection(h11.CLIENT)
    async with stream:
        request = h11.Request(method=method, target=path, headers=headers)
        whole = [connection.send(event) or b"" for event in (request, h11.Data(content), h11.EndOfMessage())]
        with suppress(trio.BrokenResourceError):  # a server may answer, and hang up, before it has read everything
            await stream.send_all(b"".join(whole))
        try:
            return await _answer(connection, stream)
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as error:
            raise ConnectionLost(reason=str(error)) from error


async def _answer(connection: h11.Connection, stream: trio.abc.Stream) -> HttpAnswer:
    status = 0
    headers: dict[str, str] = {}
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(_RECEIVE_BYTES)))
            case h11.Response(status_code=status, headers=raw):
                headers = {name.decode("ascii"): value.decode("latin-1") for name, value in raw}
            case h11.Data(data=data):
                body += data
                if len(body) > _MOST_BYTES:
                    raise ConnectionLost(reason="the answer is too large")
            case h11.EndOfMessage():
                return HttpAnswer(status, headers, bytes(body))
            case h11.ConnectionClosed():
                raise ConnectionLost(reason="the server hung up without an answer")
            case _:
                pass  # an informational response: the real one follows


@frozen
class Api:
    """The server's HTTP API, with one token or none. Each call has a connection of its own.

    Every method raises ConnectionLost, OSError when there is no connecting, and all but `request` and `healthz` raise
    ApiFailed.
    """

    connect: Connector
    token: str | None = None

    async def request(self, method: str, path: str, *, json: object = None, body: bytes | None = None) -> HttpAnswer:
        """Any request, with this API's token."""
        return await http_request(await self.connect(), method, path, token=self.token, json=json, body=body)

    async def healthz(self) -> bool:
        """Whether the server lives."""
        return (await self.request("GET", "/healthz")).status == 200

    async def rules(self) -> list[JsonObject]:
        """The rules that games can be made of."""
        found: list[JsonObject] = _hoped_for(200, await self.request("GET", "/api/rules"))
        return found

    async def create_game(
        self,
        rules: str,
        players: Sequence[str],
        *,
        options: JsonObject | None = None,
        turn_timeout_seconds: float | None = None,
        seed: str | None = None,
        spectators: str | None = None,
    ) -> str:
        """Makes a game and returns its id. Needs a service token."""
        given = {
            "rules": rules,
            "players": list(players),
            "options": options,
            "turn_timeout_seconds": turn_timeout_seconds,
            "seed": seed,
            "spectators": spectators,
        }
        asked = {name: value for name, value in given.items() if value is not None}
        game_id: str = _hoped_for(201, await self.request("POST", "/api/games", json=asked))["game_id"]
        return game_id

    async def game(self, game_id: str) -> JsonObject:
        """What is publicly known of a game."""
        found: JsonObject = _hoped_for(200, await self.request("GET", f"/api/games/{game_id}"))
        return found

    async def resume_game(self, game_id: str) -> JsonObject:
        """Has a suspended game tried again. Needs a service token."""
        found: JsonObject = _hoped_for(200, await self.request("POST", f"/api/games/{game_id}/resume"))
        return found

    async def replay(self, game_id: str) -> JsonObject:
        """The replay of a game that is over; `net.replay.document.parse_replay` makes its events of it. Needs the token
        of one of its players, or of a service."""
        found: JsonObject = _hoped_for(200, await self.request("GET", f"/api/games/{game_id}/replay"))
        return found

    async def games_of(self, user_id: str, *, before: str | None = None, limit: int | None = None) -> JsonObject:
        """A page of a player's games, the newest first: `games`, and in `next` what to give as `before` for the page
        after it, None where there is none. Needs that player's token, or a service's."""
        asked = {name: value for name, value in (("limit", limit), ("before", before)) if value is not None}
        path = f"/api/players/{quote(user_id, safe='')}/games"
        target = f"{path}?{urlencode(asked)}" if asked else path
        found: JsonObject = _hoped_for(200, await self.request("GET", target))
        return found


def _hoped_for(status: int, answer: HttpAnswer) -> Any:  # noqa: ANN401 - JSON
    if answer.status == status:
        return answer.json
    try:
        error = answer.json["error"]
        raise ApiFailed(answer.status, error["code"], error["message"])
    except (ValueError, KeyError, TypeError):
        raise ApiFailed(answer.status, "", answer.body[:200].decode(errors="replace")) from None
