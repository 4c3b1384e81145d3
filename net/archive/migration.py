"""The schema brought up to date, at the start of a server.

Everything happens in one transaction, on both databases, so a migration that is interrupted has not happened. Alembic
is imported only when there is something to migrate: an empty database gets the tables as they are now.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from attrs import frozen
from sqlalchemy import insert, inspect, select

from net.archive.engine import writing
from net.archive.errors import ArchiveTooNew, ArchiveTooOld
from net.archive.revisions import REVISIONS
from net.archive.schema import METADATA, VERSION

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

log = logging.getLogger("croupier.archive")

_LOCK: Final = 0x63726F7570696572
"""The number of the lock that two servers which start at once share: "croupier", in ASCII."""


@frozen
class Migrations:
    """Where the migrations are, as Alembic names it, and the revisions that they lead through."""

    scripts: str = "net.archive:migrations"
    revisions: tuple[str, ...] = REVISIONS

    @property
    def head(self) -> str:
        """The revision that they end with."""
        return self.revisions[-1]


SHIPPED: Final = Migrations()


def bring_up_to_date(engine: Engine, migrations: Migrations = SHIPPED) -> None:
    """Makes the tables, or brings them to the newest revision; of several that come at once one does it. Interrupted,
    nothing has happened. Raises ArchiveTooNew, sqlalchemy.exc.DBAPIError."""
    with engine.connect() as connection:
        if revision(connection) == migrations.head:
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        standing = revision(connection)  # somebody else may have been first
        if standing is None and migrations == SHIPPED:
            METADATA.create_all(connection, checkfirst=False)
            connection.execute(insert(VERSION).values(version_num=migrations.head))
        elif standing != migrations.head:
            _check_known(standing, migrations)
            log.info("the archive is brought from schema %s to %s", standing or "none", migrations.head)
            upgrade(connection, migrations)


def check_readable(engine: Engine) -> None:
    """Whether a program that only reads can use the archive as it is. Raises ArchiveTooNew, ArchiveTooOld,
    sqlalchemy.exc.DBAPIError."""
    with engine.connect() as connection:
        standing = revision(connection)
    _check_known(standing, SHIPPED)
    if standing != SHIPPED.head:
        found = f"is of schema {standing}" if standing else "has no tables yet"
        raise ArchiveTooOld(f"the archive {found}; start a server of this version on it once")


def revision(connection: Connection) -> str | None:
    """The revision that the database is of; None when it has none of our tables."""
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(select(VERSION.c.version_num)).scalar_one_or_none()


def upgrade(connection: Connection, migrations: Migrations = SHIPPED, to: str = "head") -> None:
    """Runs what is missing of the migrations, in the transaction that is open on this connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", migrations.scripts)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _check_known(standing: str | None, migrations: Migrations) -> None:
    if standing is not None and standing not in migrations.revisions:
        raise ArchiveTooNew(
            f"a newer Croupier has written to the archive: its schema is {standing}, this program knows"
            f" {migrations.head}; run that version, or a newer one"
        )
