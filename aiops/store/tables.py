"""The tables. Times are integer milliseconds UTC; the ledger only grows (triggers refuse everything else).

Sequence numbers of outcomes and messages are never used again, also not after the newest row is gone: who holds a number
of a message that was superseded in the meantime must not mean the message that came in its place.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
    types,
)
from sqlalchemy.engine import Dialect

SCHEMA_VERSION = "0005"


class String(types.TypeDecorator[str]):
    """Text of about this length. No database holds us to it: labels are as long as somebody made them. PostgreSQL's text
    cannot hold U+0000: U+FFFD stands there in its place. `bytewise`: ordered by its bytes there too, as `begins` needs it."""

    impl = types.String
    cache_ok = True

    def __init__(self, length: int, bytewise: bool = False) -> None:
        super().__init__(length)
        self.length, self.bytewise = length, bytewise

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[str]:
        """Without a length on PostgreSQL, which would refuse what is longer; SQLite looks at none."""
        text = types.Text(collation="C" if self.bytewise else None)
        return dialect.type_descriptor(text if dialect.name == "postgresql" else types.String(self.length))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """See the class."""
        return value if value is None or dialect.name != "postgresql" else value.replace("\0", "\ufffd")


metadata = MetaData()

warnings = Table(
    "warnings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("fingerprint", String(32), nullable=False),
    Column("card", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("verdict", String(16)),
    Column("body", JSON, nullable=False),
    Column("thread", String(32), nullable=False, server_default=text("''")),
    Index("warnings_card_state", "card", "state"),
    Index("warnings_opened", "opened_ms"),
    Index("warnings_thread", "thread"),
    UniqueConstraint("fingerprint", "opened_ms"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False),
    Column("warning_id", String(32), nullable=False),
    Column("card", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("settled_ms", BigInteger, nullable=False),
    Column("supersedes", Integer),
    Column("current", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Index("outcomes_one_current", "key", unique=True, sqlite_where=text("current = 1"), postgresql_where=text("current = 1")),
    Index("outcomes_card", "card"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("receiver", String(64), nullable=False),
    Column("grp", String(128, bytewise=True), nullable=False),
    Column("dedup_key", String(128, bytewise=True), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("renewal", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("error", String(512), nullable=False),
    UniqueConstraint("receiver", "dedup_key"),
    Index("outbox_state_next", "state", "next_ms"),
    Index("outbox_group", "receiver", "grp", "state"),
    Index("outbox_key", "dedup_key"),
    sqlite_autoincrement=True,
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(128), nullable=False),
    Column("detail", JSON, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("card", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("now_ms", BigInteger, nullable=False),
    Column("detail", JSON, nullable=False),
    PrimaryKeyConstraint("card", "source"),
)

statements = Table(
    "statements",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("card", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("warning_id", String(32), nullable=False),
    Column("said_ms", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("body", JSON, nullable=False),
    UniqueConstraint("kind", "key"),
    Index("statements_card", "card", "seq"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

responses = Table(
    "responses",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("runbook", String(64), nullable=False),
    Column("sha", String(16), nullable=False),
    Column("target", String(32), nullable=False),
    Column("warning_id", String(32), nullable=False),
    Column("card", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("state", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger),
    Column("snapshot", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("body", JSON, nullable=False),
    Index("responses_state", "state"),
    Index("responses_warning", "warning_id"),
    Index("responses_made", "made_ms"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("idx", Integer, nullable=False),
    Column("step_id", String(64), nullable=False),
    Column("klass", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("idem_key", String(64), nullable=False, unique=True),
    Column("begun_ms", BigInteger),
    Column("deadline_ms", BigInteger),
    Column("given", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("why", String(512), nullable=False),
    PrimaryKeyConstraint("run_id", "idx"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("run_id", String(32), nullable=False),
    Column("n", Integer, nullable=False),
    Column("scope", Integer, nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("quorum", Integer, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("votes", JSON, nullable=False),
    PrimaryKeyConstraint("run_id", "n"),
)

charges = Table(
    "charges",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("runbook", String(64), nullable=False),
    Column("target", String(32), nullable=False),
    Column("kind", String(256), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("cooldown_ms", BigInteger, nullable=False),
    Column("good", Integer, nullable=False),
    Column("back", Integer, nullable=False),
    Column("waived", Integer, nullable=False),
    Index("charges_at", "at_ms"),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("active", Integer, nullable=False),
    Column("who", String(128), nullable=False),
    Column("why", String(512), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("caller", String(256), nullable=False),
    Column("key", String(256), nullable=False),
    Column("request", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    Index("answers_at", "at_ms"),
)


def begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether a text that is ordered by its bytes begins so, as a range: an index serves it, and none serves LIKE on SQLite.

    `prefix` is not empty and ends with a character of ASCII.
    """
    return and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


LEDGER_TRIGGERS = (
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
    "CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger) "
    "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END",
)
"""The last one because INSERT OR REPLACE fires no trigger on deletion."""
