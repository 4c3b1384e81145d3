"""The versions of the archive's schema, by name; nothing here needs SQLAlchemy."""

from __future__ import annotations

from typing import Final

REVISIONS: Final = ("0001",)
"""Oldest first."""

HEAD: Final = REVISIONS[-1]
"""The version that the tables of `net.archive.schema` are."""

VERSION_TABLE: Final = "croupier_version"
"""Where the database says which version it is of. Alembic's table, under a name of ours: the database may be somebody's
who has another."""
