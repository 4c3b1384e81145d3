"""Bare WebSockets of websocket-client on strings, with no code of Croupier's: each line of the input is a command as
JSON, for the client of the name `who`; what happens to any of them goes out as a line of JSON."""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import Any

import websocket

Json = Any
_lock = threading.Lock()
_url = json.loads(sys.argv[1])["url"].replace("http://", "ws://") + "/ws"
_sockets: dict[str, websocket.WebSocket] = {}


def tell(kind: str, **what: Json) -> None:
    """One line of what happens."""
    with _lock:
        sys.stdout.write(json.dumps({"kind": kind, **what}) + "\n")
        sys.stdout.flush()


def connect(who: str, auth: Json, options: Json) -> None:
    """A fresh connection."""
    link = _sockets[who] = websocket.create_connection(_url, subprotocols=["croupier.v1.json"], **options)
    link.send(json.dumps({"event": "connect", "data": auth, "id": "connect"}))
    threading.Thread(target=_listen, args=(who, link), daemon=True).start()


def _listen(who: str, link: websocket.WebSocket) -> None:
    code = None
    try:
        while True:
            opcode, data = link.recv_data()  # answers pings by itself
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                code = int.from_bytes(data[:2], "big") if data else None
                break
            _hear(who, json.loads(data))
    except (OSError, websocket.WebSocketException):
        pass
    tell("disconnected", who=who, code=code)


def _hear(who: str, message: Json) -> None:
    if "event" in message:
        args = [message["data"], *([message["offset"]] if "offset" in message else [])]
        tell("event", who=who, event=message["event"], args=args)
    elif message["ack"] != "connect":
        tell("answered", who=who, id=message["ack"], answer=message["data"])
    elif "error" in message["data"]:
        error = message["data"]["error"]
        tell("refused", who=who, message=error["message"], data={"code": error["code"]})
    else:
        tell("connected", who=who, **message["data"])


def send(who: str, **message: Json) -> None:
    """A request; to be answered, if it has an id."""
    _sockets[who].send(json.dumps(message))


def cut(who: str) -> None:
    """The connection is lost."""
    link = _sockets[who].sock
    assert link is not None
    link.shutdown(socket.SHUT_RDWR)  # closed, it would live on in the thread that reads it


def leave(who: str) -> None:
    """It says goodbye."""
    _sockets[who].close()


def main() -> None:
    """Does as it is told, until its input ends."""
    commands: dict[str, Any] = {"connect": connect, "ask": send, "tell": send, "cut": cut, "leave": leave}
    for line in sys.stdin:
        command = json.loads(line)
        what = command.pop("what")
        if what == "end":
            break
        commands[what](**command)


if __name__ == "__main__":
    main()
