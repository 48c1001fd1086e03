"""The record of a rule: by its name and the labels it sets, in numbers and in a sentence; and when it stays in shadow."""

from __future__ import annotations

import pytest

from aiops.core.records import Outcome, Verdict
from aiops.outcomes.predictability import Course, Predictability, RuleRecord

OWN = {"severity": "page"}
NOTHING = Course()


def outcome(verdict: Verdict, lead_s: float | None = None, severity: str = "page", alert: str = "Full") -> Outcome:
    entity = {"alertname": alert, "severity": severity, "tank": "a"}
    return Outcome("w", "existing_alerts", entity, verdict, 0, 0, None, lead_s, None, None)


def record(*outcomes: Outcome, course: Course = NOTHING) -> RuleRecord:
    return Predictability(outcomes).record("Full", OWN, course)


def test_verdicts_are_those_of_the_rule_and_of_no_other() -> None:
    found = record(
        outcome("hit", 600), outcome("hit", 1200), outcome("late", 60), outcome("false"), outcome("missed"),
        outcome("hit", 9, severity="info"), outcome("hit", 9, alert="Dry"), outcome("unjudgeable"),
    )  # fmt: skip
    assert (found.hits, found.late, found.false, found.missed, found.settled) == (2, 1, 1, 1, 4)
    assert found.median_lead_s == 600
    assert found.sentence() == "3 of 4 came true, median 10m ahead; fired once without a warning"


def test_a_rule_without_a_record_says_so() -> None:
    assert record().sentence() == "new, unproven"
    assert not record().quiet


@pytest.mark.parametrize(
    ("course", "quiet"), [(Course(40, 38, 3), True), (Course(40, 20, 3), False), (Course(4, 4, 3), False), (Course(), False)]
)
def test_a_rule_on_noise_stays_in_shadow(course: Course, quiet: bool) -> None:
    assert record(course=course).quiet == quiet


def test_the_sentence_explains_it() -> None:
    said = record(course=Course(40, 38, 13.8)).sentence()
    assert said.startswith("what it compares crossed its limit 40 times in 14 days, 38 of them within 30m of its usual level")
    assert "no warning would have been ahead" in said


def test_a_rule_whose_warnings_do_not_come_true_stays_in_shadow() -> None:
    assert record(*[outcome("false")] * 4, outcome("hit", 60)).quiet
    assert not record(*[outcome("false")] * 3).quiet
    assert not record(*[outcome("false")] * 2, *[outcome("hit", 60)] * 3).quiet


def test_as_an_object() -> None:
    found = record(outcome("hit", 600), course=Course(7, 1, 2.5)).as_json()
    assert (found["settled"], found["hits"], found["median_lead_s"], found["crossings"], found["quiet"]) == (1, 1, 600, 7, False)


def test_it_says_how_much_of_two_weeks_was_not_there() -> None:
    said = record(course=Course(40, 38, 3.02)).sentence()
    crossed = "what it compares crossed its limit"
    assert said.startswith(f"{crossed} 40 times in 3 days (of 14 days no more is known), 38 of them within 30m")
    few = record(course=Course(2, 1, 0.42)).sentence()
    assert few == f"new, unproven; {crossed} 2 times in 10h4m (of 14 days no more is known), 1 of these suddenly"
    assert record(course=Course(0, 0, 14)).sentence() == "new, unproven"
