"""Ours and the baselines, judged by the one law of settlement: their warnings, their verdicts, and who wins."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aiops.backtest.baselines import METHODS, Firing, applies, firings
from aiops.backtest.ground import Ground
from aiops.core.labels import fingerprint, has_all, key
from aiops.core.records import CROSSED, GONE, Crossing, EarlyWarning, Outcome
from aiops.outcomes import settle as law
from aiops.outcomes.scorecard import WEEK_S, Figures, scorecard
from aiops.outcomes.settle import Evidence, Failure

OURS, ALL = "aiops", "all"
GONE_STEPS, GONE_S = 3, 300


@dataclass(slots=True)
class Told:
    """What one method said of one card, and what became of it; `open` warnings are not judged yet."""

    card: str
    method: str
    warnings: list[EarlyWarning] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    series: int = 0
    series_seconds: float = 0.0

    @property
    def open(self) -> int:
        """Warnings without a verdict."""
        return len(self.warnings) - sum(bool(o.warning_id) for o in self.outcomes)

    def add(self, other: Told) -> None:
        """Add what the same method said elsewhere."""
        self.warnings += other.warnings
        self.outcomes += other.outcomes
        self.series += other.series
        self.series_seconds += other.series_seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the table: what one method came to on one card. `figures` None: nothing was judged. `wins`: it beats ours."""

    told: Told
    figures: Figures | None
    wins: bool = False

    def count(self, verdict: str) -> int:
        """How many have a verdict."""
        return 0 if self.figures is None else int(self.figures.verdicts.get(verdict, 0))

    @property
    def false_rate(self) -> float | None:
        """False warnings a week for a hundred series, over the time that was replayed."""
        weeks = self.told.series_seconds / WEEK_S
        return 100.0 * self.count("false") / weeks if weeks else None

    @property
    def median_lead_s(self) -> float | None:
        """The median lead of the hits."""
        return None if self.figures is None else self.figures.median_lead_s

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        f = self.figures
        verdicts = ("hit", "late", "false", "missed", "averted", "expired", "unjudgeable")
        return {
            "card": self.told.card, "method": self.told.method, "series": self.told.series, "warnings": len(self.told.warnings),
            "open": self.told.open, **{v: self.count(v) for v in verdicts},
            "precision": None if f is None else f.precision, "precision_low": None if f is None else f.low,
            "precision_high": None if f is None else f.high, "recall": None if f is None else f.recall,
            "in_time": in_time(self), "median_lead_s": self.median_lead_s,
            "false_per_week_per_100_series": self.false_rate, "interval_coverage": None if f is None else f.coverage,
            "wins": self.wins,
        }  # fmt: skip


def in_time(one: Standing) -> float | None:
    """The share of failures that were warned of in time; None without a failure."""
    failures = one.count("hit") + one.count("late") + one.count("missed")
    return one.count("hit") / failures if failures else None


def beats(one: Standing, ours: Standing) -> bool:
    """Whether a baseline wins: more failures foreseen in time with no more false warnings, or as many with fewer false ones and
    a median lead that is no shorter."""
    hits, false = one.count("hit") - ours.count("hit"), one.count("false") - ours.count("false")
    if hits > 0:
        return false <= 0
    return hits == 0 and false < 0 and (one.median_lead_s or 0.0) >= (ours.median_lead_s or 0.0)


def standings(told: Iterable[Told]) -> list[Standing]:
    """The table: by card, ours first, then the baselines; a card's baselines are held against ours."""
    by_card: dict[str, dict[str, Told]] = defaultdict(dict)
    for one in told:
        by_card[one.card].setdefault(one.method, Told(one.card, one.method)).add(one)
    out = []
    for card in sorted(by_card):
        found = [Standing(one, _figures(one)) for one in by_card[card].values()]
        ours = next((one for one in found if one.told.method == OURS), None)
        out += [replace(one, wins=ours is not None and one.told.method in METHODS and beats(one, ours)) for one in found]
    return out


def total(told: Iterable[Told]) -> list[Standing]:
    """As `standings`, of all cards together."""
    return standings(replace(one, card=ALL) for one in told)


def _figures(told: Told) -> Figures | None:
    """The figures of all outcomes as one group, whatever card they are of."""
    renamed = [replace(one, card=told.card) for one in told.outcomes]
    found = scorecard(renamed, "card", max((o.settled_s for o in renamed), default=0), -math.inf, {})
    return found[0] if found else None


