"""The AsyncAPI document that stands in docs/ is what the code does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import pytest

from actors.failures import Code
from actors.meter import Meter
from net.asyncapi import PUSHES, REQUESTS, document
from net.router import Router

if TYPE_CHECKING:
    from net.testing.house import House

FILE = Path(__file__).parents[2] / "docs" / "asyncapi.json"
ANNA, BEN = "npc:anna", "npc:ben"


def test_the_file_is_up_to_date() -> None:
    """Else: python -c 'from net.asyncapi import write; write()'"""
    assert orjson.loads(FILE.read_bytes()) == document()


def test_it_has_every_request_that_the_server_takes() -> None:
    nothing: Any = None
    router = Router(nothing, nothing, nothing, limits=nothing, pending_requests=1, meter=Meter())
    assert set(REQUESTS) == {"connect", *router._handlers}


def test_it_has_every_push() -> None:
    from actors import messages

    events = {value.event for value in vars(messages).values() if isinstance(value, type) and hasattr(value, "event")}
    assert {push.event for push in PUSHES} == events


def test_it_has_every_code() -> None:
    codes = document()["components"]["schemas"]["Failure"]["properties"]["error"]["properties"]["code"]["enum"]
    assert codes == list(Code)


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                at: Any = whole
                for step in part["$ref"].removeprefix("#/").split("/"):
                    at = at[step]
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(whole)


async def test_what_the_server_says_is_what_the_document_says(house: House) -> None:
    whole = document()

    def holds(name: str, said: object) -> None:
        schema = {**whole["components"]["messages"][name]["payload"], "components": whole["components"]}
        jsonschema.validate(said, schema)

    game_id = await house.new_game("crazy_eights", (ANNA, BEN))
    anna, ben = await house.player(ANNA), await house.player(BEN)
    view = await anna.request("game:join", {"game_id": game_id})
    holds("game_join_answer", view)
    await ben.join(game_id)
    mover = anna if view["is_your_turn"] else ben
    first = (await mover.request("game:join", {"game_id": game_id}))["legal_actions"][0]
    holds(
        "game_action_answer",
        await mover.request("game:action", {"game_id": game_id, "action": first}),
    )
    holds("game_action_answer", await mover.request("game:action", {"game_id": game_id, "action": {}}))
    holds("heartbeat_answer", await anna.request("heartbeat", {}))
    holds("game_resign_answer", await anna.request("game:resign", {"game_id": game_id}))
    for push in [*anna.pushes, *ben.pushes]:
        holds(f"{push.event.replace(':', '_')}_push", push.data)
    state = dict(next(push.data for push in anna.pushes if push.event == "game:state"))
    del state["state"]
    patched = {**state, "state_encoding": "patch", "base_event_id": 1, "state_patch": []}
    holds("game_state_push", patched)
    for wrong in (state, {**patched, "state": {}}, {**patched, "base_event_id": None}):
        with pytest.raises(jsonschema.ValidationError):
            holds("game_state_push", wrong)
    with pytest.raises(jsonschema.ValidationError):
        holds("game_join_answer", {"success": True})
