"""Several cards over what is said of their entities: the second half of the real turn, with symptoms given by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiops.config.routing import Route
from aiops.core.labels import key, subset
from aiops.core.records import Crossing, EarlyWarning, Lineage, Stage, Symptom, SymptomKind
from aiops.early_warnings.cause import Together
from aiops.pipeline import Changes, Event, Rooms, StoreJournal, Watch
from aiops.pipeline.find import Found
from aiops.pipeline.keep import restore
from aiops.pipeline.turn import conclude
from aiops.store import Store
from tests.pipeline.made import START_S, World, card, watch_of

MINUTE_S, HOUR_S = 60, 3600
BEGIN_S = START_S + 86400
OUT = Route.model_validate({"receiver": "out"})


@dataclass
class Panel:
    """Cards by name, each a watch with a step of a minute; `said` of each what its symptoms are until they are taken back."""

    store: Store
    together: Together = field(default_factory=Together)
    routes: list[Route] = field(default_factory=lambda: [OUT])
    rooms: Rooms = field(init=False)
    watches: dict[str, Watch] = field(default_factory=dict)
    said: dict[str, dict[tuple[SymptomKind, str], Symptom]] = field(default_factory=dict)
    failed: dict[str, set[str]] = field(default_factory=dict)
    now_s: int = BEGIN_S

    def __post_init__(self) -> None:
        names = frozenset(route.receiver for route in self.routes)  # each may be told of what is in shadow
        journal = StoreJournal(self.store)
        self.rooms = Rooms(self.store, journal, routes=self.routes, local_receivers=names, together=self.together)

    def add(self, name: str, entity: tuple[str, ...] = ("instance",), stage: Stage = "ticket", **more: Any) -> Watch:
        """A card that watches, after those that are there."""
        watch = watch_of(World(), card(name, entity=list(entity), step="1m", detect={"model": "seasonal"}, **more))
        watch.source_name = "made"
        self.rooms.stages[name] = stage
        self.rooms.watches.append(watch)
        self.watches[name], self.said[name], self.failed[name] = watch, {}, set()
        return watch

    def say(
        self, name: str, labels: Mapping[str, str], in_s: float | None = None, severity: str = "warning", kind: str = ""
    ) -> None:
        """Let a card see a symptom of what has these labels, from now on: a crossing in so many seconds, or what is strange."""
        watch = self.watches[name]
        watch.window.rows_for([dict(labels)])
        watch.grow()
        at = None if in_s is None else self.now_s + in_s
        crossing = None if at is None else Crossing(at - 60, at, at + 60)
        found: Any = kind or ("anomaly" if at is None else "exhaustion")
        one = Symptom(
            name, name, dict(labels), found, self.now_s, severity, 0.8, 5.0, crossing, {"limit": 0.05},  # type: ignore[arg-type]
            Lineage("made", "q", self.now_s - 60, self.now_s),
        )  # fmt: skip
        self.said[name][found, key(subset(labels, watch.card.entity))] = one

    def hush(self, name: str, labels: Mapping[str, str], kind: SymptomKind = "anomaly") -> None:
        """Let a symptom be gone."""
        del self.said[name][kind, key(subset(labels, self.watches[name].card.entity))]

    def turn(self, *names: str, minutes: int = 1) -> list[Event]:
        """Turns of these cards, of all by default, each after a minute; what happened."""
        events: list[Event] = []
        for _ in range(minutes):
            self.now_s += MINUTE_S
            for name in names or self.watches:
                events += self._conclude(self.watches[name])
        return events

    def _conclude(self, watch: Watch) -> list[Event]:
        name = watch.card.name
        found = Found({"exhaustion": {}, "anomaly": {}, "conflict": {}})
        for (kind, entity), symptom in self.said[name].items():
            number = watch.entity_number(entity)
            assert number is not None
            found.by_kind[kind].setdefault(number, []).append(symptom)
        failed = {number: self.now_s for one in self.failed[name] if (number := watch.entity_number(one)) is not None}
        changes = Changes(name, watch.source_name, self.now_s)
        conclude(watch, found, failed, self.now_s, self.rooms, changes)
        return changes.events

    def restart(self) -> None:
        """A new life: everything that is known of warnings comes from the store."""
        before, said = self.rooms, self.said
        self.__post_init__()
        self.rooms.stages = before.stages
        for watch in before.watches:
            fresh = watch_of(World(), watch.card.model_dump(mode="python", by_alias=True, exclude_unset=True))
            fresh.source_name = watch.source_name
            fresh.window.rows_for([dict(one) for one in watch.window.labels])
            fresh.grow()
            restore(fresh, self.store, None)
            self.rooms.watches.append(fresh)
            self.watches[watch.card.name] = fresh
        self.said = said

    def open(self, name: str) -> list[EarlyWarning]:
        """What a card has open, the oldest first."""
        return sorted(self.watches[name].open.values(), key=lambda w: (w.opened_s, w.id))

    def one(self, name: str) -> EarlyWarning:
        """The one episode that a card has open."""
        (found,) = self.open(name)
        return found

    def told(self, receiver: str = "out") -> list[tuple[str, str]]:
        """(event, card) of what a receiver was told since it was asked last, in order."""
        return [(p["event"], p["warning"]["card"]) for p in self.messages(receiver)]

    def messages(self, receiver: str = "out") -> list[dict[str, Any]]:
        """What a receiver was told since it was asked last, in order."""
        out = []
        while rows := self.store.due(2.0**40, limit=1000):
            for row in rows:
                out.append(row)
                self.store.mark_sent(row.seq, 2.0**40)
        return [dict(row.payload) for row in sorted(out, key=lambda row: row.seq) if row.receiver == receiver]
