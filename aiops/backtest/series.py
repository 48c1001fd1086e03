"""Which series of a recording a page is about: the one that was asked for, or the one with the most telling warning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiops.backtest.lanes import Entry
from aiops.backtest.replay import Lane
from aiops.core.errors import AiopsError
from aiops.core.text import visible
from aiops.pipeline import Event

VERDICTS = {"hit": 6, "late": 5, "false": 4, "missed": 1}
UNJUDGED = {"exhaustion": 3, "anomaly": 2}
"""What teaches more about a forecaster stands higher; of one rank the longer lead, the higher confidence or score."""
NAMED = 5


class UnknownSeries(AiopsError):
    """The series asked for is not in the recording."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One warning, or one crossing nobody warned of, and how telling it is."""

    rank: int
    weight: float
    entity: str
    metric: str

    @property
    def place(self) -> tuple[float, float, str, str]:
        """The most telling one has the smallest; a total order, so that nothing hangs on who looked first."""
        return -self.rank, -self.weight, self.entity, self.metric


def telling(event: Event) -> Telling | None:
    """What an event of a replay says about its series; None when it is nothing to show."""
    outcome, warning = event.outcome, event.warning
    if event.kind == "outcome" and outcome is not None and outcome.verdict in VERDICTS and "metric" in outcome.entity:
        weight = outcome.lead_s if outcome.lead_s is not None else warning.confidence if warning is not None else 0.0
        return Telling(VERDICTS[outcome.verdict], weight, outcome.entity["entity"], outcome.entity["metric"])
    if event.kind in ("opened", "updated", "worsened") and warning is not None and warning.kind in UNJUDGED:
        weight = warning.score if warning.kind == "anomaly" else warning.confidence
        return Telling(UNJUDGED[warning.kind], weight, warning.labels["entity"], warning.labels["metric"])
    return None


def event_s(event: Event) -> float:
    """When it happened, on the clock of its entity."""
    if event.kind == "outcome" and event.outcome is not None:
        return event.outcome.settled_s
    return event.warning.updated_s if event.warning is not None else event.at_s


def most_telling(found: Iterable[Telling]) -> Telling | None:
    """The most telling of some; None of none."""
    return min(found, key=lambda one: one.place, default=None)


def check_asked(entries: Sequence[Entry], asked: str) -> None:
    """Raise UnknownSeries unless `asked`, ENTITY or ENTITY/METRIC, is in the recording; empty asks for none."""
    if not asked:
        return
    entry = _entry(entries, asked)
    metric = asked.partition("/")[2]
    if metric and metric not in (metrics := entry.load().metrics):
        raise UnknownSeries(f"--series: {_shown(entry.entity)} has no metric {_shown(metric)}; it has {_some(metrics)}")


def choose(entries: Sequence[Entry], asked: str, found: Mapping[str, Telling]) -> tuple[Lane, str]:
    """The lane and the metric to show, given the most telling warning of each entity; a checked `asked` goes first.

    Without any warning: the first series that has a limit, else the first one.
    """
    if asked:
        entry, metric = _entry(entries, asked), asked.partition("/")[2]
    else:
        best = most_telling(found.values())
        limited = next((one for one in entries if one.limits), entries[0])
        entry, metric = limited if best is None else _entry(entries, best.entity), ""
    lane = entry.load()
    if not metric:
        told = found.get(entry.entity)
        metric = told.metric if told is not None else next(iter(sorted(entry.limits)), lane.metrics[0])
    return lane, metric


def _entry(entries: Sequence[Entry], asked: str) -> Entry:
    entity = asked.partition("/")[0]  # an entity is the name of a file: it holds no slash
    for entry in entries:
        if entry.entity == entity:
            return entry
    raise UnknownSeries(f"--series: no entity {_shown(entity)}; there is {_some([one.entity for one in entries])}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(_shown(name) for name in names[:NAMED]) + more


def _shown(name: str) -> str:
    return visible(name, 80)
