"""The server that a benchmark starts for itself."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import trio
from attrs import define

from net.bench.stages import STAGES
from net.process import ServerProcess, own_command, without_rates
from net.wire import SocketWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_CONFIG: Final = """\
[sessions]
ping_interval = 3600
ping_timeout = 3600

[limits]
max_connections = {connections}

[log]
level = "warning"
"""
"""An idle session is really idle: its pings would come after the benchmark."""


@define(eq=False)
class LocalServer(ServerProcess):
    """A server of our own, to which there are also connections as light as can be."""

    async def dial(self) -> SocketWire:
        """See `net.bench.transport.Server`."""
        return await dial_tcp(self.address)


async def dial_tcp(address: str) -> SocketWire:
    """A connection to `HOST:PORT`, as light as can be. Raises OSError."""
    host, _, port = address.rpartition(":")
    stream = await trio.open_tcp_stream(host, int(port))
    return SocketWire(socket.socket(fileno=stream.socket.detach()), address)


@asynccontextmanager
async def started_server(
    *,
    connections: int,
    environ: Mapping[str, str] | None = None,
    bench_rules: bool = False,
    stages: bool = False,
    port: int = 0,
    inside: Path | None = None,
) -> AsyncIterator[LocalServer]:
    """A server that listens, takes so many connections, and pings nobody; gone at the end, with its files, which are
    in a folder of their own `inside` this one. `environ` configures it besides; with `bench_rules` the benchmarks' game
    can be played on it, and with `stages` it says at its end where its time went; port 0 is a free one. Raises
    ServerFailed."""
    with TemporaryDirectory(prefix="croupier-bench-", dir=inside, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "config.toml").write_text(_CONFIG.format(connections=connections))
        program = own_command("bench") if bench_rules else own_command()
        settings = without_rates() | dict(environ or {})
        arguments = ("--stages", str(folder / STAGES)) if stages else ()
        async with LocalServer(folder, program=program, arguments=arguments, environ=settings, port=port) as server:
            await server.start()
            yield server
