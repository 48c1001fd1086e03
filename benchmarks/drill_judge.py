"""What early warnings of drills were worth: how much of the time that there was they used, and who cried for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from drill_courses import FAILURES, LOOK_ALIKES, VARIANTS, Drill, course_of

HALF = 0.5
ENOUGH = 4
"""Of the five variants of a failure."""
Warned = Mapping[str, Sequence[tuple[float, float]]]
"""By the drill's name: when each warning opened, and until when it stood or the latest time that it told, whichever is later."""


@dataclass(frozen=True)
class Verdict:
    """One drill. `used`: the share of the available time that the warning left, NaN = there was none in time; seconds each."""

    drill: Drill
    fired_s: float
    available_s: float
    used: float
    early: int

    @property
    def passed(self) -> bool:
        """A failure that was warned of in time, a look-alike that was not warned of."""
        return not self.early if self.drill.alike else self.used >= HALF


def available_s(drill: Drill, fired_s: float, horizon_s: float, since_s: float) -> float:
    """From the first instant at which an oracle that knows the true slope puts the crossing inside the horizon, to the firing.

    Not before `since_s`, when somebody began to watch.
    """
    at = np.linspace(max(since_s, fired_s - 2 * horizon_s), fired_s, 20_000)
    inside = course_of(drill).expected_s(at) <= horizon_s
    return float(fired_s - at[np.argmax(inside)]) if inside.any() else 0.0


def judged(
    drills: Sequence[Drill], fired: Mapping[str, float], warned: Warned, horizon_s: float, since_s: float
) -> list[Verdict]:
    """Each drill's verdict; a warning is a hit when the alert fires after it opened, while it stands or by the latest it told.

    `early`: of a failure the warnings that came true too late or not at all, of a look-alike all of them.
    """
    found = []
    for drill in drills:
        spans = warned.get(drill.name, [])
        if drill.alike:
            found.append(Verdict(drill, fired.get(drill.name, np.nan), np.nan, np.nan, len(spans)))
            continue
        at = fired[drill.name]
        time_there_was = available_s(drill, at, horizon_s, since_s)
        up = [first for first, last in spans if first < at and last >= at]
        early = sum(last < at for _, last in spans)
        found.append(Verdict(drill, at, time_there_was, (at - min(up)) / time_there_was if up else np.nan, early))
    return found


def table(verdicts: Sequence[Verdict]) -> str:
    """A line for each failure: the share used in each variant, and how often its look-alikes were warned of."""
    by = {v.drill.name: v for v in verdicts}
    lines = [" ".join([f"{'':12}", *(f"{name:>9}" for name in VARIANTS), "   in time  look-alike, warnings by variant"])]
    for failure in FAILURES:
        mine = [by.get(f"{failure}-{variant}") for variant in VARIANTS]
        alike = [by.get(f"{failure}-{variant}-alike") for variant in VARIANTS]
        passed, false = [v.passed for v in mine if v], [v.early for v in alike if v]
        said = f"{LOOK_ALIKES[failure]}: {' '.join(map(str, false))}"
        good = sum(passed) >= ENOUGH - len(VARIANTS) + len(passed) and not sum(false)
        mark = "" if good else "   <--"
        cells = [f"{failure:12}", *(f"{_cell(v):>9}" for v in mine), f"   {sum(passed)}/{len(passed)}      {said}{mark}"]
        lines.append(" ".join(cells))
    return "\n".join(lines)


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    return f"{'missed' if np.isnan(verdict.used) else format(verdict.used, '.0%')}{'*' * verdict.early:<2}"
