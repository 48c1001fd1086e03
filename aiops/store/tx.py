"""One transaction: everything in it is kept, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from aiops.core.labels import Labels, fingerprint, key
from aiops.core.records import BY_DAEMON, EarlyWarning, Outcome
from aiops.store import tables
from aiops.store.codec import outcome_from, to_json
from aiops.store.ledger import GENESIS, row_hash

StatementKind = Literal["verdict", "action", "incident", "feedback", "stage", "replay", "ack", "spent", "unhush"]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person or another system said at `said_s`; `key` names it among those of its kind. `seq`: 0 before it is kept."""

    kind: StatementKind
    card: str
    key: str
    warning_id: str
    said_s: float
    who: str
    body: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0


def ms(time_s: float) -> int:
    """Epoch milliseconds."""
    return round(time_s * 1000)


def warning_row(warning: EarlyWarning) -> dict[str, Any]:
    """A warning as the row that keeps it."""
    return {
        "id": warning.id,
        "fingerprint": warning.fingerprint,
        "card": warning.card,
        "kind": warning.kind,
        "state": warning.state,
        "stage": warning.stage,
        "opened_ms": ms(warning.opened_s),
        "updated_ms": ms(warning.updated_s),
        "closed_ms": None if warning.closed_s is None else ms(warning.closed_s),
        "verdict": warning.verdict,
        "body": to_json(warning),
        "thread": warning.thread,
    }


