"""Baselines beside the replay of a recording: each lane on its own clock, judged like the limits that we watch there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aiops.backtest.contest import OURS, Told, contested
from aiops.backtest.ground import Ground
from aiops.backtest.observe import Episode, limit_over
from aiops.backtest.replay import Lane
from aiops.backtest.shown import Shown, chosen, shown
from aiops.core.records import Outcome
from aiops.outcomes.settle import Failure
from aiops.pipeline import Event

CARD = "exhaustion"


@dataclass(slots=True)
class Heard:
    """What the watch of limits said of each entity, inside its recording."""

    episodes: dict[str, dict[str, Episode]] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    failures: dict[str, list[Failure]] = field(default_factory=dict)

    def hear(self, events: Sequence[Event], spans: Mapping[str, tuple[int, int]]) -> None:
        """Take in a turn's events; `spans`: of each entity when its training ends, and when its recording does."""
        for event in events:
            if event.kind == "crossing":
                found = event.detail["entity"]
                self.failures.setdefault(found["entity"], []).append(Failure(CARD, found, int(event.detail["crossed_s"])))
                continue
            warning, outcome = event.warning, event.outcome
            if warning is not None and warning.kind == "exhaustion":
                here = self.episodes.setdefault(warning.entity["entity"], {})
                here.setdefault(warning.id, Episode(warning, warning)).last = warning
            if outcome is not None and "metric" in outcome.entity and outcome.settled_s <= spans[outcome.entity["entity"]][1]:
                self.outcomes.setdefault(outcome.entity["entity"], []).append(outcome)
                if warning is not None:
                    self.episodes[outcome.entity["entity"]][warning.id].outcome = outcome

    def told(self, lanes: Sequence[Lane], horizon_s: float) -> tuple[list[Told], list[Shown]]:
        """Our line and those of the baselines, over all lanes with a limit; and the most telling warnings."""
        lines: dict[str, Told] = {}
        seen: list[Shown] = []
        for lane in (one for one in lanes if one.limits):
            ground, name = ground_of(lane, horizon_s), lane.entity
            episodes = list(self.episodes.get(name, {}).values())
            outcomes, failures = self.outcomes.get(name, []), self.failures.get(name, [])
            opened = [one.opened for one in episodes]
            mine = Told(CARD, OURS, opened, outcomes, len(ground.values), ground.series_seconds)
            others = contested(ground, failures)
            for one in (mine, *others):
                lines.setdefault(one.method, Told(CARD, one.method)).add(one)
            missed = [o for o in outcomes if not o.warning_id]
            seen = chosen([*seen, *shown(ground, episodes, missed, failures, others)])
        return list(lines.values()), seen


def ground_of(lane: Lane, horizon_s: float) -> Ground:
    """The limited series of a lane."""
    metrics = [name for name in lane.metrics if name in lane.limits]
    rows = [lane.metrics.index(name) for name in metrics]
    time_s = lane.start_s + lane.step_s * np.arange(lane.values.shape[1], dtype=np.int64)
    labels = [{"entity": lane.entity, "metric": name} for name in metrics]
    return Ground(
        CARD, CARD, lane.step_s, horizon_s, time_s, np.asarray(lane.values[rows], np.float64), labels,
        np.arange(len(rows), dtype=np.int64), labels, np.stack([limit_over(lane.limits[name], time_s) for name in metrics]),
        np.array([lane.limits[name].above for name in metrics], bool), told=False,
    )  # fmt: skip
