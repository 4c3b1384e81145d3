"""Peers that mean no good: bytes that are random, and valid sessions with bytes of them changed, cut or repeated."""

from __future__ import annotations

import json
import random
import socket
import struct
from typing import TYPE_CHECKING, TypeAlias

import trio
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drills.server import RealServer

Script: TypeAlias = list[bytes]
"""What a hostile peer sends, piece by piece."""

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_LONGEST = 4096


@frozen
class Hostile:
    """Makes scripts from a seed; `token` is a good one, so that mutated sessions get far in."""

    rng: random.Random
    token: str
    game_id: str

    def script(self) -> Script:
        """One more input, of any kind."""
        return self.rng.choice([self._noise, self._http, self._plain, self._polling, self._socketio])()

    # ---- the kinds

    def _noise(self) -> Script:
        return [self.rng.randbytes(self.rng.randrange(1, _LONGEST)) for _ in range(self.rng.randrange(1, 4))]

    def _http(self) -> Script:
        path = self.rng.choice(
            ["/", "/healthz", "/api/rules", "/api/games", f"/api/games/{self.game_id}", "/ws", "/%00"]
        )
        body = json.dumps(
            {"rules": "crazy_eights", "players": ["a", "b"], "seed": "x" * self.rng.randrange(200)}
        ).encode()
        method = self.rng.choice(["GET", "POST", "HEAD", "OPTIONS", "PUT", "BREW"])
        return self._mutated([self._request(method, path, body), self._request("GET", "/healthz", b"")])

    def _plain(self) -> Script:
        messages = [
            {"event": "connect", "data": {"token": self.token}, "id": 0},
            {"event": "heartbeat", "id": 1},
            {"event": "game:join", "data": {"game_id": self.game_id, "last_event_id": 0}, "id": 2},
            {"event": "game:action", "data": {"game_id": self.game_id, "action": {"type": "draw"}}, "id": 3},
        ]
        handshake = self._upgrade("/ws", "Sec-WebSocket-Protocol: croupier.v1.json\r\n")
        return [handshake, *self._mutated([self._frame(json.dumps(message).encode()) for message in messages])]

    def _polling(self) -> Script:
        base = "/socket.io/?EIO=4&transport=polling"
        payload = b"40/game," + json.dumps({"token": self.token}).encode() + b"\x1e" + b'42/game,1["heartbeat",{}]'
        sid = self.rng.choice(["", f"&sid={'x' * self.rng.randrange(30)}"])
        return self._mutated([self._request("GET", base + sid, b""), self._request("POST", base + sid, payload)])

    def _socketio(self) -> Script:
        packets = [
            b"40/game," + json.dumps({"token": self.token}).encode(),
            b'42/game,1["game:join",{"game_id":"%b"}]' % self.game_id.encode(),
            b'452-/game,2["heartbeat",{"_placeholder":true,"num":0}]',
            b"3",
            b"41/game,",
        ]
        handshake = self._upgrade("/socket.io/?EIO=4&transport=websocket", "")
        return [handshake, *self._mutated([self._frame(packet) for packet in packets])]

    # ---- bytes

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        token = f"Authorization: Bearer {self.token}\r\n"
        return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{token}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _upgrade(self, path: str, more: str) -> bytes:
        fixed = (
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n"
        )
        return f"GET {path} HTTP/1.1\r\nHost: x\r\n{fixed}{more}\r\n".encode()

    def _frame(self, payload: bytes) -> bytes:
        """A client's frame, mostly as it should be."""
        opcode = 0x81 if self.rng.random() < 0.9 else self.rng.randrange(256)
        size = len(payload)
        head = bytes((opcode, 0x80 | size)) if size < 126 else bytes((opcode, 0xFE)) + struct.pack("!H", size)
        return head + b"\0\0\0\0" + payload  # a mask of zeros leaves the payload as it is

    def _mutated(self, pieces: list[bytes]) -> Script:
        changed = [self._change(piece) if self.rng.random() < 0.5 else piece for piece in pieces]
        if self.rng.random() < 0.2:
            self.rng.shuffle(changed)
        return changed * self.rng.choice([1, 1, 1, 2, 5])

    def _change(self, piece: bytes) -> bytes:
        data = bytearray(piece)
        for _ in range(self.rng.randrange(1, 6)):
            at = self.rng.randrange(len(data) + 1)
            change: Callable[[], object] = self.rng.choice(
                [
                    lambda at=at: data.__setitem__(slice(at, at + 1), self.rng.randbytes(1)),
                    lambda at=at: data.__setitem__(slice(at, at), self.rng.randbytes(self.rng.randrange(1, 40))),
                    lambda at=at: data.__delitem__(slice(at, at + self.rng.randrange(1, 20))),
                    lambda at=at: data.__setitem__(slice(at, at), bytes(data[at : at + 50])),
                ]
            )
            change()
        return bytes(data)


async def attack(server: RealServer, script: Script, *, reset: bool) -> None:
    """Sends the script on a connection of its own, whatever is answered, and hangs up: in order, or with a reset."""
    stream = await server.connect()
    assert isinstance(stream, trio.SocketStream)
    try:
        for piece in script:
            with trio.move_on_after(1):
                await stream.send_all(piece)
        with trio.move_on_after(0.02):
            while await stream.receive_some(65536):
                pass
        if reset:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the server hung up, as it may
    finally:
        await trio.aclose_forcefully(stream)
