"""What a replay says about one series, kept turn by turn: its band and scores, its limit, its warnings as they moved.

Nothing is computed here: the band is what the detector of the replay answered, the times are those of its open warnings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiops.backtest.annexes import LimitRule
from aiops.backtest.replay import Lane
from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Floats, Ints, Outcome
from aiops.pipeline import TurnResult, Watch
from aiops.pipeline.watch import LAST

Row = NDArray[np.float64]


@dataclass(slots=True)
class Episode:
    """One warning as it opened and as it was last seen; `told` (at, earliest, expected, latest) at each turn it was up."""

    opened: EarlyWarning
    last: EarlyWarning
    told: list[tuple[float, float, float, float]] = field(default_factory=list)
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """One series of a replay, on its own clock; arrays are (t,), NaN = none.

    `lower`, `expected`, `upper`: what was usual, known before the point came; `own`: the score of this metric, -log10 p;
    `score`: its entity's, which is compared to the `threshold` of that turn. `limit` is the one in force. `missed`: crossings
    nobody warned of.
    """

    entity: str
    metric: str
    step_s: int
    time_s: Ints
    values: Row
    lower: Row
    expected: Row
    upper: Row
    own: Row
    score: Row
    threshold: Row
    limit: Row
    above: bool
    told_from_s: int
    episodes: tuple[Episode, ...]
    crossings: tuple[int, ...]
    missed: tuple[Outcome, ...]


class Observer:
    """Looks on while one lane is replayed alone, and keeps what is said about one of its metrics."""

    def __init__(self, lane: Lane, metric: str) -> None:
        self._lane, self._metric = lane, metric
        self._time_s = lane.start_s + lane.step_s * np.arange(lane.values.shape[1], dtype=np.int64)
        self._kept = {name: np.full(len(self._time_s), np.nan) for name in (*LAST, "score", "threshold")}
        self._episodes: dict[str, Episode] = {}
        self._crossings: list[int] = []
        self._missed: list[Outcome] = []

    def turn(self, watch: Watch, result: TurnResult) -> None:
        """Keep what one turn said."""
        at = result.now_s + self._lane.phase_s
        if watch.detector is not None and result.scores is not None:
            self._score(watch, result.scores, (at - self._lane.start_s) // self._lane.step_s)
        for event in result.events:
            if event.kind == "crossing" and self._is_ours(event.detail["entity"]):
                self._crossings.append(int(event.detail["crossed_s"]))
            elif event.warning is not None and self._is_ours(event.warning.entity):
                self._follow(event.warning, event.outcome)
            elif event.warning is None and event.outcome is not None and self._is_ours(event.outcome.entity):
                self._missed.append(event.outcome)
        for warning in watch.open.values():
            c = warning.crossing
            if c is not None and warning.id in self._episodes:
                self._episodes[warning.id].told.append((at, c.earliest_s, c.expected_s, c.latest_s))

    def _score(self, watch: Watch, scores: Floats, column: int) -> None:
        row = watch.window.rows_for([{"entity": self._lane.entity, "metric": self._metric}])[0]
        for name in LAST:
            self._kept[name][column] = getattr(watch, name)[row]
        number = watch.entity_of[row]
        self._kept["score"][column], self._kept["threshold"][column] = scores[number], watch.thresholds[number]

    def _is_ours(self, entity: Labels) -> bool:
        return entity.get("metric", self._metric) == self._metric

    def _follow(self, warning: EarlyWarning, outcome: Outcome | None) -> None:
        episode = self._episodes.setdefault(warning.id, Episode(warning, warning))
        episode.last, episode.outcome = warning, outcome or episode.outcome

    def story(self) -> Story:
        """What was kept, once the replay is over."""
        lane, kept, rule = self._lane, self._kept, self._lane.limits.get(self._metric)
        values = np.asarray(lane.values[lane.metrics.index(self._metric)], np.float64)
        with np.errstate(divide="ignore"):
            own = -np.log10(kept["last_p"]) + 0.0
        episodes = sorted(self._episodes.values(), key=lambda one: (one.opened.opened_s, one.opened.kind, one.opened.id))
        return Story(
            lane.entity, self._metric, lane.step_s, self._time_s, values, kept["last_lower"],
            kept["last_expected"], kept["last_upper"], own, kept["score"], kept["threshold"], limit_over(rule, self._time_s),
            rule is None or rule.above, lane.emit_from_s, tuple(episodes), tuple(self._crossings), tuple(self._missed),
        )  # fmt: skip


def limit_over(rule: LimitRule | None, time_s: Ints) -> Row:
    """(t,) the limit in force at each instant; NaN where there is none."""
    if rule is None:
        return np.full(len(time_s), np.nan)
    if not rule.steps:
        return np.full(len(time_s), rule.value)
    begins = np.array([at for at, _ in rule.steps])
    values = np.array([np.nan, *(value for _, value in rule.steps)])
    found: Row = values[np.searchsorted(begins, time_s, side="right")]
    return found
