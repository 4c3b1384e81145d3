from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actors.ports import NoCrashPoints
from net import crash_points
from net.crash_points import CrashPointsRefused, Fuse, InheritedCrashPoints

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import sys
from net.crash_points import InheritedCrashPoints
points = InheritedCrashPoints.inherited(int(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    points.reach(line.strip())
    print("went on", flush=True)
"""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that this process would have got."""
    signals: list[int] = []

    class Kill:
        getpid = staticmethod(os.getpid)

        @staticmethod
        def kill(pid: int, number: int) -> None:
            assert pid == os.getpid()
            signals.append(number)

    monkeypatch.setattr(crash_points, "os", Kill)
    return signals


Pair = tuple[socket.socket, InheritedCrashPoints]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The drill's end, and the server's."""
    ours, theirs = socket.socketpair()
    with ours:
        points = InheritedCrashPoints.inherited(theirs.detach())
        yield ours, points
        points._socket.close()


def test_nobody_drills_a_server_without_crash_points(killed: list[int]) -> None:
    NoCrashPoints().reach("table.committed")
    assert killed == []


def test_only_the_point_that_was_armed_ends_the_process_and_it_says_so_first(killed: list[int], pair: Pair) -> None:
    ours, points = pair
    points.reach("table.committed")
    ours.send(b"table.committed 1\n")
    points.reach("table.judged")
    assert killed == []
    points.reach("table.committed")
    assert killed == [signal.SIGKILL]
    assert ours.recv(100) == b"table.committed\n"


def test_it_ends_when_the_point_is_reached_for_the_nth_time_from_then_on(killed: list[int], pair: Pair) -> None:
    ours, points = pair
    for _ in range(5):
        points.reach("store.writing")
    ours.send(b"store.writing 3\n")
    for _ in range(2):
        points.reach("store.writing")
    assert killed == []
    points.reach("store.writing")
    assert killed == [signal.SIGKILL]


def test_orders_that_come_in_pieces_are_put_together(killed: list[int], pair: Pair) -> None:
    ours, points = pair
    ours.send(b"table.jud")
    points.reach("table.judged")
    ours.send(b"ged 1\ntable.told 2\n")
    points.reach("table.told")
    assert killed == []
    points.reach("table.judged")
    assert killed == [signal.SIGKILL]


def test_when_whoever_drilled_has_gone_nothing_is_armed_any_more(killed: list[int], pair: Pair) -> None:
    ours, points = pair
    ours.send(b"table.told 1\n")
    ours.close()
    points.reach("table.judged")
    points.reach("table.judged")
    points.reach("table.told")
    assert killed == []


def test_what_is_no_socket_of_a_drill_is_refused() -> None:
    reading, writing = os.pipe()
    with pytest.raises(CrashPointsRefused, match="--crash-points-fd"):
        InheritedCrashPoints.inherited(reading)
    for descriptor in (reading, writing):
        os.close(descriptor)
    with pytest.raises(CrashPointsRefused, match="is no socket"):
        InheritedCrashPoints.inherited(reading)
    with (
        socket.socket(socket.AF_INET) as other,
        pytest.raises(CrashPointsRefused, match="is no socket that a drill has made"),
    ):
        InheritedCrashPoints.inherited(other.fileno())


def test_a_process_that_inherited_its_end_is_killed_and_children_do_not_inherit_it() -> None:
    fuse = Fuse()
    descriptor = fuse.lay()
    command = [sys.executable, "-c", PROGRAM, str(descriptor)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(descriptor,), text=True
    ) as process:
        fuse.laid()
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert fuse.hit() is None
        fuse.light("archive.put", 2)
        for _ in range(2):
            process.stdin.write("archive.put\n")
            process.stdin.flush()
        assert process.stdout.read() == "went on\n"
        assert process.wait() == -signal.SIGKILL
    assert fuse.hit() == "archive.put"
    fuse.light("archive.put")  # nobody is there: nothing happens
    assert fuse.hit() is None
    fuse.cut()
    assert fuse.hit() is None
