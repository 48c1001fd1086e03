"""Business numbers and verdicts on pilots as metrics: worked out now and then, for they go through all warnings of a month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiops.core.errors import StoreError
from aiops.outcomes.pilot import WORDS
from aiops.pipeline.figures import SINCE_S
from aiops.pipeline.report import Report, pilot_report, report

if TYPE_CHECKING:
    from aiops.daemon.daemon import Daemon

Rows = Iterator[tuple[tuple[str, ...], float]]
EVERY_S = 600.0


class Business:
    """The reports of all cards and of each pilot, remembered for EVERY_S; nothing while the store cannot be read."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._found, self._until_s = daemon, list[Report](), 0.0

    def rows(self) -> dict[str, Callable[[], Rows]]:
        """Metric name to its rows; what is not known has none."""
        found = self.reports()
        return {
            "aiops_report_value": lambda: (
                ((one.name, number.name), number.value) for one in found for number in one.numbers if number.value is not None
            ),
            "aiops_pilot_verdict": lambda: (
                ((one.name, word), float(one.verdict.word == word)) for one in found if one.verdict for word in WORDS
            ),
        }

    def reports(self) -> list[Report]:
        """That of all cards over 30 days, then those of the pilots."""
        daemon, now = self._daemon, self._daemon.clock()
        if now >= self._until_s or now < self._until_s - EVERY_S:
            cards = {watch.card.name: watch.card for watch in daemon.rooms.watches if not watch.card.challenges}
            try:
                self._found = [
                    report(daemon.store, daemon.settings, cards.values(), now, now - SINCE_S),
                    *(pilot_report(daemon.store, daemon.settings, name, now) for name in daemon.settings.pilots),
                ]
            except StoreError:
                self._found = []
            self._until_s = now + EVERY_S
        return self._found
