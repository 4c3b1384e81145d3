"""What a service manager is told."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from net.systemd import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio.testing import MockClock


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """A manager that listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        listening.setblocking(False)
        yield listening


def test_it_is_told_when_games_can_be_served_and_when_the_end_begins(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with manager(address) as heard:
        notifier = Notifier.of({"NOTIFY_SOCKET": address})
        notifier.ready()
        notifier.stopping()
        assert heard.recv(100) == b"READY=1\nSTATUS=serving games"
        assert heard.recv(100) == b"STOPPING=1\nSTATUS=draining"


async def test_a_watchdog_hears_of_us_thrice_in_its_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    address = f"@croupier-{os.getpid()}-{tmp_path.name}"
    with manager(address) as heard:
        notifier = Notifier.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
        with trio.move_on_after(4.5):
            await notifier.keep_alive()
        assert [heard.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        with pytest.raises(BlockingIOError):
            heard.recv(100)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"WATCHDOG_USEC": "1"},
        {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"},
    ],
)
async def test_where_nobody_listens_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.of(environ)
    notifier.ready()
    notifier.stopping()
    await notifier.keep_alive()


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert Notifier.of({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).watchdog == 0
