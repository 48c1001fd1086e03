"""From rows to symptoms: what they say, in plain values, and how severe they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aiops.core.records import Crossing, Crossings, Limit, Lineage, Remark
from aiops.symptoms.build import About, Naming, Strange, absences, anomalies, exhaustion, severity, sureness, trust

LINEAGE = Lineage("prod", "q", 0, 60)
NAMING = Naming("disk_full", "free", "By", critical_within_s=600.0, warning_within_s=7200.0)
LABELS = [{"disk": "a"}, {"disk": "b"}, {"disk": "c"}]
ABOUT = About(LABELS, NAMING, lambda _: LINEAGE)


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (0.0, "critical"),
        (600.0, "critical"),
        (600.1, "warning"),
        (7200.0, "warning"),
        (7200.1, "info"),
        (-5.0, "critical"),
    ],
)
def test_severity_goes_by_the_time_left(left: float, wanted: str) -> None:
    assert severity(NAMING, left) == wanted


@pytest.mark.parametrize(("left", "wanted"), [(1.0, "warning"), (86400.0, "warning"), (86401.0, "info")])
def test_nothing_is_critical_unless_its_card_says_so(left: float, wanted: str) -> None:
    assert severity(Naming("c", "s", "1"), left) == wanted


def crossings() -> Crossings:
    times = np.array([[1e3, 2e3, 3e3], [np.nan] * 3, [1.1e4, 1.2e4, 1.3e4]])
    half = np.array([0.5, np.nan, 0.7])
    return Crossings(
        times,
        0.8,
        half,
        np.array([0.01, np.nan, -2.0]),
        np.array([900.0, np.nan, 7200.0]),
        np.array(["steady", "", "fast"], object),
    )


def test_only_the_rows_asked_for_become_symptoms_each_with_its_own_values() -> None:
    now = np.array([500, 600, 700], np.int64)
    found = exhaustion(
        np.array([0, 2]), crossings(), np.array([7.0, 8.0, np.nan]), Limit.uniform(3, 10.0, True), np.array([400, 0, 650]),
        now, ABOUT,
    )  # fmt: skip
    first, second = found
    assert (first.card, first.signal, first.labels, first.kind) == ("disk_full", "free", {"disk": "a"}, "exhaustion")
    assert (first.crossing, first.confidence, first.since_s) == (Crossing(1e3, 2e3, 3e3), 0.5, 400)
    assert (first.severity, second.severity) == ("warning", "info")
    assert (second.labels, second.crossing, second.since_s) == ({"disk": "c"}, Crossing(1.1e4, 1.2e4, 1.3e4), 650)
    assert dict(first.evidence) == {
        "now": 7.0, "limit": 10.0, "above": True, "unit": "By", "slope_per_hour": 36.0, "window_s": 900.0,
        "trend_start_s": -400.0, "level": 0.8, "reason": "steady",
    }  # fmt: skip
    assert second.evidence["now"] is None
    assert all(one.lineage is LINEAGE for one in found)


@pytest.mark.parametrize("make", ["exhaustion", "anomaly"])
def test_what_a_symptom_says_is_plain_json_whatever_was_measured(make: str) -> None:
    rows, nothing = np.array([0, 1, 2]), np.array([np.nan, np.inf, -np.inf])
    found: list[Any]
    if make == "exhaustion":
        limit = Limit(nothing, np.array([True, False, True]), nothing, np.zeros(3, np.int8))
        found = exhaustion(rows, crossings(), nothing, limit, np.zeros(3, np.int64), np.zeros(3, np.int64), ABOUT)
    else:
        score = np.array([4.0, 5.0, 6.0])
        found = anomalies(Strange(rows, np.full(3, 1 / 3), np.nan, 4.0, 0), score, nothing, (nothing,) * 3, ABOUT, {})
    for one in found:
        assert json.loads(json.dumps(dict(one.evidence), allow_nan=False)) == dict(one.evidence)
        assert one.evidence["now"] is None


def test_an_anomaly_is_as_sure_as_the_score_of_its_entity_is_above_the_threshold() -> None:
    assert [sureness(score, 4.0) for score in (3.0, 4.0, 40.0, np.nan)] == [0.5, 0.5, 0.95, 0.5]
    assert sureness(4.5, 4.0) == pytest.approx(1 - 0.5 * 10**-0.5)
    score = np.array([4.0, 5.0, 40.0])
    usual, whole = (score, score - 1, score + 1), Strange(np.array([0, 1, 2]), np.array([0.2, 0.3, 0.5]), 4.2, 4.0, 7)
    found = anomalies(whole, score, score, usual, ABOUT, {"also": ["x"]})
    assert {one.confidence for one in found} == {sureness(4.2, 4.0)}
    assert {(one.evidence["entity_score"], one.evidence["threshold"]) for one in found} == {(4.2, 4.0)}
    assert [(one.kind, one.severity, one.crossing, one.score, one.since_s) for one in found] == [
        ("anomaly", "warning", None, 4.0, 7), ("anomaly", "warning", None, 5.0, 7), ("anomaly", "warning", None, 40.0, 7),
    ]  # fmt: skip
    assert [one.evidence["share"] for one in found] == [0.2, 0.3, 0.5]
    names = ("expected", "usual_low", "usual_high", "also")
    assert [found[0].evidence[name] for name in names] == [4.0, 3.0, 5.0, ["x"]]


def test_no_rows_no_symptoms() -> None:
    none = np.zeros(0, np.int64)
    assert exhaustion(none, crossings(), np.zeros(3), Limit.uniform(3, 1.0, True), none, none, ABOUT) == []
    assert anomalies(Strange(none, np.zeros(0), 4.0, 4.0, 0), np.zeros(3), np.zeros(3), (np.zeros(3),) * 3, ABOUT, {}) == []


def test_what_was_made_of_a_partial_answer_is_believed_half() -> None:
    whole = Lineage("prom", "q", 0, 60, partial=(Remark("2 series left out"),))
    assert (trust(whole), trust(Lineage("prom", "q", 0, 60, partial=("a store is missing",)))) == (1.0, 0.5)


def test_what_silences_are_usual_is_told_as_far_as_there_were_any() -> None:
    """The smallest scale is no silence that was seen."""
    about = About([{"a": str(i)} for i in range(3)], Naming("silent", "load", "1"), lambda row: LINEAGE)
    rows, same = np.arange(3), np.full(3, 1200.0)
    scale, seen = np.array([183.0, 183.0, 400.0]), np.array([0.0, 20.0, 400.0])
    found = absences(rows, np.ones(3), same, scale, np.full(3, 9000), about, seen)
    assert [one.evidence["reason"].partition("; ")[2] for one in found] == [
        "no sample was missing here before", "silences so long are not usual here", "silences of 6m40s are usual here",
    ]  # fmt: skip
