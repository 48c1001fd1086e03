"""What a chart of one replayed series shows: true points, few enough for a screen, and what lies behind them.

A view keeps, of each pixel column, the points with the lowest and the highest value and with the highest score: what stands in
a picture was measured, nothing is averaged away, and a million points weigh as much as a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.backtest.observe import Episode, Story
from aiops.core.records import Ints

WHOLE_COLUMNS, CLOSE_COLUMNS = 1000, 500
SPANS_AT_MOST = 300
FAR = 4.0
"""A limit further away than this many heights of the data would make the data a flat line: it is named instead of drawn."""
SEEN, GAP, LEARNING, UNSCORED, TRAINING = 0, 1, 2, 3, 4


def whole(story: Story, shown: Sequence[tuple[int, Episode]]) -> dict[str, Any]:
    """The view of the whole recording; `shown` (number, episode) are the warnings marked in it."""
    return view(story, 0, len(story.time_s), WHOLE_COLUMNS, shown)


def close(story: Story, episode: Episode, shown: Sequence[tuple[int, Episode]]) -> dict[str, Any]:
    """The view around one warning: from half its length before it opened to what became of it."""
    start, step = int(story.time_s[0]), story.step_s
    opened, ended = episode.opened.opened_s, ended_s(story, episode)
    first = (opened - max(0.6 * (ended - opened), 90 * step) - start) // step
    last = (ended + max(0.15 * (ended - opened), 30 * step) - start) // step + 1
    return view(story, max(0, int(first)), min(len(story.time_s), int(last)), CLOSE_COLUMNS, shown)


def names(story: Story, episode: Episode) -> bool:
    """Whether a warning is about the metric of the story: it forecasts it, or names it among what leads its entity."""
    symptoms = (*episode.opened.symptoms, *episode.last.symptoms)
    return episode.opened.kind != "anomaly" or any(one.labels.get("metric") == story.metric for one in symptoms)


def _open_in(episode: Episode, begin: int, end: int) -> list[list[int]]:
    """When it was open within a view."""
    first, last = episode.opened.opened_s, end if episode.last.closed_s is None else episode.last.closed_s
    return [[max(first, begin), min(last, end)]] if first <= end and last >= begin else []


def ended_s(story: Story, episode: Episode) -> int:
    """When a warning's story is over: it was closed and what it foretold came, or the recording ended."""
    closed = episode.last.closed_s if episode.last.closed_s is not None else int(story.time_s[-1])
    failed = episode.outcome.failed_s if episode.outcome is not None else None
    return max(closed, failed or 0)


