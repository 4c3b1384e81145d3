"""What a request to the Engine.IO path is for. Every refusal here was read off engine.io 6.6.12."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from net.engineio import EngineSession
from net.engineio_effects import Refusal
from net.engineio_packets import EngineConfig
from net.engineio_requests import ForSession, Handshake, route

if TYPE_CHECKING:
    from net.engineio_requests import Route

POLLING = {"EIO": "4", "transport": "polling"}
WEBSOCKET = {"EIO": "4", "transport": "websocket"}


@pytest.fixture
def sessions() -> dict[str, EngineSession]:
    polling, _ = EngineSession.over_polling("P", EngineConfig(), 1, 0.0)
    websocket, _ = EngineSession.over_websocket("W", EngineConfig(), 2, 0.0)
    return {"P": polling, "W": websocket}


def http(sessions: dict[str, EngineSession], method: str, **query: str) -> Route:
    return route(method, query, websocket=False, sessions=sessions)


def upgrade(sessions: dict[str, EngineSession], **query: str) -> Route:
    return route("GET", query, websocket=True, sessions=sessions)


def test_a_get_without_a_sid_is_a_handshake(sessions: dict[str, EngineSession]) -> None:
    assert http(sessions, "GET", **POLLING) == Handshake(base64=False)
    assert upgrade(sessions, **WEBSOCKET) == Handshake(base64=False)


def test_an_empty_sid_is_none(sessions: dict[str, EngineSession]) -> None:
    assert http(sessions, "GET", **POLLING, sid="") == Handshake(base64=False)


def test_a_client_may_ask_for_base64(sessions: dict[str, EngineSession]) -> None:
    assert upgrade(sessions, **WEBSOCKET, b64="1") == Handshake(base64=True)
    assert upgrade(sessions, **WEBSOCKET, sid="P", b64="1") == ForSession(sessions["P"], base64=True)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_with_a_sid_is_for_its_session(sessions: dict[str, EngineSession], method: str) -> None:
    assert http(sessions, method, **POLLING, sid="P") == ForSession(sessions["P"], base64=False)


def test_a_websocket_with_a_sid_is_for_its_session(sessions: dict[str, EngineSession]) -> None:
    assert upgrade(sessions, **WEBSOCKET, sid="P") == ForSession(sessions["P"], base64=False)


@pytest.mark.parametrize("query", [{"EIO": "4"}, {"EIO": "4", "transport": "abc"}, {"transport": "webtransport"}, {}])
def test_a_missing_or_unknown_transport_is_refused(sessions: dict[str, EngineSession], query: dict[str, str]) -> None:
    assert http(sessions, "GET", **query) is Refusal.UNKNOWN_TRANSPORT
    assert http(sessions, "GET", **query, sid="P") is Refusal.UNKNOWN_TRANSPORT
    assert upgrade(sessions, **query) is Refusal.UNKNOWN_TRANSPORT


@pytest.mark.parametrize("query", [{}, {"EIO": "abc"}, {"EIO": "3"}, {"EIO": "5"}, {"EIO": ""}, {"EIO": "04"}])
def test_a_handshake_of_a_missing_or_unknown_revision_is_refused(
    sessions: dict[str, EngineSession], query: dict[str, str]
) -> None:
    assert http(sessions, "GET", transport="polling", **query) is Refusal.UNSUPPORTED_PROTOCOL_VERSION
    assert upgrade(sessions, transport="websocket", **query) is Refusal.UNSUPPORTED_PROTOCOL_VERSION


def test_a_missing_revision_is_refused_in_a_session_too(sessions: dict[str, EngineSession]) -> None:
    assert http(sessions, "GET", transport="polling", sid="P") is Refusal.BAD_REQUEST
    assert upgrade(sessions, transport="websocket", EIO="3", sid="P") is Refusal.BAD_REQUEST


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_sid_is_refused(sessions: dict[str, EngineSession], method: str) -> None:
    assert http(sessions, method, **POLLING, sid="x") is Refusal.UNKNOWN_SID
    assert upgrade(sessions, **WEBSOCKET, sid="x") is Refusal.UNKNOWN_SID


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "PATCH", "get"])
def test_only_a_get_makes_a_handshake(sessions: dict[str, EngineSession], method: str) -> None:
    assert http(sessions, method, **POLLING) is Refusal.BAD_HANDSHAKE_METHOD


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH"])
def test_a_session_takes_no_other_methods(sessions: dict[str, EngineSession], method: str) -> None:
    assert http(sessions, method, **POLLING, sid="P") is Refusal.BAD_REQUEST


def test_plain_http_cannot_ask_for_the_websocket_transport(sessions: dict[str, EngineSession]) -> None:
    assert http(sessions, "GET", **WEBSOCKET) is Refusal.BAD_REQUEST
    assert http(sessions, "GET", **WEBSOCKET, sid="P") is Refusal.BAD_REQUEST
    assert http(sessions, "GET", **WEBSOCKET, sid="W") is Refusal.BAD_REQUEST


def test_a_websocket_cannot_ask_for_the_polling_transport(sessions: dict[str, EngineSession]) -> None:
    assert upgrade(sessions, **POLLING) is Refusal.BAD_REQUEST
    assert upgrade(sessions, **POLLING, sid="P") is Refusal.BAD_REQUEST


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_polling_a_session_that_is_on_a_websocket_is_refused(sessions: dict[str, EngineSession], method: str) -> None:
    assert http(sessions, method, **POLLING, sid="W") is Refusal.BAD_REQUEST


@pytest.mark.parametrize(
    ("refusal", "status", "body"),
    [
        (Refusal.UNKNOWN_TRANSPORT, 400, b'{"code":0,"message":"Transport unknown"}'),
        (Refusal.UNKNOWN_SID, 400, b'{"code":1,"message":"Session ID unknown"}'),
        (Refusal.BAD_HANDSHAKE_METHOD, 400, b'{"code":2,"message":"Bad handshake method"}'),
        (Refusal.BAD_REQUEST, 400, b'{"code":3,"message":"Bad request"}'),
        (Refusal.FORBIDDEN, 403, b'{"code":4,"message":"Forbidden"}'),
        (Refusal.UNSUPPORTED_PROTOCOL_VERSION, 400, b'{"code":5,"message":"Unsupported protocol version"}'),
    ],
)
def test_a_refusal_has_the_status_and_the_body_of_the_reference(refusal: Refusal, status: int, body: bytes) -> None:
    assert (refusal.status, refusal.body) == (status, body)
