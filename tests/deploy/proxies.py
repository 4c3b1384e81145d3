"""What the tests of the examples have in common: a real reverse proxy between a real server and its players."""

from __future__ import annotations

import shutil
import ssl
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import trio

from net.client import CroupierClient
from tests.drills.server import PATIENCE, RealServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from net.client import Over

UPSTREAM: Final = "127.0.0.1:8765"
"""Where the examples look for Croupier."""

_EXAMPLES = Path(__file__).parents[2] / "docs" / "deploy"
_CERTIFICATES = Path(__file__).parents[1] / "net" / "tls"
_PLAYERS = {"player:one": "127.0.0.2", "player:two": "127.0.0.3"}
"""Who plays, and the address that each comes from."""


class Proxy(Protocol):
    """Runs one proxy in this folder, in front of this address, with the certificate that lies there; the context is
    the port that it listens on."""

    def __call__(self, folder: Path, upstream: str) -> AbstractAsyncContextManager[int]: ...


def example(name: str, changes: Mapping[str, str]) -> str:
    """The text of this file of docs/deploy, with nothing changed but this."""
    text = (_EXAMPLES / name).read_text()
    for there, here in changes.items():
        assert there in text, there
        text = text.replace(there, here)
    return text


def program(name: str, package: str) -> str:
    """The path of a program that Debian has."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, f"there is no {name}: apt install {package}"
    return found


@asynccontextmanager
async def listening(command: Sequence[str], port: int, log: Path, environ: Mapping[str, str]) -> AsyncIterator[int]:
    """The process of this command, from when it listens on that port of loopback, which is the context; what it writes
    is in `log`. Killed at the end."""
    with log.open("wb") as said:
        process = await trio.lowlevel.open_process(command, stdin=None, stdout=said, stderr=said, env=environ)
    try:
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    assert process.poll() is None, await trio.Path(log).read_text()
                    await trio.sleep(0.05)
        yield port
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def players_play(proxy: Proxy, folder: Path, over: Over) -> None:
    """Two players come through the proxy, one of them moves, the other sees it; and the server has been told who they
    are: only one may come from each address, and with anything less they would be one address."""
    shutil.copy(_CERTIFICATES / "localhost.crt", folder / "fullchain.pem")
    shutil.copy(_CERTIFICATES / "localhost.key", folder / "privkey.pem")
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    environ = {"CROUPIER_SERVER_TRUSTED_PROXIES": "127.0.0.1", "CROUPIER_LIMITS_CONNECTIONS_PER_ADDRESS": "1"}
    with trio.fail_after(PATIENCE):
        async with RealServer(folder / "data", environ) as server, proxy(folder, server.address) as port:

            async def connect(address: str) -> trio.abc.Stream:
                tcp = await trio.open_tcp_stream("127.0.0.1", port, local_address=address)
                return trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)

            game_id = await server.api.create_game("crazy_eights", tuple(_PLAYERS))
            async with trio.open_nursery() as nursery:
                clients = [
                    await CroupierClient.connect(nursery, partial(connect, address), server.token(user_id), over=over)
                    for user_id, address in _PLAYERS.items()
                ]
                views = [await client.join(game_id) for client in clients]
                mover = next(seat for seat, view in enumerate(views) if view.get("legal_actions"))
                await clients[mover].act(game_id, views[mover]["legal_actions"][0], "once")
                other = clients[1 - mover]
                while (await other.next_push("game:state")).data["event_id"] < 2:
                    pass
                nursery.cancel_scope.cancel()
