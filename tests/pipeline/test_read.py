"""Reading: history once and in bounded parts, then only what is missing, all of a turn's answers or none."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.pipeline import read as module
from aiops.pipeline.read import read
from aiops.pipeline.watch import Watch
from aiops.telemetry.breaker import Breaker
from tests.daemon.rig import MadeSource, calm
from tests.pipeline.made import START_S, STEP_S, World, card, watch_of

DAY = 86400


def world(*instances: str) -> World:
    found = World()
    for instance in instances:
        found.add("free", {"instance": instance}, calm())
    return found


def test_first_sight_reads_back_to_the_oldest_sample_then_only_the_newest() -> None:
    there = world("a", "b")
    watch = watch_of(there)
    first = read(watch, START_S + 7200)
    assert (first.time_s[0], first.time_s[-1], first.values.shape) == (START_S, START_S + 7200, (2, 25))
    assert np.isfinite(first.values).all()
    there.asked.clear()
    second = read(watch, START_S + 7500)
    assert there.asked == [("free", START_S + 7500, START_S + 7500, STEP_S)]
    assert second.time_s.tolist() == [START_S + 7500]


def test_the_cards_history_is_all_that_is_read() -> None:
    watch = watch_of(world("a"), card(history="1h"))
    assert read(watch, START_S + DAY).time_s[0] >= START_S + DAY - 3600


def test_after_a_gap_what_was_missed_is_read() -> None:
    watch = watch_of(world("a"))
    read(watch, START_S + 3600)
    assert read(watch, START_S + 4800).time_s.tolist() == [START_S + 3600 + STEP_S * i for i in (1, 2, 3, 4)]


def test_what_is_there_already_is_not_read_again() -> None:
    there = world("a")
    watch = watch_of(there)
    read(watch, START_S + 3600)
    there.asked.clear()
    again = read(watch, START_S + 3600)
    assert (there.asked, again.values.shape) == ([], (1, 0))


def test_history_is_read_in_parts_of_bounded_size_and_comes_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    there, whole = world("a", "b"), read(watch_of(world("a", "b")), START_S + DAY)
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 100)
    watch = watch_of(there)
    parts = read(watch, START_S + DAY)
    np.testing.assert_array_equal(parts.time_s, whole.time_s)
    np.testing.assert_array_equal(parts.values, whole.values)
    asked = [(end - start) // STEP_S + 1 for _, start, end, _ in there.asked[1:]]
    assert len(asked) > 3
    assert max(asked) * 2 <= 100


def test_a_first_sight_of_very_many_series_reads_less_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKFILL_SAMPLES", 50)
    found = read(watch_of(world("a", "b")), START_S + DAY)
    assert found.values.size <= 50 + 2
    assert found.time_s[-1] == START_S + DAY


def rested(watch: Watch) -> list[float]:
    """The clock by which a source that failed rests, however long a call takes here."""
    now = [0.0]
    watch.feeds[0].link.breaker = Breaker(lambda: now[0], 0.0)
    return now


def test_after_a_failure_no_part_is_given_up_for_what_another_is_about_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 100)
    monkeypatch.setattr(MadeSource, "concurrent", True)
    watch = watch_of(world("a"))
    now, fetch = rested(watch), MadeSource.fetch

    def away(self: MadeSource, *args: Any) -> Any:
        raise SourceError("made", "timeout", "no answer")

    def slow(self: MadeSource, *args: Any) -> Any:
        time.sleep(0.05)  # so that what is asked at once overlaps
        return fetch(self, *args)

    read(watch, START_S + 3600)
    monkeypatch.setattr(MadeSource, "fetch", away)
    with pytest.raises(SourceError):
        read(watch, START_S + DAY)
    now[0] += 60.0
    monkeypatch.setattr(MadeSource, "fetch", slow)
    assert read(watch, START_S + DAY).time_s.tolist() == list(range(START_S + 3600 + STEP_S, START_S + DAY + 1, STEP_S))


def test_a_source_that_fails_half_way_leaves_everything_to_be_read_and_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_SAMPLES", 100)
    there = world("a")
    watch = watch_of(there)
    fetch, calls = MadeSource.fetch, 0

    def third_time_unlucky(self: MadeSource, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise SourceError("made", "timeout", "no answer")
        return fetch(self, *args)

    now = rested(watch)
    monkeypatch.setattr(MadeSource, "fetch", third_time_unlucky)
    with pytest.raises(SourceError):
        read(watch, START_S + DAY)
    assert watch.n == 0
    now[0] += 60.0
    assert read(watch, START_S + DAY).time_s[0] == START_S, "what an earlier try got is handed on all the same"


def test_a_series_that_comes_later_gets_a_row_of_its_own() -> None:
    there = world("a")
    watch = watch_of(there)
    read(watch, START_S + 3600)
    there.series["free"] = {}
    for instance in ("new", "a"):  # in another order
        there.add("free", {"instance": instance}, calm(0.7 if instance == "new" else 0.5))
    found = read(watch, START_S + 3900)
    assert [one["instance"] for one in watch.window.labels] == ["a", "new"]
    assert found.values[:, 0] == pytest.approx([0.5, 0.7], abs=0.02)
    there.series["free"].popitem()
    gone = read(watch, START_S + 4200)
    assert np.isnan(gone.values[0, 0])
    assert np.isfinite(gone.values[1, 0])


def test_external_labels_are_merged_and_the_series_own_word_counts() -> None:
    there = World()
    there.add("free", {"instance": "a"}, calm())
    there.add("free", {"instance": "a", "cluster": "own"}, calm())
    watch = watch_of(there, labels={"cluster": "eu", "site": "1"})
    read(watch, START_S + 3600)
    assert [dict(one) for one in watch.window.labels] == [
        {"cluster": "eu", "site": "1", "instance": "a"}, {"cluster": "own", "site": "1", "instance": "a"},
    ]  # fmt: skip
    assert len(watch.entities) == 2, "two clusters are two entities"


def test_what_a_source_warned_of_is_handed_on_once() -> None:
    there = world("a")
    there.partial = ("a store did not answer",)
    assert read(watch_of(there), START_S + 3600).partial == ("a store did not answer",)


def test_nothing_there_is_nothing_read() -> None:
    watch = watch_of(World())
    assert read(watch, START_S + 3600).values.shape[0] == 0
    assert watch.n == 0
