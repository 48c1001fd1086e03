"""Whether rules can be foreseen: how their comparisons come to their limits, and the records that follow from it."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints, Resolution
from aiops.outcomes.predictability import DAYS, SUDDEN_S, Course, RuleRecord
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.rules_watch import RulesWatch
from aiops.rules.followed import Followed, part_name

EVERY_S, ROWS = 300, 2048
"""How often some rows are looked at, and how many: all of them within hours, none of it felt in a turn."""
DAY_S = 86400.0


def count_crossings(watch: RulesWatch, now_s: int) -> None:
    """Bring the next rows' counts up to date, from their buckets of 5 min and of an hour."""
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
    """(k, 3) crossings, sudden ones, days looked at, DAYS at most: the newest by 5 min, what is older by the hour.

    Towards the limit is up; what usually stands beyond it does not count. By the hour a crossing is sudden when the mean of the
    hour before lay on the first quarter of the way: of what takes two hours it never does.
    """
    history, above = watch.window.history(rows, now_s), watch.limit.above[rows, None]
    sign, at = np.where(above, 1.0, -1.0), (limit - history.offset)[:, None]
    mid, long = history.mid, history.long
    begins_s = mid.end_s - mid.mean.shape[1] * mid.step_s
    first = max(0, long.mean.shape[1] - DAYS * 24)
    older = max(first, min(long.mean.shape[1], long.mean.shape[1] - (long.end_s - begins_s) // long.step_s))
    hours = sign * (long.mean[:, first:] - at)
    means = sign * (mid.mean - at)
    usual = _median(hours if hours.shape[1] >= mid.mean.shape[1] * mid.step_s // long.step_s else means)

    def worst(one: Resolution, columns: slice) -> Floats:
        return sign * (np.where(above, one.high[:, columns], one.low[:, columns]) - at)

    parts = (
        _crossed(worst(mid, slice(None)), means, usual, max(1, SUDDEN_S // mid.step_s), 0.5),
        _crossed(worst(long, slice(first, older)), hours[:, : older - first], usual, 1, 0.75),
    )
    known_s = np.isfinite(means).sum(axis=1) * mid.step_s + np.isfinite(hours[:, : older - first]).sum(axis=1) * long.step_s
    return np.stack([parts[0][0] + parts[1][0], parts[0][1] + parts[1][1], known_s / DAY_S], axis=1)


def _median(values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any sample
        return np.asarray(np.nanmedian(values, axis=1, keepdims=True))


def _crossed(worst: Floats, mean: Floats, usual: Floats, back: int, share: float) -> tuple[Ints, Ints]:
    """(k,) how often what is `worst` in each bucket came to be above 0, and how often `back` buckets before the mean had not left
    the way's first 1 - `share`, from `usual` (k, 1) on."""
    before = np.full(mean.shape, np.nan)
    before[:, back:] = mean[:, :-back]
    with np.errstate(invalid="ignore"):
        over = worst > 0
        begins = over[:, 1:] & ~over[:, :-1] & np.isfinite(worst[:, :-1]) & np.isfinite(before[:, 1:]) & (usual < 0)
        far = before[:, 1:] < usual * share
    return begins.sum(axis=1), (begins & far).sum(axis=1)


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
