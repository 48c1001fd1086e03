"""The verdict on every warning, by the words of the law and at each of its borders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiops.core.records import Crossing, EarlyWarning, Outcome
from aiops.outcomes.settle import (
    CLOSES_AFTER_S,
    Evidence,
    at_deadline,
    by_person,
    closes_s,
    deadline_s,
    may_avert,
    missed,
    on_failure,
    required_lead_s,
    until_s,
)
from tests.outcomes.made import DAY, EARLIEST, EXPECTED, LATEST, OPENED, STEP, D, H, failure, warning, withdrawn

TOLD = Crossing(EARLIEST, EXPECTED, LATEST)


def crossed(one: EarlyWarning, at: int, now: int | None = None) -> Outcome | None:
    """What a failure makes of it; None when it is not what it warned of."""
    (found,) = on_failure(failure(at), [one], at if now is None else now)
    return found if found.warning_id else None


def verdict(outcome: Outcome | None) -> str:
    return "pending" if outcome is None else outcome.verdict


def after(one: EarlyWarning, now: int, **evidence: Any) -> str:
    return verdict(at_deadline(one, now, Evidence(**evidence)))


def test_the_deadline_is_the_end_of_the_horizon_and_a_tenth_of_the_way_there_more() -> None:
    assert deadline_s(warning()) == D
    assert deadline_s(warning(timed=False)) is None
    assert deadline_s(withdrawn(15_000)) == 15_000 + 2 * STEP
    assert until_s(warning(timed=False)) == pytest.approx(OPENED + 1.1 * DAY)


def test_a_time_told_beyond_the_horizon_is_waited_for() -> None:
    assert deadline_s(warning(horizon_s=1000.0)) == LATEST + 0.1 * (LATEST - OPENED)


def test_two_steps_are_the_least_slack() -> None:
    assert deadline_s(warning(horizon_s=0.0, first_crossing=Crossing(10_100, 10_200, 10_300))) == 10_300 + 2 * STEP


@pytest.mark.parametrize(
    ("step", "trend_start", "opened", "at", "wanted"),
    [
        (60, 10_000.0, 10_000, 11_000, 120.0),  # 10 % of 1,000 s are less than two steps
        (60, 10_000.0, 10_000, 12_000, 200.0),
        (60, 0.0, 10_000, 12_000, 1200.0),  # from the trend's start, not from the opening
        (60, 11_000.0, 10_000, 12_000, 200.0),  # a trend begins with the warning at the latest
        (60, None, 10_000, 12_000, 200.0),
        (60, 0.0, 10_000, 99_000, 3600.0),  # never more than an hour
        (3600, 0.0, 10_000, 99_000, 7200.0),  # but two steps in any case
    ],
)
def test_the_lead_a_hit_needs(step: int, trend_start: float | None, opened: int, at: int, wanted: float) -> None:
    assert required_lead_s(warning(opened, trend_start_s=trend_start, step_s=step), at) == wanted


@pytest.mark.parametrize(
    ("opened", "trend_start", "at", "wanted"),
    [
        (10_000, None, 10_120, "hit"),  # O <= T - 2 steps: just
        (10_000, None, 10_119, "late"),
        (10_000, None, 10_000, "late"),
        (10_000, 1_000.0, 11_000, "hit"),  # O <= T - 10 % of 10,000 s: just
        (10_001, 1_000.0, 11_000, "late"),
        (10_000, None, int(D), "hit"),  # T <= D: just
        (10_000, None, int(D) + 1, "pending"),  # the deadline judges
        (10_000, None, 9_999, "pending"),  # what failed before it opened is not what it warned of
    ],
)
def test_a_failure_makes_it_a_hit_or_late(opened: int, trend_start: float | None, at: int, wanted: str) -> None:
    assert verdict(crossed(warning(opened, trend_start_s=trend_start), at)) == wanted


@pytest.mark.parametrize(
    ("at", "covered", "well_timed"),
    [
        (20_000, True, True), (50_000, True, True), (19_999, False, True), (50_001, False, True),
        (19_000, False, False), (19_091, False, True),  # earliest - 10 % of 9,091 s
        (54_444, False, True), (54_446, False, False),  # latest + 10 % of 44,444 s
        (110_000, False, False),
    ],
)  # fmt: skip
def test_a_hit_is_well_timed_within_the_slack_and_covered_within_the_interval(at: int, covered: bool, well_timed: bool) -> None:
    found = crossed(warning(), at)
    assert found is not None
    assert (found.verdict, found.interval_covered, found.well_timed) == ("hit", covered, well_timed)
    assert ("outside the time told" in found.detail) is not well_timed


def test_what_told_no_time_is_neither_well_nor_badly_timed() -> None:
    found = crossed(warning(timed=False), 20_000)
    assert found is not None
    assert (found.verdict, found.interval_covered, found.well_timed, found.eta_error_s) == ("hit", None, None, None)


@pytest.mark.parametrize(
    ("now", "evidence", "wanted"),
    [
        (int(D), {}, "pending"),  # D has not passed yet
        (int(D) + 1, {}, "false"),
        (int(D) + 1, {"coverage": 0.90}, "false"),
        (int(D) + 1, {"coverage": 0.8999}, "unjudgeable"),
        (int(D) + 1, {"gone": True}, "unjudgeable"),
        (20_000, {"gone": True}, "pending"),  # it may come back
        (54_000, {"gone": True}, "pending"),  # latest and a tenth of the way there: just
        (54_001, {"gone": True}, "unjudgeable"),
        (20_000, {"limit_changed": True}, "unjudgeable"),  # by another limit nothing can be judged, ever
        (int(D) + 1, {"declared": False}, "pending"),
        (OPENED + 7 * DAY, {"declared": False}, "expired"),
    ],
)
def test_at_its_deadline_it_is_false_or_unjudgeable(now: int, evidence: dict[str, Any], wanted: str) -> None:
    assert after(warning(), now, **evidence) == wanted


@pytest.mark.parametrize(("later", "wanted"), [(7 * DAY - 1, "pending"), (7 * DAY, "expired"), (70 * DAY, "expired")])
def test_without_truth_and_a_person_it_expires_after_a_week(later: int, wanted: str) -> None:
    assert after(warning(timed=False), OPENED + later, declared=False) == wanted


def test_an_anomaly_with_a_declared_truth_is_false_after_a_day() -> None:
    assert after(warning(timed=False), OPENED + int(1.1 * DAY)) == "pending"
    assert after(warning(timed=False), OPENED + int(1.1 * DAY) + 1) == "false"


def test_an_anomaly_that_ended_is_not_withdrawn() -> None:
    over = withdrawn(15_000, timed=False)
    assert after(over, 20_000) == "pending"
    assert verdict(crossed(over, 40_000)) == "hit"


@pytest.mark.parametrize(("now", "wanted"), [(15_120, "pending"), (15_121, "false")])
def test_one_withdrawn_is_false_two_steps_later(now: int, wanted: str) -> None:
    assert after(withdrawn(15_000), now) == wanted


@pytest.mark.parametrize(("at", "wanted"), [(15_120, "hit"), (15_121, "pending")])
def test_a_failure_within_two_steps_of_the_withdrawal_is_still_its_own(at: int, wanted: str) -> None:
    assert verdict(crossed(withdrawn(15_000), at)) == wanted


@pytest.mark.parametrize(
    ("closed", "told", "wanted"), [(10_119, None, "expired"), (10_120, None, "false"), (10_119, 10_000, "false")]
)
def test_one_withdrawn_at_once_expires_if_nobody_was_told(closed: int, told: int | None, wanted: str) -> None:
    assert after(withdrawn(closed, told_s=told), 20_000) == wanted


def test_one_that_was_told_with_others_was_told() -> None:
    assert after(withdrawn(10_060, told_s=None, cause="c"), 20_000) == "false"


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        ({"acted": True, "changed": True}, "averted"),
        ({"acted": True, "changed": False}, "false"),  # what was done changed nothing
        ({"acted": True, "changed": True, "again": True}, "false"),  # it came back
        ({"acted": False, "changed": True}, "false"),  # it cleared by itself
        ({"acted": True, "changed": True, "coverage": 0.5}, "unjudgeable"),
    ],
)
def test_averted_needs_an_action_a_change_and_that_it_stays_away(evidence: dict[str, Any], wanted: str) -> None:
    assert after(withdrawn(15_000), int(D) + 1, **evidence) == wanted


def test_one_that_was_acted_on_waits_for_the_rest_of_its_horizon() -> None:
    assert after(withdrawn(15_000), int(D), acted=True, changed=True) == "pending"
    (found,) = on_failure(failure(100_000), [withdrawn(15_000)], 100_000, acted={"w"})
    assert (found.verdict, found.acted) == ("hit", True)


def test_one_that_is_still_open_was_not_averted() -> None:
    assert after(warning(), int(D) + 1, acted=True, changed=True) == "false"


def test_a_hit_keeps_when_it_failed_how_long_before_and_how_wrong_it_was() -> None:
    found = crossed(warning(), 28_000, now=28_060)
    assert found is not None
    assert (found.warning_id, found.card, found.entity, found.judged_by) == ("w", "disk_full", {"instance": "a"}, "daemon")
    assert (found.opened_s, found.failed_s, found.settled_s, found.lead_s) == (10_000, 28_000, 28_060, 18_000.0)
    assert (found.told, found.eta_error_s, found.interval_covered, found.truth) == (TOLD, 2_000.0, True, "crossing")


def test_what_was_told_first_is_what_is_measured_not_what_was_told_last() -> None:
    one = warning(crossing=Crossing(27_000.0, 28_000.0, 29_000.0))
    found = crossed(one, 28_000)
    assert found is not None
    assert (found.eta_error_s, found.told) == (2_000.0, one.first_crossing)


def test_the_interval_is_kept_with_every_other_verdict_too() -> None:
    for coverage in (1.0, 0.1):
        found = at_deadline(warning(), int(D) + 1, Evidence(coverage))
        assert found is not None
        assert (found.told, found.failed_s, found.lead_s, found.interval_covered) == (TOLD, None, None, None)


def test_what_figures_are_grouped_by_is_kept_where_it_is_there() -> None:
    found = crossed(warning(labels={"instance": "a", "alertname": "DiskFull"}, entity={"service": "shop"}), 28_000)
    assert found is not None
    assert found.about == {"kind": "exhaustion", "rule": "DiskFull", "service": "shop"}


def test_a_failure_nobody_warned_of_has_no_warning() -> None:
    found = missed(failure(500, truth="incident"), 560)
    assert (found.warning_id, found.verdict, found.failed_s, found.settled_s) == ("", "missed", 500, 560)
    assert (found.opened_s, found.lead_s, found.told, found.truth) == (None, None, None, "incident")


def test_a_missed_failure_counts_for_its_rule_and_its_service() -> None:
    one = replace(failure(500), labels={"service": "shop", "alertname": "DiskFull", "device": "sda"})
    assert missed(one, 560).about == {"rule": "DiskFull", "service": "shop"}


def test_a_failure_is_not_missed_while_a_judged_warning_stands() -> None:
    assert [o.verdict for o in on_failure(failure(500), [], 560)] == ["missed"]
    assert on_failure(failure(500), [], 560, standing=True) == []


def test_of_several_the_first_that_told_a_time_is_settled_and_the_others_cannot_be_judged() -> None:
    anomaly, second = warning(9_000, timed=False, id="a"), warning(12_000, id="b")
    found = on_failure(failure(30_000), [anomaly, second, warning(11_000, id="c")], 30_000)
    assert [(o.warning_id, o.verdict) for o in found] == [("a", "unjudgeable"), ("b", "unjudgeable"), ("c", "hit")]
    assert found[0].detail == "its failure was counted for warning c"


@pytest.mark.parametrize(("at", "wanted"), [(14_999.0, True), (15_000.0, True), (15_001.0, False)])
def test_what_is_done_after_it_was_taken_back_averts_nothing(at: float, wanted: bool) -> None:
    assert may_avert(withdrawn(15_000), at) is wanted
    assert may_avert(warning(), at)


@pytest.mark.parametrize("given", ["hit", "late", "false", "unjudgeable"])
def test_a_person_may_judge(given: Any) -> None:
    found = by_person(warning(), given, "ann", 20_000)
    assert (found.verdict, found.judged_by, found.detail) == (given, "ann", "judged by ann")


def test_a_person_may_say_when_it_failed() -> None:
    found = by_person(warning(), "hit", "ann", 60_000, failed_s=28_000, detail="the shop was down")
    assert (found.failed_s, found.lead_s, found.truth, found.detail) == (28_000, 18_000.0, "person", "the shop was down")
    assert (found.interval_covered, found.eta_error_s) == (True, 2_000.0)


@pytest.mark.parametrize(
    ("given", "more", "why"),
    [
        ("missed", {}, "is hit, late, false"), ("averted", {}, "record that first"),
        ("false", {"failed_s": 20_000}, "goes with hit or late"), ("hit", {"failed_s": 9_999}, "before the warning opened"),
        ("hit", {"failed_s": 60_001}, "in the future"),
    ],
)  # fmt: skip
def test_what_a_person_cannot_say(given: Any, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        by_person(warning(), given, "ann", 20_000, **more)


def test_a_person_may_say_averted_of_what_was_acted_on() -> None:
    assert by_person(warning(), "averted", "ann", 20_000, acted=True).verdict == "averted"


def test_a_verdict_stands_for_good_thirty_days_after_the_horizon() -> None:
    assert closes_s(warning()) == H + CLOSES_AFTER_S
    assert by_person(warning(), "false", "ann", int(closes_s(warning()))).verdict == "false"
    with pytest.raises(ValueError, match="stands for good"):
        by_person(warning(), "false", "ann", int(closes_s(warning())) + 1)
