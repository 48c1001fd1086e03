"""The verdict on every warning, by the words of the law and at each of its borders."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import Crossing, EarlyWarning, Outcome
from aiops.outcomes.settle import at_deadline, deadline_s, missed, on_crossing, required_lead_s

STEP = 60
DAY = 86400


def warning(opened: int = 10_000, latest: float | None = 50_000.0, **changes: Any) -> EarlyWarning:
    """A forecast warning opened at `opened` that told `latest` at most; None: it told no time."""
    crossing = None if latest is None else Crossing(20_000.0, 30_000.0, latest)
    one = EarlyWarning(
        id="w", fingerprint="f", card="disk_full", signal="free", kind="anomaly" if latest is None else "exhaustion",
        entity={"instance": "a"}, labels={}, state="open", stage="ticket", opened_s=opened, updated_s=opened,
        severity="warning", confidence=0.7, score=0.0, crossing=crossing, first_crossing=crossing, told_latest_s=latest,
        act_before_s=None, symptoms=(),
    )  # fmt: skip
    return one.having(**changes)


def crossed(one: EarlyWarning, at: int, now: int | None = None) -> Outcome | None:
    return on_crossing(one, at, at if now is None else now, STEP)


def verdict(outcome: Outcome | None) -> str:
    return "pending" if outcome is None else outcome.verdict


def test_the_deadline_is_the_latest_told_and_a_quarter_of_the_way_there_more() -> None:
    assert deadline_s(warning(10_000, 50_000.0)) == 60_000.0
    assert deadline_s(warning(latest=None)) is None


@pytest.mark.parametrize(
    ("step", "trend_start", "opened", "at", "wanted"),
    [
        (60, 10_000.0, 10_000, 11_000, 120.0),  # 10 % of 1,000 s are less than two steps
        (60, 10_000.0, 10_000, 11_200, 120.0),
        (60, 10_000.0, 10_000, 12_000, 200.0),
        (60, 0.0, 10_000, 12_000, 1200.0),  # from the trend's start, not from the opening
        (60, 11_000.0, 10_000, 12_000, 200.0),  # a trend begins with the warning at the latest
        (60, None, 10_000, 12_000, 200.0),
        (60, 0.0, 10_000, 36_000, 3600.0),
        (60, 0.0, 10_000, 99_000, 3600.0),  # never more than an hour
        (3600, 0.0, 10_000, 99_000, 7200.0),  # but two steps in any case
    ],
)
def test_the_lead_a_hit_needs(step: int, trend_start: float | None, opened: int, at: int, wanted: float) -> None:
    assert required_lead_s(warning(opened, trend_start_s=trend_start), at, step) == wanted


@pytest.mark.parametrize(
    ("opened", "trend_start", "at", "wanted"),
    [
        (10_000, None, 10_121, "hit"),
        (10_000, None, 10_120, "hit"),  # O <= C - 2 steps: just
        (10_000, None, 10_119, "late"),
        (10_000, None, 10_000, "late"),
        (10_000, 1_000.0, 11_000, "hit"),  # O <= C - 10 % of 10,000 s: just
        (10_001, 1_000.0, 11_000, "late"),
        (10_000, 1_000.0, 10_999, "late"),
        (50_000, 0.0, 53_600, "hit"),  # O <= C - 1 h: just
        (50_000, 0.0, 53_599, "late"),
        (10_000, None, 60_000, "hit"),  # C <= D: just
        (10_000, None, 60_001, "pending"),  # the deadline judges
        (10_000, None, 9_999, "pending"),  # what crossed before it opened is not what it warned of
    ],
)
def test_a_crossing_makes_it_a_hit_or_late(opened: int, trend_start: float | None, at: int, wanted: str) -> None:
    one = warning(opened, 50_000.0 if opened < 50_000 else 90_000.0, trend_start_s=trend_start)
    assert verdict(crossed(one, at)) == wanted


@pytest.mark.parametrize(
    ("now", "coverage", "gone", "changed", "wanted"),
    [
        (60_000, 1.0, False, False, "pending"),  # D has not passed yet
        (60_001, 1.0, False, False, "false"),
        (60_001, 0.80, False, False, "false"),
        (60_001, 0.7999, False, False, "unjudgeable"),
        (60_001, 0.0, False, False, "unjudgeable"),
        (60_001, 1.0, True, False, "unjudgeable"),
        (60_000, 1.0, True, False, "pending"),  # it may come back
        (60_001, 1.0, False, True, "unjudgeable"),
        (20_000, 1.0, False, True, "unjudgeable"),  # by another limit nothing can be judged, ever
    ],
)
def test_at_its_deadline_it_is_false_or_unjudgeable(
    now: int, coverage: float, gone: bool, changed: bool, wanted: str
) -> None:
    assert verdict(at_deadline(warning(), now, coverage, gone, changed)) == wanted


@pytest.mark.parametrize(("after", "wanted"), [(7 * DAY - 1, "pending"), (7 * DAY, "expired"), (70 * DAY, "expired")])
def test_without_truth_and_a_person_it_expires_after_a_week(after: int, wanted: str) -> None:
    assert verdict(at_deadline(warning(latest=None), 10_000 + after, 1.0, False, False)) == wanted
    assert crossed(warning(latest=None), 20_000) is None


def test_one_withdrawn_is_settled_at_its_deadline_all_the_same() -> None:
    gone = warning(state="closed", closed_s=15_000, closed_why="no longer seen")
    assert verdict(at_deadline(gone, 60_000, 1.0, False, False)) == "pending"
    assert verdict(at_deadline(gone, 60_001, 1.0, False, False)) == "false"
    assert verdict(crossed(gone, 40_000)) == "hit"


def test_a_hit_keeps_when_it_failed_how_long_before_and_how_wrong_it_was() -> None:
    found = crossed(warning(), 28_000, now=28_060)
    assert found is not None
    assert (found.warning_id, found.card, found.entity, found.judged_by) == (
        "w",
        "disk_full",
        {"instance": "a"},
        "daemon",
    )
    assert (found.opened_s, found.failed_s, found.settled_s, found.lead_s) == (10_000, 28_000, 28_060, 18_000.0)
    assert (found.told, found.eta_error_s, found.interval_covered) == (
        Crossing(20_000.0, 30_000.0, 50_000.0),
        2_000.0,
        True,
    )


@pytest.mark.parametrize(("at", "covered"), [(19_999, False), (20_000, True), (50_000, True), (50_001, False)])
def test_whether_the_interval_held_the_failure_is_kept(at: int, covered: bool) -> None:
    found = crossed(warning(), at)
    assert found is not None
    assert found.interval_covered is covered


def test_what_was_told_first_is_what_is_measured_not_what_was_told_last() -> None:
    one = warning(crossing=Crossing(27_000.0, 28_000.0, 29_000.0))
    found = crossed(one, 28_000)
    assert found is not None
    assert (found.eta_error_s, found.told) == (2_000.0, one.first_crossing)


def test_the_interval_is_kept_with_every_other_verdict_too() -> None:
    false = at_deadline(warning(), 60_001, 1.0, False, False)
    unjudgeable = at_deadline(warning(), 60_001, 0.1, False, False)
    for found in (false, unjudgeable):
        assert found is not None
        assert found.told == Crossing(20_000.0, 30_000.0, 50_000.0)
        assert (found.failed_s, found.lead_s, found.eta_error_s, found.interval_covered) == (None, None, None, None)


def test_a_failure_nobody_warned_of_has_no_warning() -> None:
    found = missed("disk_full", {"instance": "a"}, 500, 560)
    assert (found.warning_id, found.verdict, found.failed_s, found.settled_s) == ("", "missed", 500, 560)
    assert (found.opened_s, found.lead_s, found.told) == (None, None, None)


@settings(max_examples=500, deadline=None)
@given(
    opened=st.integers(0, 10**6), told=st.integers(0, 10**6), back=st.none() | st.integers(0, 10**6),
    after=st.integers(0, 3 * 10**6), step=st.sampled_from([5, 60, 300, 3600]),
)  # fmt: skip
def test_every_crossing_is_judged_by_the_words_of_the_law(
    opened: int, told: int, back: int | None, after: int, step: int
) -> None:
    latest, at = opened + told, opened + after
    one = warning(opened, float(latest), trend_start_s=None if back is None else float(opened - back))
    deadline = latest + 0.25 * (latest - opened)
    needed = max(2 * step, min(3600, 0.1 * (at - (opened - (back or 0)))))
    found = on_crossing(one, at, at, step)
    if at > deadline:
        assert found is None
        late = at_deadline(one, at, 1.0, False, False)
        assert late is not None
        assert late.verdict == "false"
    else:
        assert found is not None
        assert found.verdict == ("hit" if opened <= at - needed else "late")
        assert at_deadline(one, at, 1.0, False, False) is None
