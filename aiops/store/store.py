"""The store: one writer, any number of readers."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aiops.core.errors import StoreError
from aiops.core.records import FORETELLING, EarlyWarning, Outcome
from aiops.store import tables
from aiops.store.codec import outcome_from, warning_from
from aiops.store.engine import (
    DirectoryLock,
    advice,
    check_version,
    in_memory,
    install_id,
    make_engine,
    need,
    prepare,
    said,
    url_of,
)
from aiops.store.ledger import LedgerCheck, LedgerRow, checked
from aiops.store.tx import REPLAYED, SINCE, Statement, Tx, ms

_ERROR_AT_MOST, STATEMENTS_AT_MOST = 500, 100_000
JUDGED_WITHIN_S = 60 * 86400.0
"""What is not judged so long after it opened will not be: it lists others."""
_BY_ID = sa.select(tables.warnings.c.body, tables.warnings.c.verdict).where(tables.warnings.c.id == sa.bindparam("id"))
_VERDICT_ON = sa.select(tables.outcomes.c.body).where(tables.outcomes.c.key == sa.bindparam("id"), tables.outcomes.c.current == 1)
"""By the verdict's key, which is the warning's id: there is an index of it. Both are asked often, and so are made once."""


WRITTEN = "written"
"""Where a connection keeps the names of the tables that its transaction has written to."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits."""

    seq: int
    receiver: str
    group: str
    dedup_key: str
    payload: dict[str, Any]
    attempts: int
    created_s: float


def _note_written(connection: sa.Connection, statement: Any, *_: Any) -> None:
    """Called by the engine behind every statement, whoever made it, so that no table is written to unnoticed."""
    if getattr(statement, "is_dml", False) and WRITTEN in connection.info:
        connection.info[WRITTEN].add(statement.table.name)


