"""docs/deploy/nginx.conf as it stands there, but for its names and ports, in a real nginx. `apt install nginx-light`
first, and then pytest with the name of this folder, which is left out otherwise."""

from __future__ import annotations

import re
import shutil
import signal
import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from net.client import CroupierClient, Over
from net.process import quiet_port
from tests.drills.server import PATIENCE, RealServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CERTIFICATES = Path(__file__).parents[1] / "net" / "tls"
EXAMPLE = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"

AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[int]:
    """nginx in front of this address; the port that it listens on."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program is not None, "there is no nginx: apt install nginx-light"
    shutil.copy(CERTIFICATES / "localhost.crt", folder / "fullchain.pem")
    shutil.copy(CERTIFICATES / "localhost.key", folder / "privkey.pem")
    port = quiet_port()
    example = EXAMPLE.read_text().replace("127.0.0.1:8765", upstream).replace("listen 443", f"listen 127.0.0.1:{port}")
    example = re.sub(r"/etc/letsencrypt/live/play\.example\.org", str(folder), example)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, example=example))
    process = await trio.lowlevel.open_process(
        [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    )
    try:
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "error.log").read_text()
                    await trio.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


@pytest.mark.parametrize("over", list(Over))
async def test_players_play_through_nginx_each_way(tmp_path: Path, over: Over) -> None:
    with trio.fail_after(PATIENCE):
        environ = {"CROUPIER_SERVER_TRUSTED_PROXIES": "127.0.0.1"}
        async with RealServer(tmp_path / "data", environ) as server, nginx(tmp_path, server.address) as port:
            context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))

            async def connect() -> trio.abc.Stream:
                tcp = await trio.open_tcp_stream("127.0.0.1", port)
                return trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)

            players = ("player:one", "player:two")
            game_id = await server.api.create_game("crazy_eights", players)
            async with trio.open_nursery() as nursery:
                clients = [
                    await CroupierClient.connect(nursery, connect, server.token(user_id), over=over)
                    for user_id in players
                ]
                views = [await client.join(game_id) for client in clients]
                mover = next(seat for seat, view in enumerate(views) if view.get("legal_actions"))
                await clients[mover].act(game_id, views[mover]["legal_actions"][0], "once")
                other = clients[1 - mover]
                while (await other.next_push("game:state")).data["event_id"] < 2:
                    pass
                nursery.cancel_scope.cancel()
