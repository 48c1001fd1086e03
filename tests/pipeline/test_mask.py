"""Rows that a card excludes now: which, when, and that the question is cheap."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from aiops.backtest.card_tests import GivenSource
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.mask import masked, masked_at
from aiops.pipeline.watch import Watch
from aiops.telemetry.link import Link

NIGHT = {"cron": "0 3 * * *", "for": "40m", "match": ['mountpoint="/var/tmp"']}


def at(hour: int, minute: int, second: int = 0) -> int:
    return int(datetime(2026, 3, 4, hour, minute, second, tzinfo=UTC).timestamp())


def watch_of(exclude: list[dict[str, object]], mountpoints: list[str], shift_s: int = 0) -> Watch:
    card = ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1",
            "kind": "ModelCard",
            "name": "disk_full",
            "owner": {"team": "t"},
            "summary": "A filesystem will run out of space.",
            "query": "free",
            "entity": ["mountpoint"],
            "forecast": {"limit": {"below": 0.05}},
            "exclude": exclude,
        }
    )
    watch = make_watch(card, [Link(GivenSource({"{}": "1"}, 60))], 60, None)
    add(watch, mountpoints, shift_s)
    return watch


def add(watch: Watch, mountpoints: list[str], shift_s: int = 0) -> None:
    watch.window.rows_for([{"mountpoint": m} for m in mountpoints], np.full(len(mountpoints), shift_s, np.int64))
    watch.grow()


def test_only_the_rows_that_match_are_masked_and_only_while_it_lasts() -> None:
    watch = watch_of([NIGHT], ["/", "/var/tmp"])
    assert masked(watch, at(2, 59, 59)).tolist() == [False, False]
    assert masked(watch, at(3, 0)).tolist() == [False, True]
    assert masked(watch, at(3, 39, 59)).tolist() == [False, True]
    assert masked(watch, at(3, 40)).tolist() == [False, False]


def test_without_matchers_every_row_is_masked() -> None:
    watch = watch_of([{"cron": "0 3 * * *", "for": "40m"}], ["/", "/var/tmp"])
    assert masked(watch, at(3, 5)).all()


def test_a_card_without_exclude_masks_nothing() -> None:
    watch = watch_of([], ["/", "/a"])
    assert masked(watch, at(3, 5)).tolist() == [False, False]


def test_one_of_several_spans_is_enough() -> None:
    watch = watch_of([NIGHT, {"cron": "0 12 * * *", "for": "1h", "match": ['mountpoint="/"']}], ["/", "/var/tmp"])
    assert masked(watch, at(12, 30)).tolist() == [True, False]
    assert masked(watch, at(3, 30)).tolist() == [False, True]


def test_a_row_that_appears_within_the_minute_is_asked_too() -> None:
    watch = watch_of([NIGHT], ["/"])
    assert masked(watch, at(3, 10)).tolist() == [False]
    add(watch, ["/", "/var/tmp"])
    assert masked(watch, at(3, 10)).tolist() == [False, True]


def test_each_row_is_asked_on_its_own_clock() -> None:
    watch = watch_of([{"cron": "0 3 * * *", "for": "40m"}], ["/"], shift_s=6 * 3600)
    assert masked(watch, at(21, 10)).tolist() == [True]
    assert masked(watch, at(3, 10)).tolist() == [False]


def test_many_instants_at_once_equal_one_at_a_time() -> None:
    watch = watch_of([NIGHT, {"cron": "*/7 * * * 1-3", "for": "3m"}], ["/", "/var/tmp"])
    times = at(2, 0) + 60 * np.arange(200)
    assert np.array_equal(masked_at(watch, times), np.stack([masked(watch, t) for t in times.tolist()], axis=1))


def test_no_instants_and_no_rows() -> None:
    watch = watch_of([NIGHT], ["/"])
    assert masked_at(watch, np.zeros(0, np.int64)).shape == (1, 0)
    assert masked(watch_of([NIGHT], []), at(3, 10)).shape == (0,)


def test_within_one_minute_the_answer_is_remembered() -> None:
    watch = watch_of([NIGHT], ["/var/tmp"])
    first = masked(watch, at(3, 10))
    assert masked(watch, at(3, 10, 59)) is first
    assert masked(watch, at(3, 11)) is not first
