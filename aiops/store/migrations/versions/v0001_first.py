"""The first schema, written out as it was: later changes of aiops.store.tables do not change it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TRIGGERS = (
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
    "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
)


def upgrade() -> None:
    """Make every table."""
    _decisions()
    _messages()
    _record()


def _decisions() -> None:
    op.create_table(
        "warnings",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_ms", sa.BigInteger),
        sa.Column("verdict", sa.String(16)),
        sa.Column("body", sa.JSON, nullable=False),
        sa.UniqueConstraint("fingerprint", "opened_ms"),
    )
    op.create_index("warnings_card_state", "warnings", ["card", "state"])
    op.create_index("warnings_opened", "warnings", ["opened_ms"])
    op.create_table(
        "outcomes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("warning_id", sa.String(32), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("settled_ms", sa.BigInteger, nullable=False),
        sa.Column("supersedes", sa.Integer),
        sa.Column("current", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    current = sa.text("current = 1")
    op.create_index("outcomes_one_current", "outcomes", ["key"], unique=True, sqlite_where=current, postgresql_where=current)
    op.create_index("outcomes_card", "outcomes", ["card"])


def _messages() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("grp", sa.String(128), nullable=False),
        sa.Column("dedup_key", sa.String(128), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("renewal", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ms", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String(512), nullable=False),
        sa.UniqueConstraint("receiver", "dedup_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_state_next", "outbox", ["state", "next_ms"])


def _record() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object", sa.String(128), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_table(
        "turns",
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("now_ms", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("card", "source"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for trigger in TRIGGERS:
            op.execute(trigger)