class Tx:
    """What may be written. The head of the ledger is read once and kept inside the transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._head: tuple[int, str] | None = None
        self._ledger: list[dict[str, Any]] = []
        self._insert: Any = sqlite_insert
        if connection.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert  # costs a tenth of a second that SQLite does not need

            self._insert = insert

    def put_warning(self, *warnings: EarlyWarning) -> None:
        """Insert warnings, or replace those of the same id; another verdict than was given takes an outcome: `put_outcome`."""
        rows = [warning_row(one) for one in warnings]
        if rows:
            statement = self._insert(tables.warnings)
            given = statement.excluded
            changed = {name: given[name] for name in rows[0] if name != "id"}
            changed["verdict"] = sa.func.coalesce(tables.warnings.c.verdict, given.verdict)
            self._connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), rows)

    def put_outcome(self, outcome: Outcome) -> bool:
        """Keep a verdict; whether it was. At most one is current: a later one supersedes it and names it.

        The same one twice is kept once, and the daemon's never takes the place of a person's. What a replay of the past gave
        stands beside what was lived, and is the verdict on no warning that is kept.
        """
        t = tables.outcomes
        name = outcome.warning_id or missed_key(outcome.card, outcome.entity, outcome.failed_s)
        known = "" if outcome.origin else outcome.warning_id
        if outcome.origin:
            name = f"{REPLAYED}{fingerprint(name)}"
        old = self._connection.execute(sa.select(t.c.seq, t.c.body).where(t.c.key == name, t.c.current == 1)).first()
        if old is not None and not supersedes(outcome, last := outcome_from(old.body)):
            self._show_verdict(known, last.verdict)
            return False
        if old is not None:
            self._connection.execute(sa.update(t).where(t.c.seq == old.seq).values(current=0))
        self._connection.execute(
            sa.insert(t).values(
                key=name,
                warning_id=known,
                card=outcome.card,
                verdict=outcome.verdict,
                settled_ms=ms(outcome.settled_s),
                supersedes=None if old is None else old.seq,
                current=1,
                body=to_json(outcome),
            )
        )
        self._show_verdict(known, outcome.verdict)
        return True

    def _show_verdict(self, warning_id: str, verdict: str) -> None:
        t = tables.warnings
        if not warning_id:
            return
        self._connection.execute(sa.update(t).where(t.c.id == warning_id).values(verdict=verdict))

    def retract_missed(self, card: str, entity: Labels, failed_s: int) -> bool:
        """A failure that counted as missed was warned of after all: then it has no verdict of its own; whether it had."""
        t = tables.outcomes
        mine = (t.c.key == missed_key(card, entity, failed_s)) & (t.c.current == 1)
        return bool(self._connection.execute(sa.update(t).where(mine).values(current=0)).rowcount)

    def restore_missed(self, card: str, entity: Labels, failed_s: int) -> None:
        """A failure that a verdict was of after all, until that was taken back, counts as missed again."""
        t = tables.outcomes
        mine = t.c.key == missed_key(card, entity, failed_s)
        last = self._connection.execute(sa.select(t.c.seq, t.c.current).where(mine).order_by(t.c.seq.desc()).limit(1)).first()
        if last is not None and not last.current:
            self._connection.execute(sa.update(t).where(t.c.seq == last.seq).values(current=1))

    def drop_replayed(self, card: str) -> None:
        """What an earlier replay of the past gave for a card is no current verdict any more."""
        t = tables.outcomes
        mine = (t.c.card == card) & (t.c.current == 1) & t.c.key.like(f"{REPLAYED}%")
        self._connection.execute(sa.update(t).where(mine).values(current=0))

    def put_statement(self, said: Statement) -> bool:
        """Keep what somebody said; False when it was said before: one of a kind has its key once."""
        row = {
            "kind": said.kind, "card": said.card, "key": said.key, "warning_id": said.warning_id, "said_ms": ms(said.said_s),
            "who": said.who, "body": to_json(said.body),
        }  # fmt: skip
        statement = self._insert(tables.statements).values(row)
        return bool(self._connection.execute(statement.on_conflict_do_nothing(index_elements=["kind", "key"])).rowcount)

    def enqueue(
        self, receiver: str, group: str, dedup_key: str, payload: Mapping[str, Any], at_s: float,
        renewal: bool = False, not_before_s: float = 0.0,
    ) -> bool:
        """Put a message into the outbox; False when this receiver has one with the same key already.

        Renewals of the group that still wait are superseded by it: a receiver that was away for an hour gets the newest.
        """
        t = tables.outbox
        waiting = sa.delete(t).where(t.c.receiver == receiver, t.c.grp == group, t.c.state == "queued", t.c.renewal == 1)
        self._connection.execute(waiting)
        statement = self._insert(tables.outbox).values(
            receiver=receiver,
            grp=group,
            dedup_key=dedup_key,
            payload=to_json(payload),
            state="queued",
            renewal=int(renewal),
            attempts=0,
            next_ms=ms(max(at_s, not_before_s)),
            created_ms=ms(at_s),
            error="",
        )
        done = self._connection.execute(statement.on_conflict_do_nothing(index_elements=["receiver", "dedup_key"]))
        return bool(done.rowcount)

    def record(self, actor: str, action: str, object_: str, detail: Mapping[str, Any], at_s: float) -> None:
        """Append a row to the ledger."""
        if self._head is None:
            last = sa.select(tables.ledger.c.seq, tables.ledger.c.hash).order_by(tables.ledger.c.seq.desc()).limit(1)
            row = self._connection.execute(last).first()
            self._head = (0, GENESIS) if row is None else (row.seq, row.hash)
        seq, prev = self._head
        actor, action, object_ = (one.replace("\0", "\ufffd") for one in (actor, action, object_))  # no database need hold it
        row_ = {"at_ms": ms(at_s), "actor": actor, "action": action, "object": object_, "detail": to_json(detail)}
        self._head = seq + 1, row_hash(prev, ms(at_s), actor, action, object_, row_["detail"])
        self._ledger.append({"seq": seq + 1, "prev_hash": prev, "hash": self._head[1], **row_})

    def put_turn(self, card: str, source: str, now_s: int) -> None:
        """Mark how far a watch has come; when it began stays: see `Store.watched_since`."""
        row = {"card": card, "source": source, "now_ms": ms(now_s), "detail": to_json({SINCE: now_s})}
        statement = self._insert(tables.turns).values(row)
        changed = {"now_ms": row["now_ms"]}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["card", "source"], set_=changed))

    def finish(self) -> None:
        """Write the ledger rows that were collected; called before the commit."""
        if self._ledger:
            self._connection.execute(sa.insert(tables.ledger), self._ledger)
            self._ledger = []


SINCE = "since_s"
"""When a watch had its first turn, in the detail of its mark."""
REPLAYED = "replay:"
"""How the keys of outcomes begin that a replay of the past gave."""


def supersedes(new: Outcome, old: Outcome) -> bool:
    """Whether a verdict takes the place of another one: it says something else, and is not the daemon's over a person's, or over
    what a failure settled: that may have been declared while a turn was going on that had not heard of it."""
    if new.judged_by == BY_DAEMON and (old.judged_by != BY_DAEMON or old.failed_s is not None):
        return False
    return (new.verdict, new.judged_by, new.failed_s) != (old.verdict, old.judged_by, old.failed_s)


def missed_key(card: str, entity: Labels, failed_s: int | None) -> str:
    """What names a failure that nobody warned of."""
    return f"missed:{fingerprint(card, key(entity), str(failed_s))}"
