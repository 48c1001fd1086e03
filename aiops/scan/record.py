"""What a forecast was worth on one row of a rule over the last two weeks: warnings, hits, false ones, lead; and predict_linear's.

A warning is a stretch of looks at which a crossing was told; stretches closer than GAP_S are one. It is a hit when the alert
begins to fire after it opened and not later than the latest time it told, false when that time passed without, open before.
Warnings ahead of the same firing are one: the first. The truth is when ALERTS begins to fire, never what was forecast.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiops.core.durations import text
from aiops.core.records import Bools, Floats, Ints
from aiops.core.text import several, times
from aiops.outcomes.predictability import Course
from aiops.scan.past import STEP_S

GAP_S = 1800
SURE_S = 1800
BASELINE_SPAN_S, BASELINE_AHEAD_S = 6 * 3600, 24 * 3600
"""predict_linear's window and how far it is carried on."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How many warnings came, how many of them came true or not, and each hit's lead in seconds; the rest is still open."""

    warned: int
    hits: int
    false: int
    leads_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one row; `own` None: not computed, `why` says why. Of `days` something is known.

    `before`, `held`: how many warnings are left out because the rule was not there yet, and how often its condition held then;
    `unfired`: how often it held since without a firing, see `unfired`.
    """

    own: Judged | None = None
    baseline: Judged | None = None
    firings: int = 0
    days: float = 14.0
    why: str = "--full"
    before: int = 0
    held: int = 0
    unfired: int = 0

    def as_json(self) -> dict[str, Any]:
        """As an object."""
        if self.own is None or self.baseline is None:
            return {"computed": False, "why": self.why}
        return {
            "computed": True, "days": round(self.days, 2), "firings": self.firings, "warned": self.own.warned,
            "hits": self.own.hits, "false": self.own.false, "before_rule": self.before,
            "held_before_rule": self.held, "held_unfired": self.unfired,
            "median_lead_s": statistics.median(self.own.leads_s) if self.own.leads_s else None,
            "predict_linear": {"warned": self.baseline.warned, "hits": self.baseline.hits, "false": self.baseline.false},
        }  # fmt: skip

    @property
    def telling(self) -> bool:
        """Whether anything happened: a firing, a warning, or one of predict_linear."""
        return bool(self.own and self.baseline and (self.firings or self.own.warned or self.baseline.warned or self.unfired))

    def sentence(self) -> str:
        """As people read it."""
        if self.own is None or self.baseline is None:
            return f"not computed; {self.why}"
        own, base = self.own, self.baseline
        lead = f", median {text(statistics.median(own.leads_s))} ahead" if own.leads_s else ""
        open_ = f", {own.warned - own.hits - own.false} open" if own.warned > own.hits + own.false else ""
        fired = "it did not fire" if not self.firings else f"it fired {times(self.firings)}"
        fired += f", though its condition held {times(self.unfired)}: perhaps it is newer than that" if self.unfired else ""
        said = f"in the last {Course(days=self.days).span()} {fired}; it would have warned {times(own.warned)}"
        said += f": {several(own.hits, 'hit')}, {own.false} false{open_}{lead}" if own.warned else ""
        early = f"its condition held {times(self.held)}, and it would have warned {times(self.before)}"
        said += f"; before the rule was there {early}" if self.before or self.held else ""
        return f"{said}; predict_linear: {times(base.warned)}, {several(base.hits, 'hit')}"


def judged(look_s: Ints, latest_s: Floats, starts_s: Sequence[float], since_s: float = -np.inf) -> Judged:
    """What became of warnings: `latest_s` (L,) the latest time told at each look, NaN = silent; firings began at `starts_s`.

    The last look is now. Warnings that opened before `since_s` are left out.
    """
    up = np.flatnonzero(np.isfinite(latest_s))
    if not len(up):
        return Judged(0, 0, 0)
    breaks = np.flatnonzero(np.diff(look_s[up]) > GAP_S) + 1
    leads: dict[float, float] = {}
    false = open_ = 0
    for stretch in np.split(up, breaks):
        opened, end = float(look_s[stretch[0]]), float(np.max(latest_s[stretch]))
        if opened < since_s:
            continue
        came = next((at for at in sorted(starts_s) if opened < at <= end), None)
        if came is not None:
            leads.setdefault(came, came - opened)
        elif end < look_s[-1]:
            false += 1
        else:
            open_ += 1
    return Judged(len(leads) + false + open_, len(leads), false, tuple(leads.values()))


def starts(firing: Bools, time_s: Ints) -> list[float]:
    """When it begins to fire: `firing` (t,) at `time_s`; what fires from the first instant on began before."""
    return [float(at) for at in time_s[1:][firing[1:] & ~firing[:-1]]]


def unserved(true: Bools, fired: Bools, hold_s: float) -> int:
    """The last column at which a rule's condition was true for so long that its alert must have fired, and did not; -1: none.

    `true`, `fired` (t,) every STEP_S. From such a column back the rule was not there, or was another one. SURE_S beyond `for:`
    are asked, because between two columns a condition may have been false.
    """
    column = np.arange(len(true))
    began = np.maximum.accumulate(np.where(true, -1, column))
    ought = true & (column - began > (hold_s + SURE_S) / STEP_S)
    late = np.flatnonzero(ought & ~fired)
    return int(late[-1]) if len(late) else -1


def unfired(true: Bools, fired: Bools, since: int, hold_s: float) -> int:
    """How often after the column `since` a rule's condition was true for `hold_s` and over again, while its alert never fired in
    all that is known: not for so long that the rule was surely not there, see `unserved`, and it may have been.

    `true`, `fired` (t,) every STEP_S."""
    if fired.any():
        return 0
    begins, ends = np.flatnonzero(np.diff(true.astype(np.int8), prepend=0, append=0)).reshape(-1, 2).T
    return int(((begins > since) & ((ends - begins - 1) * STEP_S >= hold_s) & (ends < len(true))).sum())


def merged(rows: Sequence[Bools]) -> Bools:
    """(t,) whether any of some alerts fires."""
    return np.asarray(np.logical_or.reduce(rows))

