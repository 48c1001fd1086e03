"""The limit of a team's own rule for what a card watches."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.models.card import ModelCard
from aiops.rules.compiler import compile_rule
from aiops.rules.files import AlertingRule
from aiops.rules.served import Served
from aiops.scan.limits import team_limit


def card(limit: dict[str, float], query: str = 'tank_free{kind!="x"} / (tank_size{kind!="x"} > 0)') -> ModelCard:
    forecast: dict[str, Any] = {"limit": limit}
    given = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": "tank", "summary": "A tank runs dry.", "owner": {"team": "t"}}
    return ModelCard.model_validate({**given, "query": query, "forecast": forecast})


def rule(expr: str, name: str = "Dry") -> Served:
    return Served(AlertingRule("f", 0, "g", name, expr, 0, 0, None, (), ()), compile_rule(expr))


@pytest.mark.parametrize(
    ("expr", "limit"),
    [
        ("tank_free / tank_size < 0.2", 0.2),
        ('tank_free{zone="a"} / tank_size{zone="a"} <= 0.2', 0.2),
        ("tank_free / tank_size * 100 < 20", 0.2),
        ("tank_free * 100 / tank_size < 20", 0.2),
        ("100 * (tank_free / tank_size) < 20", 0.2),
        ("(tank_free * 100) / (tank_size > 0) < 20 and tank_open == 1", 0.2),
        ("tank_free / tank_size > 0.9", None),
        ("tank_free < 20", None),
        ("tank_size / tank_free < 3", None),
        ("tank_free / tank_size == 0.5", None),
        ("1 - tank_free / tank_size > 0.9", None),
    ],
)
def test_a_rule_on_the_same_quantity_has_the_limit(expr: str, limit: float | None) -> None:
    found = team_limit(card({"below": 0.05}), [rule(expr)])
    assert (found and found[0]) == (None if limit is None else pytest.approx(limit))


def test_of_several_the_one_that_is_farthest_out_counts() -> None:
    rules = [rule(f"tank_free / tank_size < {limit}", f"Dry{i}") for i, limit in enumerate((0.2, 0.03, 0.1))]
    assert team_limit(card({"below": 0.05}), rules) == (0.03, "Dry1")
    rules = [rule(f"tank_used > {limit}", f"Full{i}") for i, limit in enumerate((80, 95, 90))]
    assert team_limit(card({"above": 99}, "tank_used"), rules) == (95, "Full1")


def test_rules_that_cannot_be_anticipated_have_none() -> None:
    assert team_limit(card({"above": 1}, "pump_up"), [rule("pump_up > 0"), rule("mad_over_time(pump_up[5m]) > 0")]) is None