def contested(ground: Ground, failures: Sequence[Failure]) -> list[Told]:
    """What each baseline that applies would have said on a ground, and what became of it."""
    out = []
    for method in (m for m in METHODS if applies(m, ground)):
        warnings = warnings_of(method, ground, failures)
        outcomes = judged(warnings, failures, ground)
        out.append(Told(ground.card, method, warnings, outcomes, len(ground.values), ground.series_seconds))
    return out


def warnings_of(method: str, ground: Ground, failures: Sequence[Failure]) -> list[EarlyWarning]:
    """The episodes of a baseline as warnings, by the time they opened: a crossing ends one, as it ends ours."""
    failed: dict[str, list[int]] = defaultdict(list)
    for failure in sorted(failures, key=lambda one: one.at_s):
        failed[key(failure.entity)].append(failure.at_s)
    out = [
        one for found in firings(method, ground)
        for one in _episodes(method, ground, found, failed.get(key(ground.entities[found.entity]), []))
    ]  # fmt: skip
    return sorted(out, key=lambda w: (w.opened_s, w.id))


def _episodes(method: str, ground: Ground, found: Firing, failed_s: Sequence[int]) -> Iterable[EarlyWarning]:
    first = found.first
    opened = int(ground.time_s[first])
    ends = int(ground.time_s[found.last]) if found.last < len(ground.time_s) else None
    cut = next((at for at in failed_s if opened < at and (ends is None or at <= ends)), None)
    yield _warning(method, ground, found, opened, ends if cut is None else cut, cut is not None)
    if cut is not None and (ends is None or cut + ground.step_s < ends):
        again = ground.column(cut) + 1
        left = None if found.expected_s is None else max(found.expected_s, float(cut))
        if again < found.last:
            yield from _episodes(method, ground, Firing(found.entity, found.row, again, found.last, left), failed_s)


def _warning(method: str, ground: Ground, found: Firing, opened: int, closed: int | None, crossed: bool) -> EarlyWarning:
    entity, at = ground.entities[found.entity], found.expected_s
    crossing = None if at is None else Crossing(at, at, at)
    mark = fingerprint(ground.card, method, key(entity))
    why = "" if closed is None else CROSSED if crossed else GONE
    return EarlyWarning(
        id=fingerprint(mark, str(opened)), fingerprint=mark, card=ground.card, signal=ground.signal,
        kind="anomaly" if crossing is None else "exhaustion", entity=entity, labels=ground.labels[found.row],
        state="open" if closed is None else "closed", stage="shadow", opened_s=opened, updated_s=closed or ground.end_s,
        severity="warning", confidence=0.0, score=0.0, crossing=crossing, first_crossing=crossing, told_latest_s=at,
        act_before_s=None, symptoms=(), closed_s=closed, closed_why=why, horizon_s=ground.horizon_s if crossing else 0.0,
        step_s=ground.step_s, told_s=opened if ground.told else None,
    )  # fmt: skip


def judged(warnings: Sequence[EarlyWarning], failures: Sequence[Failure], ground: Ground) -> list[Outcome]:
    """The verdicts on warnings that are known at the end of a ground: each failure settles what warned of it, in time order,
    time settles the rest."""
    by_entity: dict[str, list[EarlyWarning]] = defaultdict(list)
    for warning in warnings:
        by_entity[key(warning.entity)].append(warning)
    outcomes: dict[str, Outcome] = {}
    missed: list[Outcome] = []
    rows = _rows_of(ground)
    lost = {w.id: _lost_s(w, ground, rows[key(w.entity)]) for w in warnings}
    for failure in sorted(failures, key=lambda one: (one.at_s, key(one.entity))):
        here = by_entity.get(key(failure.entity), []) if failure.truth == "crossing" else _about(warnings, failure)
        pending = [w for w in here if w.id not in outcomes and w.opened_s <= failure.at_s and not law.due(w, failure.at_s)]
        pending = [w for w in pending if _limit_changed(w, ground, rows[key(w.entity)], failure.at_s) is None]
        pending = [w for w in pending if (gone := lost[w.id]) is None or gone >= failure.at_s]
        standing = any(law.stands_at(w, failure.at_s) for w in here)
        for one in law.on_failure(failure, pending, failure.at_s, (), standing):
            if one.warning_id:
                outcomes[one.warning_id] = one
            else:
                missed.append(one)
    for warning in warnings:
        if warning.id not in outcomes:
            found = _by_time(warning, ground, rows[key(warning.entity)], lost[warning.id])
            if found is not None:
                outcomes[warning.id] = found
    return [*outcomes.values(), *missed]


