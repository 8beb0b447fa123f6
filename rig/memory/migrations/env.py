"""What Alembic runs to migrate: within the transaction it is given, so that a step is whole or not at all."""

from alembic import context

from rig.memory.tables import VERSIONS, Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    version_table=VERSIONS,
)
with context.begin_transaction():
    context.run_migrations()
