"""A turn's view of the other watches: what each has open, who would be told of it, and who may be told in whose place.

Decisions are taken one watch at a time. Each reads what the others have kept and writes of its own alone: a turn stays one
transaction, and one that fails takes nothing from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning
from aiops.early_warnings import voice
from aiops.models.alerts_card import RULES_OWN
from aiops.notify.message import is_urgent, routed
from aiops.pipeline.changes import Changes
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.watch import Watch
from aiops.rules.same import same

ONE_AT_MOST = 20
"""What holds more entities of a card than this is a crowd, not one of them: a cluster never speaks for its hosts."""
HOPS = 8


class Meeting:
    """`watch` at `now_s`, with `changes` as its turn has decided them so far; of the others what they have kept.

    `ids`: of all that is open, also of watches whose last decisions were not kept.
    """

    def __init__(self, watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
        self.watch, self.now_s, self.rooms, self.changes = watch, now_s, rooms, changes
        told = [watch, *(one for one in rooms.watches if one is not watch and not one.card.challenges)]
        self.watches = [one for one in told if one is watch or one.name not in rooms.floor.unkept]
        self._watch_of, self._open = dict[str, Watch](), dict[str, EarlyWarning]()
        for one in self.watches:
            for warning in (*list(one.open.values()), *list(one.causes.values())):
                self._open[warning.id], self._watch_of[warning.id] = warning, one
        unkept = (w for one in told if one not in self.watches for w in (*list(one.open.values()), *list(one.causes.values())))
        self.ids = {*self._open, *(w.id for w in unkept)}
        self._teams = {one.card.name: one.card.owner.team for one in told if one.card.owner.team != RULES_OWN}
        self._changed = dict[str, EarlyWarning]()
        self._audiences: dict[str, tuple[EarlyWarning, frozenset[str]]] = {}
        self._recall()

    def _recall(self) -> None:
        floor, together = self.rooms.floor, self.rooms.together
        if not floor.knows and together is not None:
            since = self.now_s - together.storm_s
            names = dict.fromkeys(one.card.name for one in self.watches)
            floor.recall(w for name in names for w in self.rooms.store.warnings_opened(name, since, self.now_s))

    def open(self) -> Iterator[EarlyWarning]:
        """Episodes that are open, whoever speaks for them, of this watch and the others."""
        return (w for w in list(self._open.values()) if not w.members)

    def causes(self) -> Iterator[EarlyWarning]:
        """What speaks for many entities."""
        return (w for w in list(self._open.values()) if w.members)

    def owner(self, warning: EarlyWarning) -> Watch:
        """The watch of something that is open, or has just ended in this one."""
        return self._watch_of.get(warning.id, self.watch)

    def now(self, warning_id: str) -> EarlyWarning | None:
        """Something that is open as it is now."""
        return self._open.get(warning_id)

    def speaker(self, warning: EarlyWarning) -> EarlyWarning | None:
        """Who is told in its place, itself where nobody is; None: one whose last decisions were not kept."""
        for _ in range(HOPS):
            if not warning.cause or warning.cause not in self.ids:
                return warning
            found = self._open.get(warning.cause)
            if found is None:
                return None
            warning = found
        return None

    def put(self, warning: EarlyWarning) -> EarlyWarning:
        """Take a later state of an episode of this watch, into its memory, and with `close` into what the turn writes."""
        watch = self.watch
        if warning.state == "open":
            watch.open[warning.fingerprint] = self._open[warning.id] = warning
            self._watch_of[warning.id] = watch
        if warning.id in watch.pending:
            watch.pending[warning.id].warning = warning
        self._changed[warning.id] = warning
        return warning

    def worsen(self, warning: EarlyWarning) -> None:
        """It is told for being worse, once a turn."""
        self.changes.worse.add(warning.id)
        if not any(e.kind == "worsened" and e.warning is not None and e.warning.id == warning.id for e in self.changes.events):
            self.changes.event("worsened", warning)

    def close(self) -> None:
        """Let the turn write what has changed."""
        self.changes.replace(*self._changed.values())

    def put_cause(self, cause: EarlyWarning) -> None:
        """Take what speaks for many into the memory of this watch."""
        self.watch.causes[cause.fingerprint] = self._open[cause.id] = cause
        self._watch_of[cause.id] = self.watch
        self.ids.add(cause.id)

    def may_speak(self, speaker: EarlyWarning, warning: EarlyWarning) -> bool:
        """Whether one may be told in the place of the other: nobody is kept from a warning who would be told of it alone."""
        hush = self.rooms.hushes.get(speaker.fingerprint)
        if hush is not None and hush.holds(speaker, self.now_s):
            return False  # nobody is told of it
        teams = {self.team(speaker), self.team(warning)} - {""}  # what is nobody's is told with anybody's
        if not voice.may_speak(speaker, warning) or len(teams) > 1:
            return False
        return self.audience(warning) <= self.audience(speaker)

    def audience(self, warning: EarlyWarning) -> frozenset[str]:
        """The receivers that would be told of a warning as it is now."""
        known = self._audiences.get(warning.id)
        if known is None or known[0] is not warning:
            known = self._audiences[warning.id] = warning, frozenset(self._receivers(warning))
        return known[1]

    def _receivers(self, warning: EarlyWarning) -> Iterator[str]:
        rooms = self.rooms
        lineages = [s.lineage for s in warning.symptoms]
        for name in routed(warning, rooms.routes, is_urgent(warning, self.now_s, rooms.working_hours)) if rooms.routes else ():
            local = name in rooms.local_receivers
            if warning.stage == "shadow" and not local:
                continue
            if rooms.gate.decision("notify", lineages, rooms.gate.location(name, local)).effect != "deny":
                yield name

    def team(self, warning: EarlyWarning) -> str:
        """Whose it is: of a service its owner, else what the label `team` says, else the card's owner; empty: nobody says."""
        labels: Labels = {**warning.labels, **warning.entity}
        known = self.watch.services.known
        owned = (one.owner for name, one in known.items() if one.owner and one.means(name, labels))
        return next(owned, "") or labels.get("team", "") or self._teams.get(warning.card, "")

    def one_entity(self, warning: EarlyWarning, other: EarlyWarning) -> bool:
        """Whether two that share an entity, or one of which holds the other, are about one thing and not about a crowd; of two
        alerts each tells of another failure, unless they compare one quantity."""
        if warning.kind == other.kind == "rule" and not same(_quantity(warning), _quantity(other)):
            return False
        mine, its = ({k: v for k, v in voice.place(one).items() if v} for one in (warning, other))
        if len(mine) == len(its):
            return True
        broad, narrow = (mine, other) if len(mine) < len(its) else (its, warning)
        crowd = self.rooms.floor.places(self.owner(narrow))
        return bool(broad) and min(crowd.get(pair, 0) for pair in broad.items()) <= ONE_AT_MOST


def _quantity(warning: EarlyWarning) -> Collection[str]:
    return warning.symptoms[0].evidence.get("quantity", ()) if warning.symptoms else ()
