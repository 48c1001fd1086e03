"""Step 4 of a turn over rules: from what is told of comparisons to what is told of alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from aiops.core.records import Bools, Crossing, Floats, Ints, Symptom
from aiops.pipeline.explain import explain_crossings, newest
from aiops.pipeline.find import unsure
from aiops.pipeline.mask import masked, masked_labels, may_mask
from aiops.pipeline.rules_lost import count_silence, lost, said_silent
from aiops.pipeline.rules_truth import compared, true_of
from aiops.pipeline.rules_watch import Built, Row, RulesWatch
from aiops.rules.compiler import Leaf
from aiops.rules.followed import RUNBOOK
from aiops.rules.formula import Formula, Many, Missing, One, leading, shown
from aiops.rules.same import quantity
from aiops.rules.steps import few
from aiops.rules.unit import unit_of
from aiops.symptoms import build as symptoms
from aiops.symptoms import guards
from aiops.telemetry.parts import PART

FEW_EVERY_S, FEW_ROWS = 300, 2048


def find_alerts(watch: RulesWatch, now_s: int, held: Bools | None) -> dict[int, list[Symptom]]:
    """Symptoms by alert: it is expected to fire, and does not yet.

    A condition that holds already is no forecast, so it begins no episode; one that was foreseen goes on while `for` runs.
    """
    built = watch.build()
    count_values(watch, built, now_s)
    holds, latest = follow(watch, built, now_s, held)
    return _symptoms(watch, built, holds, latest, now_s)


def follow(watch: RulesWatch, built: Built, now_s: int, held: Bools | None) -> tuple[Bools, Floats]:
    """Bring what is remembered of alerts up to `now_s`; which comparisons are true then (n,), and of which values (n,)."""
    state, latest = watch.state, watch.window.latest(now_s)
    holds = compared(built, latest)
    true = built.program.holding(holds)
    since = state["since_s_true"]
    since[:] = np.where(true, np.where(np.isnan(since), now_s, since), np.nan)
    pending = true & state["active"]
    state["told_s"][pending] = np.maximum(now_s, since + built.hold_s)[pending, None]
    free = _free(watch, built, now_s, held)
    present = built.program.there(np.isfinite(latest)) | true
    count_silence(watch, present, free)
    if watch.looked:
        _look(watch, built, holds, true, now_s)
        ahead = np.isfinite(state["told_s"][:, 1]) & state["speaks"] & ~true & ~lost(watch)
        firing = ahead | pending
        silent = np.flatnonzero(state["active"] & ~firing & (state["lead"] >= 0))
        lacking = unsure(watch, state["lead"][silent], now_s)[state["lead"][silent]]
        present[silent] &= ~lacking
        _step(watch, firing, present, now_s, free)
    over = watch.fires[built.entity] & ~built.predicts | state["over"] & built.predicts
    state["active"][over], state["bits"][over] = False, 0
    return holds, latest


def _free(watch: RulesWatch, built: Built, now_s: int, held: Bools | None) -> Bools:
    """Alerts of which something can be known: neither masked, nor are their series held."""
    free = ~masked_alerts(watch, built, now_s)
    return free if held is None or not held.any() else free & built.program.there(~held)


def _step(watch: RulesWatch, firing: Bools, present: Bools, now_s: int, free: Bools) -> None:
    """One turn of the gates; alerts that are not `free` stay as they were."""
    state = watch.state
    before = {name: state[name][~free] for name in ("bits", "active", "since_s")}
    guards.step(state, firing, present, watch.guards, now_s)
    for name, array in before.items():
        state[name][~free] = array


def _look(watch: RulesWatch, built: Built, holds: Bools, true: Bools, now_s: int) -> None:
    """What the forecasts of the comparisons come to; a comparison that is true stays so."""
    assert watch.crossings is not None
    state = watch.state
    times = np.where(holds[:, None], float(now_s), watch.crossings.time_s)
    told = built.program.crossing(times)
    speaks = np.isfinite(told[:, 1]) & ~true
    state["speaks"] = speaks
    state["told_s"][speaks] = told[speaks] + built.hold_s[speaks, None]
    expected, forecast = times[:, 1], built.forecast
    for i in np.flatnonzero(speaks).tolist():
        lead = leading(built.rows[i].formula, expected, forecast)
        if lead is not None:
            state["lead"][i] = lead[1]


def masked_alerts(watch: RulesWatch, built: Built, now_s: int) -> Bools:
    """(n,) which alerts are masked: by their own labels, or because the series are that they depend on."""
    if not may_mask(watch):
        return np.zeros(len(built.rows), bool)
    named = masked_labels(watch, watch.entities, now_s)
    return ~built.program.there(~masked(watch, now_s)) | (named[built.entity] if len(named) else False)


def count_values(watch: RulesWatch, built: Built, now_s: int) -> None:
    """Which series that move in steps take too few values to be forecast: counted now and then, and when rows are new."""
    rows = np.flatnonzero(built.steps & built.forecast)
    if not len(rows) or not watch.window.end_s or (watch.few_s is not None and 0 <= now_s - watch.few_s < FEW_EVERY_S):
        return
    watch.few_s = now_s
    for first in range(0, len(rows), FEW_ROWS):
        some = rows[first : first + FEW_ROWS]
        watch.few[some] = rare = few(watch.window.middle(some, now_s).low)
        watch.limit.value[some] = np.where(rare, np.nan, built.limit[some])


def _symptoms(watch: RulesWatch, built: Built, holds: Bools, latest: Floats, now_s: int) -> dict[int, list[Symptom]]:
    state = watch.state
    rows = np.flatnonzero(state["active"] & np.isfinite(state["told_s"][:, 1]))
    out: dict[int, list[Symptom]] = defaultdict(list)
    leads: Ints = np.unique(state["lead"][rows][state["lead"][rows] >= 0])
    explain_crossings(watch, leads, now_s, lambda row: unit_of(_leaf(watch, row).expr))
    ages = newest(watch, leads, now_s)
    for i in rows.tolist():
        out[int(built.entity[i])].append(_symptom(watch, built, i, holds, latest, now_s, ages))
    return dict(out)


def _symptom(
    watch: RulesWatch, built: Built, i: int, holds: Bools, latest: Floats, now_s: int, ages: Mapping[int, Mapping[str, Any]]
) -> Symptom:
    assert watch.held is not None
    row, state = built.rows[i], watch.state
    lead = int(state["lead"][i])
    earliest, expected, latest_s = (float(x) for x in state["told_s"][i])
    evidence: dict[str, Any] = {**_about(row), "guards": guards_of(row.formula, watch, built, holds)}
    confidence, lineage = 0.5, watch.lineage
    if lead >= 0:
        held, limit, lineage = watch.held, watch.limit, watch.lineage_of(lead)
        leaf = _leaf(watch, lead)
        window = float(held.window_s[lead])
        evidence |= {
            "now": symptoms.plain(latest[lead]), "limit": leaf.limit, "above": bool(limit.above[lead]),
            "unit": unit_of(leaf.expr),
            "slope_per_hour": symptoms.plain(held.slope[lead] * 3600), "window_s": symptoms.plain(window),
            "trend_start_s": symptoms.plain(now_s - window), "level": held.level, "reason": str(held.reason[lead]),
            "comparison": shown(leaf), "quantity": quantity(leaf.expr, row.labels), **watch.explained.get(lead, {}),
            **ages.get(lead, {}),
        }  # fmt: skip
        confidence = float(held.confidence[lead]) if np.isfinite(held.confidence[lead]) else confidence
    if np.isfinite(state["since_s_true"][i]):
        evidence["reason"] = "its condition holds; `for` runs"
    evidence |= said_silent(watch, i, now_s)
    return Symptom(
        watch.card.name, watch.card.signal, watch.entities[row.entity], "rule", int(state["since_s"][i]),
        symptoms.severity(watch.naming, expected - evidence.get("silent_since_s", now_s)),
        confidence * symptoms.trust(lineage), 0.0, Crossing(earliest, expected, latest_s), evidence, lineage,
    )  # fmt: skip


def _leaf(watch: RulesWatch, series: int) -> Leaf:
    """The comparison that a series belongs to."""
    return watch.book.parts[watch.window.labels[series][PART]]


def _about(row: Row) -> dict[str, Any]:
    """What the rule says of itself."""
    rule, labels = row.rule.served.rule, row.labels
    said = {name: row.rule.annotation(name, labels) for name in (RUNBOOK, "summary", "description")}
    return {
        "rule": row.rule.name, "alert": rule.alert, "group": rule.group, "expr": rule.expr, "for_s": rule.for_s,
        "rule_labels": dict(row.rule.own), "rule_sets": [name for name, _ in rule.labels],
        **{name: text for name, text in said.items() if text},
    }  # fmt: skip


def guards_of(formula: Formula, watch: RulesWatch, built: Built, holds: Bools, wanted: bool = True) -> list[dict[str, Any]]:
    """The parts that are not forecast: whether each lets the rule fire now, and how often it changed in the finest resolution."""
    if isinstance(formula, Missing):
        return [{"expr": f"{formula.what} (is not there)", "holds": not wanted, "flips": 0}]
    if isinstance(formula, One):
        leaf = _leaf(watch, formula.series)
        if leaf.role != "gate":
            return []
        name = shown(leaf) if wanted else f"unless {shown(leaf)}"
        flips = _flips(watch, built, formula.series)
        return [{"expr": name, "holds": bool(holds[formula.series]) == wanted, "flips": flips}]
    out = []
    for place, part in enumerate(formula.parts if isinstance(formula, Many) else ()):
        out += guards_of(part, watch, built, holds, wanted and not (formula.op == "unless" and place))
    return out


def _flips(watch: RulesWatch, built: Built, series: int) -> int:
    end, step = watch.window.end_s, watch.step_s
    time_s = end - step * np.arange(watch.window.fine_count - 1, -1, -1, dtype=np.int64)
    values = watch.window.value_at(np.array([series], np.int64), time_s)[0]
    there = values[np.isfinite(values)]
    op, limit, inclusive = (np.repeat(one[series], len(there)) for one in (built.op, built.limit, built.inclusive))
    true = true_of(op, limit, inclusive, there)
    return int(np.count_nonzero(true[1:] != true[:-1]))
