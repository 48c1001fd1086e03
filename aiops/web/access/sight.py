"""What somebody may see: by where they stand, at home everything, elsewhere what the policy allows; and of their teams alone,
where they are kept to some."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from fastapi import Request

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Lineage, Outcome
from aiops.daemon.daemon import Daemon
from aiops.governance.policy import LOCAL
from aiops.pipeline import Watch
from aiops.web.access.access import NOBODY, Access, Caller
from aiops.web.access.teams import Teams

ABOUT = (("rule", "alertname"), ("service", "service"))
"""Which label each part of `Outcome.about` was taken from."""


@lru_cache(1024)  # asked of every request, of its host and of whoever sends it
def is_loopback(host: str) -> bool:
    """Whether a host, an IPv6 address in brackets or not, is this machine's loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def standing_of(daemon: Daemon) -> Callable[[Request], Sight]:
    """A dependency: what a client may see by where it stands alone."""

    def of(request: Request) -> Sight:
        return Sight(daemon, _location(daemon, request))

    return of


def _location(daemon: Daemon, request: Request) -> str:
    home = request.client is not None and is_loopback(request.client.host) and "x-forwarded-for" not in request.headers
    return LOCAL if home else daemon.rooms.gate.location("web")


def sight_of(daemon: Daemon) -> Callable[[Request], Awaitable[Sight]]:
    """A dependency: what a client may see, by where it stands and who it is; a proxy before us stands for everybody behind it."""

    async def of(request: Request) -> Sight:  # else it would be called on a thread of its own
        access: Access = request.app.state.access
        return Sight(daemon, _location(daemon, request), access.caller(request) or NOBODY)

    return of


class Sight:
    """The view of a client that stands at `location`; LOCAL is this machine's loopback. `caller`: who it is."""

    def __init__(self, daemon: Daemon, location: str, caller: Caller = NOBODY) -> None:
        self._gate, self._watches, self.location = daemon.rooms.gate, daemon.rooms.watches, location
        self._store = daemon.store
        self._caller, self._teams = caller, None if caller.teams is None else Teams(daemon)

    @property
    def same(self) -> tuple[Hashable, ...]:
        """What two clients must share to be shown the same."""
        return self.location, self._caller.teams

    @property
    def everything(self) -> bool:
        """Whether nothing is kept from this client."""
        return self.location == LOCAL and self._teams is None

    def warning(self, warning: EarlyWarning) -> EarlyWarning | None:
        """A warning as it may be seen here; None when it may not."""
        if self._teams is not None and not self._caller.of(self._teams.of_warning(warning)):
            return None
        return self._gate.outbound(warning, "serve", self.location)[0]

    def warnings(self, found: Iterable[EarlyWarning]) -> Iterator[EarlyWarning]:
        """Those that may be seen, as they may be."""
        return (seen for one in found if (seen := self.warning(one)) is not None)

    def labels(self, watch: Watch, row: int) -> Labels | None:
        """The labels of a series as they may be seen here; None when it may not be seen at all."""
        if not self._theirs(watch.window.labels[row], watch.card.name):
            return None
        return self._labels(watch.window.labels[row], [watch.lineage_of(row)])

    def outcomes(self, found: Iterable[Outcome]) -> Iterator[Outcome]:
        """Verdicts, with what they are about as it may be seen here: as anything of their card may be."""
        for one in filter(self._judged, found):
            lineages = [watch.lineage for watch in self._watches if watch.card.name == one.card]
            entity = self._labels(one.entity, lineages)
            if entity is not None:
                yield one if entity is one.entity else replace(one, entity=entity, about=self._about(one, lineages))

    def _judged(self, one: Outcome) -> bool:
        """Whether a verdict is of their teams: of its warning, which knows more labels, where there is one."""
        if self._teams is None:
            return True
        warning = self._store.warning(one.warning_id) if one.warning_id else None
        if warning is not None:
            return self._caller.of(self._teams.of_warning(warning))
        return self._theirs({**one.entity, **self._named(one)}, one.card)

    def _theirs(self, labels: Labels, card: str) -> bool:
        return self._teams is None or self._caller.of(self._teams.of(labels, card))

    @staticmethod
    def _named(one: Outcome) -> Labels:
        return {label: one.about[name] for name, label in ABOUT if name in one.about}

    def _about(self, one: Outcome, lineages: list[Lineage]) -> Labels:
        """What figures are grouped by, as the labels it was taken from may be seen here."""
        seen = self._labels(self._named(one), lineages) or {}
        return {name: seen[label] for name, label in ABOUT if label in seen} | {"kind": one.about.get("kind", "")}

    def _labels(self, labels: Labels, lineages: list[Lineage]) -> Labels | None:
        if self.location == LOCAL:
            return labels
        return self._gate.labels(labels, lineages, "serve", self.location)
