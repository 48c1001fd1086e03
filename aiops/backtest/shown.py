"""What there is to see of single warnings: what was known when one opened, what it told, and what then happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiops.backtest.contest import OURS, Told
from aiops.backtest.ground import Ground
from aiops.backtest.observe import Episode
from aiops.core.labels import Labels, key
from aiops.core.records import EarlyWarning, Ints, Outcome
from aiops.outcomes.settle import Failure
from aiops.pipeline import TurnResult, Watch

AT_MOST = 60
RANK = {"hit": 0, "late": 1, "false": 2, "missed": 3, "averted": 4, None: 5, "unjudgeable": 6, "expired": 7}
"""What teaches more is shown first, where not all can be."""
BEFORE_SHARE, BEFORE_STEPS, AFTER_SHARE, AFTER_STEPS = 0.6, 90, 0.15, 30
MISSED_STEPS = 360
"""What is shown before a failure that nobody warned of, steps."""
Row = NDArray[np.float64]
Bands = Mapping[str, tuple[Row, Row]]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One warning, or one failure nobody warned of (`opened` None), with its series around it: arrays are (t,), NaN = none.

    `low`, `high`: what was usual, known before each sample came. `others`: when each baseline opened here, by its name.
    """

    card: str
    entity: Labels
    labels: Labels
    opened: EarlyWarning | None
    last: EarlyWarning | None
    outcome: Outcome | None
    time_s: Ints
    values: Row
    low: Row
    high: Row
    limit: Row
    crossings: tuple[int, ...]
    others: tuple[tuple[str, int], ...]

    @property
    def verdict(self) -> str | None:
        """What became of it."""
        return None if self.outcome is None else self.outcome.verdict

    @property
    def at_s(self) -> float:
        """When it opened, or what was missed came."""
        if self.opened is not None:
            return float(self.opened.opened_s)
        return float(self.outcome.failed_s or 0) if self.outcome is not None else 0.0


@dataclass(slots=True)
class Usual:
    """What was usual at each turn of the watches with a detector, kept for pictures: 8 bytes a sample."""

    _turns: dict[str, list[tuple[int, NDArray[np.float32], NDArray[np.float32]]]] = field(default_factory=dict)

    def looked(self, watch: Watch, result: TurnResult) -> None:
        """Keep one turn."""
        if watch.detector is not None and len(watch.last_lower):
            low, high = (one.astype(np.float32) for one in (watch.last_lower, watch.last_upper))
            self._turns.setdefault(watch.name, []).append((result.now_s, low, high))

    def of(self, watch: Watch, ground: Ground, rows: Iterable[int]) -> dict[str, tuple[Row, Row]]:
        """(low, high), both (t,) on the ground's instants, of some rows, by the key of their labels."""
        turns = self._turns.get(watch.name, [])
        out = {}
        for row in sorted(set(rows)):
            low, high = (np.full(len(ground.time_s), np.nan) for _ in range(2))
            for now, below, above in turns:
                if row < len(below):
                    low[ground.column(now)], high[ground.column(now)] = below[row], above[row]
            out[key(ground.labels[row])] = low, high
        return out


def shown(
    ground: Ground, episodes: Iterable[Episode], missed: Iterable[Outcome], failures: Sequence[Failure],
    baselines: Sequence[Told], bands: Bands | None = None,
) -> list[Shown]:  # fmt: skip
    """All warnings on a ground and all failures that were missed, by time."""
    rows = {key(labels): row for row, labels in enumerate(ground.labels)}
    first_row = {key(ground.entities[int(number)]): row for row, number in reversed(list(enumerate(ground.entity_of.tolist())))}
    opened: dict[str, list[tuple[str, int]]] = {}
    for told in baselines:
        if told.method != OURS:
            for warning in told.warnings:
                opened.setdefault(key(warning.entity), []).append((told.method, warning.opened_s))
    failed: dict[str, list[int]] = {}
    for failure in failures:
        failed.setdefault(key(failure.entity), []).append(failure.at_s)
    out = []
    for episode in episodes:
        row = rows.get(key(episode.opened.labels), first_row.get(key(episode.opened.entity)))
        if row is not None:
            out.append(_around(ground, row, episode, None, failed, opened, bands))
    for outcome in missed:
        row = first_row.get(key(outcome.entity))
        if row is not None and outcome.failed_s is not None:
            out.append(_around(ground, row, None, outcome, failed, opened, bands))
    return sorted(out, key=lambda one: (one.at_s, key(one.entity)))


def chosen(found: Iterable[Shown], most: int = AT_MOST) -> list[Shown]:
    """The most telling ones, by card and time."""
    ranked = sorted(found, key=lambda one: (RANK.get(one.verdict, 5), one.at_s, key(one.entity)))[:most]
    return sorted(ranked, key=lambda one: (one.card, one.at_s, key(one.entity)))


def _around(
    ground: Ground, row: int, episode: Episode | None, outcome: Outcome | None, failed: Mapping[str, Sequence[int]],
    opened: Mapping[str, Sequence[tuple[str, int]]], bands: Bands | None,
) -> Shown:  # fmt: skip
    step = ground.step_s
    if episode is not None:
        outcome = episode.outcome
        begin = episode.opened.opened_s
        came = outcome.failed_s if outcome is not None else None
        end = max(episode.last.closed_s or ground.end_s, came or 0)
        first = begin - max(BEFORE_SHARE * (end - begin), BEFORE_STEPS * step)
        last = end + max(AFTER_SHARE * (end - begin), AFTER_STEPS * step)
        entity = episode.opened.entity
    else:
        assert outcome is not None
        assert outcome.failed_s is not None
        first, last, entity = outcome.failed_s - MISSED_STEPS * step, outcome.failed_s + AFTER_STEPS * step, outcome.entity
    a, b = max(0, ground.column(first)), min(len(ground.time_s), ground.column(last) + 1)
    time_s, nothing = ground.time_s[a:b], np.full(b - a, np.nan)
    limit = ground.limit[row] if ground.limit.shape[1] > 1 else np.full(len(ground.time_s), ground.limit[row, 0])
    low, high = nothing, nothing
    if bands is not None and key(ground.labels[row]) in bands:
        low, high = (one[a:b] for one in bands[key(ground.labels[row])])
    begins, ends = (int(time_s[0]), int(time_s[-1])) if len(time_s) else (0, 0)
    inside = [at for at in failed.get(key(entity), ()) if begins <= at <= ends]
    others: dict[str, int] = {}
    for method, at in opened.get(key(entity), ()):
        if begins <= at <= ends:
            others[method] = min(at, others.get(method, at))
    return Shown(
        ground.card, entity, ground.labels[row], None if episode is None else episode.opened,
        None if episode is None else episode.last, outcome, time_s, np.asarray(ground.values[row, a:b]), low, high, limit[a:b],
        tuple(inside), tuple(others.items()),
    )  # fmt: skip
