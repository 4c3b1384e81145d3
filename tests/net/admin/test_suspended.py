"""The suspended games on the admin listener, and having one tried again there and through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen

from actors.failures import Code
from actors.kit.tree import from_json
from actors.rules.registry import Registry
from net.admin.api import AdminApi
from net.admin.door import Door
from net.admin.games import SuspendedGames
from net.admin.rows import rows_of
from net.admin.service import AdminService
from net.client import ApiFailed, RequestFailed, http_request
from net.testing.house import House
from tests.samples.tally import Tally

if TYPE_CHECKING:
    import trio

    from net.client import HttpAnswer

PLAYERS = ["anna", "bert"]


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def suspended(house: House) -> str:
    game_id = await house.new_game("tally", PLAYERS)
    player = await house.player("anna")
    await player.join(game_id)
    with pytest.raises(RequestFailed):
        await player.act(game_id, {"type": "crash"})
    return game_id


@pytest.fixture
async def operator(house: House, nursery: trio.Nursery) -> Operator:
    app = house.app
    routes = AdminApi(app.inside.tree, [], house.clock).routes()
    SuspendedGames(app.directory, app._router.failure_of).routes(routes)
    service = AdminService(
        Door(house.network.host("admin").listen("admin"), False), routes, app.tokens, lambda *_: "E1"
    )
    await nursery.start(service.supervisor.run)
    return Operator(house)


@frozen
class Operator:
    """Who asks over the admin listener."""

    house: House

    async def ask(self, method: str, path: str) -> HttpAnswer:
        return await http_request(await self.house.network.host("operator").connect("admin"), method, path)


async def test_the_tree_says_which_tables_they_are(house: House, operator: Operator) -> None:
    await house.new_game("tally", PLAYERS)
    runs = await house.new_game("tally", PLAYERS)
    await (await house.player("bert")).join(runs)
    game_id = await suspended(house)
    tree = from_json((await operator.ask("GET", "/tree")).json)
    nodes = [row.node for row in rows_of(tree) if row.node is not None]
    states = {node.name.split(":")[1]: node.state for node in nodes if node.name.startswith("table:")}
    assert states == {runs: "up", game_id: "suspended"}


async def test_they_are_listed_with_the_reason_and_the_report_and_the_latest_first(
    house: House, operator: Operator
) -> None:
    first = await suspended(house)
    await house.new_game("tally", PLAYERS)
    second = await suspended(house)
    listed = (await operator.ask("GET", "/suspended")).json["games"]
    assert [game["game_id"] for game in listed] == [second, first]
    assert listed[0] | {"since": "", "report": ""} == {
        "game_id": second,
        "rules": "tally",
        "rules_version": "1",
        "players": PLAYERS,
        "event_count": 1,
        "why": "apply of the rules raised",
        "since": "",
        "report": "",
    }


async def test_one_is_tried_again_and_then_runs(house: House, operator: Operator) -> None:
    game_id = await suspended(house)
    for resumed in (True, False):
        answer = await operator.ask("POST", f"/games/{game_id}/resume")
        assert (answer.status, answer.json) == (
            200,
            {"game_id": game_id, "event_id": 1, "status": "running", "resumed": resumed},
        )
    assert (await operator.ask("GET", "/suspended")).json == {"games": []}


async def test_what_is_no_game_cannot_be_resumed(operator: Operator) -> None:
    assert (await operator.ask("POST", "/games/no-such-game/resume")).status == 404


async def test_the_api_resumes_a_game_for_a_service_and_nobody_else(house: House) -> None:
    game_id = await suspended(house)
    with pytest.raises(ApiFailed, match="unauthorized"):
        await evolve(house.api, token=house.token("anna")).resume_game(game_id)
    assert (await house.api.game(game_id))["status"] == "suspended"
    assert (await house.api.resume_game(game_id))["resumed"]
    assert (await house.api.game(game_id))["status"] == "running"


async def test_one_whose_rules_are_as_they_were_says_so(house: House) -> None:
    (rules,) = house.registry
    assert isinstance(rules, Tally)
    game_id = await suspended(house)
    rules.fail_in = "set_up"
    with pytest.raises(ApiFailed) as failed:
        await house.api.resume_game(game_id)
    assert (failed.value.status, failed.value.code) == (503, Code.UNAVAILABLE)
    assert (await house.api.game(game_id))["status"] == "suspended"
