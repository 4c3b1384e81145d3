"""Which web pages may use the server: CORS as browsers ask for it, and the origin of WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from net.config import Config, Server
from net.cors import Cors
from net.http import Refused, Request, Response, error_response
from tests.samples.engineio import POLLING, UPGRADE, WEBSOCKET, Http, Poller, ask, handshake_of, open_socket

if TYPE_CHECKING:
    from net.http import Headers
    from net.testing.house import House

PAGE = "https://play.example"
OTHER = "https://evil.example"
LISTED = Config(server=Server(allowed_origins=(PAGE, "http://localhost:3000")))
CORS = ("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "vary")


def request(method: str = "GET", **headers: str) -> Request:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method, "/healthz", ("healthz",), {}, fields, b"", "peer")


async def hello(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return Response(200, (("Content-Type", "text/plain"),), b"hello")


async def respond(cors: Cors, asked: Request) -> tuple[int, dict[str, str]]:
    """The status, and what of the headers is about origins."""
    response = await cors.around(hello)(asked)
    names = {name.lower(): value for name, value in response.headers}
    return response.status, {name: names[name] for name in CORS if name in names}


# ---- an allow-list


async def test_an_origin_that_could_not_be_sent_back_is_nobodys_own() -> None:
    asked = request(origin="http://h\x01", host="h\x01")
    assert await respond(Cors((PAGE,)), asked) == (200, {"vary": "Origin"})
    assert not Cors((PAGE,)).allows(asked)


async def test_a_page_of_the_list_may_read_what_is_answered() -> None:
    cors = Cors((PAGE, OTHER))
    allowed = {"access-control-allow-origin": PAGE, "vary": "Origin"}
    assert await respond(cors, request(origin=PAGE)) == (200, allowed)


async def test_another_page_is_answered_and_may_not_read_it() -> None:
    assert await respond(Cors((PAGE,)), request(origin=OTHER)) == (200, {"vary": "Origin"})


async def test_a_client_without_an_origin_is_no_page_and_caches_are_told_that_it_matters() -> None:
    assert await respond(Cors((PAGE,)), request()) == (200, {"vary": "Origin"})


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://play.example.evil.example",
        "https://evil.example/https://play.example",
        "https://xplay.example",
        "http://play.example",
        "https://play.example:444",
        "https://play.example, https://evil.example",
        "*",
    ],
)
async def test_an_origin_that_only_resembles_one_of_the_list_is_another(origin: str) -> None:
    cors = Cors((PAGE,))
    assert await respond(cors, request(origin=origin)) == (200, {"vary": "Origin"})
    assert not cors.allows(request(origin=origin, host="server.example"))


@pytest.mark.parametrize("listed", ["https://play.example", "HTTPS://Play.Example"])
@pytest.mark.parametrize("origin", ["https://play.example", "https://PLAY.example"])
def test_the_case_of_an_origin_does_not_matter(listed: str, origin: str) -> None:
    assert Cors((listed,)).allows(request(origin=origin))


def test_the_servers_own_pages_need_no_place_in_the_list() -> None:
    cors = Cors((PAGE,))
    assert cors.allows(request(origin="http://127.0.0.1:8765", host="127.0.0.1:8765"))
    assert not cors.allows(request(origin="http://127.0.0.1:8766", host="127.0.0.1:8765"))


async def test_a_refusal_that_a_handler_raises_can_be_read_by_the_page_too() -> None:
    async def refuse(_: Request) -> Response:
        await trio.lowlevel.checkpoint()
        raise Refused(error_response(413, "too_large", "too large"))

    response = await Cors((PAGE,)).around(refuse)(request(origin=PAGE))
    assert response.status == 413
    assert ("Access-Control-Allow-Origin", PAGE) in response.headers


# ---- every page


async def test_every_page_may_read_what_is_answered() -> None:
    assert await respond(Cors(), request(origin=OTHER)) == (200, {"access-control-allow-origin": "*"})
    assert await respond(Cors(), request()) == (200, {})


# ---- preflights


async def test_a_preflight_of_a_page_of_the_list_is_told_what_it_may_send() -> None:
    asked = request("OPTIONS", origin=PAGE, access_control_request_method="POST")
    assert await respond(Cors((PAGE,)), asked) == (
        204,
        {
            "access-control-allow-origin": PAGE,
            "access-control-allow-methods": "GET, HEAD, POST",
            "access-control-allow-headers": "Authorization, Content-Type",
            "vary": "Origin",
        },
    )


async def test_a_preflight_of_another_page_is_not_let_in() -> None:
    asked = request("OPTIONS", origin=OTHER, access_control_request_method="POST")
    _, headers = await respond(Cors((PAGE,)), asked)
    assert "access-control-allow-origin" not in headers


async def test_options_without_a_preflight_names_the_methods() -> None:
    response = await Cors().around(hello)(request("OPTIONS"))
    assert response == Response(204, (("Allow", "GET, HEAD, POST, OPTIONS"),))


# ---- on the server


def heard(headers: dict[str, str]) -> str | None:
    return headers.get("access-control-allow-origin")


def origin(page: str) -> Headers:
    return (("Origin", page),)


@pytest.mark.parametrize("house_config", [LISTED])
async def test_a_page_of_the_list_may_poll(house: House) -> None:
    answer = await ask(house, "GET", POLLING, headers=origin(PAGE))
    assert (answer.status, heard(answer.headers)) == (200, PAGE)
    for target, body in ((POLLING + "&sid=nobody", b""), (POLLING + "&sid=nobody", b"4" * 70000)):
        refusal = await ask(house, "POST", target, body, origin(PAGE))
        assert (refusal.status, heard(refusal.headers)) == (400, PAGE)


@pytest.mark.parametrize("house_config", [LISTED])
async def test_a_page_that_is_not_of_the_list_cannot_read_its_sid(house: House) -> None:
    answer = await ask(house, "GET", POLLING, headers=origin(OTHER))
    assert heard(answer.headers) is None


@pytest.mark.parametrize("house_config", [LISTED])
@pytest.mark.parametrize("path", [POLLING, "/api/games", "/ws", "/nowhere"])
async def test_a_preflight_is_answered_at_every_path(house: House, path: str) -> None:
    http = await Http.open(house)
    asked = (*origin(PAGE), ("Access-Control-Request-Method", "POST"))
    for _ in range(2):
        answer = await http.ask("OPTIONS", path, headers=asked)
        assert (answer.status, answer.body, heard(answer.headers)) == (204, b"", PAGE)


@pytest.mark.parametrize("house_config", [LISTED])
@pytest.mark.parametrize("path", [WEBSOCKET, "/ws"])
async def test_a_websocket_of_a_page_that_is_not_of_the_list_is_refused(house: House, path: str) -> None:
    refused = await ask(house, "GET", path, headers=(*UPGRADE, *origin(OTHER)))
    assert (refused.status, refused.json["error"]["code"]) == (403, "forbidden")
    assert len(house.app.engine) == 0


@pytest.mark.parametrize("house_config", [LISTED])
async def test_an_upgrade_by_a_page_that_is_not_of_the_list_is_refused_and_the_session_lives(
    house: House,
) -> None:
    poller = await Poller.open(house)
    target = f"{WEBSOCKET}&sid={poller.sid}"
    assert (await ask(house, "GET", target, headers=(*UPGRADE, *origin(OTHER)))).status == 403
    await poller.tell("40/x,")


@pytest.mark.parametrize("headers", [(), origin(PAGE), origin("http://localhost:3000"), origin("http://croupier")])
@pytest.mark.parametrize("house_config", [LISTED])
async def test_a_websocket_of_the_list_of_the_server_or_of_no_page_is_let_in(
    house: House, nursery: trio.Nursery, headers: Headers
) -> None:
    assert (await handshake_of(await open_socket(house, nursery, headers=headers)))["sid"]


@pytest.mark.parametrize("page", [PAGE, OTHER, "null"])
async def test_by_default_every_page_is_let_in(house: House, nursery: trio.Nursery, page: str) -> None:
    assert heard((await ask(house, "GET", POLLING, headers=origin(page))).headers) == "*"
    assert (await handshake_of(await open_socket(house, nursery, headers=origin(page))))["sid"]
