"""Expressions of numbers alone."""

from __future__ import annotations

import math

import pytest

from aiops.rules.constants import constant, fixed
from aiops.rules.parse import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 ^ 3 ^ 2", 512), ("-2 ^ 2", -4), ("7 % 4", 3), ("-7 % 4", -3), ("1 / 0", math.inf), ("-1 / 0", -math.inf),
        ("2 ^ 9999", math.inf), ("-(2 * 3)", -6), ("pi()", math.pi), ("scalar(vector(3)) * 2", 6),
    ],
)  # fmt: skip
def test_constants_are_folded_as_the_engine_does(text: str, value: float) -> None:
    assert constant(parse(text)) == value
    assert fixed(parse(text)) == value


@pytest.mark.parametrize("text", ["2 * time()", "a", "scalar(a)", "1 > bool 2", "2 * a", "vector(time())"])
def test_nothing_measured_is_a_constant(text: str) -> None:
    assert constant(parse(text)) is None
    assert fixed(parse(text)) is None


def test_one_element_without_labels_is_fixed_but_no_number() -> None:
    assert fixed(parse("vector(2 * 3)")) == 6
    assert constant(parse("vector(2 * 3)")) is None
