"""Responses as the store keeps them: each decision about one is a transaction that holds or is refused whole.

A decision compares before it sets: state and version of the response, state of its steps and of its question, and, where the
daemon decides, that it still holds the lease. Its messages, its ledger rows and what it says to others stand in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from aiops.store import response_rows as rows_of
from aiops.store import tables
from aiops.store.codec import to_json
from aiops.store.response_rows import ENDED, WHY_AT_MOST, Charge, Decision, Message, Question, Run, StepChange, StepRow
from aiops.store.store import Store
from aiops.store.tx import Tx, ms

LEASE, KILL = "responses", "kill"
"""The lease of whoever executes; the switch that stops everything."""


class _Lost(Exception):
    """Nothing of this is kept: somebody else decided in the meantime, or there is nothing to decide yet."""


class Responses:
    """Responses in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def take_lease(self, owner: str, ttl_s: float, now_s: float, at_once: bool = False) -> int | None:
        """The epoch under which `owner` may act for `ttl_s`; None while somebody else holds the lease. The epoch grows with every
        new owner. `at_once`: whoever held it is known to be dead."""
        t = tables.leases
        with self.store.transaction() as tx:
            now = _now_ms(tx, now_s)
            row = tx._connection.execute(sa.select(t).where(t.c.name == LEASE).with_for_update()).first()
            if row is None:
                values = {"name": LEASE, "owner": owner, "epoch": 1, "expires_ms": now + ms(ttl_s)}
                done = tx._connection.execute(tx._insert(t).values(values).on_conflict_do_nothing(index_elements=["name"]))
                return 1 if done.rowcount else None
            if row.owner != owner and row.expires_ms > now and not at_once:
                return None
            epoch = int(row.epoch) + (row.owner != owner)
            values = {"owner": owner, "epoch": epoch, "expires_ms": now + ms(ttl_s)}
            mine = (t.c.name == LEASE) & (t.c.owner == row.owner) & (t.c.epoch == row.epoch)
            return epoch if tx._connection.execute(sa.update(t).where(mine).values(values)).rowcount else None

    def leave_lease(self, owner: str) -> None:
        """Let the next one take it at once; the epoch stays."""
        t = tables.leases
        with self.store.transaction() as tx:
            tx._connection.execute(sa.update(t).where(t.c.name == LEASE, t.c.owner == owner).values(expires_ms=0))

    def begin(self, run: Run, steps: Iterable[StepRow], messages: Sequence[Message], epoch: int, now_s: float) -> bool:
        """Enter a response, once for each key; False when it is there already or the lease is lost."""
        t = tables.responses
        with self.store.transaction() as tx:
            if not tx._connection.execute(sa.select(_leads(epoch))).scalar():
                return False
            row = tx._insert(t).values(rows_of.run_row(run)).on_conflict_do_nothing(index_elements=["key"])
            if not tx._connection.execute(row).rowcount:
                return False
            _put_steps(tx, run.id, steps)
            _tell(tx, messages, now_s)
            tx.record("daemon", f"response.{run.state}", run.id, _facts(run, run.body.get("why", ""), {}), now_s)
        return True

    def decide(self, d: Decision, epoch: int | None, now_s: float, actor: str = "daemon") -> bool:
        """Keep a decision; False, and nothing of it, when somebody else decided first, the lease is lost, or the switch is on.

        `epoch` is the lease's, None for a person, who needs none.
        """
        return self._kept(lambda tx: self._decide(tx, d, epoch, now_s, actor))

    def charge(
        self, charge: Charge, since_s: float, judge: Callable[[Sequence[Charge]], Decision | None], epoch: int, now_s: float,
    ) -> bool:  # fmt: skip
        """Decide by what was charged since `since_s`; unless that ends the response, it is charged in the same transaction.

        With no decision nothing changes.
        """
        t = tables.charges

        def work(tx: Tx) -> None:
            rows = tx._connection.execute(sa.select(t).where(t.c.at_ms > ms(since_s)).order_by(t.c.at_ms, t.c.run_id))
            found = [rows_of.charge_from(row) for row in rows]
            d = judge(found)
            if d is None:
                raise _Lost
            if d.state not in ENDED:
                tx._connection.execute(sa.insert(t).values(rows_of.charge_row(charge)))
            elif (last := _running_cooldown(found, charge)) is not None:  # it came back before its cooldown was over
                tx._connection.execute(sa.update(t).where(t.c.run_id == last.run_id).values(back=1))
            self._decide(tx, d, epoch, now_s, "daemon")

        return self._kept(work)

    def _kept(self, work: Callable[[Tx], None]) -> bool:
        try:
            with self.store.transaction() as tx:
                work(tx)
        except _Lost:
            return False
        return True

    def _decide(self, tx: Tx, d: Decision, epoch: int | None, now_s: float, actor: str) -> None:
        t = tables.responses
        where = [t.c.id == d.run.id, t.c.state == d.run.state, t.c.version == d.run.version]
        if epoch is not None:
            where.append(_leads(epoch))
        if d.unless_killed:
            where.append(~_on())
        values: dict[str, Any] = {
            "state": d.state, "version": d.run.version + 1, "changed_ms": ms(now_s),
            "deadline_ms": rows_of.ms_or_none(d.deadline_s), "body": to_json({**d.run.body, "why": d.why, **d.body}),
        }  # fmt: skip
        if d.plan_hash is not None:
            values["plan_hash"] = d.plan_hash
        _one(tx, sa.update(t).where(*where).values(values))
        for change in d.steps:
            _change_step(tx, d.run.id, change)
        _put_steps(tx, d.run.id, d.new_steps)
        if d.ask is not None:
            tx._connection.execute(sa.insert(tables.approvals).values(run_id=d.run.id, **rows_of.question_row(d.ask)))
        if d.question is not None:
            _change_question(tx, d.run.id, *d.question)
        _settle_charge(tx, d, now_s)
        _tell(tx, d.messages, now_s)
        for said in d.said:
            tx.put_statement(said)
        if d.state != d.run.state or d.steps or d.ask or d.question:
            tx.record(actor, f"response.{d.state}", d.run.id, _facts(d.run, d.why, _what(d)), now_s)

    def vote(self, run: Run, old: Question, new: Question, now_s: float, who: str, detail: Mapping[str, Any]) -> bool:
        """A person's answer to a question that still waits, of a response that still asks; False when it was answered before."""
        t = tables.responses

        def work(tx: Tx) -> None:
            waits = sa.select(t.c.id).where(t.c.id == run.id, t.c.state == "awaiting_approval").with_for_update(read=True)
            if tx._connection.execute(waits).first() is None:
                raise _Lost
            _change_question(tx, run.id, old, new)
            tx.record(who, f"response.{new.state if new.state != 'waiting' else 'yes'}", run.id, detail, now_s)
            if detail.get("self_approved"):
                tx.record(who, "response.self_approved", run.id, detail, now_s)

        return self._kept(work)

    def switch(self, on: bool, who: str, why: str, now_s: float) -> bool:
        """Turn the kill switch; whether that changed anything. The ledger says so."""
        t = tables.switches
        with self.store.transaction() as tx:
            if bool(tx._connection.execute(sa.select(_on())).scalar()) == on:
                return False
            row = {"name": KILL, "active": int(on), "who": who[:128], "why": why[:WHY_AT_MOST], "at_ms": ms(now_s)}
            values = tx._insert(t).values(row)
            tx._connection.execute(values.on_conflict_do_update(index_elements=["name"], set_=row))
            tx.record(who[:128], f"kill_switch.{'on' if on else 'off'}", KILL, {"why": why[:WHY_AT_MOST]}, now_s)
        return True

    def killed(self) -> Mapping[str, Any] | None:
        """Who turned the kill switch on, why and when; None while it is off."""
        t = tables.switches
        with self.store._read() as connection:
            row = connection.execute(sa.select(t).where(t.c.name == KILL, t.c.active == 1)).first()
        return None if row is None else {"who": row.who, "why": row.why, "at_s": row.at_ms / 1000}

    def switched(self) -> list[tuple[float, str]]:
        """When the kill switch was turned, oldest first, and why it was on from then on; empty = it was off."""
        t = tables.ledger
        query = sa.select(t).where(t.c.action.in_(["kill_switch.on", "kill_switch.off"])).order_by(t.c.seq)
        with self.store._read() as connection:
            rows = connection.execute(query).all()
        return [(r.at_ms / 1000, f"{r.actor}: {r.detail.get('why', '')}" if r.action.endswith(".on") else "") for r in rows]

    def active(self) -> list[Run]:
        """Responses that have not ended, oldest first."""
        t = tables.responses
        return self._runs(sa.select(t).where(t.c.state.not_in(ENDED)).order_by(t.c.made_ms, t.c.id))

    def newest(self, limit: int = 100, state: str = "", warning_id: str = "") -> list[Run]:
        """Responses, newest first."""
        t = tables.responses
        query = sa.select(t).order_by(t.c.made_ms.desc(), t.c.id).limit(limit)
        for column, wanted in ((t.c.state, state), (t.c.warning_id, warning_id)):
            query = query.where(column == wanted) if wanted else query
        return self._runs(query)

    def last_ends(self, *runbooks: str) -> dict[str, str]:
        """What the last response of each runbook, or of these, came to, of those that were carried out."""
        t, other = tables.responses, tables.responses.alias()
        mine = (other.c.runbook == t.c.runbook) & other.c.state.in_(rows_of.CAME_TO)
        newest = sa.select(sa.func.max(other.c.changed_ms)).where(mine).scalar_subquery()
        query = sa.select(t.c.runbook, t.c.state).where(t.c.state.in_(rows_of.CAME_TO), t.c.changed_ms == newest)
        query = query.where(t.c.runbook.in_(runbooks)) if runbooks else query
        with self.store._read() as connection:
            found = sorted(connection.execute(query), key=lambda row: rows_of.CAME_TO.index(row.state))
        return {row.runbook: row.state for row in found}  # of two in one instant the one that did not help counts

    def run(self, id_or_prefix: str) -> Run | None:
        """The response with this id, or the only one whose id begins so."""
        t = tables.responses
        found = self._runs(sa.select(t).where(t.c.id.startswith(id_or_prefix, autoescape=True)).limit(2))
        return found[0] if len(found) == 1 else None

    def known(self, keys: Collection[str]) -> set[str]:
        """Which of these keys there is a response for."""
        t = tables.responses
        with self.store._read() as connection:
            return set(connection.execute(sa.select(t.c.key).where(t.c.key.in_(keys))).scalars())

    def steps(self, run_id: str) -> list[StepRow]:
        """The journal of a response, in order."""
        t = tables.steps
        with self.store._read() as connection:
            rows = connection.execute(sa.select(t).where(t.c.run_id == run_id).order_by(t.c.idx))
            return [rows_of.step_from(row) for row in rows]

    def questions(self, run_id: str) -> list[Question]:
        """What was asked about a response, oldest first."""
        t = tables.approvals
        with self.store._read() as connection:
            rows = connection.execute(sa.select(t).where(t.c.run_id == run_id).order_by(t.c.n))
            return [rows_of.question_from(row) for row in rows]

    def charges(self, since_s: float = 0.0) -> list[Charge]:
        """What was charged since then, oldest first."""
        t = tables.charges
        with self.store._read() as connection:
            rows = connection.execute(sa.select(t).where(t.c.at_ms > ms(since_s)).order_by(t.c.at_ms, t.c.run_id))
            return [rows_of.charge_from(row) for row in rows]

    def prune(self, before_s: float, counted_from_s: float) -> int:
        """Delete responses that ended, and nothing was said of since, before `before_s`; how many. Their ledger rows stay.

        While its warning is open a response stays, else it would be begun anew; what was charged since `counted_from_s` stays,
        for limits count it.
        """
        r, w, c = tables.responses, tables.warnings, tables.charges
        is_open = sa.exists().where(w.c.id == r.c.warning_id, w.c.state == "open")
        gone = sa.select(r.c.id).where(r.c.state.in_(ENDED), r.c.changed_ms < ms(before_s), ~is_open).scalar_subquery()
        with self.store.transaction() as tx:
            for t in (tables.steps, tables.approvals):
                tx._connection.execute(sa.delete(t).where(t.c.run_id.in_(gone)))
            deleted = int(tx._connection.execute(sa.delete(r).where(r.c.id.in_(gone))).rowcount)
            alone = ~sa.exists().where(r.c.id == c.c.run_id)
            tx._connection.execute(sa.delete(c).where(alone, c.c.at_ms < ms(counted_from_s)))
        return deleted

    def counts(self) -> dict[str, int]:
        """How many responses there are in each state."""
        t = tables.responses
        with self.store._read() as connection:
            return {s: int(n) for s, n in connection.execute(sa.select(t.c.state, sa.func.count()).group_by(t.c.state))}

    def _runs(self, query: Any) -> list[Run]:
        with self.store._read() as connection:
            return [rows_of.run_from(row) for row in connection.execute(query)]


