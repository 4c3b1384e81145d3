"""Which requests for a WebSocket are let in, and what the others are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from net.handshake import Accept, SocketRoutes
from net.http import Response
from tests.samples.handshake import handshake

if TYPE_CHECKING:
    from net.http import Request
    from net.websocket import WebSocket


async def nobody(request: Request, websocket: WebSocket) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError("not reached")


def routes() -> SocketRoutes:
    made = SocketRoutes()
    made.add("/ws", nobody, subprotocol="croupier.v1.json")
    made.add("/any", nobody)
    return made


def refusal(request: Request) -> tuple[int, str, dict[str, str]]:
    decision = routes()(request)
    assert isinstance(decision, Response)
    return decision.status, orjson.loads(decision.body)["error"]["code"], dict(decision.headers)


def test_a_handshake_that_offers_the_subprotocol_is_accepted() -> None:
    assert routes()(handshake()) == Accept(nobody, "croupier.v1.json")


def test_a_path_without_a_subprotocol_takes_any_offer() -> None:
    assert routes()(handshake("/any", sec_websocket_protocol=None)) == Accept(nobody, None)


@pytest.mark.parametrize("offer", [None, "", "chat", "croupier.v2.json", "CROUPIER.v1.json"])
def test_a_client_that_does_not_offer_the_subprotocol_is_told_which(offer: str | None) -> None:
    decision = routes()(handshake(sec_websocket_protocol=offer))
    assert isinstance(decision, Response)
    assert decision.status == 400
    assert orjson.loads(decision.body)["error"] == {
        "code": "subprotocol_required",
        "message": "offer the subprotocol croupier.v1.json",
        "details": {"subprotocol": "croupier.v1.json"},
    }


def test_an_unknown_path_is_not_found() -> None:
    assert refusal(handshake("/wss"))[:2] == (404, "not_found")


@pytest.mark.parametrize("version", [None, "8", "13, 8"])
def test_another_version_is_told_the_right_one(version: str | None) -> None:
    status, code, headers = refusal(handshake(sec_websocket_version=version))
    assert (status, code, headers["Sec-WebSocket-Version"]) == (426, "upgrade_required", "13")


@pytest.mark.parametrize(
    "request_",
    [
        handshake(method="POST"),
        handshake(body=b"x"),
        handshake(connection="keep-alive"),
        handshake(connection=None),
        handshake(sec_websocket_key=None),
        handshake(sec_websocket_key="c2hvcnQ="),
        handshake(sec_websocket_key="not base64 at all"),
        handshake(sec_websocket_key="\xff" * 24),
    ],
)
def test_what_is_no_handshake_is_refused(request_: Request) -> None:
    assert refusal(request_)[:2] == (400, "bad_request")


def test_a_path_has_one_handler() -> None:
    with pytest.raises(ValueError, match="has a handler"):
        routes().add("/ws", nobody)


async def test_an_ordinary_request_for_a_websocket_is_told_to_upgrade() -> None:
    response = await routes().upgrade_required(handshake())
    assert response.status == 426
    assert dict(response.headers)["Upgrade"] == "websocket"
