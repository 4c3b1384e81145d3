"""Connections to the archive's database: what is set on each, and how a transaction begins."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import StaticPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from actors.ports import ArchiveUnavailable
from net.archive.errors import ArchiveNotUsable
from net.config_key import mask_password

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

BUSY: Final = 5.0
"""Seconds that SQLite waits for another process's lock."""

CONNECTIONS: Final = 5
"""Connections to PostgreSQL that are open at a time: one for the writer, the others for readers."""

_POSTGRESQL: Final = "postgresql+psycopg"
_WRITES: Final = "croupier_writes"

# libpq's own (PostgreSQL documentation, 34.1.2): a server that has gone without a word is found out within seconds.
_LIBPQ: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "croupier",
}


def make_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for `sqlite:///FILE`, `sqlite://` (in memory, one connection) or `postgresql://…`; nothing connects
    yet. Raises ArchiveNotUsable."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their text quotes the URL, and the password in it
        raise ArchiveNotUsable(f"[archive] url: {mask_password(url)} is no URL of a database") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, read_only=read_only)
    return _postgresql(parsed, read_only=read_only)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write, committed at the end. Of two on SQLite the second waits before it reads."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def reached(where: str = "the archive") -> Iterator[None]:
    """What the driver raises inside becomes ArchiveUnavailable: in one line, and without the statement and its
    parameters, which SQLAlchemy would add."""
    try:
        yield
    except DBAPIError as error:
        raise ArchiveUnavailable(f"{where}: {_in_a_line(error.orig)}") from None
    except PoolTimeout:
        raise ArchiveUnavailable(f"{where}: no connection came free in time") from None


def _in_a_line(error: BaseException | None) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# ---- SQLite


def _sqlite(url: URL, *, read_only: bool) -> Engine:
    arguments: dict[str, Any] = {"hide_parameters": True}
    # None: the driver begins no transaction by itself. It would not for a CREATE TABLE, nor before a SELECT.
    connect = {"timeout": BUSY, "check_same_thread": False, "isolation_level": None}
    if not url.database:
        arguments["poolclass"] = StaticPool  # an archive in memory is its one connection
    elif read_only:
        place = _to_read(Path(url.database).absolute())
        arguments["creator"] = lambda: sqlite3.connect(place, uri=True, **connect)  # type: ignore[call-overload]
    engine = create_engine(url, connect_args=connect, **arguments)
    if not read_only:
        event.listen(engine, "do_connect", partial(_make_private, url.database))
        event.listen(engine, "connect", _make_durable)
    event.listen(engine, "begin", _begin)
    return engine


def _to_read(file: Path) -> str:
    """SQLite's URI of a file that is only read. Even for that WAL needs a file beside it; where none can be made, and
    none is, nobody writes either (SQLite documentation, "Read-Only WAL-Mode Databases")."""
    alone = not file.with_name(f"{file.name}-wal").exists() and not os.access(file.parent, os.W_OK)
    return f"{file.as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


def _make_private(file: str | None, *_: object) -> None:
    """Makes the file for its owner alone: everybody's cards are in it. SQLite's files beside it become like it."""
    if file:
        with suppress(OSError):  # if it cannot be made, SQLite says why
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _make_durable(connection: sqlite3.Connection, _: object) -> None:
    # WAL: who reads and who writes do not wait for each other. EXTRA is FULL in it (a commit is on the disk when it
    # returns), and holds also where the file system cannot do WAL. fullfsync: on macOS fsync alone does not reach
    # the disk. (SQLite's documentation of its pragmas.)
    for pragma in ("journal_mode = WAL", "synchronous = EXTRA", "fullfsync = ON", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _begin(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads before it writes could be refused in the middle.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# ---- PostgreSQL


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    settings = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    try:
        engine = create_engine(
            url.set(drivername=_POSTGRESQL),
            connect_args=settings,
            hide_parameters=True,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY,
            pool_pre_ping=True,  # the server may have been restarted since
        )
    except ImportError:
        raise ArchiveNotUsable(
            "[archive] url names PostgreSQL, whose driver is not installed: pip install 'croupier[postgres]'"
        ) from None
    if read_only:
        return engine.execution_options(postgresql_readonly=True)
    event.listen(engine, "begin", _wait_for_the_disk)
    return engine


def _wait_for_the_disk(connection: Connection) -> None:
    # A server may be set to acknowledge what is only in its memory; what is acknowledged here then leaves Redis.
    if connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql(
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        )


def forces_to_disk(engine: Engine) -> bool:
    """Whether what the database acknowledges outlives a power cut, as far as it says."""
    if engine.dialect.name != "postgresql":
        return True
    with engine.connect() as connection:
        return connection.exec_driver_sql("SHOW fsync").scalar() == "on"
