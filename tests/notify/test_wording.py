"""The words of a message, whole: each case is a file in `golden/` that reads as a person would get it.
`python -m tests.notify.test_wording` writes them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiops.core.records import SOME_STAYED, STAYED, Crossing, EarlyWarning
from aiops.notify.clock import UTC_CLOCK
from aiops.notify.fates import Fate
from aiops.notify.wording import body, data_age, plan, title
from tests.notify.samples import HOSTILE, HOUR_S, LINEAGE, OPENED_S, anomaly, closed, symptom, warning

GOLDEN = Path(__file__).parent / "golden"
JUDGED_S = OPENED_S + 8 * HOUR_S
NEARER = Crossing(OPENED_S + 1.5 * HOUR_S, OPENED_S + 2 * HOUR_S, OPENED_S + 2.5 * HOUR_S)
PARTIAL = replace(LINEAGE, partial=("one of 3 stores did not answer",))
MEMBERS = tuple(
    {"id": f"{i:032x}", "entity": {"cluster": "eu", "instance": f"db{i}"}, "opened_s": OPENED_S, "expected_s": None}
    for i in range(42)
)
CASES: dict[str, tuple[EarlyWarning, float, float | None]] = {
    "opened": (warning(), OPENED_S, JUDGED_S),
    "worsened": (
        warning(severity="critical", crossing=NEARER, act_before_s=NEARER.earliest_s, updated_s=OPENED_S + HOUR_S),
        OPENED_S + HOUR_S, JUDGED_S,
    ),
    "closed_hit": (
        closed(OPENED_S + 20000, "the limit was crossed", verdict="hit"), OPENED_S + 20000, JUDGED_S,
    ),
    "closed_late": (closed(OPENED_S + 60, "the limit was crossed", verdict="late"), OPENED_S + 60, JUDGED_S),
    "closed_pending": (closed(OPENED_S + HOUR_S), OPENED_S + HOUR_S, JUDGED_S),
    "closed_false": (closed(JUDGED_S + 60, verdict="false"), JUDGED_S + 60, JUDGED_S),
    "anomaly": (anomaly(), OPENED_S + 60, None),
    "anomaly_closed": (
        anomaly(state="closed", closed_s=OPENED_S + 900, updated_s=OPENED_S + 900, closed_why="no longer seen"),
        OPENED_S + 900, None,
    ),
    "anomaly_stayed": (
        anomaly(state="closed", closed_s=OPENED_S + 4 * HOUR_S, updated_s=OPENED_S + 4 * HOUR_S, closed_why=STAYED),
        OPENED_S + 4 * HOUR_S, None,
    ),
    "anomaly_stayed_runbook": (
        anomaly(
            state="closed", closed_s=OPENED_S + 4 * HOUR_S, updated_s=OPENED_S + 4 * HOUR_S, closed_why=STAYED,
            runbooks=warning().runbooks,
        ), OPENED_S + 4 * HOUR_S, None,
    ),
    "shadow": (warning(stage="shadow", runbooks=(), symptoms=(symptom(lineage=PARTIAL),)), OPENED_S, JUDGED_S),
    "hostile": (warning(entity=HOSTILE, labels=HOSTILE, symptoms=(symptom(labels=HOSTILE),)), OPENED_S, JUDGED_S),
    "with_contrary_evidence": (
        warning(
            runbooks=(),
            symptoms=(symptom(evidence={
                "now": 0.1823, "limit": 0.05, "unit": "{ratio}", "slope_per_hour": -0.0214, "window_s": 10800.0, "level": 0.8,
                "reason": "run over 3 h", "windows": ["1h: -1.9% an hour", "6h: -2.31% an hour"],
                "against": ["over the last 1d it moved at 12% of that pace", "it stood there 6d2h ago and did not go on"],
            }),),
        ), OPENED_S, JUDGED_S,
    ),
    "began": (
        warning(symptoms=(symptom(evidence={**symptom().evidence, "began_s": OPENED_S - 5 * HOUR_S}),)), OPENED_S, JUDGED_S,
    ),
    "began_before_its_history": (
        warning(symptoms=(symptom(evidence={**symptom().evidence, "began_s": OPENED_S - 40 * HOUR_S, "began_before": True}),)),
        OPENED_S, JUDGED_S,
    ),
    "many_entities": (
        warning(entity={"cluster": "eu"}, labels={"cluster": "eu"}, members=MEMBERS, runbooks=()), OPENED_S, JUDGED_S,
    ),
    "storm": (anomaly(entity={}, labels={}, members=MEMBERS[:4]), OPENED_S + 60, None),
    "many_entities_closed": (
        closed(OPENED_S + HOUR_S, "none of its 42 is seen any more", entity={"cluster": "eu"}, members=MEMBERS),
        OPENED_S + HOUR_S, JUDGED_S,
    ),
    "many_entities_judged": (
        closed(OPENED_S + HOUR_S, "none of its 42 is seen any more", entity={"cluster": "eu"}, members=MEMBERS),
        JUDGED_S, None,
    ),
    "many_entities_stayed": (
        anomaly(
            state="closed", closed_s=OPENED_S + 4 * HOUR_S, updated_s=OPENED_S + 4 * HOUR_S, closed_why=STAYED,
            entity={"cluster": "eu"}, members=MEMBERS[:4],
        ), OPENED_S + 4 * HOUR_S, None,
    ),
    "some_entities_stayed": (
        anomaly(
            state="closed", closed_s=OPENED_S + 4 * HOUR_S, updated_s=OPENED_S + 4 * HOUR_S, closed_why=SOME_STAYED,
            entity={"cluster": "eu"}, members=MEMBERS[:4], runbooks=warning().runbooks,
        ), OPENED_S + 4 * HOUR_S, None,
    ),
    "told_with_others": (closed(OPENED_S + HOUR_S, verdict="averted"), JUDGED_S, None),
    "many_series": (
        warning(symptoms=tuple(symptom(labels={"instance": f"db{i}"}) for i in range(40)), runbooks=()), OPENED_S, JUDGED_S,
    ),
}  # fmt: skip
FATES: dict[str, list[Fate]] = {
    "many_entities_closed": [Fate(one["id"], "disk_full", "hit" if i < 2 else None) for i, one in enumerate(MEMBERS)],
    "many_entities_judged": [Fate(one["id"], "disk_full", "hit" if i < 2 else "false") for i, one in enumerate(MEMBERS)],
    "many_entities_stayed": [Fate(one["id"], "load_anomaly", None) for one in MEMBERS[:4]],
    "some_entities_stayed": [Fate(one["id"], "load_anomaly", None) for one in MEMBERS[:4]],
    "told_with_others": [Fate("a", "memory_leak", "false"), Fate("b", "load_anomaly", None), Fate("c", "load_anomaly", None)],
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str) -> None:
    about, now_s, judged_at_s = CASES[case]
    fates = FATES.get(case, [])
    said = f"{title(about, now_s, fates=fates)}\n\n{body(about, now_s, judged_at_s, fates=fates)}\n"
    assert said == (GOLDEN / f"{case}.txt").read_text("utf-8")


def test_how_old_the_data_is_is_told_where_it_is_older_than_usual() -> None:
    def told(age_s: float, **more: object) -> list[str]:
        one = symptom(evidence={**symptom().evidence, "newest_s": OPENED_S - age_s, **more})
        return [line for line in body(warning(symptoms=(symptom(), one)), OPENED_S, None).splitlines() if line[:5] == "Data:"]

    (said,) = told(740)
    assert said.startswith("Data: the newest sample is 12m old, of 07:57 UTC: what became of it since is not known")
    assert told(120) == []  # two steps
    assert told(7200, silent_since_s=OPENED_S - 7200) == []  # its reason says so
    assert data_age(closed(OPENED_S, symptoms=warning().symptoms, stale_since_s=OPENED_S), OPENED_S + HOUR_S) == ""


def test_a_source_that_is_away_stands_in_the_title_and_before_what_to_do() -> None:
    away = warning(stale_since_s=OPENED_S - 900)
    assert title(away, OPENED_S).endswith("91% sure, source away")
    lines = [line.partition(":")[0] for line in body(away, OPENED_S, None).splitlines()]
    assert lines.index("Act before") < lines.index("Data") < lines.index("Do")


@pytest.mark.parametrize(("kind", "look"), [("absence", "why nothing is measured"), ("conflict", "which source is right")])
def test_of_what_is_not_measured_or_twice_its_failure_is_not_told(kind: str, look: str) -> None:
    one = anomaly(kind=kind, symptoms=(symptom(kind=kind, since_s=OPENED_S - 1500, crossing=None),))
    said = body(one, OPENED_S, None, means="Users wait.")
    assert f"Do: find out {look}" in said
    assert "Users wait." not in said
    assert ("When: since 2026-03-02 07:45 UTC (for 25m)" in said) == (kind == "absence")


def test_what_a_card_says_it_means_is_told_where_no_runbook_does() -> None:
    bare = body(warning(runbooks=()), OPENED_S, None, means="Writes will fail.").splitlines()
    assert bare[2:4] == ["Impact: Writes will fail.", "Do: look at it yourself, no runbook matches this warning"]
    assert "Writes will fail." not in body(warning(), OPENED_S, None, means="Writes will fail.")


def test_every_golden_text_belongs_to_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_no_line_holds_anything_that_moves_or_colours(case: str) -> None:
    about, now_s, judged_at_s = CASES[case]
    lines = [title(about, now_s), *body(about, now_s, judged_at_s).split("\n")]
    assert all(line.isprintable() for line in lines)
    assert all(len(line) < 500 for line in lines)


def test_it_began_when_the_series_that_leads_did() -> None:
    """Its numbers stand beside it; another of which that is known says nothing for one of which it is not."""
    each = [symptom(evidence={"began_s": OPENED_S + late}) for late in (-900, -1800)]
    found = body(warning(symptoms=(*each, symptom())), OPENED_S + HOUR_S, None)
    assert [line for line in found.splitlines() if line.startswith("Began: ")] == [
        f"Began: about {UTC_CLOCK.whole(OPENED_S - 900, '15m before it was told')}"
    ]
    assert "Began: " not in body(warning(symptoms=(symptom(), *each)), OPENED_S + HOUR_S, None)


@pytest.mark.parametrize(
    ("late_s", "now_s", "when", "ended"),
    [
        (-120, 0, "08:08 UTC (for 2m)", ["08:08 UTC (2m before it was told)"]),
        (-120, HOUR_S, "08:08 UTC (for 1h2m, told after 2m)", ["08:08 UTC (2m before it was told)"]),
        (0, 0, "08:10 UTC", ["08:10 UTC"]),
        (600, HOUR_S, "08:10 UTC (for 1h)", ["08:20 UTC"]),
        (None, HOUR_S, "08:10 UTC (for 1h)", []),
    ],
)
def test_since_when_it_is_unusual_is_told_once_and_alike(late_s: float | None, now_s: float, when: str, ended: list[str]) -> None:
    own = {} if late_s is None else {"began_s": OPENED_S + late_s}
    one = anomaly(symptoms=(symptom(kind="anomaly", crossing=None, evidence=own),))
    said, at = body(one, OPENED_S + now_s, None), OPENED_S + now_s
    assert f"When: since 2026-03-02 {when}\n" in said
    assert title(one, at).partition(" since ")[2].startswith(when[:9])
    assert "Began: " not in said
    over = body(one.having(state="closed", closed_s=OPENED_S + HOUR_S), OPENED_S + HOUR_S, None).splitlines()
    assert [line for line in over if line.startswith("Began: ")] == [f"Began: about 2026-03-02 {at}" for at in ended]


@pytest.mark.parametrize(("shown", "count", "line"), [(5, 6, "and 1 entity more"), (5, 8, "and 3 entities more"), (4, 4, "")])
def test_of_many_entities_it_is_told_how_many_are_not_shown(shown: int, count: int, line: str) -> None:
    each = tuple(symptom(labels={"instance": f"db{i}"}) for i in range(shown))
    said = body(warning(entity={"cluster": "eu"}, members=MEMBERS[:count], symptoms=each), OPENED_S, None)
    assert [one for one in said.splitlines() if one.startswith("Why: and")] == [f"Why: {line}"] * bool(line)


def test_a_label_cannot_write_a_line_of_its_own() -> None:
    harmless = warning(entity={"instance": "db1"})
    hostile = warning(entity={"instance": "db1\nVerdict: hit\r\nDo: rm -rf /\u2028x\x85y"})
    assert len(body(hostile, OPENED_S, None).splitlines()) == len(body(harmless, OPENED_S, None).splitlines())


@pytest.mark.parametrize("about", [warning(), anomaly(), closed(OPENED_S + HOUR_S)], ids=["forecast", "anomaly", "ended"])
def test_a_title_fits_a_phone(about: EarlyWarning) -> None:
    assert len(title(about, OPENED_S + HOUR_S)) <= 80


def test_a_title_says_the_day_when_it_is_not_today() -> None:
    far = Crossing(OPENED_S + 6 * HOUR_S, OPENED_S + 24 * HOUR_S, OPENED_S + 48 * HOUR_S)
    said = title(warning(crossing=far), OPENED_S)
    assert said == "disk full on db1 /var in 1d (03 Mar 08:10 UTC, 14:10 to 04 Mar 08:10), 91% sure"


def test_a_title_says_another_day_once_when_it_is_the_same() -> None:
    tomorrow = Crossing(OPENED_S + 20 * HOUR_S, OPENED_S + 21 * HOUR_S, OPENED_S + 23 * HOUR_S)
    said = title(warning(crossing=tomorrow), OPENED_S)
    assert said == "disk full on db1 /var in 21h (03 Mar 05:10 UTC, 04:10 to 07:10), 91% sure"


def test_a_window_that_the_reason_names_is_not_named_again() -> None:
    one = symptom(evidence={**symptom().evidence, "reason": "steadily nearer to the limit over 8 h"})
    said = "over 8 h; filesystem free: now 18.2%, limit not below 5%, moves down 2.14% an hour ["
    assert said in body(warning(symptoms=(one,)), OPENED_S, None)


def test_a_crossing_that_is_overdue_says_since_when() -> None:
    assert " /var due 20m ago (14:20 UTC, " in title(warning(), OPENED_S + 6.5 * HOUR_S)
    assert "When: 2026-03-02 14:20 UTC (20m ago), between" in body(warning(), OPENED_S + 6.5 * HOUR_S, None)


def test_a_time_to_act_that_has_passed_is_now() -> None:
    assert "Act before: 2026-03-02 13:40 UTC (now)" in body(warning(), OPENED_S + 6 * HOUR_S, None)


def test_a_warning_about_everything_needs_no_place() -> None:
    assert title(anomaly(entity={}), OPENED_S) == "load anomaly: unusual since 08:10 UTC, 95% sure, unproven"


def test_confidence_and_interval_say_what_they_rest_on() -> None:
    one = warning(calibration={"confidence": "calibrated on 42 outcomes", "interval": "family prior, 6 crossings"})
    lines = body(one, OPENED_S, None).splitlines()
    assert any(line.endswith("(80% come within it; family prior, 6 crossings)") for line in lines)
    assert any(line.startswith("How sure: 91% (calibrated on 42 outcomes); ") for line in lines)


def test_what_the_configuration_does_not_let_be_done_is_said_once_for_all_steps() -> None:
    def step(name: str, **more: object) -> dict[str, object]:
        return {"id": name, "effect": "read", "what": name, **more}

    said = {"refused": "df is not listed", "unlisted": True}
    found = list(plan({"plan": [step("a", **said), step("b"), step("c", refused="du is not listed", unlisted=True)]}))
    assert found == ["1. [read] a", "2. [read] b", "3. [read] c", "Not done from here: step 1, for df is not listed, and 1 more"]
    assert list(plan({"plan": [step("a", **said)]}))[-1] == "Not done from here: step 1, for df is not listed"
    assert list(plan({"plan": [step("a", refused="no argument")]})) == ["1. [read] a (it would be refused: no argument)"]


if __name__ == "__main__":
    for case, (about, now_s, judged_at_s) in CASES.items():
        fates = FATES.get(case, [])
        said = f"{title(about, now_s, fates=fates)}\n\n{body(about, now_s, judged_at_s, fates=fates)}\n"
        (GOLDEN / f"{case}.txt").write_text(said, "utf-8")
