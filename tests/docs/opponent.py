"""The server that the clients of the documentation meet, and who plays against them, so that it is known when the
server is killed: in mid-game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from net.client import RequestFailed, open_client
from net.config import KEYS, RATES, Limits

if TYPE_CHECKING:
    from tests.drills.server import RealServer


def limits() -> dict[str, str]:
    """What is to be in the environment of a `RealServer`, for it to keep to its limits as everybody's server does."""
    return {KEYS["limits"][name].variable: str(getattr(Limits(), name)) for name in RATES}


async def oppose(server: RealServer, user_id: str, game_id: str, *, until_acted: int | None = None) -> int:
    """Plays for this user until the game is over, or it has acted so often. The last event that it saw."""
    acted, latest = 0, 0
    async with open_client(server.connect, server.token(user_id)) as client:
        view = await client.join(game_id)
        while not view["game_over"] and acted != until_acted:
            if "legal_actions" in view and view["event_id"] >= latest:
                try:
                    answer = await client.act(game_id, view["legal_actions"][0], f"after-{view['event_id']}")
                except RequestFailed as failed:
                    if failed.code != "rate_limited":
                        raise
                    await trio.sleep(failed.details["retry_after"])
                    continue
                acted, latest = acted + 1, answer["event_id"]
            view = (await client.next_push("game:state")).data
    event_id: int = view["event_id"]
    return event_id