def _rows_of(ground: Ground) -> Mapping[str, Any]:
    order = np.argsort(ground.entity_of, kind="stable")
    edges = np.searchsorted(ground.entity_of[order], np.arange(len(ground.entities) + 1))
    return {key(one): order[edges[i] : edges[i + 1]] for i, one in enumerate(ground.entities)}


def _about(warnings: Sequence[EarlyWarning], failure: Failure) -> list[EarlyWarning]:
    return [w for w in warnings if has_all({**w.labels, **w.entity}, failure.entity)]


def _by_time(warning: EarlyWarning, ground: Ground, rows: Any, lost_s: int | None) -> Outcome | None:
    """What time says of a warning, at the first turn at which it may; None while it may still come true."""
    if lost_s is not None:
        return law.at_deadline(warning, lost_s, Evidence(gone=True))
    deadline = law.deadline_s(warning)
    deadline = law.until_s(warning) if deadline is None else deadline
    changed = _limit_changed(warning, ground, rows, min(deadline, ground.end_s))
    if changed is not None:
        return law.at_deadline(warning, changed, Evidence(limit_changed=True))
    if not law.due(warning, ground.end_s):
        return None
    now = int(ground.time_s[min(ground.column(np.floor(deadline) + 1), len(ground.time_s) - 1)])
    withdrawn = law.withdrawn_s(warning)
    end = min(now, int(law.until_s(warning) if withdrawn is None else withdrawn))
    spans = [(warning.opened_s, end)]
    told = warning.first_crossing
    if told is not None:
        spans.append((max(warning.opened_s, int(told.earliest_s) - ground.step_s), min(end, int(told.latest_s))))
    shares = [_present(ground, rows, a, b) for a, b in spans if b > a]
    coverage = float(np.max(np.min(shares, axis=0))) if shares else 1.0
    gone = not bool(ground.here(rows, ground.column(end) - _silent(ground), len(ground.time_s)).any())
    return law.at_deadline(warning, now, Evidence(coverage, gone))


def _silent(ground: Ground) -> int:
    """After so many columns without a sample a series is gone."""
    return max(GONE_STEPS * ground.step_s, GONE_S) // ground.step_s


def _lost_s(warning: EarlyWarning, ground: Ground, rows: Any) -> int | None:
    """The first turn, before time alone may judge it, at which its series were gone and had said nothing since every time that
    was told had passed; None without one."""
    over, count, silent = law.told_over_s(warning), len(ground.time_s), _silent(ground)
    if over is None or over >= ground.end_s:
        return None
    there = np.flatnonzero(ground.here(rows, 0, count).any(axis=0))
    since = int(np.searchsorted(there, ground.column(over)))  # the first sample since then
    last = int(there[since - 1]) if since else -1
    at = max(ground.column(np.floor(over) + 1), last + silent + 1)
    if at >= (there[since] if since < len(there) else count) or law.due(warning, int(ground.time_s[at])):
        return None
    withdrawn = law.withdrawn_s(warning)
    seen = withdrawn is not None and last >= ground.column(withdrawn) - silent
    return None if seen else int(ground.time_s[at])


def _limit_changed(warning: EarlyWarning, ground: Ground, rows: Any, until_s: float) -> int | None:
    """When a limit of its entity became another one while it waited for its verdict; None when none did."""
    if ground.limit.shape[1] == 1:
        return None
    first, last = ground.column(warning.opened_s), min(ground.column(until_s) + 1, len(ground.time_s))
    limits = ground.limit[rows, first:last]
    other = np.flatnonzero(~((limits == limits[:, :1]) | (np.isnan(limits) & np.isnan(limits[:, :1]))).all(axis=0))
    return int(ground.time_s[first + other[0]]) if len(other) else None


def _present(ground: Ground, rows: Any, start_s: int, end_s: int) -> Any:
    """(k,) the share of samples that were there in (start_s, end_s]."""
    first, last = ground.column(start_s + 1), min(ground.column(end_s + 1), len(ground.time_s))
    if last <= first:
        return np.ones(len(rows))
    return ground.here(rows, first, last).mean(axis=1)
