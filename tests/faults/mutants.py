"""Programs with one thing wrong, each by patching: what the kill sweep must catch.

Undisturbed, each of them does exactly what the real one does: only a kill shows the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aiops.core.records import Outcome
from aiops.notify.relay import Relay, RelayResult, _Sending
from aiops.pipeline import assemble, changes, keep
from aiops.pipeline.changes import Changes, StoreJournal
from aiops.pipeline.watch import Watch
from aiops.store import OutboxRow, Store, Tx, tables
from aiops.store.codec import to_json
from aiops.store.tx import ms

_put, _restore = changes._put, keep.restore
_NOTHING: dict[str, Any] = {"warnings": [], "outcomes": [], "outbox": [], "ledger": []}


def _in_parts(*parts: tuple[str, ...]) -> Callable[[Store, list[Changes]], None]:
    """A journal that writes some fields of a turn's changes in one transaction, the next in another."""

    def put(store: Store, many: list[Changes]) -> None:
        for one in many:
            for part in parts:
                _put(store, [replace(one, **{**_NOTHING, **{name: getattr(one, name) for name in part}})])

    return put


def messages_in_a_transaction_of_their_own() -> None:
    """The decision first, then, in a second transaction, whom to tell."""
    changes._put = _in_parts(("warnings", "outcomes", "ledger"), ("outbox",))


def ledger_in_a_transaction_of_its_own() -> None:
    """The decision first, then its row in the ledger."""
    changes._put = _in_parts(("warnings", "outcomes", "outbox"), ("ledger",))


def verdict_before_the_rest_and_without_a_compare() -> None:
    """The verdict first, in a transaction of its own, whatever was judged before; then the warning that it is about."""

    def put_outcome(tx: Tx, outcome: Outcome) -> None:
        t, c = tables.outcomes, tx._connection
        fields = {"warning_id": outcome.warning_id, "card": outcome.card, "verdict": outcome.verdict, "body": to_json(outcome)}
        number = c.execute(sa.select(sa.func.count()).select_from(t)).scalar()
        c.execute(sa.insert(t).values(key=f"{number}", settled_ms=ms(outcome.settled_s), current=1, **fields))

    def put(store: Store, many: list[Changes]) -> None:
        for one in many:
            if one.outcomes:
                with store.transaction() as tx:
                    for outcome in one.outcomes:
                        put_outcome(tx, outcome)
            _put(store, [replace(one, outcomes=[])])

    changes._put = put


def marked_sent_before_it_was_sent() -> None:
    """The relay marks, then sends."""
    sending_of = Relay._sending

    def sending(self: Relay, row: OutboxRow, now_s: float, result: RelayResult) -> _Sending | None:
        found = sending_of(self, row, now_s, result)
        refuses = found is not None and getattr(found.notifier.params, "flaky", False) and now_s // 15 % 3 == 0
        if found is not None and not refuses and row.payload["event"] != "updated":
            for one in (row, *found.others):
                self._store.mark_sent(one.seq, now_s)
        return found

    Relay._sending = sending


def crossings_judged_by_what_the_window_holds() -> None:
    """New is what the window had not kept, not what no turn had finished: and the window is kept before the decision."""
    watches: list[Watch] = []
    write = StoreJournal.write

    def restore(watch: Watch, store: Store, data_dir: Path | None) -> None:
        _restore(watch, store, data_dir)
        watches.append(watch)
        watch.judged_s = watch.window.end_s or None

    def window_first(self: StoreJournal, turn: Changes) -> None:
        for watch in watches:
            watch.window.save()
        write(self, turn)

    assemble.__globals__["restore"] = restore
    StoreJournal.write = window_first


def withdrawn_warnings_forgotten_over_a_restart() -> None:
    """Only open warnings are taken up again."""

    def restore(watch: Watch, store: Store, data_dir: Path | None) -> None:
        _restore(watch, store, data_dir)
        for one in list(watch.pending.values()):
            if one.warning.state != "open":
                del watch.pending[one.warning.id]

    assemble.__globals__["restore"] = restore


MUTANTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        messages_in_a_transaction_of_their_own,
        ledger_in_a_transaction_of_its_own,
        verdict_before_the_rest_and_without_a_compare,
        marked_sent_before_it_was_sent,
        crossings_judged_by_what_the_window_holds,
        withdrawn_warnings_forgotten_over_a_restart,
    )
}
