"""Which runbooks fit a warning: every line of `match`, and what is said when one refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiops.core.records import Crossing, EarlyWarning, Lineage, Symptom
from aiops.runbooks import Runbook, match
from aiops.runbooks.match import Subject, refusals
from tests.runbooks.samples import POOL, loaded

NOW = 1_750_000_000
FITS = Subject(
    "forecast", "workers_free", "pool_card", {"env": "prod", "service": "shop"}, 7200.0, 0.9, "warning", 600.0
)


def warning(**changes: object) -> EarlyWarning:
    crossing = Crossing(NOW + 3600.0, NOW + 7200.0, NOW + 9000.0)
    symptom = Symptom(
        "pool_card",
        "workers_free",
        {"env": "prod", "service": "shop"},
        "exhaustion",
        NOW - 600,
        "warning",
        0.9,
        0.0,
        crossing,
        {"now": 3.0, "limit": 1.0},
        Lineage("s", "q", NOW - 600, NOW),
    )
    made = EarlyWarning(
        "w1",
        "f1",
        "pool_card",
        "workers_free",
        "exhaustion",
        {"service": "shop"},
        {"env": "prod"},
        "open",
        "shadow",
        NOW,
        NOW,
        "warning",
        0.9,
        0.0,
        crossing,
        crossing,
        crossing.latest_s,
        None,
        (symptom,),
    )
    return made.having(**changes)


@pytest.fixture
def runbook(tmp_path: Path) -> Runbook:
    return loaded(tmp_path)


def test_what_fits_is_refused_by_no_line(runbook: Runbook) -> None:
    assert refusals(runbook, FITS) == []


@pytest.mark.parametrize(
    ("change", "line", "wanted", "got"),
    [
        ({"kind": "anomaly"}, "kind", "forecast", "anomaly"),
        ({"signal": "other"}, "signal", "workers_free", "other"),
        ({"labels": {"service": "shop"}}, "labels", 'env=~"prod|stage"', ""),
        ({"labels": {"env": "production"}}, "labels", 'env=~"prod|stage"', "production"),
        ({"lead_s": 599.0}, "lead_time", ">= 10m", "9m59s"),
        ({"lead_s": 43201.0}, "lead_time", "<= 12h", "12h1s"),
        ({"confidence": 0.69}, "confidence", ">= 0.7", "0.69"),
        ({"severity": "info"}, "severity", "warning, critical", "info"),
        ({"open_s": 299.0}, "for", "5m", "4m59s"),
    ],
)
def test_each_line_refuses_and_names_both_values(
    runbook: Runbook, change: dict[str, object], line: str, wanted: str, got: str
) -> None:
    (refusal,) = refusals(runbook, replace(FITS, **change))  # type: ignore[arg-type]
    assert (refusal.line, refusal.wanted, refusal.got) == (line, wanted, got)


def test_what_has_no_time_left_keeps_no_bound_on_it(runbook: Runbook) -> None:
    assert {r.line for r in refusals(runbook, replace(FITS, lead_s=None))} == {"lead_time"}


@pytest.mark.parametrize(("lead", "fits"), [(600.0, True), (43200.0, True)])
def test_bounds_are_kept_at_their_edges(runbook: Runbook, lead: float, fits: bool) -> None:
    assert (refusals(runbook, replace(FITS, lead_s=lead)) == []) is fits


def test_a_card_may_be_named_with_stars(tmp_path: Path) -> None:
    book = loaded(tmp_path, POOL.replace("signal: workers_free\n  labels", "card: 'pool_*'\n  labels"))
    assert refusals(book, FITS) == []
    assert [r.line for r in refusals(book, replace(FITS, card="tool_card"))] == ["card"]


def test_a_warning_is_matched_and_shown_with_its_plan(runbook: Runbook) -> None:
    (found,) = match([runbook], warning(), NOW)
    shown = found.as_json()
    assert shown["name"] == "pool"
    assert shown["impact"] == "Requests to shop will queue."
    assert [s["id"] for s in shown["plan"]] == ["look", "wanted", "clean", "grow"]
    assert shown["plan"][3]["what"] == 'PUT https://pool.example.org/v1/shop/size {"workers": "<from wanted>"}'


def test_a_mode_above_suggest_is_capped_and_that_is_said(runbook: Runbook, tmp_path: Path) -> None:
    (found,) = match([runbook], warning(), NOW)
    assert (found.as_json()["mode"], found.as_json()["capped_from"]) == ("suggest", "approve")
    shadow = loaded(tmp_path, POOL.replace("mode: approve", "mode: shadow"))
    (found,) = match([shadow], warning(), NOW)
    assert (found.as_json()["mode"], found.as_json()["capped_from"]) == ("shadow", None)


def test_a_runbook_that_is_not_enabled_is_never_matched(tmp_path: Path) -> None:
    book = loaded(tmp_path, POOL.replace("mode: approve", "mode: approve\nenabled: false"))
    assert match([book], warning(), NOW) == []


def test_a_rule_that_will_fire_is_a_forecast_too(runbook: Runbook) -> None:
    assert match([runbook], warning(kind="rule"), NOW)
    assert match([runbook], warning(kind="anomaly"), NOW) == []


def test_lead_time_is_counted_from_now(runbook: Runbook) -> None:
    assert match([runbook], warning(), NOW + 6600)
    assert match([runbook], warning(), NOW + 6601) == []
