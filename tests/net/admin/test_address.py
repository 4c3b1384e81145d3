"""What `[admin] listen` means."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.admin.address import TcpAddress, UnixAddress, admin_address, parse_listen

if TYPE_CHECKING:
    from net.admin.address import AdminAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("off", None),
        ("admin.sock", UnixAddress(Path("admin.sock"))),
        ("/run/croupier/a.sock", UnixAddress(Path("/run/croupier/a.sock"))),
        ("127.0.0.1:9000", TcpAddress("127.0.0.1", 9000)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("[::1]:9000", TcpAddress("::1", 9000)),
    ],
)
def test_it_is_off_or_a_socket_or_a_port(text: str, address: AdminAddress | None) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize("text", ["on", "admin", ".sock/", "9000", ":9000", "h:99999", "::1:9000", "a\0.sock", "h:1/x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither off nor HOST:PORT nor a path|there is no port 99999"):
        parse_listen(text)


@given(st.text())
def test_no_text_is_worse_than_refused(text: str) -> None:
    with suppress(ValueError):
        parse_listen(text)


@given(host=st.ip_addresses().map(str), port=st.integers(0, 65535))
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    assert parse_listen(str(TcpAddress(host, port))) == TcpAddress(host, port)


def test_a_relative_path_begins_at_the_data_directory_and_no_other_does(tmp_path: Path) -> None:
    assert admin_address("a.sock", tmp_path) == UnixAddress(tmp_path / "a.sock")
    assert str(admin_address("a.sock", tmp_path)) == f"{tmp_path}/a.sock"
    assert admin_address("/a.sock", tmp_path) == UnixAddress(Path("/a.sock"))
    assert admin_address("h:1", tmp_path) == TcpAddress("h", 1)
    assert admin_address("off", tmp_path) is None
