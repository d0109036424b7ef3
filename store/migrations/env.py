"""Alembic's entry: runs migrations on the connection, and in the transaction, that `store.schema` hands in."""

from alembic import context

from store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite can roll back DDL; Alembic assumes that it cannot, which would leave half a migration after a crash.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
