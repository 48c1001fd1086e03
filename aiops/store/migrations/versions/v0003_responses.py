"""What executes runbooks: leases, responses with their steps, approvals and charges, and switches."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    _runs()
    _permissions()


def _runs() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "responses",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("runbook", sa.String(64), nullable=False),
        sa.Column("sha", sa.String(16), nullable=False),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("warning_id", sa.String(32), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("deadline_ms", sa.BigInteger),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_index("responses_state", "responses", ["state"])
    op.create_index("responses_warning", "responses", ["warning_id"])
    op.create_index("responses_made", "responses", ["made_ms"])
    op.create_table(
        "steps",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("idx", sa.Integer, nullable=False),
        sa.Column("step_id", sa.String(64), nullable=False),
        sa.Column("klass", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("idem_key", sa.String(64), nullable=False, unique=True),
        sa.Column("begun_ms", sa.BigInteger),
        sa.Column("deadline_ms", sa.BigInteger),
        sa.Column("given", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("why", sa.String(512), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "idx"),
    )


def _permissions() -> None:
    op.create_table(
        "approvals",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("scope", sa.Integer, nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("quorum", sa.Integer, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("votes", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "n"),
    )
    op.create_table(
        "charges",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("runbook", sa.String(64), nullable=False),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(256), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("cooldown_ms", sa.BigInteger, nullable=False),
        sa.Column("good", sa.Integer, nullable=False),
        sa.Column("back", sa.Integer, nullable=False),
        sa.Column("waived", sa.Integer, nullable=False),
    )
    op.create_index("charges_at", "charges", ["at_ms"])
    op.create_table(
        "switches",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("active", sa.Integer, nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("why", sa.String(512), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
