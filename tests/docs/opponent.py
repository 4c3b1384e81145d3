"""Who plays against the clients of the documentation, so that it is known when their server is killed: in mid-game."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.client import open_client

if TYPE_CHECKING:
    from tests.drills.server import RealServer


async def oppose(server: RealServer, user_id: str, game_id: str, *, until_acted: int | None = None) -> int:
    """Plays for this user until the game is over, or it has acted so often. The last event that it saw."""
    acted: set[int] = set()
    async with open_client(server.connect, server.token(user_id)) as client:
        view = await client.join(game_id)
        while not view["game_over"] and len(acted) != until_acted:
            if "legal_actions" in view and view["event_id"] not in acted:
                acted.add(view["event_id"])
                await client.act(game_id, view["legal_actions"][0], f"after-{view['event_id']}")
            view = (await client.next_push("game:state")).data
    event_id: int = view["event_id"]
    return event_id
