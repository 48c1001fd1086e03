"""Rows of a rule: their state, times, guards, and why they are silent."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import orjson
import pytest

from aiops.core.records import Block, Lineage
from aiops.rules.compiler import compile_rule
from aiops.rules.files import AlertingRule
from aiops.rules.served import Active, Served
from aiops.scan.past import STEP_S, Past, grid, replay
from aiops.scan.rows import SILENT_SHOWN, Row, View, nearest, rows, without_rows

NOW = 1_790_000_000 // 300 * 300
FIRST, LAST = grid(NOW, 14 * 86400)
TIMES = np.arange(FIRST, LAST + 1, STEP_S)
N = len(TIMES)
RAMP = np.full(N, 0.2)
RAMP[-96:] = np.linspace(0.2, 0.8, 96)


def served(expr: str, for_s: float = 0.0, *active: Active) -> Served:
    return Served(AlertingRule("f", 0, "g", "Full", expr, for_s, 0, 60.0, (), ()), compile_rule(expr), active)


def made(rule: Served, **values: np.ndarray) -> list[Row]:
    """The rows of a rule, of series `{x="a"}` called by their metric."""
    leaves = rule.compiled.leaves
    blocks = {
        leaf.expr: Block(({"x": "a"},), TIMES, some[None, :].copy(), "1", Lineage("s", leaf.expr, FIRST, LAST))
        for leaf in leaves for name, some in values.items() if name in leaf.expr
    }  # fmt: skip
    past, columns = Past.of(leaves, blocks, TIMES), np.arange(N - 24, N)
    told = replay(past, columns, 86400.0)
    assert told is not None
    targets = frozenset(leaves) if rule.compiled.target is not None else frozenset()
    return [row for row, _ in rows(View.of(past, told, columns, targets), rule, NOW)]


def test_a_rising_row_is_expected_and_for_is_added() -> None:
    (row,), (later,) = made(served("used > 0.9"), used=RAMP), made(served("used > 0.9", 90), used=RAMP)
    assert (row.state, row.labels, row.limit) == ("expected", {"x": "a"}, 0.9)
    assert row.now == pytest.approx(0.8)
    assert row.slope_per_s is not None
    assert row.slope_per_s * 3600 == pytest.approx(0.6 / 95 * 12, rel=0.1)
    assert row.times_s is not None
    assert later.times_s is not None
    assert np.diff([row.times_s, later.times_s], axis=0).tolist() == [[120.0] * 3]
    assert row.times_s[0] < row.times_s[1] < row.times_s[2]


def test_a_row_at_rest_is_silent_and_says_why() -> None:
    (row,) = made(served("used > 0.9"), used=np.full(N, 0.4))
    assert (row.state, row.times_s) == ("silent", None)
    assert row.reason


def test_a_guard_that_does_not_hold_keeps_a_rising_row_silent_and_is_named() -> None:
    gate = np.tile([0.0, 0.0, 1.0, 0.0], N)[:N]
    gate[-1] = 0.0
    (row,) = made(served("used > 0.9 and open == 1"), used=RAMP, open=gate)
    assert (row.state, row.reason) == ("silent", "a guard does not let it fire: open == 1")
    assert [(one.expr, one.holds, one.flips > 100) for one in row.guards] == [("open == 1", False, True)]
    (row,) = made(served("used > 0.9 and open == 1"), used=RAMP, open=np.ones(N))
    assert (row.state, row.guards[0].holds) == ("expected", True)


def test_what_follows_unless_must_not_hold() -> None:
    (row,) = made(served("used > 0.9 unless open == 1"), used=RAMP, open=np.ones(N))
    assert (row.state, [(one.expr, one.holds) for one in row.guards]) == ("silent", [("unless open == 1", False)])


def test_a_guard_without_a_series_is_missing() -> None:
    (row,) = made(served("used > 0.9 and open == 1"), used=RAMP)
    assert [(one.expr, one.holds) for one in row.guards] == [("open == 1 (is not there)", False)]


@pytest.mark.parametrize(("for_s", "state"), [(0.0, "firing"), (600.0, "pending")])
def test_a_row_beyond_its_limit_fires_or_waits_for_it(for_s: float, state: str) -> None:
    (row,) = made(served("used > 0.9", for_s), used=np.full(N, 0.95))
    assert row.state == state
    assert row.times_s == ((NOW + 600.0,) * 3 if for_s else None)


def test_the_servers_own_word_goes_first() -> None:
    alert = {"alertname": "Full", "x": "a"}
    (row,) = made(served("used > 0.9", 600, Active(alert, "firing", NOW - 900)), used=np.full(N, 0.5))
    assert row.state == "firing"
    (row,) = made(served("used > 0.9", 600, Active(alert, "pending", NOW - 400)), used=np.full(N, 0.95))
    assert row.times_s == (NOW + 200.0,) * 3


def test_a_rule_that_predicts_is_about_what_it_predicts() -> None:
    rule = served("predict_linear(free[1h], 3600) < 0", 0, Active({"alertname": "Full", "x": "a"}, "firing", NOW - 60))
    (row,) = made(rule, free=1 - RAMP)
    assert (row.state, row.reason) == ("expected", "the rule itself says so now")
    (row,) = made(rule, free=np.full(N, 0.0))
    assert (row.state, row.reason) == ("firing", "what it predicts is there")


def test_a_count_of_few_values_is_not_forecast() -> None:
    (row,) = made(served("count(used > 1) > 6"), used=np.arange(N) % 4.0)
    assert (row.state, "few values" in row.reason) == ("silent", True)


def test_the_nearest_comes_first() -> None:
    firing, expected, near, far = (
        made(served("used > 0.9"), used=some)[0]
        for some in (np.full(N, 0.95), RAMP, np.full(N, 0.8) + np.sin(np.arange(N)) / 50, np.sin(np.arange(N)) / 50)
    )
    assert far.near[1] == np.inf
    none = without_rows(served("used > 0.9"), "empty", "no series now")
    assert sorted([none, far, near, expected, firing], key=lambda row: row.near) == [firing, expected, near, far, none]


def test_a_row_is_json_whatever_it_holds() -> None:
    values = RAMP.copy()
    values[-1] = np.nan
    (row,) = made(served("used > 0.9"), used=values)
    hostile = dataclasses.replace(row, labels={"x": '<script>\n"\x1b\u202e'})
    found: dict[str, Any] = orjson.loads(orjson.dumps(hostile.as_json()))
    assert found["labels"]["x"] == '<script>\n"\x1b\u202e'
    assert found["now"] is None
    assert isinstance(found["expected_at"], int)


def test_a_rule_with_many_calm_rows_hides_no_other() -> None:
    many, other = served("used > 0.9"), served("depth > 5")
    ranked = [*(Row(many, "silent", {"x": str(i)}) for i in range(100)), Row(many, "expected"), Row(other, "silent")]
    shown, calm = nearest(ranked, 50)
    assert [row.served.rule.expr for row in shown] == ["used > 0.9"] * (SILENT_SHOWN + 1) + ["depth > 5"]
    assert calm == 100 - SILENT_SHOWN
    assert len(nearest(ranked, 3)[0]) == 3


def test_one_that_fires_though_its_value_is_back_says_so() -> None:
    (row,) = made(served("used > 0.9", 0.0, Active({"alertname": "Full", "x": "a"}, "firing", NOW - 60.0)), used=np.full(N, 0.4))
    assert row.state == "firing"
    assert row.reason == "it fires, though its newest value is not beyond the limit"


def _until(values: np.ndarray, columns: int) -> np.ndarray:
    out = values.copy()
    out[-columns:] = np.nan
    return out


@pytest.mark.parametrize(("columns", "state"), [(2, "expected"), (8, "silent")])
@pytest.mark.parametrize("expr", ["used > 0.9", "used > 0.9 and open == 1"])
def test_a_row_whose_series_are_gone_is_not_expected(expr: str, columns: int, state: str) -> None:
    (row,) = made(served(expr), used=_until(RAMP, columns), open=np.ones(N))
    assert row.state == state
    assert (row.reason == "no sample for 40m: what became of it is unknown") is (state == "silent")


def test_a_row_at_rest_that_is_gone_says_so_and_not_what_its_guard_does() -> None:
    (row,) = made(served("used > 0.9 and open == 1"), used=_until(np.full(N, 0.4), 8), open=_until(np.ones(N), 8))
    assert (row.state, row.reason) == ("silent", "no sample for 40m: what became of it is unknown")
