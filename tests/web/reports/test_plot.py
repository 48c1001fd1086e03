"""The picture of one warning: what is where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiops.backtest.shown import Shown
from aiops.web.reports.plot import HIGH, LEFT, WIDE, plot
from tests.backtest.test_shown import all_shown


def test_what_was_known_ends_where_what_happened_begins() -> None:
    found = plot(all_shown()[0])
    assert found is not None
    last, first = found["before"][-1].split()[-1], found["after"][0].split()[0]
    assert last == first
    assert float(last.split(",")[0]) == found["opened"]
    assert found["opened"] < found["crossed"][0] < WIDE


def test_the_interval_that_was_told_lies_on_the_limit() -> None:
    found = plot(all_shown()[0])
    assert found is not None
    x, width, y, dot = found["told"]
    assert x <= dot <= x + width + 2
    assert {point.split(",")[1] for point in found["limit"][0].split()} == {str(y)}


def test_everything_is_inside_the_picture() -> None:
    found = plot(all_shown()[0])
    assert found is not None
    points = [point.split(",") for line in (*found["before"], *found["after"], *found["limit"]) for point in line.split()]
    assert all(LEFT <= float(x) <= WIDE and 0 <= float(y) <= HIGH for x, y in points)


def test_a_gap_breaks_the_line() -> None:
    one = all_shown()[0]
    values = one.values.copy()
    values[10:20] = np.nan
    found, whole = plot(replace(one, values=values)), plot(one)
    assert found is not None
    assert whole is not None
    assert len(found["before"]) == len(whole["before"]) + 1


def test_a_limit_far_away_is_named_and_not_drawn() -> None:
    found = plot(replace(all_shown()[0], limit=np.full(len(all_shown()[0].values), 1e6)))
    assert found is not None
    assert found["limit"] == []
    assert found["far"] == "limit 1M, too far to be drawn"


def test_a_series_without_samples_has_no_picture() -> None:
    one = all_shown()[0]
    assert plot(replace(one, values=np.full(len(one.values), np.nan))) is None


def test_a_constant_series_has_a_height() -> None:
    one = all_shown()[0]
    flat: Shown = replace(one, values=np.zeros(len(one.values)), limit=np.full(len(one.values), np.nan))
    found = plot(flat)
    assert found is not None
    assert len(found["y"]) >= 2
