"""Page by page: what comes in between moves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.store import Store
from aiops.store.paging import Pages
from tests.store.samples import outcome, warning


@pytest.fixture
def store(tmp_path: Path, url: str) -> Iterator[Store]:
    found = Store.open(url, tmp_path)
    yield found
    found.close()


def test_the_ledger_is_read_on_from_a_row(store: Store) -> None:
    with store.transaction() as tx:
        for number in range(5):
            tx.record("daemon", "made", str(number), {}, 1000.0 + number)
    pages = Pages(store)  # behind its first row, the genesis
    assert pages.head() == 6
    assert [row.object for row in pages.ledger_after(3, 2)] == ["2", "3"]
    assert [row.seq for row in pages.ledger_after(5, 10)] == [6]
    assert pages.ledger_after(6, 10) == []
    assert [row.seq for row in pages.ledger(2, 4)] == [3, 2]


def test_pages_of_warnings_hold_each_once_though_newer_ones_come_in_between(store: Store) -> None:
    ids = ["d", "a", "c", "b"]  # two of one instant
    with store.transaction() as tx:
        for name, opened in zip(ids, (400, 100, 300, 300), strict=True):
            tx.put_warning(warning(id=name, fingerprint=name, opened_s=opened))
    pages = Pages(store)
    first = pages.warnings(2, None)
    with store.transaction() as tx:
        tx.put_warning(warning(id="e", fingerprint="e", opened_s=500))
    second = pages.warnings(10, first[-1][0])
    assert [one.id for _, one in first + second] == ["d", "b", "c", "a"]
    assert pages.warnings(10, second[-1][0]) == []
    assert [one.id for _, one in pages.warnings(10, None, "closed")] == []
    assert len(pages.warnings(10, None, "open")) == 5


def test_pages_of_verdicts_go_by_their_numbers(store: Store) -> None:
    with store.transaction() as tx:
        for name in "abc":
            tx.put_outcome(outcome(warning_id=name))
    pages = Pages(store)
    first = pages.outcomes(2, None)
    assert [one.warning_id for _, one in first] == ["c", "b"]
    assert [one.warning_id for _, one in pages.outcomes(2, first[-1][0])] == ["a"]


def test_a_warning_that_is_as_it_was_is_not_put_together_again_and_one_that_changed_is(store: Store) -> None:
    pages = Pages(store)
    read = lambda: {one.id: one for _, one in pages.warnings(10, None)}  # noqa: E731
    with store.transaction() as tx:
        for number in (1, 2, 3):
            tx.put_warning(warning(number))
    before = read()
    one, two, three = before
    with store.transaction() as tx:
        tx.put_warning(before[one].having(closed_why="another text"))
        tx.put_warning(before[two].having(verdict="hit"))
    after = read()
    assert (after[one].closed_why, after[two].verdict) == ("another text", "hit")
    assert before[two].verdict != "hit"
    assert after[three] is before[three]
    assert after == {name: store.warning(name) for name in before}


def test_no_more_warnings_are_kept_than_agreed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.store.paging.KEPT_AT_MOST", 2)
    with store.transaction() as tx:
        for number in range(1, 6):
            tx.put_warning(warning(number))
    pages = Pages(store)
    assert len(pages.warnings(10, None)) == len(pages.warnings(10, None)) == 5
    assert len(pages._known) <= 2


def test_pages_of_one_instant_are_read_once_and_others_anew(store: Store) -> None:
    pages = Pages(store)
    with store.transaction() as tx:
        tx.put_warning(warning(1))
    first = pages.warnings(10, None, "", 1)
    with store.transaction() as tx:
        tx.put_warning(warning(2))
    assert pages.warnings(10, None, "", 1) is first
    assert len(pages.warnings(10, None, "closed", 1)) == len(pages.warnings(10, None, "closed"))
    assert len(pages.warnings(10, None, "", 2)) == len(pages.warnings(10, None)) == 2
