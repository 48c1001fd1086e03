"""Messages are found by their key and their group, and warnings by the one in whose place they were told, through an index."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
THREAD = {"sqlite": "coalesce(json_extract(body, '$.thread'), '')", "postgresql": "coalesce(body ->> 'thread', '')"}


def upgrade() -> None:
    """Make them; on PostgreSQL what is looked up by how it begins is ordered by its bytes from now on, as on SQLite."""
    database = op.get_bind().dialect.name
    if database == "postgresql":
        for column in ("grp", "dedup_key"):
            op.execute(f'ALTER TABLE outbox ALTER COLUMN {column} TYPE TEXT COLLATE "C"')
    op.create_index("outbox_group", "outbox", ["receiver", "grp", "state"])
    op.create_index("outbox_key", "outbox", ["dedup_key"])
    thread = sa.Text() if database == "postgresql" else sa.String(32)
    op.add_column("warnings", sa.Column("thread", thread, nullable=False, server_default=sa.text("''")))
    op.execute(f"UPDATE warnings SET thread = {THREAD[database]}")
    op.create_index("warnings_thread", "warnings", ["thread"])
