"""How far runbooks may go, as the author's commands say it: by file, configuration, stage of the card and kill switch."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiops.config.settings import Settings
    from aiops.core.records import EarlyWarning, Stage
    from aiops.runbooks import Runbook
    from aiops.runbooks.match import Subject
    from aiops.runbooks.reach import Reach

OFF = "responses are switched off in the configuration"


@dataclass(frozen=True, slots=True)
class Reaching:
    """What decides beside the runbook's file. `turned`: when the kill switch was turned, and why it was on from then on; `ends`:
    what the last response of each runbook came to."""

    settings: Settings
    turned: tuple[tuple[float, str], ...]
    now: str
    ends: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings) -> Reaching:
        """As configuration and store have it; without a store no daemon has run yet, and nothing was ever switched."""
        from aiops.responses.switch import FILE, why_on
        from aiops.store import Store
        from aiops.store.engine import is_there
        from aiops.store.responses import Responses

        off = "" if settings.responses.enabled else OFF
        if not is_there(settings.store.url, settings.data_dir):
            there = f"there is a file {FILE} in the data directory" if (settings.data_dir / FILE).exists() else ""
            return cls(settings, (), off or there, {})
        with closing(Store.reading(settings.store.url, settings.data_dir)) as store:
            runs = Responses(store)
            return cls(settings, tuple(runs.switched()), off or why_on(runs, settings.data_dir), runs.last_ends())

    def of_warning(self, runbook: Runbook, warning: EarlyWarning) -> Reach:
        """How far it may go now for a warning that is kept."""
        from aiops.notify.message import facts_of

        return self._reach(runbook, facts_of(warning), warning.stage, self.now, self.ends.get(runbook.name, ""))

    def then(self, runbook: Runbook, warning: EarlyWarning, at_s: float) -> Reach:
        """How far it might have gone at a time in the past: with the warning's stage and the switch as they were, and the
        configuration as it is; what its responses came to does not count."""
        from aiops.notify.message import facts_of

        i = bisect.bisect_right(self.turned, at_s, key=lambda one: one[0])
        was = self.turned[i - 1][1] if i else ""
        stopped = OFF if not self.settings.responses.enabled else f"the kill switch was on ({was})" if was else ""
        return self._reach(runbook, facts_of(warning), warning.stage, stopped)

    def of_symptom(self, runbook: Runbook, subject: Subject, stage: Stage | None) -> Reach:
        """How far it may go now for a symptom of a card at `stage`."""
        kind = "exhaustion" if subject.kind == "forecast" else subject.kind
        own = {"card": subject.card, "kind": kind, "signal": subject.signal, "severity": subject.severity}
        facts = {**subject.labels, **own, **({} if stage is None else {"stage": str(stage)})}
        return self._reach(runbook, facts, stage, self.now, self.ends.get(runbook.name, ""))

    def _reach(self, runbook: Runbook, facts: Mapping[str, str], stage: Stage | None, stopped: str, last: str = "") -> Reach:
        from aiops.runbooks.reach import reach

        labels = {**facts, "team": runbook.owner.team, "runbook": runbook.name}
        return reach(runbook.mode, self.settings.responses.ceiling_for(labels), stage, stopped, last)

    def stage_of(self, card: str) -> Stage | None:
        """Where a card stands; None where there is none of this name. Raises AiopsError for a mistake in a card."""
        from aiops.cli.cards import stands_at
        from aiops.models.card import load_cards

        found = [one for one in load_cards(self.settings.card_paths) if one.name == card] if card else []
        return stands_at(self.settings, found).get(card)
