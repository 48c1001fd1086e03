"""The life of an episode: told once, never two at a time, never shrinking, over when it is over."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import CROSSED, GONE, Crossing, EarlyWarning, Lineage, Symptom
from aiops.early_warnings.episode import Event, Rules, next_state, warning_fingerprint

RULES = Rules("disk_full", "free", "ticket")
ENTITY = {"instance": "a"}
LINEAGE = Lineage("prod", "q", 0, 60)
RANK = {"info": 0, "warning": 1, "critical": 2}


def symptom(expected: float | None = 500.0, **changes: Any) -> Symptom:
    """A symptom that expects its crossing at `expected`; None: an anomaly."""
    crossing = None if expected is None else Crossing(expected * 0.9, expected, expected * 1.2)
    kind = "anomaly" if expected is None else "exhaustion"
    one = Symptom(
        "disk_full", "free", {"instance": "a", "disk": "x"}, kind, 0, "warning", 0.6, 3.0, crossing, {}, LINEAGE
    )  # type: ignore[arg-type]
    return replace(one, **changes)


def opened(*symptoms: Symptom, now: int = 100) -> EarlyWarning:
    result = next_state(None, symptoms or [symptom()], ENTITY, now, RULES)
    assert result is not None
    assert result[1] == "opened"
    return result[0]


def step(
    current: EarlyWarning | None, *symptoms: Symptom, now: int = 200, crossed: bool = False
) -> tuple[EarlyWarning, Event]:
    result = next_state(current, symptoms, ENTITY, now, RULES, crossed)
    assert result is not None
    return result


def test_no_symptom_no_warning() -> None:
    assert next_state(None, [], ENTITY, 100, RULES) is None


def test_what_has_crossed_already_is_not_warned_of() -> None:
    assert next_state(None, [symptom()], ENTITY, 100, RULES, crossed=True) is None


def test_it_opens_with_what_it_is_judged_by() -> None:
    one = opened(symptom(500.0, evidence={"trend_start_s": -50.0}))
    assert (one.state, one.opened_s, one.updated_s, one.closed_s, one.verdict) == ("open", 100, 100, None, None)
    assert one.first_crossing == one.crossing == Crossing(450.0, 500.0, 600.0)
    assert (one.told_latest_s, one.act_before_s, one.trend_start_s) == (600.0, 450.0, -50.0)


def test_the_soonest_crossing_speaks_for_the_entity_and_the_worst_severity_counts() -> None:
    late = symptom(900.0, labels={"disk": "late"}, severity="critical", confidence=0.9)
    soon = symptom(500.0, labels={"disk": "soon"}, severity="info", confidence=0.4)
    one = opened(late, soon)
    assert (one.labels, one.confidence, one.severity) == ({"disk": "soon"}, 0.4, "critical")
    assert one.symptoms == opened(soon, late).symptoms == (soon, late)


def test_of_two_anomalies_the_stranger_speaks() -> None:
    one = opened(symptom(None, labels={"disk": "a"}, score=4.0), symptom(None, labels={"disk": "b"}, score=9.0))
    assert (one.labels, one.score, one.crossing, one.told_latest_s, one.act_before_s) == (
        {"disk": "b"},
        9.0,
        None,
        None,
        None,
    )


def test_one_must_act_a_margin_before_the_earliest_crossing_but_never_in_the_past() -> None:
    rules = replace(RULES, act_margin_s=100.0)
    one = next_state(None, [symptom(500.0)], ENTITY, 100, rules)
    late = next_state(None, [symptom(500.0)], ENTITY, 440, rules)
    assert one is not None
    assert late is not None
    assert (one[0].act_before_s, late[0].act_before_s) == (350.0, 440.0)


def test_it_goes_on_quietly_and_keeps_what_it_was_opened_with() -> None:
    first = opened(symptom(500.0, evidence={"trend_start_s": 20.0}))
    after, event = step(first, symptom(700.0, evidence={"trend_start_s": 90.0}))
    assert event == "updated"
    assert (after.id, after.opened_s, after.first_crossing) == (first.id, first.opened_s, first.first_crossing)
    assert after.crossing == Crossing(630.0, 700.0, 840.0)
    assert (after.told_latest_s, after.trend_start_s) == (840.0, 20.0)


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ("info", "warning", "worsened"),
        ("warning", "critical", "worsened"),
        ("critical", "info", "updated"),
        ("warning", "warning", "updated"),
    ],
)
def test_it_worsens_when_its_severity_rises(before: Any, after: Any, event: str) -> None:
    assert step(opened(symptom(severity=before)), symptom(severity=after))[1] == event


@pytest.mark.parametrize(
    ("symptoms", "crossed", "why"), [([], False, GONE), ([], True, CROSSED), ([symptom()], True, CROSSED)]
)
def test_it_ends_with_its_reason(symptoms: list[Symptom], crossed: bool, why: str) -> None:
    after, event = step(opened(), *symptoms, crossed=crossed)
    assert (event, after.state, after.closed_s, after.updated_s, after.closed_why) == (
        "closed",
        "closed",
        200,
        200,
        why,
    )


def test_the_next_episode_is_another_warning_of_the_same_thing() -> None:
    first, again = opened(now=100), opened(now=900)
    assert first.id != again.id
    assert first.fingerprint == again.fingerprint == warning_fingerprint("disk_full", "exhaustion", ENTITY)


def test_card_kind_entity_and_source_make_the_identity() -> None:
    base = ("disk_full", "exhaustion", {"a": "1"}, "prod")
    others: list[Any] = [
        ("x", *base[1:]),
        (base[0], "anomaly", *base[2:]),
        (*base[:2], {"a": "2"}, base[3]),
        (*base[:3], "host"),
    ]
    assert len({warning_fingerprint(*one) for one in [base, *others]}) == 5  # type: ignore[arg-type]
    assert warning_fingerprint("c", "anomaly", {"a": "1", "b": "2"}) == warning_fingerprint(
        "c", "anomaly", {"b": "2", "a": "1"}
    )


SYMPTOMS = st.builds(
    symptom, st.none() | st.floats(1, 1e6), severity=st.sampled_from(["info", "warning", "critical"]), score=st.floats(0, 20),
    evidence=st.fixed_dictionaries({"trend_start_s": st.none() | st.floats(-1e6, 1e6)}),
)  # fmt: skip
TURNS = st.lists(st.tuples(st.lists(SYMPTOMS, max_size=3), st.booleans()), max_size=30)


@settings(max_examples=300, deadline=None)
@given(TURNS)
def test_whatever_comes_an_episode_is_lived_in_order(turns: list[tuple[list[Symptom], bool]]) -> None:
    """Never two open at once; alert-once; told_latest never shrinks, trend start never moves on; what is over stays over."""
    current: EarlyWarning | None = None
    lives: dict[str, list[tuple[EarlyWarning, Event]]] = {}
    for i, (symptoms, crossed) in enumerate(turns):
        before = current
        result = next_state(current, symptoms, ENTITY, 60 * i, RULES, crossed)
        assert result == next_state(before, symptoms, ENTITY, 60 * i, RULES, crossed)  # pure
        if result is None:
            assert current is None
            assert not symptoms or crossed
            continue
        warning, event = result
        lives.setdefault(warning.id, []).append(result)
        assert (event == "opened") == (before is None)
        assert (event == "closed") == (crossed or not symptoms)
        if event != "closed":
            assert warning.severity == max((s.severity for s in symptoms), key=RANK.__getitem__)
        current = None if event == "closed" else warning
    for life in lives.values():
        events = [event for _, event in life]
        assert events[0] == "opened"
        assert "opened" not in events[1:]
        assert "closed" not in events[:-1]
        told = [w.told_latest_s for w, _ in life]
        starts = [w.trend_start_s for w, _ in life]
        assert all(b is not None and b >= a for a, b in pairwise(told) if a is not None)
        assert all(b is not None and b <= a for a, b in pairwise(starts) if a is not None)
        assert len({(w.opened_s, w.first_crossing) for w, _ in life}) == 1
