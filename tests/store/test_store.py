"""Transactions, warnings, verdicts and the outbox: all of a transaction or nothing, each verdict once, nothing lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.errors import StoreError
from aiops.store import Store, Tx
from tests.store.samples import WARNINGS, outcome, warning


@pytest.fixture
def store(tmp_path: Path, url: str) -> Iterator[Store]:
    one = Store.open(url, tmp_path)
    yield one
    one.close()


@contextlib.contextmanager
def another_program(store: Store) -> Iterator[sa.Connection]:
    """A connection to the same database that knows nothing of ours; what it does is kept."""
    engine = sa.create_engine(store._writer.url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(store: Store, table: str) -> list[Any]:
    with store._reader.connect() as connection:
        return list(connection.exec_driver_sql(f"SELECT * FROM {table}"))


def everything(tx: Tx) -> None:
    tx.put_warning(warning())
    tx.put_outcome(outcome())
    tx.enqueue("am", "g", "k", {"a": 1}, 1.0)
    tx.record("daemon", "warning.opened", "w", {}, 1.0)
    tx.put_turn("disk_full", "prod", 60)


TABLES = ("warnings", "outcomes", "outbox", "ledger", "turns")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, StoreError])
def test_a_transaction_that_raises_keeps_nothing(store: Store, error: type[BaseException]) -> None:
    before = {table: rows(store, table) for table in TABLES}

    def fails() -> None:
        with store.transaction() as tx:
            everything(tx)
            raise error

    with pytest.raises(error):
        fails()
    assert {table: rows(store, table) for table in TABLES} == before


BROKEN = {
    "sqlite": ("CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken {table}'); END",),
    "postgresql": (
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken {table}'; END $$",
        "CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()",
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_statement_that_fails_takes_the_whole_transaction_with_it(store: Store, table: str) -> None:
    with another_program(store) as other:
        for statement in BROKEN[other.dialect.name]:
            other.exec_driver_sql(statement.format(table=table))
    before = {name: rows(store, name) for name in TABLES}
    with (
        pytest.raises(StoreError, match=f"broken {table}.*; nothing of this transaction was kept"),
        store.transaction() as tx,
    ):
        everything(tx)
    assert {name: rows(store, name) for name in TABLES} == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET actor = 'me'",
        "DELETE FROM ledger",
        "INSERT INTO ledger SELECT 7, prev_hash, hash, 9, actor, action, object, detail FROM ledger",
        {
            "sqlite": "INSERT OR REPLACE INTO ledger SELECT 1, prev_hash, hash, 9, actor, action, object, detail FROM ledger",
            "postgresql": "TRUNCATE ledger",
        },
    ],
)
def test_the_database_itself_refuses_to_change_the_ledger(store: Store, statement: str | dict[str, str]) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="the ledger only grows"), another_program(store) as other:
        other.exec_driver_sql(statement if isinstance(statement, str) else statement[other.dialect.name])
    assert store.verify_ledger().ok


def test_the_ledger_goes_on_after_a_restart(tmp_path: Path) -> None:
    for i in range(3):
        store = Store.open("", tmp_path)
        with store.transaction() as tx:
            tx.record("daemon", "x", str(i), {}, 1.0)
            tx.record("daemon", "y", str(i), {}, 1.0)
        found = store.verify_ledger()
        store.close()
        assert (found.ok, found.rows) == (True, 1 + 2 * (i + 1))


def test_every_table_that_was_written_to_has_another_revision_and_no_other(store: Store) -> None:
    names = ("warnings", "outcomes", "ledger", "outbox", "turns")
    before = store.revision(*names)
    with store.transaction() as tx:
        tx.put_warning(warning())
        tx.record("daemon", "said", "x", {}, 1.0)
    after = store.revision(*names)
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 0, 1, 0, 0]
    with contextlib.suppress(ZeroDivisionError), store.transaction() as tx:
        tx.put_turn("card", "source", 60)
        raise ZeroDivisionError
    with store.transaction() as tx:
        tx._connection.execute(sa.update(sa.table("turns", sa.column("card"))).where(sa.false()).values(card="x"))
    assert store.revision(*names) == (*after[:4], after[4] + 1)


def test_two_threads_that_write_wait_for_each_other(store: Store) -> None:
    def many(name: str) -> None:
        for i in range(30):
            with store.transaction() as tx:
                tx.record(name, "x", str(i), {}, 1.0)

    threads = [threading.Thread(target=many, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (store.verify_ledger().ok, store.verify_ledger().rows) == (True, 91)


@settings(max_examples=50, deadline=None)
@given(st.lists(WARNINGS, max_size=4, unique_by=(lambda w: w.id, lambda w: (w.fingerprint, w.opened_s))))
def test_warnings_come_back_as_they_were(many: list[Any]) -> None:
    store = Store.open("sqlite://", None)
    with store.transaction() as tx:
        for one in many:
            tx.put_warning(one)
    found = store.warnings()
    store.close()
    assert {w.id: w for w in found} == {w.id: w for w in many}
    assert [w.opened_s for w in found] == sorted((w.opened_s for w in many), reverse=True)


def test_warnings_are_found_by_state_card_and_beginning_of_their_id(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_warning(warning(0x10, opened_s=60))
        tx.put_warning(warning(0x11, opened_s=120, card="memory"))
        tx.put_warning(warning(0x20, opened_s=180, state="closed", closed_s=200))
    assert [w.id[-2:] for w in store.open_warnings()] == ["10", "11"]
    assert [w.id[-2:] for w in store.warnings(limit=2)] == ["20", "11"]
    assert [w.id[-2:] for w in store.warnings(card="memory", state="open")] == ["11"]
    assert [w.id[-2:] for w in store.unsettled("disk_full")] == ["10", "20"]
    one = store.warning(f"{2:015x}")
    assert one is not None
    assert one.id[-2:] == "20"
    assert store.warning("00000000000000") is None
    assert store.warning("%") is None


def test_a_verdict_given_beside_the_warning_is_seen_and_stays(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_warning(warning())
    with store.transaction() as tx:
        tx.put_outcome(outcome(verdict="false", judged_by="ann"))
    assert [w.verdict for w in store.warnings()] == ["false"]
    with store.transaction() as tx:
        tx.put_warning(warning(updated_s=120))
    assert [w.verdict for w in store.warnings()] == ["false"]
    assert store.unsettled("disk_full") == []


def test_a_turn_that_has_not_heard_of_another_verdict_takes_none_back(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_warning(warning(verdict="false"))
        tx.put_outcome(outcome(verdict="false", failed_s=None))
        tx.put_outcome(outcome(verdict="hit", judged_by="ann"))
    with store.transaction() as tx:
        tx.put_warning(warning(verdict="false", updated_s=120))
    assert [w.verdict for w in store.warnings()] == ["hit"]


def test_what_a_failure_settled_time_does_not_judge_again(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_warning(warning())
        tx.put_outcome(outcome(verdict="hit"))  # an incident, declared in the middle of a turn
        assert not tx.put_outcome(outcome(verdict="false", failed_s=None, settled_s=500))
        assert not tx.put_outcome(outcome(verdict="late", failed_s=300, settled_s=500))
    assert [(o.verdict, o.failed_s) for o in store.outcomes()] == [("hit", 250)]
    assert [w.verdict for w in store.warnings()] == ["hit"]
    with store.transaction() as tx:
        assert tx.put_outcome(outcome(verdict="false", failed_s=None, judged_by="ann"))


def test_however_many_a_replay_gave_what_was_lived_is_told(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_outcome(outcome(1))
        for number in range(2, 6):
            tx.put_outcome(outcome(number, origin="replay"))
    found = store.outcomes(limit=3, replayed=True)
    assert [o.warning_id[-1] for o in found] == ["1", "5", "4", "3"]
    assert [o.warning_id[-1] for o in store.outcomes(limit=3)] == ["1"]


def test_when_a_card_was_watched_first_is_kept(store: Store) -> None:
    assert store.watched_since("disk_full") is None
    for card, source, now in (("disk_full", "a", 120), ("disk_full", "a", 180), ("disk_full", "b", 60), ("cpu", "a", 30)):
        with store.transaction() as tx:
            tx.put_turn(card, source, now)
    assert (store.watched_since("disk_full"), store.watched_since("disk_full", "cpu", "none")) == (60, 30)
    assert store.watched_since() is None


def test_the_same_verdict_twice_is_kept_once(store: Store) -> None:
    for _ in range(2):
        with store.transaction() as tx:
            tx.put_outcome(outcome())
    assert store.outcomes() == [outcome()]
    assert len(rows(store, "outcomes")) == 1


def test_another_verdict_supersedes_and_names_the_first(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_outcome(outcome(verdict="false"))
    with store.transaction() as tx:
        tx.put_outcome(outcome(verdict="averted", judged_by="ann"))
    assert [o.verdict for o in store.outcomes()] == ["averted"]
    found = {row.verdict: row for row in rows(store, "outcomes")}
    assert (found["false"].current, found["averted"].current) == (0, 1)
    assert found["averted"].supersedes == found["false"].seq
    assert store.counts()["outcomes.averted"] == 1
    assert "outcomes.false" not in store.counts()


def test_two_verdicts_at_once_are_refused_by_the_database(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_outcome(outcome())
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique"), another_program(store) as other:
        other.exec_driver_sql(
            "INSERT INTO outcomes SELECT 99, key, warning_id, card, 'false', settled_ms, NULL, 1, body FROM outcomes"
        )


def test_every_missed_failure_of_an_entity_is_kept(store: Store) -> None:
    entity = {
        "instance": "a-very-long-host-name.of-some-region.example:9100",
        "mountpoint": "/var/lib/containers/storage",
    }
    many = [
        outcome(0, "missed", warning_id="", entity=entity, card=card, failed_s=at)
        for card in ("one", "two")
        for at in (100, 200)
    ]
    with store.transaction() as tx:
        for one in many + many:
            tx.put_outcome(one)
    assert sorted(store.outcomes(), key=lambda o: (o.card, o.failed_s or 0)) == many


def put(
    store: Store, key: str, group: str = "g", receiver: str = "am", at_s: float = 0.0, renewal: bool = False
) -> bool:
    with store.transaction() as tx:
        return tx.enqueue(receiver, group, key, {"key": key}, at_s, renewal)


def due(store: Store, now_s: float = 10.0) -> list[str]:
    return [row.dedup_key for row in store.due(now_s)]


def test_a_message_with_the_same_key_waits_once_for_each_receiver(store: Store) -> None:
    assert [put(store, "k"), put(store, "k"), put(store, "k", receiver="other")] == [True, False, True]
    assert due(store) == ["k", "k"]


def test_behind_an_unsent_message_of_its_group_none_is_due(store: Store) -> None:
    for key, group in (("opened", "g"), ("closed", "g"), ("opened2", "h")):
        put(store, key, group)
    assert due(store) == ["opened", "opened2"]
    first = store.due(10.0)[0]
    store.mark_retry(first.seq, 1, 20.0, "HTTP 503", 10.0)
    assert due(store, 19.9) == ["opened2"]
    assert due(store, 20.0) == ["opened", "opened2"]
    store.mark_sent(first.seq, 21.0)
    assert due(store, 21.0) == ["closed", "opened2"]


def test_what_is_dead_holds_up_nothing(store: Store) -> None:
    put(store, "opened")
    put(store, "closed")
    store.mark_dead(store.due(10.0)[0].seq, "HTTP 400", 10.0)
    assert due(store) == ["closed"]
    assert store.counts() == {"outbox.dead": 1, "outbox.queued": 1}


def test_the_number_of_a_superseded_message_never_means_another(store: Store) -> None:
    put(store, "renewal", renewal=True)
    in_hand = store.due(10.0)[0]
    put(store, "closed")  # supersedes the renewal while it is being sent
    store.forget(in_hand.seq)
    store.mark_retry(in_hand.seq, 5, 99.0, "timeout", 10.0)
    assert due(store) == ["closed"]
    assert in_hand.seq not in [row.seq for row in store.due(10.0)]


def test_sending_is_in_the_ledger_under_the_message_s_own_key(store: Store) -> None:
    put(store, "w:opened")
    put(store, "w:closed")
    store.mark_sent(store.due(10.0)[0].seq, 11.0)
    store.mark_dead(store.due(10.0)[0].seq, "x" * 9999, 12.0)
    store.mark_sent(99, 13.0)  # nothing waits under this number: nothing happened
    found = [(row.action, row.object) for row in rows(store, "ledger")]
    assert found[1:] == [("notify.sent", "w:opened"), ("notify.dead", "w:closed")]
    assert store.verify_ledger().ok


def test_only_old_messages_that_arrived_are_forgotten(store: Store) -> None:
    for key, at in (("sent", 0.0), ("young", 900.0)):
        put(store, key, group=key, at_s=at)
        store.mark_sent(store.due(1000.0)[0].seq, at)
    put(store, "waits", group="waits")
    put(store, "dead", group="dead")
    store.mark_dead(next(r for r in store.due(10.0) if r.dedup_key == "dead").seq, "HTTP 400", 10.0)
    assert store.prune_outbox(500.0) == 1
    assert sorted(row.dedup_key for row in rows(store, "outbox")) == ["dead", "waits", "young"]


def test_only_what_ended_and_was_judged_long_ago_is_deleted_and_the_ledger_says_so(store: Store) -> None:
    ended = {"state": "closed", "closed_s": 100}
    cases = {
        "open": warning(), "judged": warning(**ended, verdict="hit"), "waits": warning(**ended),
        "young": warning(state="closed", closed_s=9000, verdict="hit"), "conflict": warning(**ended, kind="conflict"),
    }  # fmt: skip
    with store.transaction() as tx:
        for i, (name, one) in enumerate(cases.items()):
            tx.put_warning(one.having(id=name, fingerprint=name, opened_s=i))
    assert store.prune_warnings(5000.0, 9999.0) == 2
    assert sorted(w.id for w in store.warnings()) == ["open", "waits", "young"]
    assert store.prune_warnings(5000.0, 9999.0) == 0
    found = [row.detail for row in store.ledger_rows() if row.action == "retention.applied"]
    assert [one["warnings"] for one in found] == [2]
    assert store.verify_ledger().ok


def test_the_last_turn_of_each_watch_is_known(store: Store) -> None:
    assert store.last_turn("disk_full", "prod") is None
    for now in (60, 120):
        with store.transaction() as tx:
            tx.put_turn("disk_full", "prod", now)
            tx.put_turn("disk_full", "other", 10 * now)
    assert (store.last_turn("disk_full", "prod"), store.last_turn("disk_full", "other")) == (120, 1200)


def test_a_reader_changes_nothing_and_sees_what_the_writer_kept(store: Store, tmp_path: Path, url: str) -> None:
    reader = Store.reading(url, tmp_path)
    with store.transaction() as tx:
        tx.put_warning(warning())
        assert reader.warnings() == []
    assert reader.warnings() == [warning()]
    reader.close()