class Store:
    """Warnings, outcomes, outbox, ledger. Open it with `Store.open`."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine, lock: DirectoryLock | None) -> None:
        self._writer, self._reader, self._lock = writer, reader, lock
        self._mutex = threading.Lock()
        self._revisions: Counter[str] = Counter()
        sa.event.listen(writer, "after_execute", _note_written)

    @classmethod
    def open(cls, url: str, data_dir: Path | None, lock: bool = True, alone: bool = True) -> Store:
        """Open, lock and migrate. An empty `url` is SQLite in `data_dir`; `sqlite://` lives in memory. Raises StoreError.

        On PostgreSQL others may write too; of those that are opened `alone`, as by a daemon that watches, there is one.
        """
        with contextlib.ExitStack() as undo:
            held = DirectoryLock(data_dir) if data_dir is not None and lock else None
            if held is not None:
                undo.callback(held.close)
            where = url_of(url, data_dir)
            writer = make_engine(where, writer=True, alone=alone)
            undo.callback(writer.dispose)
            prepare(writer, where)
            reader = writer if in_memory(where) else make_engine(where, writer=False)
            undo.callback(reader.dispose)
            store = cls(writer, reader, held)
            store._genesis()
            undo.pop_all()
        return store

    @classmethod
    def reading(cls, url: str, data_dir: Path) -> Store:
        """A store for reading beside a running daemon: takes no lock, makes and migrates nothing. Raises StoreError."""
        need(url, data_dir)
        where = url_of(url, data_dir)
        reader = make_engine(where, writer=False)
        check_version(reader, where)
        return cls(reader, reader, None)

    @classmethod
    def beside(cls, url: str, data_dir: Path) -> Store:
        """To write a statement beside a running daemon: takes no lock, makes and migrates nothing. Raises StoreError.

        Each transaction takes the database's own write lock, so that the ledger stays one chain.
        """
        need(url, data_dir)
        where = url_of(url, data_dir)
        writer = make_engine(where, writer=True)
        check_version(writer, where)
        return cls(writer, make_engine(where, writer=False), None)

    def _genesis(self) -> None:
        with self._read() as connection:
            if connection.execute(sa.select(tables.ledger.c.seq).limit(1)).first() is not None:
                return
        with self.transaction() as tx:  # a row that another process put there since is no harm: that one is the first then
            tx.record("daemon", "genesis", install_id(), {}, 0.0)

    def revision(self, *names: str) -> tuple[int, ...]:
        """How often each of these tables was written to through this store; what others write does not count."""
        return tuple(self._revisions[name] for name in names)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Everything written through the Tx is kept when the block ends, nothing when it raises. Raises StoreError."""
        try:
            with self._mutex:
                with self._writer.begin() as connection:
                    written = connection.info[WRITTEN] = set[str]()
                    tx = Tx(connection)
                    yield tx
                    tx.finish()
                self._revisions.update(written)
        except sa.exc.SQLAlchemyError as e:
            raise StoreError(f"store: {said(e)}; nothing of this transaction was kept; {advice(e)}") from e

    @contextlib.contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._reader.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as e:
            raise StoreError(f"store: cannot be read: {said(e)}; {advice(e)}") from e

    def open_warnings(self, card: str | None = None) -> list[EarlyWarning]:
        """Warnings that are open, oldest first."""
        return self._warnings(tables.warnings.c.state == "open", card)

    def unsettled(self, card: str) -> list[EarlyWarning]:
        """Warnings without a verdict, open or closed, oldest first."""
        return self._warnings(tables.warnings.c.verdict.is_(None), card)

    def _warnings(self, condition: Any, card: str | None) -> list[EarlyWarning]:
        t = tables.warnings
        query = sa.select(t.c.body, t.c.verdict).where(condition).order_by(t.c.opened_ms, t.c.id)
        if card is not None:
            query = query.where(t.c.card == card)
        with self._read() as connection:
            return [_warning(row) for row in connection.execute(query)]

    def warnings(self, *, limit: int = 100, card: str | None = None, state: str | None = None) -> list[EarlyWarning]:
        """Warnings, newest first."""
        t = tables.warnings
        query = sa.select(t.c.body, t.c.verdict).order_by(t.c.opened_ms.desc(), t.c.id).limit(limit)
        if card is not None:
            query = query.where(t.c.card == card)
        if state is not None:
            query = query.where(t.c.state == state)
        with self._read() as connection:
            return [_warning(row) for row in connection.execute(query)]

    def warning(self, id_or_prefix: str) -> EarlyWarning | None:
        """The warning with this id, or the only one whose id begins so."""
        t = tables.warnings
        with self._read() as connection:
            found = connection.execute(_BY_ID, {"id": id_or_prefix}).all()  # the index knows it; prefixes it does not
            if not found:
                begins = t.c.id.startswith(id_or_prefix, autoescape=True)
                found = connection.execute(sa.select(t.c.body, t.c.verdict).where(begins).limit(2)).all()
        return _warning(found[0]) if len(found) == 1 else None

    def warnings_opened(self, card: str, after_s: float, until_s: float) -> list[EarlyWarning]:
        """Warnings of a card that opened in (after_s, until_s], oldest first."""
        t = tables.warnings
        return self._warnings((t.c.opened_ms > ms(after_s)) & (t.c.opened_ms <= ms(until_s)), card)

    def statements(
        self, *, kind: str | None = None, card: str | None = None, warning_id: str | None = None, after: int = 0,
    ) -> list[Statement]:  # fmt: skip
        """What was said, oldest first, from the one after number `after` on."""
        t = tables.statements
        query = sa.select(t).where(t.c.seq > after).order_by(t.c.seq).limit(STATEMENTS_AT_MOST)
        for column, wanted in ((t.c.kind, kind), (t.c.card, card), (t.c.warning_id, warning_id)):
            query = query if wanted is None else query.where(column == wanted)
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [Statement(r.kind, r.card, r.key, r.warning_id, r.said_ms / 1000, r.who, r.body, r.seq) for r in rows]

    def outcomes(
        self, *, limit: int = 100, card: str | None = None, since_s: float | None = None, replayed: bool = False
    ) -> list[Outcome]:
        """Current verdicts, newest first, given after `since_s`; `replayed`: then as many of replays, which hide none lived."""
        t = tables.outcomes
        query, again = sa.select(t.c.body).where(t.c.current == 1), t.c.key.like(f"{REPLAYED}%")
        query = query if since_s is None else query.where(t.c.settled_ms > ms(since_s))
        query = (query if card is None else query.where(t.c.card == card)).order_by(t.c.seq.desc()).limit(limit)
        with self._read() as connection:
            rows = [row for part in (~again, again)[: 1 + replayed] for row in connection.execute(query.where(part))]
        return [outcome_from(row.body) for row in rows]

    def outcome_of(self, warning_id: str) -> Outcome | None:
        """The current verdict on a warning."""
        with self._read() as connection:
            row = connection.execute(_VERDICT_ON, {"id": warning_id}).first()
        return None if row is None else outcome_from(row.body)

    def last_turn(self, card: str, source: str) -> int | None:
        """The last instant a watch has finished, epoch seconds."""
        t = tables.turns
        with self._read() as connection:
            found = connection.execute(sa.select(t.c.now_ms).where(t.c.card == card, t.c.source == source)).scalar()
        return None if found is None else int(found) // 1000

    def watched_since(self, *cards: str) -> int | None:
        """When the first of some cards had its first turn ever, epoch seconds; None: never, or before that was kept."""
        t = tables.turns
        with self._read() as connection:
            found = [row.detail.get(SINCE) for row in connection.execute(sa.select(t.c.detail).where(t.c.card.in_(cards)))]
        return min(found) if found and None not in found else None

    def due(self, now_s: float, limit: int = 100, without: Collection[str] = ()) -> list[OutboxRow]:
        """Messages to send now, in order, but those to the receivers `without`; behind an unsent one of its group none is due."""
        t = tables.outbox
        head = (
            sa.select(sa.func.min(t.c.seq).label("seq"))
            .where(t.c.state == "queued", t.c.receiver.not_in(without))
            .group_by(t.c.receiver, t.c.grp)
            .subquery()
        )
        query = (
            sa.select(t)
            .join(head, t.c.seq == head.c.seq)
            .where(t.c.next_ms <= ms(now_s))
            .order_by(t.c.seq)
            .limit(limit)
        )
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [_outbox_row(r) for r in rows]

    def mark_sent(self, seq: int, now_s: float) -> None:
        """A message arrived."""
        self._mark(seq, now_s, "notify.sent", state="sent", error="")

    def forget(self, seq: int) -> None:
        """A renewal arrived, or is no longer true: nothing of it needs to be kept."""
        with self.transaction() as tx:
            tx._connection.execute(sa.delete(tables.outbox).where(tables.outbox.c.seq == seq))

    def mark_retry(self, seq: int, attempts: int, next_at_s: float, error: str, now_s: float) -> None:
        """A message will be tried again; the ledger says so the first time, for an outage is long and the ledger only grows."""
        action = "notify.retry" if attempts == 1 else ""
        self._mark(seq, now_s, action, attempts=attempts, next_ms=ms(next_at_s), error=error[:_ERROR_AT_MOST])

    def mark_dead(self, seq: int, error: str, now_s: float, fallback: str = "") -> None:
        """A message was refused for good; then the receiver `fallback` gets it, if there is one, in the same transaction."""
        self._mark(seq, now_s, "notify.dead", fallback, state="dead", error=error[:_ERROR_AT_MOST])

    def seal(self, head: OutboxRow) -> list[OutboxRow]:
        """The messages that wait in the bundle of `head`, its first: from now on these and no others, also after a crash."""
        t, sealed = tables.outbox, f"{head.group}#{head.seq}"
        mine = (t.c.receiver == head.receiver) & (t.c.state == "queued")
        if not head.group.endswith(f"#{head.seq}"):
            with self.transaction() as tx:
                tx._connection.execute(sa.update(t).where(mine, t.c.grp == head.group).values(grp=sealed))
        else:
            sealed = head.group
        with self._read() as connection:
            rows = connection.execute(sa.select(t).where(mine, t.c.grp == sealed).order_by(t.c.seq)).all()
        return [_outbox_row(r) for r in rows]

    def last_bundle_s(self, receiver: str, group: str) -> float | None:
        """When the last message of a group that is told together was due, of those that were sent; None: none was."""
        t = tables.outbox
        mine = (t.c.receiver == receiver) & tables.begins(t.c.grp, f"{group}#") & (t.c.state == "sent")
        with self._read() as connection:
            found = connection.execute(sa.select(sa.func.max(t.c.next_ms)).where(mine)).scalar()
        return None if found is None else int(found) / 1000

    def put_off(self, seq: int, until_s: float) -> None:
        """A message waits longer."""
        with self.transaction() as tx:
            tx._connection.execute(sa.update(tables.outbox).where(tables.outbox.c.seq == seq).values(next_ms=ms(until_s)))

    def _mark(self, seq: int, now_s: float, action: str, fallback: str = "", **values: Any) -> None:
        t = tables.outbox
        waits = (t.c.seq == seq) & (t.c.state == "queued")
        with self.transaction() as tx:
            row = tx._connection.execute(sa.select(t).where(waits)).first()
            if row is None:
                return
            tx._connection.execute(sa.update(t).where(waits).values(**values))
            if action and not row.renewal:
                said = {"error": values["error"]} if values["error"] else {}
                if fallback and tx.enqueue(fallback, row.grp, row.dedup_key, row.payload, now_s):
                    said["fallback"] = fallback
                tx.record("daemon", action, row.dedup_key, {"receiver": row.receiver, **said}, now_s)

    def prune_outbox(self, before_s: float) -> int:
        """Forget sent messages made before `before_s`; their ledger rows stay. Of what is still open or not judged none is
        forgotten: its end is told to whoever was told of its beginning."""
        t, w = tables.outbox, tables.warnings
        unjudged = w.c.verdict.is_(None) & w.c.kind.in_(sorted(FORETELLING)) & (w.c.opened_ms > ms(before_s - JUDGED_WITHIN_S))
        waits = (w.c.state == "open") | unjudged
        with self.transaction() as tx:
            lasts = sa.exists().where(waits, w.c.id == _about(tx._connection))
            done = tx._connection.execute(sa.delete(t).where(t.c.state == "sent", t.c.created_ms < ms(before_s), ~lasts))
        return int(done.rowcount)

    def prune_warnings(self, before_s: float, now_s: float) -> int:
        """Delete warnings that ended, and verdicts that were given, before `before_s`; how many warnings. The ledger says so.

        What is open, and what waits for its verdict, stays however old it is.
        """
        w, o = tables.warnings, tables.outcomes
        judged = w.c.verdict.is_not(None) | w.c.kind.not_in(sorted(FORETELLING))
        with self.transaction() as tx:
            gone = sa.delete(w).where(w.c.state == "closed", w.c.closed_ms < ms(before_s), judged)
            warnings = int(tx._connection.execute(gone).rowcount)
            verdicts = int(tx._connection.execute(sa.delete(o).where(o.c.settled_ms < ms(before_s))).rowcount)
            s = tables.statements  # what a stage rests on stays
            tx._connection.execute(sa.delete(s).where(s.c.said_ms < ms(before_s), s.c.kind != "stage"))
            if warnings or verdicts:
                facts = {"before_s": before_s, "warnings": warnings, "outcomes": verdicts}
                tx.record("daemon", "retention.applied", "warnings", facts, now_s)
        return warnings

    def last_recorded(self, action: str) -> dict[str, Any] | None:
        """The detail of the newest ledger row of an action; None when there is none."""
        t = tables.ledger
        with self._read() as connection:
            newest = sa.select(t.c.detail).where(t.c.action == action).order_by(t.c.seq.desc()).limit(1)
            found = connection.execute(newest).scalar()
        return None if found is None else dict(found)

    def ledger_rows(self, limit: int = 100, before: int | None = None) -> list[LedgerRow]:
        """Rows of the ledger, newest first; those before row number `before`."""
        t = tables.ledger
        query = sa.select(t).order_by(t.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(t.c.seq < before)
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [LedgerRow(r.seq, r.hash, r.at_ms / 1000, r.actor, r.action, r.object, r.detail) for r in rows]

    def verify_ledger(self, kept: tuple[int, str] | None = None, seen: Callable[[str], None] = lambda _: None) -> LedgerCheck:
        """Recompute the whole chain, and hold it against an earlier check: see `ledger.verify`. `seen` hears each good hash."""
        with self._read() as connection:
            return checked(connection, kept, seen)

    def counts(self) -> dict[str, int]:
        """How many rows there are of each kind, for metrics and the page; of verdicts only the current ones."""
        out: dict[str, int] = {}
        with self._read() as connection:
            for t, column in ((tables.warnings, "state"), (tables.outbox, "state"), (tables.outcomes, "verdict")):
                query = sa.select(t.c[column], sa.func.count()).group_by(t.c[column])
                if t is tables.outcomes:
                    query = query.where(t.c.current == 1, t.c.key.not_like(f"{REPLAYED}%"))
                rows = connection.execute(query)
                out |= {f"{t.name}.{value}": int(count) for value, count in rows}
        return out

    def close(self) -> None:
        """Let go of connections and of the lock."""
        self._writer.dispose()
        if self._reader is not self._writer:
            self._reader.dispose()
        if self._lock is not None:
            self._lock.close()


def _warning(row: Any) -> EarlyWarning:
    """The verdict may have been given after the warning was last written."""
    return warning_from(row.body).having(verdict=row.verdict)


def _about(connection: sa.Connection) -> Any:
    """What stands before the colon in the key of a message: the id of what it is about."""
    key = tables.outbox.c.dedup_key
    if connection.dialect.name == "postgresql":
        return sa.func.split_part(key, ":", 1)
    return sa.func.substr(key, 1, sa.func.instr(key, ":") - 1)


def _outbox_row(row: Any) -> OutboxRow:
    return OutboxRow(row.seq, row.receiver, row.grp, row.dedup_key, row.payload, row.attempts, row.created_ms / 1000)
