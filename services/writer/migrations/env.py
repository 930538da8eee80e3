"""Run by Alembic: applies revisions to the configuration's connection, or prints the SQL of its dialect."""

from alembic import context

from services.writer.migrations import VERSION_TABLE
from services.writer.schema import metadata

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], target_metadata=metadata, version_table=VERSION_TABLE)
else:
    context.configure(attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
