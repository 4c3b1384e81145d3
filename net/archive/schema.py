"""The archive's tables, as they are now. A change of them is a new revision in `migrations/versions`, and its name
at the end of `net.archive.revisions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)

from net.archive.revisions import VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

METADATA: Final = MetaData(
    # Alembic can change only constraints that have a name, and each database would give another.
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "ix": "%(table_name)s_%(column_0_name)s_ix",
    }
)


class AnyText(TypeDecorator[str]):
    """Text that rules made up. PostgreSQL takes no NUL in a text, so that stands there as `\\0`, a backslash twice."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored."""
        return None if value is None else value.replace("\\", "\\\\").replace("\0", "\\0")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ANN401 - the driver's
        """What was meant."""
        return None if value is None else "\\".join(part.replace("\\0", "\0") for part in value.split("\\\\"))


VERSION: Final = Table(
    VERSION_TABLE,
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="croupier_version_pkc"),  # Alembic's own name for it
)
"""Which revision the database is of."""

GAMES: Final = Table(
    "croupier_games",
    METADATA,
    Column("id", String(64), nullable=False),
    Column("rules", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("players", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("event_count", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("winner_id", Text),
    Column("results", Text, nullable=False),
    Column("end_reason", AnyText, nullable=False),
    PrimaryKeyConstraint("id"),
)
"""What is publicly known of each game. `players` (by seat) and `results` are JSON; times are unix seconds. The seed and
the options stand in the game's first event, and nowhere else."""

EVENTS: Final = Table(
    "croupier_events",
    METADATA,
    Column("game_id", String(64), ForeignKey(GAMES.c.id, ondelete="CASCADE"), nullable=False),
    Column("first_event_id", Integer, nullable=False),
    Column("events", LargeBinary, nullable=False),
    PrimaryKeyConstraint("game_id", "first_event_id"),
)
"""Every event, in the bytes of `net.event_codec`, which carry the version that they were written in: some hundreds of
them in a row, in the form of `net.archive.pack`."""

PLAYERS: Final = Table(
    "croupier_players",
    METADATA,
    Column("game_id", String(64), ForeignKey(GAMES.c.id, ondelete="CASCADE"), nullable=False),
    Column("seat", Integer, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("ended_at", Double, nullable=False),
    PrimaryKeyConstraint("game_id", "seat"),
)
"""Who sat in which game; `ended_at` is the game's, so that one index gives a player's games in their order."""

Index("croupier_players_of_user_ix", PLAYERS.c.user_id, PLAYERS.c.ended_at, PLAYERS.c.game_id)
