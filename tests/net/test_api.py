"""The HTTP API, from the bytes of a client to the journal and back, in the house."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.auth import Scope
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client.http import HttpAnswer
    from net.testing.house import House

TALLY = {"rules": "tally", "players": ["a", "b"]}
NO_SECONDS: list[object] = [0, 0.999, -30, 2592000.1, 1e300, True, "30", [], {}]


@pytest.fixture
def house_rules() -> Registry:
    return Registry([CrazyEights(), Tally()])


async def ask(house: House, method: str, path: str, *, token: str | None, json: object = None) -> HttpAnswer:
    return await evolve(house.api, token=token).request(method, path, json=json)


def error(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def wrong(answer: HttpAnswer) -> tuple[str, str]:
    """The field and the reason of a 400, which its message tells too."""
    assert error(answer) == (400, "invalid_message")
    told = answer.json["error"]
    field, reason = told["details"]["field"], told["details"]["reason"]
    assert told["details"] == {"field": field, "reason": reason}
    assert told["message"] == (f"{field}: {reason}" if field else reason)
    return field, reason


# ---- health, and what can be played


async def test_healthz_and_readyz_need_no_token(house: House) -> None:
    alive = await ask(house, "GET", "/healthz", token=None)
    assert (alive.status, alive.json) == (200, {"status": "alive"})
    ready = await ask(house, "GET", "/readyz", token=None)
    assert (ready.status, ready.json) == (200, {"status": "ready", "reasons": []})


async def test_readyz_says_why_the_server_is_not_ready(house: House) -> None:
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(0.1)
    answer = await ask(house, "GET", "/readyz", token=None)
    assert (answer.status, answer.json) == (
        503,
        {"status": "not ready", "reasons": ["the store is not reachable"]},
    )
    assert (await ask(house, "GET", "/healthz", token=None)).status == 200


async def test_the_rules_are_listed_with_all_that_a_maker_of_games_needs(house: House) -> None:
    answer = await ask(house, "GET", "/api/rules", token=None)
    assert answer.status == 200
    assert [rules["name"] for rules in answer.json] == ["crazy_eights", "tally"]
    assert answer.json[1] == {
        "name": "tally",
        "version": "1",
        "title": "Tally",
        "min_players": 2,
        "max_players": 4,
        "options": Tally().options_schema,
    }


# ---- making a game


async def test_a_game_is_made_and_can_be_looked_at(house: House) -> None:
    answer = await house.api.request("POST", "/api/games", json=TALLY)
    assert (answer.status, list(answer.json)) == (201, ["game_id"])
    game_id = answer.json["game_id"]
    game = await ask(house, "GET", f"/api/games/{game_id}", token=house.token("anybody"))
    assert game.status == 200
    described = game.json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", described.pop("created_at"))
    assert described == {
        "game_id": game_id,
        "rules": "tally",
        "rules_version": "1",
        "players": ["a", "b"],
        "status": "running",
        "event_count": 1,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"options": {"highest": 20}},
        {"seed": "x" * 128},
        {"seed": None},
        {"spectators": "public"},
        {"spectators": "none"},
        {"turn_timeout_seconds": None},
        {"turn_timeout_seconds": 1},
        {"turn_timeout_seconds": 2.5},
        {"turn_timeout_seconds": 2592000},
    ],
)
async def test_a_game_is_made_with_what_may_be_said_of_it(house: House, more: dict[str, Any]) -> None:
    assert (await house.api.request("POST", "/api/games", json={**TALLY, **more})).status == 201


@pytest.mark.parametrize("name", ["sed", "turn_timer", "game_id", ""])
async def test_a_field_that_is_not_known_is_refused_by_name(house: House, name: str) -> None:
    answer = await house.api.request("POST", "/api/games", json={**TALLY, name: 1})
    assert wrong(answer) == (
        name,
        "is not known here; the fields are rules, players, options, seed, spectators, turn_timeout_seconds",
    )


async def test_of_a_long_name_only_the_beginning_is_told_back(house: House) -> None:
    field, _ = wrong(await house.api.request("POST", "/api/games", json={**TALLY, "x" * 5000: 1}))
    assert field == "x" * 64


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 65 + b"]" * 65, b"[]", b"null", b'"x"', b"5"])
async def test_a_body_that_is_no_object_is_refused_as_a_whole(house: House, body: bytes) -> None:
    for path in ("/api/games", "/api/games/x/abort"):
        field, reason = wrong(await house.api.request("POST", path, body=body))
        assert field == ""
        assert reason in (
            "the message is not JSON",
            "the message is nested more than 64 deep",
            "the body must be an object",
        )


_USER_ID = "a user id has 1 to 64 of the characters A-Z a-z 0-9 : _ . @ -"


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"rules": 5}, "rules", "must be a string"),
        ({"rules": "chess"}, "rules", "there are no rules named 'chess'; there are crazy_eights, tally"),
        ({"players": "ab"}, "players", "must be a list of strings"),
        ({"players": ["a", 5]}, "players", "must be a list of strings"),
        ({"players": ["a", "b c"]}, "players", _USER_ID),
        ({"players": ["a", ""]}, "players", _USER_ID),
        ({"players": ["a", "a"]}, "players", "a user can sit in one seat only"),
        ({"players": ["a"]}, "players", "tally is for 2 to 4 players"),
        ({"players": list("abcde")}, "players", "tally is for 2 to 4 players"),
        ({"options": []}, "options", "must be an object"),
        ({"options": {"highest": 1}}, "options.highest", "1 is less than the minimum of 2"),
        ({"seed": 5}, "seed", "must be a string"),
        ({"seed": ""}, "seed", "must be a string of 1 to 128 characters"),
        ({"seed": "x" * 129}, "seed", "must be a string of 1 to 128 characters"),
        ({"spectators": "friends"}, "spectators", "must be public or none"),
        ({"spectators": False}, "spectators", "must be a string"),
        ({"spectators": None}, "spectators", "must be a string"),
        *(
            (
                {"turn_timeout_seconds": value},
                "turn_timeout_seconds",
                "must be a number of seconds from 1 to 2592000, or null",
            )
            for value in NO_SECONDS
        ),
    ],
)
async def test_a_wrong_value_is_refused_with_its_field_and_the_reason(
    house: House, given: dict[str, Any], field: str, reason: str
) -> None:
    assert wrong(await house.api.request("POST", "/api/games", json={**TALLY, **given})) == (field, reason)


@pytest.mark.parametrize("field", ["rules", "players"])
async def test_a_field_that_is_left_out_and_needed_is_named(house: House, field: str) -> None:
    given = {name: value for name, value in TALLY.items() if name != field}
    assert wrong(await house.api.request("POST", "/api/games", json=given)) == (field, "is required")


async def test_an_option_that_is_not_known_is_named(house: House) -> None:
    field, _ = wrong(await house.api.request("POST", "/api/games", json={**TALLY, "options": {"hihgest": 3}}))
    assert field == "options.hihgest"


# ---- who may


async def refused(house: House, token: str | None) -> set[tuple[int, str]]:
    """What this token is refused with wherever one of a service is needed."""
    answers = [
        await ask(house, "POST", "/api/games", token=token, json=TALLY),
        await ask(house, "POST", "/api/games/x/abort", token=token, json={"reason": "r"}),
    ]
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    return {error(answer) for answer in answers}


@pytest.mark.parametrize("token", [None, "x", "a.b.c"])
async def test_without_a_good_token_everything_is_unauthorized(house: House, token: str | None) -> None:
    assert await refused(house, token) == {(401, "unauthorized")}
    assert error(await ask(house, "GET", "/api/games/x", token=token)) == (401, "unauthorized")


async def test_an_expired_token_is_told_apart(house: House) -> None:
    service, player = house.token("s", scope=Scope.SERVICE, ttl=5), house.token("a", ttl=5)
    await trio.sleep(6)
    assert await refused(house, service) == {(401, "token_expired")}
    assert error(await ask(house, "GET", "/api/games/x", token=player)) == (401, "token_expired")


async def test_a_players_token_makes_and_aborts_no_games(house: House) -> None:
    assert await refused(house, house.token("a")) == {(401, "unauthorized")}


# ---- what is not there


async def test_a_game_that_is_not_there_is_not_found(house: House) -> None:
    for game_id in ("nothing", "no%20id", "x" * 65):
        assert error(await house.api.request("GET", f"/api/games/{game_id}")) == (404, "game_not_found")
        aborted = await house.api.request("POST", f"/api/games/{game_id}/abort", json={"reason": "r"})
        assert error(aborted) == (404, "game_not_found")


@pytest.mark.parametrize("path", ["/", "/api", "/api/games/", "/api/games/x/y", "/api/game"])
async def test_a_path_that_is_not_there_is_not_found(house: House, path: str) -> None:
    assert error(await house.api.request("GET", path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/games", "POST"),
        ("DELETE", "/api/games/x", "GET, HEAD"),
        ("GET", "/api/games/x/abort", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/api/rules", "GET, HEAD"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    house: House, method: str, path: str, allowed: str
) -> None:
    answer = await house.api.request(method, path)
    assert error(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


# ---- calling a game off


async def test_a_game_that_was_called_off_is_over_for_good(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    path = f"/api/games/{game_id}"
    answer = await house.api.request("POST", f"{path}/abort", json={"reason": "the club closes"})
    assert (answer.status, answer.json) == (200, {"game_id": game_id, "event_id": 2, "end_reason": "aborted"})
    game = (await house.api.request("GET", path)).json
    assert [game[name] for name in ("status", "winner_id", "results", "end_reason", "event_count")] == [
        "ended",
        None,
        {"a": 0, "b": 0},
        "aborted",
        2,
    ]
    assert game["ended_at"] >= game["created_at"]
    again = await house.api.request("POST", f"{path}/abort", json={"reason": "again"})
    assert error(again) == (409, "game_ended")
    assert again.json["error"]["details"] == {"end_reason": "aborted"}


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "reason", "is required"),
        ({"reason": 5}, "reason", "must be a string"),
        ({"reason": ""}, "reason", "must be a string of 1 to 200 characters"),
        ({"reason": "x" * 201}, "reason", "must be a string of 1 to 200 characters"),
        ({"reson": "r"}, "reson", "is not known here; the fields are reason"),
        ({"reason": "r", "winner": "a"}, "winner", "is not known here; the fields are reason"),
    ],
)
async def test_an_abort_with_a_wrong_body_is_refused_and_the_game_goes_on(
    house: House, body: dict[str, Any], field: str, reason: str
) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    assert wrong(await house.api.request("POST", f"/api/games/{game_id}/abort", json=body)) == (field, reason)
    assert (await house.api.game(game_id))["status"] == "running"


async def test_while_the_store_is_away_no_game_is_made(house: House) -> None:
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(0.1)
    assert error(await house.api.request("POST", "/api/games", json=TALLY)) == (503, "unavailable")
