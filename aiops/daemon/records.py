"""The live figures as metrics: read from the store at most once a minute, names bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiops.core.errors import StoreError
from aiops.core.records import TIMED
from aiops.core.text import visible
from aiops.outcomes.feedback import counted
from aiops.outcomes.scorecard import By, Figures
from aiops.pipeline.calibrations import shown
from aiops.pipeline.suggest import feedback_of

if TYPE_CHECKING:
    from aiops.daemon.daemon import Daemon

Rows = Iterator[tuple[tuple[str, ...], float]]
SHOWN: tuple[By, ...] = ("card", "rule", "entity", "service", "team")
NAMES_AT_MOST = 200
"""Of each kind, those with the most verdicts; all have theirs in the API."""
ENTITIES_AT_MOST = 50
"""Entities come and go, and each costs a dozen series that stay in the memory of who scrapes them."""
EVERY_S = 60.0


class Records:
    """Figures of SHOWN, remembered for EVERY_S; nothing while the store cannot be read."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._found, self._until_s = daemon, list[Figures](), 0.0
        self._said: list[tuple[tuple[str, ...], float]] = []
        self._rests: list[tuple[tuple[str, ...], float]] = []
        self._floors: list[tuple[tuple[str, ...], float]] = []
        self._left_out: list[tuple[tuple[str, ...], float]] = []

    def rows(self) -> dict[str, Callable[[], Rows]]:
        """Metric name to its rows."""
        found = self._figures()

        def each(value: Callable[[Figures], float | None]) -> Callable[[], Rows]:
            return lambda: (((f.by, visible(f.name)), v) for f in found if (v := value(f)) is not None)

        return {
            "aiops_record_settled": each(lambda f: float(f.settled)),
            "aiops_record_precision_ratio": lambda: self._precision(found),
            "aiops_record_recall_ratio": each(lambda f: f.recall),
            "aiops_record_lead_seconds": lambda: self._leads(found),
            "aiops_record_false_warnings_per_week": each(lambda f: f.false_per_week),
            "aiops_record_false_budget_ratio": each(
                lambda f: f.false_per_100 / f.budget if f.false_per_100 is not None and f.budget else None
            ),
            "aiops_record_interval_coverage_ratio": each(lambda f: f.coverage),
            "aiops_record_model_coverage_ratio": each(lambda f: f.model_coverage),
            "aiops_record_confidence_told_ratio": each(lambda f: f.promised),
            "aiops_record_brier_score": each(lambda f: f.brier),
            "aiops_record_cleared_alone_ratio": each(lambda f: f.cleared_alone),
            "aiops_record_calibrated_on": lambda: iter(self._rests),
            "aiops_record_confidence_floor_ratio": lambda: iter(self._floors),
            "aiops_record_names_left_out": lambda: iter(self._left_out),
            "aiops_feedback": lambda: iter(self._said),
            "aiops_record_time_error_seconds": each(lambda f: f.off_s),
        }

    def _figures(self) -> list[Figures]:
        now = self._daemon.clock()
        if now >= self._until_s or now < self._until_s - EVERY_S:
            try:
                found = self._daemon.figures(SHOWN)
                self._found = _most(found)
                self._left_out = [((by,), float(_of(by, found) - _of(by, self._found))) for by in SHOWN]
                self._rests = list(self._rest())
                counts = counted(feedback_of(self._daemon.store))
                self._said = [(pair, float(n)) for pair, n in sorted(counts.items())]
            except StoreError:
                self._found, self._said, self._rests, self._floors, self._left_out = [], [], [], [], []
            self._until_s = now + EVERY_S
        return self._found

    def _rest(self) -> Rows:
        """On how many outcomes of its own what a card tells rests."""
        cards = {watch.card.name: watch.card for watch in self._daemon.rooms.watches if not watch.card.challenges}
        self._floors.clear()
        for one in shown(self._daemon.store, list(cards.values()), self._daemon.clock(), self._daemon.rooms.watched):
            yield (one.card, one.kind, "confidence"), float(one.found.outcomes)
            if one.kind in TIMED:
                yield (one.card, one.kind, "interval"), float(one.found.crossings)
            if one.least is not None:
                self._floors.append(((one.card, one.kind), one.least))

    @staticmethod
    def _precision(found: list[Figures]) -> Rows:
        for f in found:
            for bound, value in (("low", f.low), ("point", f.precision), ("high", f.high)):
                if value is not None:
                    yield (f.by, visible(f.name), bound), value

    @staticmethod
    def _leads(found: list[Figures]) -> Rows:
        for f in found:
            for quantile in (0.1, 0.5, 0.9):
                lead = f.lead_s(quantile)
                if lead is not None:
                    yield (f.by, visible(f.name), str(quantile)), lead


def _of(by: By, found: list[Figures]) -> int:
    return sum(f.by == by for f in found)


def _most(found: list[Figures]) -> list[Figures]:
    by_weight = sorted(found, key=lambda f: (-sum(f.verdicts.values()), f.name))
    most = {by: ENTITIES_AT_MOST if by == "entity" else NAMES_AT_MOST for by in SHOWN}
    chosen = [f for by in SHOWN for f in [f for f in by_weight if f.by == by][: most[by]]]
    return sorted(chosen, key=lambda f: (SHOWN.index(f.by), f.name))
