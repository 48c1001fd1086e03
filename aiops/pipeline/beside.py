"""What else is open on an entity, by whatever card: a warning names it, and an anomaly that began with it is told with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from aiops.core.labels import Labels
from aiops.core.records import SEVERITIES, EarlyWarning
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.changes import Changes
from aiops.pipeline.watch import Watch

NAMED = 5
PARTS_AT_MOST = 6
"""Labels of an entity up to which all its parts are looked for."""


class Index:
    """Open warnings by entity: those on the entity itself, on what holds it (a host), and on what it holds (its disks)."""

    def __init__(self, warnings: Iterable[EarlyWarning]) -> None:
        self._whole: dict[frozenset[tuple[str, str]], list[EarlyWarning]] = defaultdict(list)
        self._pair: dict[tuple[str, str], list[EarlyWarning]] = defaultdict(list)
        for warning in warnings:
            self._whole[frozenset(warning.entity.items())].append(warning)
            for pair in warning.entity.items():
                self._pair[pair].append(warning)

    def on(self, entity: Labels) -> Iterator[EarlyWarning]:
        """Those whose entity's labels are all of this entity's, or the other way round; an entity without labels has none."""
        own = list(entity.items())
        if not own:
            return
        for count in range(1, len(own) if len(own) <= PARTS_AT_MOST else 1):
            for part in combinations(own, count):
                yield from self._whole.get(frozenset(part), ())
        rarest = min((self._pair.get(pair, []) for pair in own), key=len)
        yield from (other for other in rarest if entity.items() <= other.entity.items())


def beside(watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """Name in each open warning of this watch what others have open on its entity.

    An anomaly that begins within `Together.within_s` of another's warning that is told alone and no less severe is told with
    it, and alone once that one has ended.
    """
    if rooms.together is None or not watch.open or watch.card.challenges:
        return
    told = (one for one in rooms.watches if one is not watch and not one.card.challenges)
    others = [w for one in told for w in list(one.open.values())]
    if not others and not any(w.cause for w in watch.open.values()):
        return
    index, within = Index(others), rooms.together.within_s
    open_ids = {w.id for w in others} | {w.id for w in watch.causes.values()}
    opened = {e.warning.id for e in changes.events if e.kind == "opened" and e.warning is not None}
    for warning in list(watch.open.values()):
        found = sorted(index.on(warning.entity), key=lambda w: (w.opened_s, w.id))
        seen = warning.having(beside=tuple(_named(w) for w in found[:NAMED]))
        if warning.cause and warning.cause not in open_ids:
            seen = seen.having(cause="")
            changes.replace(seen)
            changes.event("worsened", seen)  # the one that spoke for it has ended: now it speaks itself
        elif warning.id in opened and warning.kind == "anomaly" and not warning.cause:
            with_ = next((w for w in found if _speaks_for(w, seen, now_s - within)), None)
            seen = seen if with_ is None else seen.having(cause=with_.id)
        if seen != warning:
            watch.remember(seen)
            changes.replace(seen)


def _speaks_for(other: EarlyWarning, warning: EarlyWarning, since_s: float) -> bool:
    loud = SEVERITIES.index(other.severity) >= SEVERITIES.index(warning.severity)
    return not other.cause and other.opened_s >= since_s and loud and other.stage == warning.stage


def _named(warning: EarlyWarning) -> dict[str, Any]:
    facts = {name: getattr(warning, name) for name in ("id", "card", "kind", "opened_s")}
    return facts | {"entity": dict(warning.entity)}
