"""Rows of a rule's result from the series of its leaves, matched as Prometheus matches them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from aiops.rules.compiler import Leaf, compile_rule
from aiops.rules.formula import Many, Missing, One, leading, members, rows_of, shown
from aiops.rules.program import program

NAN = np.nan


class Scene:
    """Series by the expression of their leaf: (labels, expected time)."""

    def __init__(self, expr: str, **series: list[tuple[Mapping[str, str], float]]) -> None:
        condition = compile_rule(expr).condition
        assert condition is not None
        self.leaves = compile_rule(expr).leaves
        flat = [(name, labels, at) for name, some in series.items() for labels, at in some]
        self.times = np.array([[at, at, at] for _, _, at in flat], np.float64).reshape(len(flat), 3)
        self.rows = rows_of(
            condition, lambda leaf: [(i, labels) for i, (name, labels, _) in enumerate(flat) if name in leaf.expr]
        )

    def told(self) -> dict[str, float]:
        found = program([formula for _, formula in self.rows.values()], len(self.times)).crossing(self.times)
        return dict(zip(self.rows, found[:, 1].tolist(), strict=True))


@pytest.mark.parametrize(
    ("expr", "told"),
    [
        ("used > 9", {'{"x":"a"}': 50.0}),
        ("used > 9 and size > 5", {'{"x":"a"}': 70.0}),
        ("used > 9 or size > 5", {'{"x":"a"}': 50.0}),
        ("size > 5 unless used > 9", {'{"x":"a"}': NAN}),
        ("used > 9 unless size > 5", {'{"x":"a"}': 50.0}),
    ],
)
def test_operators_combine_times(expr: str, told: dict[str, float]) -> None:
    scene = Scene(expr, used=[({"__name__": "used", "x": "a"}, 50.0)], size=[({"__name__": "size", "x": "a"}, 70.0)])
    assert scene.told() == pytest.approx(told, nan_ok=True)


def test_and_on_takes_the_first_of_several_partners() -> None:
    size = [({"x": "a", "y": "1"}, 90.0), ({"x": "a", "y": "2"}, 60.0), ({"x": "b", "y": "1"}, 10.0)]
    assert Scene("used > 9 and on (x) size > 5", used=[({"x": "a", "z": "0"}, 50.0)], size=size).told() == {
        '{"x":"a","z":"0"}': 60.0
    }


def test_a_partner_that_is_not_there_keeps_and_from_firing_and_is_named() -> None:
    scene = Scene("used > 9 and on (x) size > 5", used=[({"x": "a"}, 50.0)], size=[({"x": "b"}, 10.0)])
    (_, formula), = scene.rows.values()
    assert np.isnan(scene.told()['{"x":"a"}'])
    assert formula == Many("and", (One(0), Missing("size > 5")))
    assert not program([formula], 2).holding(np.ones(2, bool))[0]


def test_or_on_adds_the_right_where_no_partner_holds() -> None:
    size = [({"x": "a"}, 70.0), ({"x": "b"}, 80.0)]
    scene = Scene("used > 9 or on (x) size > 5", used=[({"x": "a", "z": "0"}, NAN)], size=size)
    assert scene.told() == pytest.approx({'{"x":"a","z":"0"}': NAN, '{"x":"a"}': 70.0, '{"x":"b"}': 80.0}, nan_ok=True)


def test_ignoring_leaves_labels_out_of_account() -> None:
    scene = Scene("used > 9 and ignoring (y) size > 5", used=[({"x": "a", "y": "1"}, 50.0)], size=[({"x": "a", "y": "2"}, 60.0)])
    assert scene.told() == {'{"x":"a","y":"1"}': 60.0}


def test_what_stands_on_both_sides_of_or_on_is_kept_back_by_any_partner_on_the_left() -> None:
    here, other = {"x": "a", "z": "1"}, {"x": "a", "z": "2"}
    scene = Scene("used > 9 or size > 5 or on (x) load > 3", used=[(other, 1.0)], size=[(here, 2.0)], load=[(here, 3.0)])
    formula = scene.rows['{"x":"a","z":"1"}'][1]
    looks = np.array([[True, False, True], [False, False, True], [True, True, False]])  # used, size, load
    assert [bool(program([formula], 3).holding(look)[0]) for look in looks] == [False, True, True]


@pytest.mark.parametrize(("by", "names"), [("by (x)", ['{"x":"a"}', '{"x":"b"}']), ("without (x)", ['{"y":"1"}', '{"y":"2"}'])])
def test_an_aggregation_fires_with_its_first_element(by: str, names: list[str]) -> None:
    used = [({"x": "a", "y": "1"}, 50.0), ({"x": "a", "y": "2"}, 40.0), ({"x": "b", "y": "1"}, 90.0)]
    told = Scene(f"max {by} (used > 5)", used=used).told()
    assert sorted(told) == names
    assert min(told.values()) == 40.0


def test_what_holds_is_combined_as_times_are() -> None:
    scene = Scene("size > 5 unless used > 9", used=[({"x": "a"}, 1.0)], size=[({"x": "a"}, 1.0)])
    (_, formula), = scene.rows.values()
    looks = np.array([[False, False], [True, False], [False, True], [True, True]])  # used, size
    assert program([formula], 2).holding(looks.T)[0].tolist() == [False, False, True, False]
    assert sorted(members(formula)) == [0, 1]


def test_the_last_of_and_decides_and_the_first_of_or() -> None:
    forecast = np.ones(2, bool)
    for op, series in (("and", 1), ("or", 0)):
        scene = Scene(f"used > 9 {op} size > 5", used=[({"x": "a"}, 50.0)], size=[({"x": "a"}, 70.0)])
        (_, formula), = scene.rows.values()
        found = leading(formula, scene.times[:, 1], forecast)
        assert found is not None
        assert found[1] == series
    assert leading(Missing("x"), scene.times[:, 1], forecast) is None


def test_a_gate_that_is_there_or_not_is_shown_as_it_stands() -> None:
    leaf = compile_rule("used > 9 and size").leaves[1]
    assert shown(leaf) == "size"
    assert shown(compile_rule("used > 9").leaves[0]) == "used > 9"


@pytest.mark.parametrize(
    ("expr", "limit", "text"),
    [
        ("level", 1073741825.0, "level > 1073741825"), ("a or b", 5.0, "(a or b) > 5"), ("-5 < temp", 5.0, "-5 < temp > 5"),
        ("a and on (x) b", 1e-7, "(a and on (x) b) > 1e-07"), ("mad_over_time(a[1h])", 1.0, "(mad_over_time(a[1h])) > 1"),
    ],
)  # fmt: skip
def test_a_comparison_is_shown_as_promql_with_all_digits(expr: str, limit: float, text: str) -> None:
    assert shown(Leaf(expr, ">", limit, "forecast")) == text


def test_what_is_there_or_not_is_shown_alone() -> None:
    assert shown(Leaf("group without () (a or b)", ">=", 1, "gate")) == "a or b"
