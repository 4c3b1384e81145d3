"""The requests of the protocol, by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from net.client.errors import RequestFailed

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


class Calls(ABC):
    """What a connected player can ask for. All of these raise RequestFailed for a failure, and ConnectionLost."""

    @abstractmethod
    async def request(self, event: str, data: object = None) -> JsonObject:
        """Sends a request and returns the data of its answer, a failure's too (`success` is false then)."""

    async def join(self, game_id: str, *, last_event_id: int | None = None, patches: bool = False) -> JsonObject:
        """Joins a game and returns the view of it. With `patches` its states come as patches, which are shorter; the
        client makes them whole again."""
        data = _of_game(game_id, patches=patches)
        if last_event_id is not None:
            data["last_event_id"] = last_event_id
        return await self._succeed("game:join", data)

    async def act(self, game_id: str, action: JsonObject, message_id: str | None = None) -> JsonObject:
        """Sends an action and returns its answer. With a `message_id` it may be sent again, and counts once."""
        return await self._succeed("game:action", {"game_id": game_id, "action": action}, message_id)

    async def resign(self, game_id: str, message_id: str | None = None) -> JsonObject:
        """Gives the game up."""
        return await self._succeed("game:resign", {"game_id": game_id}, message_id)

    async def draw(self, game_id: str, move: str, message_id: str | None = None) -> JsonObject:
        """Makes a draw move: `offer`, `accept` or `decline`."""
        return await self._succeed("game:draw", {"game_id": game_id, "move": move}, message_id)

    async def leave(self, game_id: str) -> None:
        """Follows the game no more, as its player; that is no resignation."""
        await self._succeed("game:leave", {"game_id": game_id})

    async def spectate(self, game_id: str, *, patches: bool = False) -> JsonObject:
        """Watches a game and returns the view of it; `patches` as in `join`."""
        return await self._succeed("game:spectate", _of_game(game_id, patches=patches))

    async def leave_spectate(self, game_id: str) -> None:
        """Watches the game no more."""
        await self._succeed("game:leave_spectate", {"game_id": game_id})

    async def heartbeat(self) -> float:
        """Shows that this client lives; returns the server's time in unix seconds."""
        server_time: float = (await self._succeed("heartbeat", {}))["server_time"]
        return server_time

    async def _succeed(self, event: str, data: JsonObject, message_id: str | None = None) -> JsonObject:
        answer = await self.request(event, data if message_id is None else {**data, "message_id": message_id})
        if answer.get("success") is False:
            raise RequestFailed(answer)
        return answer


def _of_game(game_id: str, *, patches: bool) -> JsonObject:
    return {"game_id": game_id, "state_encoding": "patch"} if patches else {"game_id": game_id}
