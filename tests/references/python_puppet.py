"""Stock clients of python-socketio on strings: each line of the input is a command as JSON, for the client of the name
`who`; what happens to any of them goes out as a line of JSON. Every handler takes exactly one argument."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

import socketio

NAMESPACE = "/game"
PUSHES = (
    "game:state",
    "game:game_over",
    "game:opponent_status",
    "game:spectator_count",
    "game:created",
    "game:reconnected",
    "game:draw_offered",
    "session:replaced",
    "server:draining",
    "error",
)

Json = Any
_lock = threading.Lock()
_url = json.loads(sys.argv[1])["url"]
_clients: dict[str, socketio.Client] = {}


def tell(kind: str, **what: Json) -> None:
    """One line of what happens."""
    with _lock:
        sys.stdout.write(json.dumps({"kind": kind, **what}) + "\n")
        sys.stdout.flush()


def connect(who: str, auth: Json, options: Json) -> None:
    """A fresh client."""
    client = _clients[who] = socketio.Client()
    for event in PUSHES:
        client.on(event, _hearing(who, event), namespace=NAMESPACE)
    client.on("connect", lambda: tell("connected", who=who, sid=client.get_sid(NAMESPACE)), namespace=NAMESPACE)
    client.on("disconnect", lambda reason: tell("disconnected", who=who, reason=reason), namespace=NAMESPACE)
    client.on("connect_error", lambda data: _refused(who, data), namespace=NAMESPACE)
    with suppress(socketio.exceptions.ConnectionError):  # its handler has told
        client.connect(_url, auth=auth, namespaces=[NAMESPACE], **options)


def _refused(who: str, data: Json) -> None:
    if isinstance(data, dict):  # else nobody was there to refuse it; it tries again
        tell("refused", who=who, **data)


def _hearing(who: str, event: str) -> Json:
    def handler(data: Json) -> None:  # of exactly one argument
        tell("event", who=who, event=event, args=[data])

    return handler


def ask(who: str, event: str, data: Json, **number: int) -> None:
    """A request that is to be answered."""
    _clients[who].emit(event, data, NAMESPACE, lambda answer: tell("answered", who=who, answer=answer, **number))


def emit(who: str, event: str, data: Json) -> None:
    """A request without an ack id."""
    _clients[who].emit(event, data, NAMESPACE)


def cut(who: str) -> None:
    """The transport is lost; the library comes back by itself."""
    client = _clients[who]
    while client.transport() != "websocket":
        client.sleep(0.01)
    client.eio.ws.sock.shutdown(socket.SHUT_RDWR)  # closed, it would live on in the thread that reads it


def leave(who: str) -> None:
    """It says goodbye."""
    _clients[who].shutdown()


def main() -> None:
    """Does as it is told, until its input ends."""
    commands: dict[str, Any] = {"connect": connect, "ask": ask, "tell": emit, "cut": cut, "leave": leave}
    for line in sys.stdin:
        command = json.loads(line)
        what = command.pop("what")
        if what == "end":
            break
        if what in ("connect", "cut"):  # which take their time
            threading.Thread(target=commands[what], kwargs=command, daemon=True).start()
        else:
            commands[what](**command)
    for client in _clients.values():
        client.shutdown()


if __name__ == "__main__":
    main()
