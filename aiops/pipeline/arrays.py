"""The arrays behind an early warning: the very samples, range and limit that its card decides by, and what it told, for plots.

They are read from the memory of the running turn, not asked of the source again: what stands in a picture is what decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aiops.core.axes import thinned
from aiops.core.labels import key
from aiops.core.records import Crossing, EarlyWarning, Floats, History, Ints, Resolution, Symptom
from aiops.notify.arrays import Arrays, Row
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Watch

COLUMNS = 300
STEPS_BEHIND, STEPS_AHEAD = 60, 60
TIMES_AGAIN = 3
"""How often what is looked at is tried when the rows of a series were numbered anew meanwhile."""


def arrays(
    watches: Sequence[Watch], warning: EarlyWarning, symptom: int = 0, failed_s: int | None = None, columns: int = COLUMNS
) -> Arrays | None:
    """The arrays of one symptom of a warning; None where its series is not in memory any more, or it has none of its own.

    `warning` as it is stored, not as somebody may see it: labels are looked for as they are. `failed_s`: when what it foretold
    came; `columns`: of each, the lowest and the highest sample are kept.
    """
    if warning.members or symptom >= len(warning.symptoms):
        return None
    one = warning.symptoms[symptom]
    for watch in watches:
        if watch.card.name != warning.card or not _is_of(watch, one):
            continue
        for _ in range(TIMES_AGAIN):
            window = watch.window.id
            row = row_of(watch, warning, one)
            found = None if row is None else _of_row(watch, row, warning, one, failed_s, columns)
            if watch.window.id == window:
                if found is not None:
                    return found
                break
    return None


def _is_of(watch: Watch, symptom: Symptom) -> bool:
    return not {feed.name for feed in watch.feeds}.isdisjoint(symptom.lineage.source.split("+"))


def row_of(watch: Watch, warning: EarlyWarning, symptom: Symptom) -> int | None:
    """The row of a symptom's series; of an alert the comparison that decides. None: it is not known any more."""
    number = watch.entity_number(key(warning.entity))
    if number is None:
        return None
    if isinstance(watch, RulesWatch):
        return _leading(watch, number)
    rows, labels = watch.rows_of(number).tolist(), dict(symptom.labels)
    return next((row for row in rows if row < watch.n and dict(watch.window.labels[row]) == labels), None)


def _leading(watch: RulesWatch, number: int) -> int | None:
    built = watch.built
    if built is None:
        return None
    mine = np.flatnonzero(built.entity == number)
    lead = watch.state["lead"][mine[mine < len(watch.state["lead"])]]
    known = lead[lead >= 0].tolist()
    forecast = [row for row in watch.rows_of(number).tolist() if row < len(built.forecast) and built.forecast[row]]
    return next(iter([*known, *forecast]), None)


def _of_row(
    watch: Watch, row: int, warning: EarlyWarning, symptom: Symptom, failed: int | None, columns: int
) -> Arrays | None:
    end = watch.window.end_s
    told = warning.crossing if warning.state == "open" else warning.first_crossing
    past, until = _span(watch, warning, symptom, end, failed)
    time_s, values = samples(watch.window.history(np.array([row]), until), until - past)
    if not np.isfinite(values).any():
        return None
    at = thinned(values, columns)
    time_s, values = time_s[at], values[at]
    limit = symptom.evidence.get("limit")
    level = math.nan if limit is None else float(limit)
    ahead = _ahead(told if warning.state == "open" else None, level, time_s, values)
    low, high = usual(watch, row, time_s)
    return Arrays(
        symptom.labels, str(symptom.evidence.get("unit") or watch.card.unit), time_s, values, low, high, level,
        bool(symptom.evidence.get("above", False)), *ahead, told, warning.opened_s, warning.closed_s, failed,
    )  # fmt: skip


def _span(watch: Watch, warning: EarlyWarning, symptom: Symptom, end: int, failed: int | None) -> tuple[float, int]:
    """How much of the past is shown, s, and up to when."""
    shown = end
    if warning.closed_s is not None:
        last = max(warning.closed_s, failed or 0)
        shown = min(end, int(last + max(0.25 * (last - warning.opened_s), STEPS_BEHIND * watch.step_s)))
    told = warning.crossing if warning.state == "open" else None
    left = 0.0 if told is None else told.latest_s - shown
    since = warning.trend_start_s if warning.trend_start_s is not None else float(warning.opened_s)
    window = float(symptom.evidence.get("window_s") or 0.0)
    past = max(window, shown - min(since, warning.opened_s), 0.6 * left, STEPS_BEHIND * watch.step_s)
    return 1.15 * past, shown


def samples(history: History, since_s: float) -> tuple[Ints, Row]:
    """(time_s (t,), values (t,)) of the first row since `since_s`, each stretch at the finest resolution that has it."""
    parts: list[tuple[Ints, Row]] = []
    until = int(history.fine.end_s) + 1
    for one in (history.fine, history.mid, history.long):
        times = _times(one)
        some = (times > since_s) & (times < until)
        if some.any():
            parts.insert(0, (times[some], history.offset[0] + one.mean[0, some].astype(np.float64)))
            until = int(times[some][0])
        if len(times) and times[0] <= since_s:
            break
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0)
    return np.concatenate([times for times, _ in parts]), np.concatenate([values for _, values in parts])


def _times(one: Resolution) -> Ints:
    count = one.mean.shape[1]
    return one.end_s - one.step_s * np.arange(count - 1, -1, -1, dtype=np.int64)


def usual(watch: Watch, row: int, time_s: Ints) -> tuple[Row, Row]:
    """What is usual at these instants by what the detector knows now, (low, high) (t,) each; NaN where it has none to tell.

    A copy of its state is asked, with no samples: nothing is learnt.
    """
    nothing = np.full(len(time_s), np.nan)
    if watch.detector is None or row >= len(next(iter(watch.detector_state.values()), ())):
        return nothing, nothing
    state = {name: array[row : row + 1].copy() for name, array in watch.detector_state.items()}
    found = watch.detector.score(state, nothing[None, :], (time_s + watch.window.shift_s[row])[None, :])
    return np.asarray(found.lower[0], np.float64), np.asarray(found.upper[0], np.float64)


def _ahead(told: Crossing | None, limit: float, time_s: Ints, values: Floats) -> tuple[Ints, Row, Row, Row]:
    """The ways from the newest sample to the limit: (time_s (h,), mean, lower, upper (h,)); one that has arrived stays there."""
    some = np.flatnonzero(np.isfinite(values))
    if told is None or not math.isfinite(limit) or not len(some):
        empty = np.zeros(0)
        return np.zeros(0, np.int64), empty, empty, empty
    start, level = float(time_s[some[-1]]), float(values[some[-1]])
    times = np.linspace(start, max(told.latest_s, start + 1), STEPS_AHEAD)
    early, mean, late = (
        level + (limit - level) * np.clip((times - start) / max(at - start, 1.0), 0.0, 1.0)
        for at in (told.earliest_s, told.expected_s, told.latest_s)
    )
    return np.rint(times).astype(np.int64), mean, np.minimum(early, late), np.maximum(early, late)
