"""Whether rules can be foreseen: how their comparisons come to their limits, and the records that follow from it."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Ints
from aiops.outcomes.predictability import SUDDEN_S, Course, RuleRecord
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.rules_watch import RulesWatch
from aiops.rules.followed import Followed, part_name

EVERY_S, ROWS = 300, 2048
"""How often some rows are looked at, and how many: all of them within hours, none of it felt in a turn."""
DAY_S = 86400.0


def count_crossings(watch: RulesWatch, now_s: int) -> None:
    """Bring the next rows' counts up to date, from their buckets of 5 min."""
    built = watch.built
    if built is None or not watch.n or 0 <= now_s - watch.counted_s < EVERY_S:
        return
    watch.counted_s = now_s
    if len(watch.crossed) < watch.n:
        watch.crossed = np.concatenate([watch.crossed, np.zeros((watch.n - len(watch.crossed), 3))])
    rows = np.flatnonzero(built.forecast)
    if not len(rows):
        return
    begin = watch.counted_to % len(rows)
    some = rows[begin : begin + ROWS]
    watch.counted_to = begin + len(some)
    watch.crossed[some] = _counted(watch, some, built.limit[some], now_s)


def _counted(watch: RulesWatch, rows: Ints, limit: NDArray[np.float64], now_s: int) -> NDArray[np.float64]:
    """(k, 3) crossings, sudden ones, days looked at. Towards the limit is up; what usually stands beyond it does not count."""
    kept = watch.window.middle(rows, now_s)
    above = watch.limit.above[rows, None]
    sign, at = np.where(above, 1.0, -1.0), (limit - watch.window.offset[rows])[:, None]
    worst = sign * (np.where(above, kept.high, kept.low) - at)
    mean = sign * (kept.mean - at)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any sample
        usual = np.nanmedian(mean, axis=1, keepdims=True)
        over = worst > 0
        begins = over[:, 1:] & ~over[:, :-1] & np.isfinite(worst[:, :-1])
        back = max(1, SUDDEN_S // kept.step_s)
        before = np.full(mean.shape, np.nan)
        before[:, back:] = mean[:, :-back]
        far = before[:, 1:] < usual / 2
    known = np.isfinite(before[:, 1:]) & (usual < 0)
    days = np.isfinite(mean).sum(axis=1) * kept.step_s / DAY_S
    return np.stack([(begins & known).sum(axis=1), (begins & known & far).sum(axis=1), days], axis=1)


def course_of(watch: RulesWatch, rule: Followed) -> Course:
    """How a rule's comparisons came to their limits, all its series together."""
    rows = [i for leaf in rule.served.compiled.leaves if leaf.role == "forecast" for i in watch.places(part_name(leaf))]
    counts = watch.crossed[[i for i in rows if i < len(watch.crossed)]]
    if not len(counts):
        return Course()
    return Course(int(counts[:, 0].sum()), int(counts[:, 1].sum()), float(counts[:, 2].max()))


def record_of(watch: RulesWatch, rule: Followed, rooms: Rooms) -> RuleRecord:
    """The record of one rule."""
    return rooms.predictability_of(watch.card.name).record(rule.alert, rule.own, course_of(watch, rule))