def _now_ms(tx: Tx, now_s: float) -> int:
    """The database's own clock where several machines share it."""
    if tx._connection.dialect.name != "postgresql":
        return ms(now_s)
    return int(tx._connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp()) * 1000")).scalar() or 0)


def _leads(epoch: int) -> Any:
    """Whether the lease is still under this epoch; on PostgreSQL its row stays locked until the transaction has ended, so that
    nobody can take it in between."""
    t = tables.leases
    return sa.exists(sa.select(t.c.epoch).where(t.c.name == LEASE, t.c.epoch == epoch).with_for_update(read=True))


def _on() -> Any:
    t = tables.switches
    return sa.exists(sa.select(t.c.name).where(t.c.name == KILL, t.c.active == 1))


def _one(tx: Tx, statement: Any) -> None:
    if not tx._connection.execute(statement).rowcount:
        raise _Lost


def _put_steps(tx: Tx, run_id: str, steps: Iterable[StepRow]) -> None:
    rows = [{"run_id": run_id, **rows_of.step_row(step)} for step in steps]
    if rows:
        tx._connection.execute(sa.insert(tables.steps), rows)


def _change_step(tx: Tx, run_id: str, change: StepChange) -> None:
    """Where the line still stands as it was read: state and epoch are compared."""
    t, old = tables.steps, change.old
    there = (t.c.run_id == run_id) & (t.c.idx == old.idx) & (t.c.state == old.state) & (t.c.epoch == old.epoch)
    _one(tx, sa.update(t).where(there, t.c.attempt == old.attempt).values(rows_of.step_row(change.new)))