def view(story: Story, first: int, last: int, columns: int, shown: Sequence[tuple[int, Episode]]) -> dict[str, Any]:
    """The columns [first, last) of a story as plain JSON."""
    marked = [at for _, one in shown for at in (one.opened.opened_s, one.last.closed_s) if at is not None]
    at = picked(story, first, last, columns, [(int(t) - int(story.time_s[0])) // story.step_s for t in marked])
    begin, end = int(story.time_s[first]), int(story.time_s[last - 1])
    low, high, has_limit = heights(story, first, last)
    told = told_at(story)[:, at]
    return {
        "from": begin, "to": max(end, begin + story.step_s), "y": [low, high], "limit_drawn": has_limit,
        "t": story.time_s[at].tolist(),
        "value": _plain(story.values[at], 9), "low": _plain(story.lower[at]), "high": _plain(story.upper[at]),
        "expected": _plain(story.expected[at]), "limit": _plain(story.limit[at], 9) if has_limit else None,
        "told": [_plain(row, 12) for row in told] if np.isfinite(told).any() else None,
        "score": _plain(story.score[at], 4), "own": _plain(story.own[at], 4),
        "threshold": _plain(story.threshold[at], 4),
        "spans": list(spans(story, first, last, columns)),
        "marks": [_mark(number, one, story) for number, one in shown],
        "others": [pair for one in story.episodes if not names(story, one) for pair in _open_in(one, begin, end)],
        "crossings": [c for c in story.crossings if begin <= c <= end],
    }  # fmt: skip


def picked(story: Story, first: int, last: int, columns: int, also: Sequence[int] = ()) -> Ints:
    """Ascending indices of the points of a view: all where they are few, else the extremes of each of `columns`."""
    count = last - first
    inside = np.array([i for i in also if first <= i < last], np.int64)
    if count <= 3 * columns:
        return np.arange(first, last)
    column = np.arange(count) * columns // count
    values, score, own = (array[first:last] for array in (story.values, story.score, story.own))
    found = [_least(column, one) for one in (values, -values, -score, -own)] + [_cuts(values, columns)]
    changed = np.concatenate([_changes(one[first:last]) for one in (story.limit, story.threshold)])
    ends = np.array([0, count - 1])
    return np.unique(np.concatenate([*(f + first for f in (*found, changed, changed + 1, ends)), inside]))


def _least(column: Ints, values: NDArray[np.float64]) -> Ints:
    """The first index of the smallest finite value of each column that has one."""
    some = np.flatnonzero(np.isfinite(values))
    order = some[np.lexsort((some, values[some], column[some]))]
    return order[np.append(True, np.diff(column[order]) > 0)] if len(order) else order


def _changes(values: NDArray[np.float64]) -> Ints:
    """Indices before which a series that moves in steps had another value than behind them."""
    missing = np.isnan(values)
    return np.flatnonzero((values[1:] != values[:-1]) & ~(missing[1:] & missing[:-1]))


def _cuts(values: NDArray[np.float64], columns: int) -> Ints:
    """One index inside of every gap wide enough to be seen: there the line is broken."""
    runs = runs_of(np.isnan(values).astype(np.int64))
    width = len(values) / columns / 2
    return np.array([a for a, b, gap in runs if gap and b - a >= max(2, width)], np.int64)


def runs_of(codes: Ints) -> list[tuple[int, int, int]]:
    """Stretches (first, end, code) of equal codes."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts = np.append(0, edges)
    return list(zip(starts.tolist(), np.append(edges, len(codes)).tolist(), codes[starts].tolist(), strict=True))


def states(story: Story) -> Ints:
    """(t,) SEEN, GAP (no sample), LEARNING (not scored yet) or UNSCORED (a sample that was not taken as one)."""
    scored = np.isfinite(story.own)
    first = int(np.argmax(scored)) if scored.any() else len(scored)
    codes = np.where(np.arange(len(scored)) < first, LEARNING, UNSCORED)
    return np.where(np.isfinite(story.values), np.where(scored, SEEN, codes), GAP).astype(np.int64)


def spans(story: Story, first: int, last: int, columns: int) -> Iterator[list[int]]:
    """[from, to, code] of what is shaded in a view, the longest ones; single missing samples are told by their share."""
    begin, end = int(story.time_s[first]), int(story.time_s[last - 1])
    if story.told_from_s > begin:
        yield [begin, min(story.told_from_s, end), TRAINING]
    least = max(2.0, (last - first) / columns / 3)
    found = [(a, b, code) for a, b, code in runs_of(states(story)[first:last]) if code != SEEN and b - a >= least]
    for a, b, code in sorted(sorted(found, key=lambda run: run[0] - run[1])[:SPANS_AT_MOST]):
        yield [int(story.time_s[first + a]) - story.step_s, int(story.time_s[first + b - 1]), code]


def told_at(story: Story) -> NDArray[np.float64]:
    """(3, t) earliest, expected, latest as told at each turn; NaN where no crossing was told."""
    out = np.full((3, len(story.time_s)), np.nan)
    for episode in story.episodes:
        for at, *times in episode.told:
            i = (int(at) - int(story.time_s[0])) // story.step_s
            if 0 <= i < out.shape[1]:
                out[:, i] = times
    return out


def heights(story: Story, first: int, last: int) -> tuple[float, float, bool]:
    """The lowest and the highest place of a picture, and whether the limit is inside of it.

    The values always fit; the band may add half a height on each side: while little is known it is very wide.
    """
    values = story.values[first:last]
    some = values[np.isfinite(values)]
    low, high = (float(some.min()), float(some.max())) if len(some) else (0.0, 1.0)
    limits = story.limit[first:last]
    limits = limits[np.isfinite(limits)]
    height = (high - low) or abs(high) or 1.0
    near = len(limits) > 0 and float(limits.max()) - high <= FAR * height and low - float(limits.min()) <= FAR * height
    if near:
        low, high = min(low, float(limits.min())), max(high, float(limits.max()))
    height = (high - low) or abs(high) or 1.0
    with np.errstate(all="ignore"):
        down = np.fmin.reduce(story.lower[first:last], initial=low)
        up = np.fmax.reduce(story.upper[first:last], initial=high)
    low, high = max(float(down), low - height / 2), min(float(up), high + height / 2)
    return low - 0.04 * height, high + 0.08 * height, near


def _mark(number: int, episode: Episode, story: Story) -> dict[str, Any]:
    crossing, outcome = episode.opened.first_crossing, episode.outcome
    i = min(max(0, (episode.opened.opened_s - int(story.time_s[0])) // story.step_s), len(story.time_s) - 1)
    return {
        "n": number, "kind": episode.opened.kind, "opened": episode.opened.opened_s, "closed": episode.last.closed_s,
        "failed": None if outcome is None else outcome.failed_s,
        "first": None if crossing is None else [round(t) for t in (crossing.earliest_s, crossing.expected_s, crossing.latest_s)],
        "at_limit": _plain(story.limit[i : i + 1], 9)[0],
    }  # fmt: skip


def _plain(values: NDArray[np.float64], digits: int = 7) -> list[float | None]:
    return [float(f"{x:.{digits}g}") if math.isfinite(x) else None for x in values.tolist()]
