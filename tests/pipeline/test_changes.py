"""Journals: all of a turn in one transaction or nothing of it, and many turns in one for what is replayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.core.errors import StoreError
from aiops.core.records import Outcome
from aiops.notify.message import OutboxEntry
from aiops.pipeline import BatchJournal, Changes, StoreJournal
from aiops.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def changes(now_s: int = 1000) -> Changes:
    """A failure that nobody warned of, told to one receiver."""
    found = Changes("disk", "made", now_s)
    outcome = Outcome("", "disk", {"instance": "a"}, "missed", now_s, None, now_s, None, None, None)
    found.outcomes.append(outcome)
    found.event("outcome", None, outcome)
    found.outbox.append(OutboxEntry("hook", "g", f"k{now_s}", {"at": now_s}))
    return found


def kept(store: Store) -> tuple[int, int, int, int | None]:
    """(outcomes, messages due, ledger rows without genesis, last turn)."""
    return len(store.outcomes()), len(store.due(1e9)), store.verify_ledger().rows - 1, store.last_turn("disk", "made")


def test_a_turn_is_kept_whole(store: Store) -> None:
    StoreJournal(store).write(changes())
    assert kept(store) == (1, 1, 1, 1000)


def test_a_turn_that_decided_nothing_leaves_its_mark(store: Store) -> None:
    StoreJournal(store).write(Changes("disk", "made", 1000))
    assert kept(store) == (0, 0, 0, 1000)


def test_a_turn_that_cannot_be_kept_whole_is_not_kept_at_all(store: Store) -> None:
    bad = changes()
    bad.outbox.append(OutboxEntry(None, "g", "k", {}))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="nothing of this transaction was kept"):
        StoreJournal(store).write(bad)
    assert kept(store) == (0, 0, 0, None)


def test_a_batch_waits_until_it_is_full_or_flushed(store: Store) -> None:
    journal = BatchJournal(store, size=3)
    for now in (1, 2):
        journal.write(changes(now))
    assert kept(store) == (0, 0, 0, None)
    journal.write(changes(3))
    assert kept(store)[::3] == (3, 3)
    journal.write(changes(4))
    journal.flush()
    journal.flush()
    assert kept(store)[::3] == (4, 4)


def test_a_batch_keeps_no_turn_that_decided_nothing(store: Store) -> None:
    journal = BatchJournal(store, size=1)
    journal.write(Changes("disk", "made", 1000))
    journal.flush()
    assert kept(store) == (0, 0, 0, None)


def test_a_batch_writes_what_one_by_one_would(store: Store) -> None:
    other, journal = Store.open("sqlite://", None), BatchJournal(store)
    for now in (1, 2, 3):
        journal.write(changes(now))
        StoreJournal(other).write(changes(now))
    journal.flush()
    assert kept(store)[:1] + kept(store)[2:] == kept(other)[:1] + kept(other)[2:]
    assert store.outcomes() == other.outcomes()
    assert [m.dedup_key for m in store.due(1e9)] == [m.dedup_key for m in other.due(1e9)]
    other.close()


def test_an_update_is_no_decision_and_no_row_of_the_ledger() -> None:
    found = changes()
    found.event("updated", None)
    assert [e.kind for e in found.events] == ["outcome", "updated"]
    assert [action for action, _, _ in found.ledger] == ["outcome"]
