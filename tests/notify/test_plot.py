"""The picture of an episode: everything inside of it, where it belongs, and nothing that is not known."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from aiops.core.quantity import scales
from aiops.core.records import Crossing
from aiops.notify.arrays import Arrays
from aiops.notify.plot import HIGH, WIDE, data, picture
from aiops.web.pages.templating import environment

START = 1_767_571_200
NONE = np.zeros(0)


def made(**changes: Any) -> Arrays:
    """Four hours that fall by a tenth an hour from 0.9 on; the limit 0.1 comes in four more."""
    time_s = START + 60 * np.arange(241, dtype=np.int64)
    values = 0.9 - 0.1 * np.arange(241) / 60
    ahead = START + 14400 + 240 * np.arange(61, dtype=np.int64)
    way = np.linspace(0.5, 0.1, 61)
    fields: dict[str, Any] = {
        "labels": {"instance": "a"}, "unit": "1", "time_s": time_s, "values": values, "low": np.full(241, np.nan),
        "high": np.full(241, np.nan), "limit": 0.1, "above": False, "ahead_s": ahead, "mean": way, "lower": way - 0.02,
        "upper": way + 0.02, "crossing": Crossing(START + 25200.0, START + 28800.0, START + 32400.0), "opened_s": START + 7200,
        "closed_s": None, "failed_s": None,
    }  # fmt: skip
    return Arrays(**(fields | changes))


OVER = {"ahead_s": np.zeros(0, np.int64), "mean": NONE, "lower": NONE, "upper": NONE}


def points(lines: list[str]) -> list[tuple[float, float]]:
    return [tuple(map(float, one.split(","))) for line in lines for one in line.split()]  # type: ignore[misc]


def test_everything_is_inside_of_the_picture() -> None:
    found = picture(made())
    every = points([*found["lines"], *found["cone"], *found["ahead"]])
    assert len(every) > 300
    assert all(0 <= x <= WIDE and 0 <= y <= HIGH for x, y in every)
    assert all(4 <= tick["at"] <= 96 for tick in found["x"])
    assert 2 <= len(found["x"]) <= 5


@pytest.mark.parametrize(
    ("unit", "scale", "wanted"),
    [("{ratio}", 1.0, "75%"), ("By", 2.0**30, "750 MiB"), ("s", 36_000.0, "7h30m"), ("1", 1e9, "750 M"),
     ("{requests}/s", 10.0, "7.5 requests/s")],
)  # fmt: skip
def test_the_levels_are_round_in_what_their_unit_is_shown_in(unit: str, scale: float, wanted: str) -> None:
    found = picture(made(unit=unit, values=made().values * scale, limit=0.1 * scale))
    said = [text for _, text in found["y"]]
    assert wanted in said
    assert len(set(said)) == len(said)
    assert found["data"]["scales"] == scales(unit)


def test_the_way_begins_where_the_samples_end_and_ends_on_the_limit() -> None:
    found = picture(made())
    assert points(found["ahead"])[0] == points(found["lines"])[-1]
    assert points(found["ahead"])[-1][1] == found["limit"]
    assert found["now"]["x"] == points(found["lines"])[-1][0]


def test_the_interval_lies_on_the_limit_around_what_is_expected() -> None:
    told = picture(made())["told"]
    assert told["y"] == picture(made())["limit"]
    assert told["x"] < 10 * told["at"] < told["x"] + told["width"]
    assert told["beyond"]


def test_what_is_over_has_no_now_and_shows_when_it_came() -> None:
    found = picture(made(**OVER, failed_s=START + 12000, closed_s=START + 12000))
    assert found["now"] is None
    assert found["cone"] == found["ahead"] == []
    assert found["failed"]["x"] > found["opened"]["x"]


def test_a_limit_far_away_is_named_and_not_drawn() -> None:
    found = picture(made(**OVER, limit=-50.0, crossing=None))
    assert found["limit"] is None
    assert found["told"] is None
    assert found["limit_said"] == "-50"


def test_without_a_limit_there_is_the_usual_range() -> None:
    low, high = np.full(241, 0.2), np.full(241, 0.8)
    low[100:110] = np.nan
    found = picture(made(**OVER, limit=np.nan, crossing=None, low=low, high=high))
    assert (found["limit"], found["limit_said"], len(found["band"])) == (None, "", 2)


def test_bytes_are_round_in_their_prefix() -> None:
    gib = 2.0**30
    values = np.linspace(8 * gib, 3 * gib, 241)
    said = [text for _, text in picture(made(**OVER, unit="By", values=values, limit=np.nan, crossing=None))["y"]]
    assert "4 GiB" in said
    assert all(len(text) <= 8 for text in said)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e12])
def test_a_constant_series_has_a_height(value: float) -> None:
    found = picture(made(**OVER, values=np.full(241, value), limit=np.nan, crossing=None))
    assert len(found["lines"]) == 1
    assert len(found["y"]) >= 1


def test_the_script_is_given_numbers_and_no_labels() -> None:
    found = data(made())
    assert "labels" not in found
    assert found["limit"] == 0.1
    assert len(found["mean"]) == len(found["ahead_s"])


def test_a_line_of_very_many_points_is_put_in_whole() -> None:
    time_s = START + 60 * np.arange(5000, dtype=np.int64)
    values, nothing = np.sin(np.arange(5000.0)), np.full(5000, np.nan)
    many = made(**OVER, time_s=time_s, values=values, low=nothing, high=nothing, limit=np.nan, crossing=None, opened_s=START)
    plot = {**picture(many), "says": "", "series": ""}
    signal = type("Warning", (), {"signal": "load"})
    shown = environment().get_template("plot.html").render(plot=plot, w=signal)
    (points,) = re.findall(r'<polyline class="value" points="([^"]*)"', shown)
    assert len(points.split()) == 5000
    assert all(len(one.split(",")) == 2 for one in points.split())
