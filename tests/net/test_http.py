"""Requests, responses and the table of routes; what carries them is tested in test_conversation.py."""

from __future__ import annotations

import orjson
import pytest
import trio

from net.http import Request, Response, Routes, error_response, json_response, split_path


def request(method: str, path: str, headers: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request(
        method=method, path=path, segments=split_path(path), query={}, headers=headers, body=b"", peer="somebody"
    )


async def echo(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return json_response(200, request.params)


async def hello(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return json_response(200, "hello")


async def ask(routes: Routes, method: str, path: str) -> tuple[int, object]:
    response = await routes(request(method, path))
    return response.status, orjson.loads(response.body)


def games() -> Routes:
    routes = Routes()
    routes.add("GET", "/games/latest", hello)
    routes.add("GET", "/games/{id}", echo)
    routes.add("POST", "/games/{id}/abort", echo)
    return routes


async def test_a_route_gives_what_stands_for_its_parameters() -> None:
    assert await ask(games(), "GET", "/games/g1") == (200, {"id": "g1"})


async def test_the_first_pattern_that_fits_counts() -> None:
    assert await ask(games(), "GET", "/games/latest") == (200, "hello")


@pytest.mark.parametrize("path", ["/", "/games", "/games/", "/games/g1/", "/games/g1/abort/now", "/Games/g1"])
async def test_a_path_that_no_pattern_fits_is_not_found(path: str) -> None:
    status, body = await ask(games(), "GET", path)
    assert status == 404
    assert body == {"error": {"code": "not_found", "message": "there is nothing at this path"}}


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("DELETE", "/games/g1", "GET, HEAD"), ("GET", "/games/g1/abort", "POST")]
)
async def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    response = await games()(request(method, path))
    assert response.status == 405
    assert dict(response.headers)["Allow"] == allow
    assert orjson.loads(response.body)["error"]["code"] == "method_not_allowed"


async def test_head_is_answered_by_the_handler_of_get() -> None:
    assert await ask(games(), "HEAD", "/games/g1") == (200, {"id": "g1"})


def test_a_route_is_added_once() -> None:
    routes = games()
    with pytest.raises(ValueError, match="has a handler"):
        routes.add("GET", "/games/{id}", hello)


def test_a_pattern_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="slash"):
        games().add("GET", "games", hello)


def test_headers_are_found_in_any_case_and_joined() -> None:
    asked = request("GET", "/", (("accept", "a"), ("host", "h"), ("accept", "b")))
    assert asked.header("Accept") == "a, b"
    assert asked.header("cookie") is None
    assert asked.tokens("accept") == ("a", "b")
    assert asked.tokens("cookie") == ()


def test_an_error_holds_details_only_when_there_are_some() -> None:
    bare = error_response(400, "invalid_message", "no")
    full = error_response(400, "invalid_message", "no", {"field": "rules"})
    assert orjson.loads(bare.body) == {"error": {"code": "invalid_message", "message": "no"}}
    assert orjson.loads(full.body)["error"]["details"] == {"field": "rules"}
    assert dict(full.headers) == {"Content-Type": "application/json", "Cache-Control": "no-store"}


@pytest.mark.parametrize(
    "headers",
    [
        (("Allow", "GET\r\nSet-Cookie: x"),),
        (("Al low", "GET"),),
        (("Allow", " GET"),),
        (("Content-Length", "5"),),
        (("transfer-encoding", "chunked"),),
        (("X", "\u2013"),),
    ],
)
def test_a_response_has_no_header_that_breaks_the_framing(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match=r"header|connection"):
        Response(200, headers)


@pytest.mark.parametrize("status", [99, 101, 600])
def test_a_response_has_a_final_status(status: int) -> None:
    with pytest.raises(ValueError, match="status"):
        Response(status)


def test_neither_a_body_nor_a_query_is_shown_by_repr() -> None:
    asked = Request("POST", "/", ("",), {"token": "secret"}, (("authorization", "secret"),), b"secret", "p")
    assert "secret" not in repr(asked)
    assert "secret" not in repr(Response(200, body=b"secret"))
