"""Whose an early warning is: what somebody who is kept to teams may see and decide on follows from it."""

from __future__ import annotations

from collections.abc import Mapping

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.store.response_rows import Run

LABEL = "team"


class Teams:
    """The teams of a daemon's configuration: of a service its owner, else what the label `team` says, else the card's owner."""

    def __init__(self, daemon: Daemon) -> None:
        self._services = daemon.settings.services
        self._owners = {watch.card.name: watch.card.owner.team for watch in daemon.rooms.watches}

    def of(self, labels: Labels, card: str) -> str:
        """The team of what these labels of a card name."""
        owned = (one.owner for name, one in self._services.items() if one.owner and one.means(name, labels))
        return next(owned, "") or labels.get(LABEL, "") or self._owners.get(card, "")

    def of_warning(self, warning: EarlyWarning) -> str:
        """The team of a warning."""
        return self.of({**warning.labels, **warning.entity}, warning.card)


def warning_of(daemon: Daemon, named: Mapping[str, str]) -> EarlyWarning | Run | None:
    """What a route's path names by `warning_id`, or by `run_id` the warning that a response is about; None: no such thing.

    A response whose warning is kept no longer is itself what is named.
    """
    if "run_id" in named:
        run = daemon.responding.runs.run(named["run_id"])
        return None if run is None else daemon.store.warning(run.warning_id) or run
    return daemon.store.warning(named["warning_id"]) if "warning_id" in named else None
