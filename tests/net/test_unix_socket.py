"""Unix sockets: for their owner alone, in place of stale ones, however long the path is."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from net.listener import CannotListen
from net.unix_socket import LONGEST_PATH, listen_unix, short_path

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.fixture
def open_umask() -> Iterator[None]:
    """The most careless umask."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def bound(path: Path, *, backlog: int | None = None) -> socket.socket:
    """A socket of somebody else's at this path; he listens if there is a backlog."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(os.fspath(path))
    if backlog is not None:
        sock.listen(backlog)
    return sock


def is_free(path: Path) -> bool:
    return not path.exists()


async def echo_through(path: Path) -> None:
    """Listens at the path, and sees that a client there is heard."""
    acceptor = listen_unix(path)
    assert acceptor.address == str(path)
    try:
        with short_path(path) as short:
            client = await trio.open_unix_socket(short)
        async with client:
            await client.send_all(b"hello")
            wire = await acceptor.accept()
            assert wire.peer == "a Unix socket"
            assert await wire.receive_some(100) == b"hello"
            wire.close()
    finally:
        acceptor.close()


async def test_who_listens_at_a_unix_socket_hears_its_clients(path: Path) -> None:
    await echo_through(path)


async def test_a_path_of_any_length_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("er" * 60)
    folder.mkdir(parents=True)
    await echo_through(folder / "admin.sock")


@pytest.mark.usefixtures("open_umask")
async def test_the_socket_is_its_owners_alone_from_its_first_moment_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        modes.append((stat.S_IMODE(self.stat().st_mode), target.exists()))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    acceptor = listen_unix(path)
    assert modes == [(0o600, False)]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.umask(0) == 0  # and the umask is what it was
    acceptor.close()


async def test_the_socket_that_a_killed_server_left_is_replaced(path: Path) -> None:
    bound(path).close()
    bound(path.with_name("admin.sock.new")).close()  # it may have been killed in between, too
    await echo_through(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_socket_at_which_somebody_listens_is_left_alone(path: Path, waiting: int) -> None:
    callers = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(waiting)]
    with bound(path, backlog=0) as other:
        for caller in callers:  # until nobody else can get in
            caller.setblocking(False)
            caller.connect_ex(os.fspath(path))
        with pytest.raises(CannotListen, match=r"admin\.sock: another process listens there; choose another path$"):
            listen_unix(path)
        other.accept()[0].close()
    for caller in callers:
        caller.close()


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(CannotListen, match=r"it is no socket; remove it, or choose another path$"):
        listen_unix(path)
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match=r"^cannot listen at .*nowhere/admin\.sock: No such file or directory$"):
        listen_unix(tmp_path / "nowhere" / "admin.sock")


async def test_who_stops_listening_takes_the_socket_away_and_nobody_elses(path: Path) -> None:
    first = listen_unix(path)
    first.close()
    assert is_free(path)
    first.close()
    second = listen_unix(path)
    os.unlink(path)
    with bound(path):
        second.close()
        assert not is_free(path)


def test_the_short_way_to_a_long_path_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with short_path(folder / "a.sock") as short:
        assert len(os.fsencode(short)) <= LONGEST_PATH
        link = Path(short).parent
        assert link.resolve() == folder.resolve()
        assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
    assert not link.parent.exists()
    with short_path(Path("a.sock")) as short:
        assert short == "a.sock"
