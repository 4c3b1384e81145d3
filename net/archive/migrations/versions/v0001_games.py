"""The first schema: games, their events, who played."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "croupier_games",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("rules_version", sa.Text, nullable=False),
        sa.Column("players", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.Column("winner_id", sa.Text),
        sa.Column("results", sa.Text, nullable=False),
        sa.Column("end_reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="croupier_games_pk"),
    )
    op.create_table(
        "croupier_events",
        sa.Column("game_id", sa.String(64), nullable=False),
        sa.Column("first_event_id", sa.Integer, nullable=False),
        sa.Column("events", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["game_id"], ["croupier_games.id"], ondelete="CASCADE", name="croupier_events_game_id_fk"
        ),
        sa.PrimaryKeyConstraint("game_id", "first_event_id", name="croupier_events_pk"),
    )
    op.create_table(
        "croupier_players",
        sa.Column("game_id", sa.String(64), nullable=False),
        sa.Column("seat", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(
            ["game_id"], ["croupier_games.id"], ondelete="CASCADE", name="croupier_players_game_id_fk"
        ),
        sa.PrimaryKeyConstraint("game_id", "seat", name="croupier_players_pk"),
    )
    op.create_index("croupier_players_of_user_ix", "croupier_players", ["user_id", "ended_at", "game_id"])
