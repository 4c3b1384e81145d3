"""The history of ended games, in SQLite or PostgreSQL: one schema, whole games, events as they were encoded.

SQLAlchemy stands in this package and nowhere else; importing this module does not import it yet.
"""

from net.archive.archive import SqlArchive, archive_url, directly, open_archive
from net.archive.later import open_when_needed

__all__ = ["SqlArchive", "archive_url", "directly", "open_archive", "open_when_needed"]
