"""Records for tests: one of each kind, and any that could be."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom

LINEAGE = Lineage("prod", "up", 0, 60)
SYMPTOM = Symptom(
    "disk_full", "free", {"instance": "a"}, "exhaustion", 60, "warning", 0.7, 0.0, Crossing(100.0, 200.0, 300.0),
    {"now": 0.2, "limit": 0.05, "trend_start_s": 0.0}, LINEAGE,
)  # fmt: skip


def warning(number: int = 1, **changes: Any) -> EarlyWarning:
    """An open warning; another number is another episode of another entity."""
    one = EarlyWarning(
        id=f"{number:016x}", fingerprint=f"{number:016x}", card="disk_full", signal="free", kind="exhaustion",
        entity={"instance": f"a{number}"}, labels={"instance": f"a{number}"}, state="open", stage="ticket", opened_s=60,
        updated_s=60, severity="warning", confidence=0.7, score=0.0, crossing=SYMPTOM.crossing,
        first_crossing=SYMPTOM.crossing, told_latest_s=300.0, act_before_s=100.0, symptoms=(SYMPTOM,),
    )  # fmt: skip
    return one.having(**changes)


def outcome(number: int = 1, verdict: str = "hit", **changes: Any) -> Outcome:
    """A verdict on `warning(number)`."""
    fields: dict[str, Any] = {
        "warning_id": f"{number:016x}", "card": "disk_full", "entity": {"instance": f"a{number}"}, "verdict": verdict,
        "settled_s": 400, "opened_s": 60, "failed_s": 250, "lead_s": 190.0, "eta_error_s": -50.0, "interval_covered": True,
    }  # fmt: skip
    return Outcome(**{**fields, **changes})


TEXT = st.text(max_size=12)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3)
SECONDS = st.integers(0, 2**40)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FACTS = st.dictionaries(TEXT, JSON, max_size=3)
KIND = st.sampled_from(["anomaly", "exhaustion", "rule", "absence", "conflict"])
SEVERITY = st.sampled_from(["info", "warning", "critical"])
VERDICT = st.sampled_from(["hit", "averted", "late", "false", "expired", "unjudgeable", "missed"])
CROSSING = st.none() | st.builds(Crossing, NUMBER, NUMBER, NUMBER)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
LINEAGES = st.builds(Lineage, TEXT, TEXT, SECONDS, SECONDS, TEXT, TEXT, TEXTS, TEXT, TEXTS)
SYMPTOMS = st.builds(Symptom, TEXT, TEXT, LABELS, KIND, SECONDS, SEVERITY, NUMBER, NUMBER, CROSSING, FACTS, LINEAGES)
WARNINGS = st.builds(
    EarlyWarning, id=TEXT, fingerprint=TEXT, card=TEXT, signal=TEXT, kind=KIND, entity=LABELS, labels=LABELS,
    state=st.sampled_from(["open", "closed"]), stage=st.sampled_from(["shadow", "ticket", "page"]), opened_s=SECONDS,
    updated_s=SECONDS, severity=SEVERITY, confidence=NUMBER, score=NUMBER, crossing=CROSSING, first_crossing=CROSSING,
    told_latest_s=st.none() | NUMBER, act_before_s=st.none() | NUMBER, trend_start_s=st.none() | NUMBER,
    symptoms=st.lists(SYMPTOMS, max_size=2).map(tuple), record=FACTS, runbooks=st.lists(FACTS, max_size=2).map(tuple),
    closed_s=st.none() | SECONDS, closed_why=TEXT, verdict=st.none() | VERDICT,
)  # fmt: skip
OUTCOMES = st.builds(
    Outcome, warning_id=TEXT, card=TEXT, entity=LABELS, verdict=VERDICT, settled_s=SECONDS, opened_s=st.none() | SECONDS,
    failed_s=st.none() | SECONDS, lead_s=st.none() | NUMBER, eta_error_s=st.none() | NUMBER,
    interval_covered=st.none() | st.booleans(), judged_by=TEXT, detail=TEXT, told=CROSSING,
)  # fmt: skip
