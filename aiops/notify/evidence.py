"""The evidence of a warning in words, the same ones in messages, on pages and in the terminal. What is not known is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.quantity import RATIO, quantities, quantity
from aiops.core.records import EarlyWarning, Symptom
from aiops.core.text import SHOWN, visible

SINCE = {"exhaustion": "a symptom since", "anomaly": "a symptom since", "rule": "a symptom since"}
"""What its own time is called of a symptom that begins earlier than it can be told."""
UNSAID = {"why", "began", "since", "score", "beside", *SINCE.values()}
"""Facts that a sentence leaves out: they stand apart."""
BESIDE = 60
"""Characters of a series that another one speaks for."""
NUMBERS, NOTHING = ("now", "last", "limit", "other", "expected", "usual_low", "usual_high"), 1e-7
"""Numbers of one quantity: what is less than this share of the largest of them is 0 to people."""
STEPS_USUAL = 2
"""A newest sample that is older than so many steps is told: the next one is overdue."""


@dataclass(frozen=True, slots=True)
class Told:
    """One series of a warning: its facts as (name, text), what else moved, which spans agree, what speaks against it."""

    series: str
    facts: tuple[tuple[str, str], ...]
    also: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def told(symptoms: Sequence[Symptom], now_s: float) -> list[Told]:
    """Every symptom in words; lines on what else moved and on doubts that an earlier one has said are not said again, nor are
    the same spans: those of a series belong together."""
    out: list[Told] = []
    said: set[str] = set()
    spans: set[tuple[str, ...]] = set()
    for symptom in symptoms:
        also, against = tuple(_also(symptom.evidence)), _texts(symptom.evidence, "against")
        windows = _texts(symptom.evidence, "windows")
        series, facts = series_text(symptom.labels), tuple(_facts(symptom, now_s))
        news = [tuple(line for line in lines if line not in said) for lines in (also, against)]
        out.append(Told(series, facts, news[0], () if windows in spans else windows, news[1]))
        said.update(also, against)
        spans.add(windows)
    return out


def sentence(symptom: Symptom) -> str:
    """One symptom on one line: why, what is measured, its numbers, its series."""
    facts = dict(_facts(replace(symptom, evidence={**symptom.evidence, "trend_start_s": None}), 0.0))
    numbers = [f"{name} {fact}" for name, fact in facts.items() if name not in UNSAID]
    said = ", ".join([*numbers, *_share(symptom.evidence)])
    what = "" if symptom.kind == "rule" else f"{visible(measured(symptom))}: "
    return f"{facts['why']}{said and f'; {what}{said}'} [{series_text(symptom.labels, SHOWN)}]"


def measured(symptom: Symptom) -> str:
    """What is measured, in words: `filesystem_free_ratio` is how much is free."""
    said = symptom.signal.replace("_", " ")
    return said.removesuffix(" ratio") if symptom.evidence.get("unit") == RATIO else said


def newest_s(warning: EarlyWarning, now_s: float) -> float | None:
    """When the newest sample was taken that an open warning rests on, where the next is overdue; of several series the oldest.

    None where it is as new as usual, the warning is over, or the evidence says by itself that the series is silent.
    """
    known = [
        float(s.evidence["newest_s"])
        for s in warning.symptoms
        if s.evidence.get("newest_s") is not None and "silent_since_s" not in s.evidence
    ]
    late = warning.state == "open" and known and now_s - min(known) > STEPS_USUAL * warning.step_s
    return min(known) if late else None


def began(known: Mapping[str, Any], instant: str) -> str:
    """When what speaks began, of which `known` says how well that is known; `instant`: that time as it is written."""
    return f"{'before' if known.get('began_before') else 'about'} {instant}"


def series_text(labels: Mapping[str, str], at_most: int = 600) -> str:
    """A label set on one line, fit to be shown."""
    return visible(", ".join(f"{k}={v}" for k, v in labels.items()), at_most)


def _facts(symptom: Symptom, now_s: float) -> Iterator[tuple[str, str]]:
    known = _seen(symptom.evidence)
    unit = str(known.get("unit") or "1")
    yield "why", visible(str(known.get("reason") or "no reason given"))
    now, limit, other = quantities([known.get(name) for name in ("now", "limit", "other")], unit)
    if "now" in known:
        yield "now", now
    if "last" in known:
        yield "last value", quantity(known["last"], unit)
    if usual := _usual(known, unit):
        yield "usual", usual
    if "limit" in known:
        side = "" if "above" not in known else "not above " if known["above"] else "not below "
        yield "limit", side + limit
    if "other" in known:
        yield f"{visible(str(known.get('other_source') or 'another source'))} says", other
    since = float(known.get("since_s", symptom.since_s))
    if "began_s" in known:
        yield "began", f"{began(known, rfc3339(known['began_s']))} ({text(max(0.0, now_s - known['began_s']))} ago)"
    yield SINCE.get(symptom.kind, "since"), f"{rfc3339(since)} ({text(max(0.0, now_s - since))} ago)"
    yield from _moves(known, unit)
    if "score" in known:
        yield "score", _score(known)
    if others := ", ".join(_beside(known)):
        yield "beside", others


def _seen(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """What is known, without what is nothing beside the other numbers: means that decay never are 0."""
    known = {name: value for name, value in evidence.items() if value is not None}
    numbers = {name: known[name] for name in NUMBERS if isinstance(known.get(name), int | float)}
    least = NOTHING * max((abs(value) for value in numbers.values()), default=0.0)
    return known | {name: 0.0 for name, value in numbers.items() if abs(value) < least}


def _moves(known: Mapping[str, Any], unit: str) -> Iterator[tuple[str, str]]:
    if "jumped" in known:
        before = known.get("jumped_from")
        far = f"by {quantity(abs(known['jumped']), unit)}" if before is None else f"from {quantity(before, unit)}"
        yield "jumped", f"{'down' if known['jumped'] < 0 else 'up'} {far}"
    if pace := _pace(known, unit):
        yield "moves", pace


def _usual(known: Mapping[str, Any], unit: str) -> str:
    expected = f"expected {quantity(known['expected'], unit)}" if "expected" in known else ""
    if "usual_low" not in known or "usual_high" not in known:
        return expected
    low, high = quantities((known["usual_low"], known["usual_high"]), unit)
    here = f"{'in its cohort' if known.get('usual_of') == 'cohort' else 'here'} at this hour{expected and ', ' + expected}"
    if low == high:
        return f"{low} {here}"
    low = low.partition(" ")[0] if low.partition(" ")[2] == high.partition(" ")[2] else low  # the unit once
    return f"{low} to {high} {here}"


def _pace(known: Mapping[str, Any], unit: str) -> str:
    said = []
    if "slope_per_hour" in known:
        way = "down " if known["slope_per_hour"] < 0 else "up " if known["slope_per_hour"] else ""
        said.append(f"{way}{quantity(abs(known['slope_per_hour']), unit)} an hour")
    if "window_s" in known and " over " not in str(known.get("reason")):  # some reasons name their window
        said.append(f"seen over {text(float(known['window_s']))}")
    if "trend_start_s" in known and "began_s" not in known:  # as builds before this one kept it: its window's beginning
        said.append(f"the trend began before {rfc3339(float(known['trend_start_s']))}")
    return ", ".join(said)


def _score(known: Mapping[str, Any]) -> str:
    own, at = quantity(known["score"], "1"), f" (threshold {quantity(known['threshold'], '1')})" if "threshold" in known else ""
    if "entity_score" not in known:  # as builds before this one kept it
        return f"{own}{at}" + (f", {known['share']:.0%} of the entity's" if known.get("share", 1) < 1 else "")
    share = f", {known['share']:.0%} of its entity's" if known.get("share", 1) < 1 else "; its entity's"
    return f"{own}{share} {quantity(known['entity_score'], '1')}{at}"


def _share(evidence: Mapping[str, Any]) -> Iterator[str]:
    """How much of its entity's score a series has, where others have some too; and which, where it speaks for them."""
    if evidence.get("share") is not None and evidence["share"] < 1:
        yield f"{evidence['share']:.0%} of what is unusual there"
    yield from (f"also {one}" for one in _beside(evidence))


def _beside(evidence: Mapping[str, Any]) -> Iterator[str]:
    """The other leading series of the entity, by the labels that tell them apart, where this one speaks for them."""
    for one in evidence.get("beside") or ():
        share = "" if one.get("share") is None else f" {one['share']:.0%}"
        yield f"{series_text(one['labels'], BESIDE)}{share}"


def _also(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Other series that moved too: each names itself by its labels or by a metric alone."""
    unit = str(evidence.get("unit") or "1")
    for one in map(_seen, evidence.get("also") or ()):
        name = series_text(one["labels"]) if "labels" in one else visible(str(one.get("metric", "")))
        said = f", score {quantity(one['score'], '1')}" if one.get("score") is not None else ""
        if not said and "usual_low" in one:
            said = f", usual {quantity(one['usual_low'], unit)} to {quantity(one['usual_high'], unit)}"
        yield f"{name}: now {quantity(one.get('now'), unit)}{said}"


def _texts(evidence: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(visible(str(one)) for one in evidence.get(name) or ())
