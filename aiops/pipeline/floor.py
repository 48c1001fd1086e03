"""What the watches of a daemon have in common: who decides now, what was told lately, how many entities have a label."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiops.core.labels import key
from aiops.core.records import STAGES, EarlyWarning, Stage
from aiops.early_warnings.cause import Pair
from aiops.models.entity import EntityIndex
from aiops.pipeline.rules_watch import Built, RulesWatch
from aiops.pipeline.watch import Watch


@dataclass(slots=True)
class Floor:
    """Watches take their turns side by side and have the floor one after another: from the first decision of a turn until it is
    kept. `unkept`: the names of those whose last decisions were not; what they say is nobody's to build on.
    """

    unkept: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: deque[tuple[float, Stage]] | None = None
    _crowds: dict[str, tuple[EntityIndex | None, Counter[Pair]]] = field(default_factory=dict)
    _places: dict[str, tuple[Built | None, Counter[Pair]]] = field(default_factory=dict)

    @contextmanager
    def taken(self, watch: Watch) -> Iterator[None]:
        """Let a watch decide; whatever is raised, it counts as unkept until its next turn is."""
        with self._lock:
            self.unkept.add(watch.name)
            yield
            self.unkept.discard(watch.name)

    @property
    def knows(self) -> bool:
        """Whether it is known what was told lately."""
        return self._told is not None

    def recall(self, warnings: Iterable[EarlyWarning]) -> None:
        """Take up what an earlier life told."""
        self._told = deque(sorted((float(w.opened_s), w.stage) for w in warnings if not w.cause))

    def note(self, now_s: float, stage: Stage) -> None:
        """Something was told that wakes people."""
        assert self._told is not None
        self._told.append((now_s, stage))

    def told(self, since_s: float, stage: Stage) -> int:
        """How much was told after `since_s` as loudly as `stage` or louder: what is quieter takes no place from it."""
        assert self._told is not None
        while self._told and self._told[0][0] <= since_s:
            self._told.popleft()
        loud = STAGES.index(stage)
        return sum(at > since_s and STAGES.index(one) >= loud for at, one in self._told)

    def crowd(self, watch: Watch) -> Counter[Pair]:
        """How many entities of a watch have each label, by the first series of each; counted anew when series come or go."""
        index, found = self._crowds.get(watch.name, (None, Counter[Pair]()))
        if index is not watch.index or index is None:
            found = Counter(pair for labels in watch.entity_labels() for pair in labels.items())
            self._crowds[watch.name] = watch.index, found
        return found

    def places(self, watch: Watch) -> Counter[Pair]:
        """How many things of a watch have each label: its entities, of rules what they are about, however many there are."""
        if not isinstance(watch, RulesWatch):
            return self.crowd(watch)
        built, found = self._places.get(watch.name, (None, Counter[Pair]()))
        if (built is not watch.built or built is None) and watch.built is not None:
            things = {key(row.labels): row.labels for row in watch.built.rows}
            found = Counter(pair for labels in things.values() for pair in labels.items())
            self._places[watch.name] = watch.built, found
        return found
