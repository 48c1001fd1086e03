"""A key is claimed once; what was answered under it is known for a day, whatever happens to the process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aiops.store import Store
from aiops.store.answers import BEGUN, KEPT_S, Answers, Full


@pytest.fixture
def some(tmp_path: Path, url: str) -> Iterator[Answers]:
    store = Store.open(url, tmp_path)
    yield Answers(store)
    store.close()


def test_an_answer_is_known_under_its_key_also_after_a_restart(tmp_path: Path, url: str) -> None:
    store = Store.open(url, tmp_path)
    first = Answers(store)
    assert first.begin("ann", "k", "digest", 1000.0) is None
    first.finish("ann", "k", 200, '{"a":1}', "application/json")
    store.close()
    store = Store.open(url, tmp_path)
    known = Answers(store).begin("ann", "k", "digest", 1001.0)
    store.close()
    assert known is not None
    assert (known.request, known.status, known.body, known.media_type) == ("digest", 200, '{"a":1}', "application/json")


def test_a_key_of_one_caller_is_nothing_to_another(some: Answers) -> None:
    assert [some.begin(who, "k", "d", 0.0) for who in ("ann", "bob")] == [None, None]


def test_what_was_begun_and_never_ended_stays_begun(some: Answers) -> None:
    some.begin("ann", "k", "d", 0.0)
    known = some.begin("ann", "k", "d", 5.0)
    assert known is not None
    assert known.status == BEGUN


def test_a_dropped_key_is_free_again(some: Answers) -> None:
    some.begin("ann", "k", "d", 0.0)
    some.drop("ann", "k")
    assert some.begin("ann", "k", "other", 1.0) is None


def test_a_key_is_forgotten_after_a_day(some: Answers) -> None:
    some.begin("ann", "k", "d", 0.0)
    assert some.begin("ann", "k", "d", KEPT_S - 1) is not None
    assert some.begin("ann", "k", "d", KEPT_S) is None


def test_the_keys_of_one_caller_are_bounded(some: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.store.answers.KEYS_OF_ONE", 2)
    assert [some.begin("ann", key, "d", 0.0) for key in "ab"] == [None, None]
    with pytest.raises(Full):
        some.begin("ann", "c", "d", 0.0)
    assert some.begin("bob", "c", "d", 0.0) is None
    assert some.begin("ann", "a", "d", 0.0) is not None
    assert some.begin("ann", "c", "d", KEPT_S) is None


def test_of_many_at_once_one_gets_the_key(some: Answers) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: some.begin("ann", "k", "d", 0.0), range(16)))
    assert found.count(None) == 1
