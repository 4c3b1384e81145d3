"""What Alembic runs: the migrations, on the connection that it is handed, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

from net.archive.schema import METADATA, VERSION

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION.name,
)
context.run_migrations()
