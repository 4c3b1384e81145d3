"""How the archive's schema became what it is: Alembic's scripts, run by `net.archive.migration`."""
