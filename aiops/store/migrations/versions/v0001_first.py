"""The first schema."""

from alembic import op

from aiops.store.tables import LEDGER_TRIGGERS, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    connection = op.get_bind()
    metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        for trigger in LEDGER_TRIGGERS:
            connection.exec_driver_sql(trigger)
