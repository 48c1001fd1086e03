from __future__ import annotations

import pytest

from aiops.rules.parse import parse
from aiops.rules.target import target_of, without_prediction
from aiops.rules.tree import Binary, write


@pytest.mark.parametrize(
    ("expr", "now"),
    [
        ("predict_linear(a[1h], 3600)", "a"),
        ("predict_linear(a[1h] offset 5m, 3600)", "a offset 5m"),
        ("predict_linear(a[6h:5m], 3600)", "a"),
        ("predict_linear(a[6h:5m] offset 1h, 3600)", "a offset 1h"),
        ("predict_linear((a / b)[6h:5m], 3600)", "a / b"),
        ("sum by (x) (predict_linear(a[1h], 3600)) / -b", "sum by (x) (a) / -b"),
        ("abs(predict_linear(a[1h], 3600))", "abs(a)"),
    ],
)
def test_what_is_predicted_now(expr: str, now: str) -> None:
    assert write(without_prediction(parse(expr))) == now


def test_the_target_is_the_present_value_against_the_limit() -> None:
    node = parse("predict_linear(a[1h], 3600) / b < 0.1")
    assert isinstance(node, Binary)
    target = target_of(node.left, node.op, node.right, node.matching)
    assert target is not None
    assert write(target) == "0.1 - a / b"


def test_nothing_predicted_has_no_target() -> None:
    node = parse("a / b < 0.1")
    assert isinstance(node, Binary)
    assert target_of(node.left, node.op, node.right, node.matching) is None


@pytest.mark.parametrize(
    "expr",
    [
        "predict_linear(a[1h], 60) > 2 * a",
        "a - predict_linear(a[1h] offset 1h, 3600) > 9",
        "predict_linear(a[1h], 60) > a offset 1h",
    ],
)
def test_a_quantity_against_its_own_prediction_comes_to_nothing(expr: str) -> None:
    node = parse(expr)
    assert isinstance(node, Binary)
    assert target_of(node.left, node.op, node.right, node.matching) is None
