"""Business numbers: each from its facts, and none invented."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.core.records import Outcome
from aiops.outcomes.report import Facts, Number, Prices, Spent, Told, Touch, as_json, by_name, numbers
from aiops.outcomes.scorecard import About, scorecard

DAY, HOUR = 86400, 3600
UNTIL = 100 * DAY
SINCE = UNTIL - 30 * DAY


def outcome(verdict: Any, number: int, failed: int | None = None, acted: bool = False) -> Outcome:
    at = SINCE + number * DAY
    return Outcome(f"w{number}", "disk", {}, verdict, at + HOUR, at, failed, None, None, None, acted=acted)


def told(number: int, after_s: int = 60) -> Told:
    at = SINCE + number * DAY
    return Told(f"w{number}", "disk", at, at + after_s)


def facts(*outcomes: Outcome, **more: Any) -> Facts:
    record = next(iter(scorecard(outcomes, "team", UNTIL, SINCE, {"disk": About("all")})), None)
    return Facts(SINCE, UNTIL, record, outcomes, **more)


def value(found: Facts, name: str) -> float | None:
    return by_name(numbers(found))[name].value


def note(found: Facts, name: str) -> str:
    return by_name(numbers(found))[name].note


def test_acted_on_is_what_a_person_or_a_runbook_did_something_about() -> None:
    found = facts(
        told=[told(1), told(2), told(3), told(4)], touches=[Touch("w1", UNTIL, "action"), Touch("w3", UNTIL, "feedback")],
        runs=[("w2", 15.0)],
    )  # fmt: skip
    assert (value(found, "warnings_told"), value(found, "warnings_acted"), value(found, "acted_share")) == (4, 2, 0.5)


def test_lead_is_banked_from_being_told_on_and_only_by_hits_that_were_told() -> None:
    failed = SINCE + DAY + 2 * HOUR
    hits = [outcome("hit", 1, failed), outcome("hit", 2, SINCE + 2 * DAY + HOUR), outcome("late", 3, SINCE + 3 * DAY + HOUR)]
    found = facts(*hits, told=[told(1, 600), told(3)], touches=[Touch("w1", UNTIL, "action")])
    assert value(found, "lead_minutes") == 110
    assert value(found, "lead_minutes_acted") == 110
    assert value(found, "median_lead") == 110 * 60


def test_one_that_was_told_after_it_failed_banked_nothing() -> None:
    found = facts(outcome("hit", 1, SINCE + DAY + 60), told=[told(1, 600)])
    assert (value(found, "lead_minutes"), value(found, "median_lead")) == (0, None)


def test_pages_avoided_are_settled_as_averted_and_told_and_the_base_rate_stands_beside() -> None:
    clear = [outcome("false", 5), outcome("hit", 6, SINCE + 6 * DAY + HOUR), outcome("hit", 7, SINCE + 7 * DAY + HOUR)]
    found = facts(outcome("averted", 1), outcome("averted", 2), outcome("expired", 3), *clear, told=[told(1)])
    assert (value(found, "averted"), value(found, "pages_avoided")) == (2, 1)
    assert value(found, "pages_avoided_net") == pytest.approx(2 / 3)
    assert "33% of those nobody touched cleared by themselves" in note(found, "pages_avoided_net")


def test_without_a_base_rate_no_net_is_invented() -> None:
    assert value(facts(outcome("averted", 1), told=[told(1)]), "pages_avoided_net") is None


def test_manual_minutes_are_those_of_runbooks_that_say_and_were_carried_out() -> None:
    found = facts(runs=[("w1", 15.0), ("w2", None), ("w3", 20.0)])
    assert value(found, "manual_minutes") == 35
    assert note(found, "manual_minutes") == "3 runbooks carried out, of which 2 say how long they take by hand"


def test_failures_and_false_warnings_are_told_for_a_month_and_a_week() -> None:
    found = facts(outcome("hit", 1, SINCE + 2 * DAY), outcome("missed", 2, SINCE + 2 * DAY), outcome("false", 3))
    assert value(found, "incidents_per_month") == 2
    assert value(found, "false_per_week") == pytest.approx(7 / 30)
    short = Facts(UNTIL - DAY, UNTIL, None, [outcome("false", 29)])
    assert value(short, "false_per_week") is None


def test_weeks_and_months_are_counted_from_when_the_cards_were_watched() -> None:
    some = [outcome("hit", 21, SINCE + 22 * DAY), outcome("false", 23)]
    found = facts(*some, watched_s=SINCE + 20 * DAY)
    assert (value(found, "incidents_per_month"), value(found, "false_per_week")) == (3, pytest.approx(0.7))
    assert note(found, "false_per_week") == "over the 10d that they were watched"
    young = facts(*some, watched_s=UNTIL - 6 * DAY)
    assert (value(young, "false_per_week"), value(young, "incidents_per_month")) == (None, None)
    assert note(young, "false_per_week") == "they were watched for less than a week"
    assert note(facts(*some, watched_s=SINCE - DAY), "false_per_week") == ""


def test_cpu_is_told_for_a_thousand_series_and_30_days() -> None:
    half = Spent(cpu_s=36_000, span_s=15 * DAY, series=500)
    found = facts(spent=half, prices=Prices(cpu_hour=0.05))
    assert (value(found, "cpu_hours"), value(found, "cpu_hours_per_1000_series")) == (20, 40)
    assert value(found, "cost_per_1000_series") == pytest.approx(2.0)
    assert note(found, "cpu_hours") == "measured over 15d of 30d, and taken for all of it"
    unpriced = facts(spent=half)
    assert value(unpriced, "cost_per_1000_series") is None
    assert "costs.cpu_hour" in note(unpriced, "cost_per_1000_series")


def test_what_was_not_measured_is_not_known() -> None:
    found = facts(spent=None, prices=Prices(cpu_hour=1.0))
    assert (value(found, "cpu_hours"), note(found, "cpu_hours")) == (None, "the daemon has not measured yet")
    idle = facts(spent=Spent(10, DAY, 0), prices=Prices(cpu_hour=1.0))
    assert note(idle, "cost_per_1000_series") == "no series was active"


def test_minutes_of_people_are_configured_or_measured_from_first_to_last_word() -> None:
    at = float(SINCE + DAY)
    touches = [Touch("w1", at, "ack"), Touch("w1", at + 600, "action")]
    touches += [Touch("w2", at, "ack"), Touch("w2", at + 2 * DAY, "verdict")]
    assert value(facts(touches=touches), "minutes_per_warning") == 35, "10 and 60: who comes back two days later did not work"
    assert value(facts(touches=touches, prices=Prices(analyst_minutes=7)), "minutes_per_warning") == 7
    assert value(facts(touches=touches[:1]), "minutes_per_warning") is None


def test_an_averted_incident_costs_machines_and_people() -> None:
    spent, prices = Spent(36_000, 30 * DAY, 100), Prices("EUR", 0.1, 60.0, 10.0)
    found = facts(outcome("averted", 1), outcome("averted", 2), told=[told(i) for i in range(1, 7)], spent=spent, prices=prices)
    assert value(found, "cost_per_averted") == pytest.approx((10 * 0.1 + 6 * 10 / 60 * 60) / 2)
    nothing = facts(told=[told(1)], spent=spent, prices=prices)
    assert (value(nothing, "cost_per_averted"), note(nothing, "cost_per_averted")) == (None, "nothing was settled as averted")
    unpriced = facts(outcome("averted", 1), spent=spent)
    assert "costs.analyst_hour is not given" in note(unpriced, "cost_per_averted")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(12.0, "count", "12"), (0.123, "count", "0.123"), (12345.6, "minutes", "12,346 min"), (2.5, "money", "2.5 EUR"),
     (5400.0, "seconds", "1h30m"), (0.5, "share", "50%"), (1.5, "per_week", "1.5 a week"), (3.0, "per_month", "3 in 30 days")],
)  # fmt: skip
def test_a_value_is_shown_with_its_unit(value: float, unit: Any, shown: str) -> None:
    assert Number("x", "X", value, unit).shown("EUR") == shown


def test_plain_values_keep_what_is_not_known() -> None:
    assert as_json(numbers(Facts(SINCE, UNTIL)))["precision"] == {
        "value": None, "unit": "share", "note": "no warning came true or false in this time",
    }  # fmt: skip
