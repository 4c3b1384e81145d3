"""docs/deploy/nginx.conf as it stands there, but for its names and ports, in a real nginx. `apt install nginx-light`
first, and then pytest with the name of this folder, which is left out otherwise."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from net.client import Over
from net.process import quiet_port
from tests.deploy.proxies import UPSTREAM, example, listening, players_play, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

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
    """See `Proxy`."""
    port = quiet_port()
    changes = {
        UPSTREAM: upstream,
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/letsencrypt/live/play.example.org": str(folder),
    }
    configuration = folder / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder, example=example("nginx.conf", changes)))
    log = folder / "error.log"
    command = [program("nginx", "nginx-light"), "-p", str(folder), "-e", str(log), "-c", str(configuration)]
    async with listening(command, port, log, os.environ):
        yield port


@pytest.mark.parametrize("over", list(Over))
async def test_players_play_through_nginx_each_way(tmp_path: Path, over: Over) -> None:
    await players_play(nginx, tmp_path, over)
