"""Engines with one thing wrong, each by patching what is shipped: what the sweeps must catch.

Undisturbed, each of them does what the real one does: only a kill, or a pause, shows the difference. V0 to V4 are the protocols
that were refuted before one was chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from aiops.responses.doing import Doing
from aiops.responses.procedure import Rendered
from aiops.responses.settling import Settling
from aiops.responses.view import UNDO, View, changed
from aiops.store import responses as kept
from aiops.store.response_rows import Decision, StepRow
from aiops.store.responses import Responses
from tests.faults.mutants import marked_sent_before_it_was_sent


def v0_done_first_and_recorded_then() -> None:
    """No intent: the effect, then its record."""

    def begin(self: Doing, view: View, row: StepRow, rendered: Rendered, recovered: bool = False) -> bool:
        given = replace(row, given=rendered.given, attempt=row.attempt + 1, epoch=self._tools.lease.epoch)
        result = self.effect(view, given, 60.0)
        state = "undoing" if row.idx >= UNDO else "running"
        step = changed(row, state="DONE", attempt=1, epoch=given.epoch, result={"output": dict(result.output)})
        said = self._tools.acted(view, row) if view.facts_of(row).write else ()
        return self._tools.decide(view, state, steps=(step,), said=said)

    Doing.begin = begin  # type: ignore[method-assign]


def v1_nothing_compared() -> None:
    """Intent, but what was read is written over whatever stands there now, lease or not; nobody tells the target."""
    kept._leads = lambda epoch: sa.true()
    decide = Responses._decide

    def blindly(self: Responses, tx: Any, d: Decision, epoch: int | None, now_s: float, actor: str) -> None:
        t = kept.tables
        now = tx._connection.execute(sa.select(t.responses).where(t.responses.c.id == d.run.id)).first()
        steps = []
        for change in d.steps:
            there = (t.steps.c.run_id == d.run.id) & (t.steps.c.idx == change.old.idx)
            row = tx._connection.execute(sa.select(t.steps).where(there)).first()
            steps.append(replace(change, old=kept.rows_of.step_from(row)))
        run = replace(d.run, state=now.state, version=now.version)
        decide(self, tx, replace(d, run=run, steps=tuple(steps)), epoch, now_s, actor)

    Responses._decide = blindly  # type: ignore[method-assign]
    _nobody_fences()


def v2_tried_again_blindly() -> None:
    """Whatever the class of a step, after a crash it is done again; what ended well, and is only looked at later, is not."""
    whole = Doing.recover

    def recover(self: Doing, view: View, row: StepRow) -> bool:
        settling = Settling.of(row)
        ended = settling is not None and settling.known is not None
        return whole(self, view, row) if ended else self._begin_again(view, row, view.facts_of(row))

    Doing.recover = recover  # type: ignore[method-assign]


def v3_no_epoch_in_the_database() -> None:
    """States are compared, the lease is not; nobody tells the target."""
    kept._leads = lambda epoch: sa.true()
    _nobody_fences()


def v4_no_fence_at_the_target() -> None:
    """The database knows who leads, the target does not."""
    _nobody_fences()


def _nobody_fences() -> None:
    Doing._fence = lambda self, view, row, facts: False  # type: ignore[method-assign]


def v9_the_lease_is_looked_at_but_not_locked() -> None:
    """As v8, the one that is shipped, but on PostgreSQL the lease may be taken while a decision is under way."""
    t = kept.tables.leases
    kept._leads = lambda epoch: sa.exists(sa.select(t.c.epoch).where(t.c.name == kept.LEASE, t.c.epoch == epoch))


def messages_in_a_transaction_of_their_own() -> None:
    """The decision first, then whom to tell."""
    decide = Responses.decide

    def first(self: Responses, d: Decision, epoch: int | None, now_s: float, actor: str = "daemon") -> bool:
        done = decide(self, replace(d, messages=()), epoch, now_s, actor)
        if done and d.messages:
            with self.store.transaction() as tx:
                kept._tell(tx, d.messages, now_s)
        return done

    Responses.decide = first  # type: ignore[method-assign]


def ledger_in_a_transaction_of_its_own() -> None:
    """The decision first, then its row in the ledger."""
    decide = Responses.decide

    class Silent:
        """A transaction that records nothing."""

        def __init__(self, tx: Any) -> None:
            self._tx = tx

        def __getattr__(self, name: str) -> Any:
            return getattr(self._tx, name)

        def record(self, *_: Any) -> None:
            """Nothing."""

    real = Responses._decide

    def first(self: Responses, d: Decision, epoch: int | None, now_s: float, actor: str = "daemon") -> bool:
        Responses._decide = lambda self, tx, *rest: real(self, Silent(tx), *rest)  # type: ignore[method-assign,arg-type]
        try:
            done = decide(self, d, epoch, now_s, actor)
        finally:
            Responses._decide = real  # type: ignore[method-assign]
        if done and (d.state != d.run.state or d.steps or d.ask or d.question):
            with self.store.transaction() as tx:
                tx.record(actor, f"response.{d.state}", d.run.id, kept._facts(d.run, d.why, kept._what(d)), now_s)
        return done

    Responses.decide = first  # type: ignore[method-assign]


def charged_after_it_was_let_go_on() -> None:
    """The decision first, then what it counts for."""

    def charge(self: Responses, charge: Any, since_s: float, judge: Any, epoch: int, now_s: float) -> bool:
        d = judge(self.charges(since_s))
        if d is None or not self.decide(d, epoch, now_s):
            return False
        with self.store.transaction() as tx:
            tx._connection.execute(sa.insert(kept.tables.charges).values(kept.rows_of.charge_row(charge)))
        return True

    Responses.charge = charge  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        v0_done_first_and_recorded_then,
        v1_nothing_compared,
        v2_tried_again_blindly,
        v3_no_epoch_in_the_database,
        v4_no_fence_at_the_target,
        v9_the_lease_is_looked_at_but_not_locked,
        messages_in_a_transaction_of_their_own,
        ledger_in_a_transaction_of_its_own,
        charged_after_it_was_let_go_on,
        marked_sent_before_it_was_sent,
    )
}
BY_KILL = (
    "v0_done_first_and_recorded_then", "v2_tried_again_blindly", "messages_in_a_transaction_of_their_own",
    "ledger_in_a_transaction_of_its_own", "charged_after_it_was_let_go_on", "marked_sent_before_it_was_sent",
)  # fmt: skip
BY_TWO_CONNECTIONS = ("v9_the_lease_is_looked_at_but_not_locked",)
BY_PAUSE = ("v1_nothing_compared", "v3_no_epoch_in_the_database", "v4_no_fence_at_the_target")