def _change_question(tx: Tx, run_id: str, old: Question, new: Question) -> None:
    t = tables.approvals
    there = (t.c.run_id == run_id) & (t.c.n == old.n) & (t.c.state == old.state) & (t.c.version == old.version)
    values = {**rows_of.question_row(new), "version": old.version + 1}
    _one(tx, sa.update(t).where(there, t.c.plan_hash == old.plan_hash).values(values))


def _settle_charge(tx: Tx, d: Decision, now_s: float) -> None:
    """A response that ended: well, or for a target that is gone, which costs nothing. One that goes on after its end, by a
    person's word, acts on its target again."""
    t = tables.charges
    values: dict[str, int | None] = {"ended_ms": None}
    if d.state in ENDED:
        values = {"ended_ms": ms(now_s), "good": int(d.state == "succeeded"), "waived": int(d.state == "target_gone")}
    elif not d.run.ended:
        return
    tx._connection.execute(sa.update(t).where(t.c.run_id == d.run.id).values(values))


def _running_cooldown(found: Sequence[Charge], new: Charge) -> Charge | None:
    """The last charge of the same runbook and target whose cooldown is not over."""
    same = [c for c in found if (c.runbook, c.target) == (new.runbook, new.target) and not c.waived]
    return same[-1] if same and new.at_s < (same[-1].ended_s or same[-1].at_s) + same[-1].cooldown_s else None


def _tell(tx: Tx, messages: Iterable[Message], now_s: float) -> None:
    """Into the outbox; what was held back of them into the ledger."""
    for one in messages:
        fresh = not one.payload or tx.enqueue(one.receiver, one.group, one.dedup_key, one.payload, now_s)
        if one.withheld and fresh:
            tx.record("daemon", f"notify.{'masked' if one.payload else 'denied'}", one.group, one.withheld, now_s)


def _facts(run: Run, why: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    about = {"runbook": f"{run.runbook}@{run.sha}", "warning": run.warning_id, "mode": run.mode}
    return {**about, **({"why": why} if why else {}), **detail}


def _what(d: Decision) -> dict[str, Any]:
    """What the ledger says of a decision besides the state it leads to."""
    out: dict[str, Any] = dict(d.detail)
    if d.steps:
        names = ("step_id", "idx", "state", "attempt", "epoch")
        out["steps"] = [{name: getattr(change.new, name) for name in names} for change in d.steps]
    if d.ask is not None:
        out |= {"plan_hash": d.ask.plan_hash, "expires_s": d.ask.expires_s}
    if d.question is not None:
        out |= {"question": d.question[1].state, "votes": list(d.question[1].votes)}
    return out
