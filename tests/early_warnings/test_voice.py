"""Who speaks for an entity: what goes first, what is worse than what was told, who may be told in whose place."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.core.records import Crossing, EarlyWarning
from aiops.early_warnings.voice import heard, may_speak, urgency, worse
from tests.early_warnings.test_episode import opened, symptom

NOW_S = 1000.0


def warning(in_s: float | None = None, **changes: Any) -> EarlyWarning:
    at = None if in_s is None else NOW_S + in_s
    crossing = None if at is None else Crossing(at - 1, at, at + 1)
    return opened(symptom(None)).having(crossing=crossing, **changes)


def test_the_loudest_goes_first_then_the_most_severe_then_the_soonest() -> None:
    order = [
        warning(stage="page", severity="info", id="a"), warning(stage="ticket", severity="critical", id="b"),
        warning(100.0, stage="ticket", severity="warning", id="c"), warning(200.0, stage="ticket", severity="warning", id="d"),
        warning(stage="ticket", severity="warning", id="e"), warning(stage="shadow", severity="critical", id="f"),
    ]  # fmt: skip
    assert [w.id for w in sorted(reversed(order), key=urgency)] == list("abcdef")


def test_a_time_is_worse_than_none_and_none_is_never_worse_than_a_time() -> None:
    assert worse(warning(500.0), heard(warning()), NOW_S)
    assert not worse(warning(), heard(warning(500.0)), NOW_S)


@pytest.mark.parametrize(("in_s", "is_worse"), [(99.0, True), (740.0, True), (760.0, False), (2000.0, False)])
def test_a_time_is_sooner_when_a_quarter_less_is_left(in_s: float, is_worse: bool) -> None:
    assert worse(warning(in_s), heard(warning(1000.0)), NOW_S) is is_worse


def test_nothing_is_sooner_than_what_is_due() -> None:
    assert not worse(warning(1.0), heard(warning(-50.0)), NOW_S)


def test_a_higher_severity_is_worse_whatever_the_time() -> None:
    assert worse(warning(severity="critical"), heard(warning(10.0, severity="warning")), NOW_S)


def test_the_worst_stays_heard_when_it_is_said_no_longer() -> None:
    told = heard(warning(100.0, severity="critical"))
    assert heard(warning(900.0, severity="info", heard=told)) == told
    assert not worse(warning(90.0, severity="critical"), heard(warning(heard=told)), NOW_S)


def test_both_of_two_are_never_worse_than_what_both_said() -> None:
    timed, severe = warning(500.0, severity="info"), warning(severity="critical")
    both = heard(timed, heard(severe))
    assert not worse(timed, both, NOW_S)
    assert not worse(severe, both, NOW_S)


def test_one_speaks_for_what_is_as_loud_or_quieter() -> None:
    page, ticket, shadow = (warning(stage=stage) for stage in ("page", "ticket", "shadow"))
    assert may_speak(page, ticket)
    assert may_speak(ticket, ticket)
    assert may_speak(ticket, shadow)
    assert not may_speak(shadow, ticket)
    assert not may_speak(ticket, page)


def test_what_is_stale_and_what_is_a_fault_of_the_telemetry_speak_for_no_symptom() -> None:
    assert not may_speak(warning(stale_since_s=900), warning())
    assert not may_speak(warning(kind="absence"), warning())
    assert may_speak(warning(kind="absence"), warning(kind="conflict"))
