"""What a pilot's figures mean: scale, keep, stop."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.outcomes.pilot import GOALS, STOPS, judged
from aiops.outcomes.report import Number, numbers
from tests.outcomes.test_report import facts, outcome, told

DAY = 86400.0
SINCE = 70 * DAY


def figures(**values: float | None) -> list[Number]:
    """Those of a good pilot, some of them changed."""
    known = {"precision": 0.9, "precision_low": 0.75, "precision_high": 0.95, "median_lead": 7200.0, "averted": 3.0,
             "false_per_week": 1.0, "minutes_per_warning": 8.0, "cost_per_averted": 50.0, **values}  # fmt: skip
    found = numbers(facts())
    return [Number(n.name, n.label, known.get(n.name, n.value), n.unit, n.note) for n in found]


def verdict(
    goal: dict[str, Any], stop: dict[str, Any] | None = None, settled: int = 20, age: float = 30 * DAY, **values: Any
) -> Any:
    return judged(figures(**values), goal, stop or {}, settled, 10, age, "EUR")


def test_every_goal_and_stop_rule_is_held_against_a_figure_that_there_is() -> None:
    names = {one.name for one in numbers(facts())}
    assert {name for name, _ in [*GOALS.values(), *STOPS.values()]} <= names


def test_it_is_scaled_when_every_figure_of_its_goal_is_met() -> None:
    found = verdict({"precision_at_least": 0.7, "median_lead_at_least": 3600.0, "averted_at_least": 3})
    assert (found.word, [t.met for t in found.targets]) == ("scale", [True, True, True])
    assert found.reasons[0] == "Came true, lower 90% bound: 75%, at least 70% was the goal"


def test_precision_counts_by_its_lower_bound() -> None:
    found = verdict({"precision_at_least": 0.8})
    assert (found.word, found.reasons) == ("keep", ("Came true, lower 90% bound: 75%, needs at least 80%",))


def test_what_misses_its_goal_by_little_is_not_shown_as_if_it_met_it() -> None:
    found = verdict({"precision_at_least": 0.7}, precision_low=0.6996)
    assert (found.word, [(t.has, t.needs) for t in found.targets]) == ("keep", [("69.96%", "at least 70%")])


def test_too_few_settled_scale_nothing() -> None:
    found = verdict({"precision_at_least": 0.7}, settled=4)
    assert (found.word, found.reasons) == ("keep", ("4 warnings came true or not; it takes 10",))


def test_what_is_not_known_is_not_met() -> None:
    found = verdict({"cost_per_averted_at_most": 100}, cost_per_averted=None)
    assert (found.word, found.targets[0].met) == ("keep", None)
    assert found.reasons[0].startswith("Cost of an averted incident: not known (")


@pytest.mark.parametrize(
    ("stop", "values", "said"),
    [
        ({"precision_below": 0.5}, {"precision_high": 0.4}, "Came true, upper 90% bound: 40%"),
        ({"false_per_week_above": 2}, {"false_per_week": 5.0}, "False warnings: 5 a week, above the 2 a week at which it stops"),
        ({"minutes_per_warning_above": 5}, {}, "above the 5 min at which it stops"),
        ({"cost_per_averted_above": 20}, {}, "50 EUR"),
    ],
)
def test_one_broken_rule_stops_it_whatever_else_is_met(stop: dict[str, Any], values: dict[str, Any], said: str) -> None:
    found = verdict({"median_lead_at_least": 60.0}, stop, **values)
    assert (found.word, said in found.reasons[0]) == ("stop", True)


def test_a_rule_that_is_not_surely_broken_does_not() -> None:
    assert verdict({"median_lead_at_least": 60.0}, {"precision_below": 0.96}).word == "stop"
    assert verdict({"median_lead_at_least": 60.0}, {"precision_below": 0.94}).word == "scale"
    assert verdict({"median_lead_at_least": 60.0}, {"cost_per_averted_above": 1}, cost_per_averted=None).word == "scale"


def test_its_time_is_over_only_if_the_goal_is_not_met_by_then() -> None:
    rule = {"after": 20 * DAY}
    assert verdict({"averted_at_least": 3}, rule).word == "scale"
    found = verdict({"averted_at_least": 5}, rule)
    assert (found.word, found.reasons[0][:45]) == ("stop", "30d have passed, more than 20d, and the goal ")
    assert verdict({"averted_at_least": 5}, rule, age=10 * DAY).word == "keep"


def test_without_a_goal_nothing_says_when_to_scale() -> None:
    assert verdict({}).word == "keep"


def test_from_the_facts_to_the_verdict() -> None:
    hits = [outcome("hit", i, int(SINCE + i * DAY + 7200)) for i in range(1, 16)]
    found = numbers(facts(*hits, told=[told(i) for i in range(1, 16)]))
    said = judged(found, {"precision_at_least": 0.7, "median_lead_at_least": 3600.0}, {}, 15, 10, 30 * DAY)
    assert (said.word, said.as_json()["targets"][0]["met"]) == ("scale", True)
