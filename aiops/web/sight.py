"""What somebody may see, by where they stand: at home everything, elsewhere what the policy allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from fastapi import Request

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Lineage, Outcome
from aiops.daemon.daemon import Daemon
from aiops.governance.policy import LOCAL
from aiops.pipeline import Watch

ABOUT = (("rule", "alertname"), ("service", "service"))
"""Which label each part of `Outcome.about` was taken from."""


def is_loopback(host: str) -> bool:
    """Whether a host, an IPv6 address in brackets or not, is this machine's loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def sight_of(daemon: Daemon) -> Callable[[Request], Sight]:
    """A dependency: what a client may see, by where it stands; a proxy before us stands for everybody behind it."""

    def of(request: Request) -> Sight:
        home = request.client is not None and is_loopback(request.client.host) and "x-forwarded-for" not in request.headers
        return Sight(daemon, LOCAL if home else daemon.rooms.gate.location("web"))

    return of


class Sight:
    """The view of a client that stands at `location`; LOCAL is this machine's loopback."""

    def __init__(self, daemon: Daemon, location: str) -> None:
        self._gate, self._watches, self.location = daemon.rooms.gate, daemon.rooms.watches, location

    def warning(self, warning: EarlyWarning) -> EarlyWarning | None:
        """A warning as it may be seen here; None when it may not."""
        return self._gate.outbound(warning, "serve", self.location)[0]

    def warnings(self, found: Iterable[EarlyWarning]) -> Iterator[EarlyWarning]:
        """Those that may be seen, as they may be."""
        return (seen for one in found if (seen := self.warning(one)) is not None)

    def labels(self, watch: Watch, row: int) -> Labels | None:
        """The labels of a series as they may be seen here."""
        return self._labels(watch.window.labels[row], [watch.lineage_of(row)])

    def outcomes(self, found: Iterable[Outcome]) -> Iterator[Outcome]:
        """Verdicts, with what they are about as it may be seen here: as anything of their card may be."""
        for one in found:
            lineages = [watch.lineage for watch in self._watches if watch.card.name == one.card]
            entity = self._labels(one.entity, lineages)
            if entity is not None:
                yield one if entity is one.entity else replace(one, entity=entity, about=self._about(one, lineages))

    def _about(self, one: Outcome, lineages: list[Lineage]) -> Labels:
        """What figures are grouped by, as the labels it was taken from may be seen here."""
        own = {label: one.about[name] for name, label in ABOUT if name in one.about}
        seen = self._labels(own, lineages) or {}
        return {name: seen[label] for name, label in ABOUT if label in seen} | {"kind": one.about.get("kind", "")}

    def _labels(self, labels: Labels, lineages: list[Lineage]) -> Labels | None:
        if self.location == LOCAL:
            return labels
        return self._gate.labels(labels, lineages, "serve", self.location)
