"""Series in promtool's notation."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.card_series import MAX_POINTS, expand, parse_labels

GAP = float("nan")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1+2x3", [1, 3, 5, 7]),
        ("1-2x3", [1, -1, -3, -5]),
        ("-1+0.5x2", [-1, -0.5, 0]),
        ("5x3", [5, 5, 5, 5]),
        ("5", [5]),
        ("_x3", [GAP, GAP, GAP]),
        ("1 _ stale 2", [1, GAP, GAP, 2]),
        ("1e3-1e2x2", [1000, 900, 800]),
        (".5+1.x1", [0.5, 1.5]),
        ("1+1x0", [1]),
    ],
)
def test_what_it_stands_for(text: str, values: list[float]) -> None:
    assert np.array_equal(expand(text), np.array(values, float), equal_nan=True)


@pytest.mark.parametrize("text", ["", " ", "x3", "1+x", "1+2y3", "1,2", "nan", "1+2x-3", "0x10x2"])
def test_what_is_no_series_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="series"):
        expand(text)


@pytest.mark.parametrize("text", [f"1x{MAX_POINTS}", f"1+1x{10**30}", f"_x{MAX_POINTS}"])
def test_a_series_that_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="values"):
        expand(text)


def test_many_parts_are_bounded_together() -> None:
    with pytest.raises(ValueError, match="values"):
        expand(" ".join([f"1x{MAX_POINTS // 2}"] * 3))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("{}", {}),
        ('{a="1",b="2"}', {"a": "1", "b": "2"}),
        ('{ a = "1" , }', {"a": "1"}),
        (r'{a="x\"y\\z\n"}', {"a": 'x"y\\z\n'}),
    ],
)
def test_label_sets(text: str, labels: dict[str, str]) -> None:
    assert parse_labels(text) == labels


@pytest.mark.parametrize("text", ["", "a", '{a="1"', "{a=1}", '{a="1"b="2"}', '{a="1",a="2"}', '{=""}', '{a~"1"}'])
def test_what_is_no_label_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="label"):
        parse_labels(text)
