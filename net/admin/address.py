"""Where the admin listener is: what `[admin] listen` means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeAlias

from attrs import frozen

OFF: Final = frozenset({"", "off"})
SUFFIX: Final = ".sock"

_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s\x00-\x1f/:\[\]]{1,255}):(?P<port>\d{1,5})")
_PATH = re.compile(rf"[^\x00-\x1f:]{{1,1000}}{re.escape(SUFFIX)}")


@frozen
class UnixAddress:
    """A Unix socket, for its owner alone. A relative path begins at the data directory."""

    path: Path

    def __str__(self) -> str:
        """The path."""
        return str(self.path)


@frozen
class TcpAddress:
    """A TCP port; who comes there needs a service token, also from loopback."""

    host: str
    port: int

    def __str__(self) -> str:
        """`HOST:PORT`, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


AdminAddress: TypeAlias = UnixAddress | TcpAddress


def parse_listen(text: str) -> AdminAddress | None:
    """The address; None when there is to be no admin listener. Raises ValueError for what is none of these."""
    if text in OFF:
        return None
    if found := _TCP.fullmatch(text):
        if (port := int(found["port"])) > 65535:
            raise ValueError(f"there is no port {port}")
        return TcpAddress(found["host"].strip("[]"), port)
    if _PATH.fullmatch(text):
        return UnixAddress(Path(text))
    raise ValueError("neither off nor HOST:PORT nor a path that ends in .sock")


def admin_address(listen: str, data_dir: Path) -> AdminAddress | None:
    """As `parse_listen`, a path beginning at this data directory."""
    address = parse_listen(listen)
    return UnixAddress(data_dir.absolute() / address.path) if isinstance(address, UnixAddress) else address
