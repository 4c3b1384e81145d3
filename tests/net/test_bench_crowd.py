"""The benchmark of a crowd: its report, and its clients. `.ci/run` runs the command."""

from __future__ import annotations

import io
import socket

import orjson
import pytest
import trio
from rich.console import Console

from net.bench.carriers import client_frame, open_websocket
from net.bench.crowd import Arrival, Beats, Broadcast, Figures, Plan, Return
from net.bench.crowd_run import CrowdReport
from net.bench.machine import Machine
from net.wire import SocketWire

FIGURES = Figures(
    Arrival(2000, 4.0, 2.0, 64 * 1024 * 2000),
    Beats(2000, 2, 0.5, 0.05),
    Broadcast(1, 0.002, (0.001, 0.002)),
    Broadcast(1001, 0.042, (0.01, 0.03, 0.02)),
    (Return(True, 0.5, 1.0, (1.0, 2.0, 3.0)), Return(False, 0.6, 1.0, (1.0, 4.0))),
)


def test_what_one_of_the_crowd_costs_is_what_more_of_them_cost_more() -> None:
    assert FIGURES.beats.each_round == pytest.approx(0.2)
    assert Beats(10, 2, 0.1, 1.0).each_round == 0.0
    assert FIGURES.per_spectator == pytest.approx((0.014 - 0.001) / 1000)
    assert FIGURES.many.delay == 0.02
    assert [one.slowest for one in FIGURES.returns] == [3.0, 4.0]


def test_the_table_has_every_figure_for_all_and_for_each_and_fits_a_terminal() -> None:
    report = CrowdReport(Machine.this(), Plan(2000, 1001, 3, 6.0), FIGURES)
    output = io.StringIO()
    Console(file=output, width=80).print(report.table())
    text = output.getvalue()
    for figure in ("1.00 ms CPU", "64.0 KiB", "200 ms CPU", "100 µs CPU", "14.0 ms CPU", "13.0 µs CPU", "3.00 s"):
        assert figure in text, figure
    written = orjson.loads(orjson.dumps(report.json()))
    assert written["of_one_spectator"] == pytest.approx(14.0)
    assert [one["slowest"] for one in written["returns"]] == [3.0, 4.0]


async def test_a_carrier_answers_pings_while_it_receives() -> None:
    ours, theirs = trio.socket.socketpair()
    theirs_stream = trio.SocketStream(theirs)

    async def dial() -> SocketWire:
        return SocketWire(socket.socket(fileno=ours.detach()), "peer")

    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await theirs_stream.receive_some()
            await theirs_stream.send_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x89\x02hi\x81\x01x")

        nursery.start_soon(serve)
        carrier = await open_websocket(dial, "/ws")
        assert await carrier.receive() == b"x"
    assert carrier.pongs == 1
    assert await theirs_stream.receive_some() == b"\x8a" + client_frame(b"hi")[1:]
    carrier.hang_up()
    await theirs_stream.aclose()
