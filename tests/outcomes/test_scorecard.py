"""Figures over verdicts: what counts in which share, over which time, against which budget, for whom."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.records import Outcome
from aiops.outcomes.scorecard import BY, WEEK_S, About, Figures, scorecard, sentence, wilson

NOW, MONTH = 100 * WEEK_S, 4 * WEEK_S


def verdict(word: Any, at: float = NOW - 10, **more: Any) -> Outcome:
    fields: dict[str, Any] = {
        "warning_id": "" if word == "missed" else "w", "card": "disk_full", "entity": {"instance": "a", "mountpoint": "/var"},
        "verdict": word, "settled_s": int(at), "opened_s": int(at) - 60, "failed_s": None, "lead_s": None, "eta_error_s": None,
        "interval_covered": None, "about": {"kind": "exhaustion", "rule": "Full", "service": "shop"},
    }  # fmt: skip
    return Outcome(**{**fields, **more})


def hit(lead: float, off: float = 0.0, covered: bool = True, **more: Any) -> Outcome:
    return verdict("hit", lead_s=lead, eta_error_s=off, interval_covered=covered, well_timed=True, **more)


def figures(*found: Outcome, by: Any = "card", about: dict[str, About] | None = None, since: float = NOW - MONTH) -> Figures:
    (one,) = scorecard(found, by, NOW, since, about or {})
    return one


def test_what_counts_in_which_share() -> None:
    words = ["hit"] * 6 + ["late"] * 2 + ["false"] * 2 + ["averted", "expired", "unjudgeable", "missed", "missed"]
    one = figures(*map(verdict, words))
    assert (one.settled, one.came_true, one.precision) == (10, 8, 0.8)
    assert (one.recall, one.aside) == (0.8, 3 / 13)
    assert (one.low, one.high) == wilson(8, 10)
    assert one.verdicts["missed"] == 2


def test_of_nothing_nothing_is_said() -> None:
    assert scorecard([], "card", NOW, 0.0, {}) == []
    one = figures(verdict("expired"))
    assert (one.precision, one.low, one.recall, one.median_lead_s, one.coverage, one.off_s) == (None,) * 6
    assert one.aside == 1.0


def test_leads_are_those_of_hits() -> None:
    one = figures(*(hit(float(n)) for n in range(1, 12)), verdict("late", lead_s=0.5))
    assert (one.lead_s(0.1), one.median_lead_s, one.lead_s(0.9)) == (2.0, 6.0, 10.0)


def test_intervals_and_expected_times_against_what_came() -> None:
    one = figures(hit(1, 60.0), hit(1, -120.0, covered=False), hit(1, 30.0), verdict("hit"), verdict("false"))
    assert (one.timed, one.coverage, one.well_timed) == (3, 2 / 3, 1.0)
    assert (one.off_s, one.bias_s) == (60.0, 30.0)


def test_false_warnings_a_week_and_for_a_hundred_series_against_the_budget() -> None:
    found = [verdict("false", NOW - MONTH + 100, opened_s=int(NOW - MONTH)), *[verdict("false")] * 3]
    one = figures(*found, about={"disk_full": About("storage", 200, 15.0)})
    assert (one.false_per_week, one.false_per_100, one.budget) == pytest.approx((1.0, 0.5, 15.0))


@pytest.mark.parametrize(("opened", "wanted"), [(NOW - 2 * WEEK_S, 0.5), (NOW - 60, 1.0), (NOW - 99 * WEEK_S, 0.25)])
def test_they_are_counted_from_the_first_warning_over_a_week_at_least(opened: float, wanted: float) -> None:
    assert figures(verdict("false", opened_s=int(opened))).false_per_week == wanted


def test_older_verdicts_are_left_out() -> None:
    assert figures(verdict("hit"), verdict("false", NOW - MONTH), verdict("false", NOW + 1)).settled == 1


def test_what_clears_by_itself_is_counted_of_what_nobody_touched() -> None:
    touched = [verdict("false", acted=True), verdict("averted", acted=True)]
    one = figures(verdict("false"), verdict("hit"), *touched, verdict("missed"))
    assert one.cleared_alone == 0.5


def test_groups() -> None:
    found = [verdict("hit"), verdict("false", card="other", entity={"instance": "b"}, about={}), verdict("missed", card="nobody")]
    about = {"disk_full": About("storage"), "other": About("storage")}
    names = {by: [one.name for one in scorecard(found, by, NOW, 0.0, about)] for by in BY}
    assert names == {
        "card": ["disk_full", "nobody", "other"], "rule": ["Full"], "entity": ["a /var", "b"], "service": ["shop"],
        "team": ["storage"],
    }  # fmt: skip
    assert scorecard(found, "team", NOW, 0.0, about)[0].settled == 2


def test_series_and_budget_are_those_of_all_cards_of_a_team() -> None:
    found = [verdict("false"), verdict("false", card="other")]
    about = {"disk_full": About("t", 100, 1.0), "other": About("t", 300, 2.0)}
    one = figures(*found, by="team", about=about)
    assert (one.false_per_100, one.budget) == pytest.approx((0.5, 1.75))


def test_of_a_service_only_its_own_series_count() -> None:
    found = [verdict("false"), verdict("false", card="other")]
    about = {"disk_full": About("t", 100, 1.0), "other": About("t", 9, 3.0)}
    parts = {("disk_full", "shop"): 30, ("other", "shop"): 10, ("other", "bank"): 900}
    (one,) = scorecard(found, "service", NOW, NOW - MONTH, about, parts)
    assert (one.false_per_100, one.budget) == pytest.approx((5.0, 1.5))
    (one,) = scorecard(found, "service", NOW, NOW - MONTH, about)
    assert (one.false_per_100, one.budget) == (None, 3.0)


@pytest.mark.parametrize(
    ("came", "of", "low", "high"), [(0, 0, 0, 1), (0, 10, 0, 0.213), (10, 10, 0.787, 1), (36, 40, 0.795, 0.954)]
)
def test_the_bounds_of_wilson(came: int, of: int, low: float, high: float) -> None:
    assert wilson(came, of) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_hold_the_share_and_narrow_with_more(pair: tuple[int, int]) -> None:
    came, of = pair
    low, high = wilson(came, of)
    assert 0 <= low <= came / of <= high <= 1
    more_low, more_high = wilson(4 * came, 4 * of)
    assert more_high - more_low < high - low


def test_the_figures_are_plain_json() -> None:
    import json

    plain = figures(hit(60.0), verdict("false")).as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["precision"], plain["lead_s"]["p50"], plain["interval_nominal"]) == (0.5, 60.0, 0.8)


def test_the_sentence_of_an_alert() -> None:
    assert sentence(19, 19, 60.0, 20) == "new, unproven (19 of 19 came true)"
    assert sentence(20, 20, 60.0, 20) == "20 of the last 20 came true; median 1m ahead"
