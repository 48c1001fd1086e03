"""A watch: one card bound to one source, with everything it remembers between turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aiops import __version__
from aiops.core.errors import SourceError
from aiops.core.labels import Labels, key, subset
from aiops.core.records import Bools, Crossings, EarlyWarning, Floats, Ints, Limit, Lineage, State, Symptom, SymptomKind
from aiops.core.remembered import LabelSets, Remembered
from aiops.models.budget import Budget, comparable
from aiops.models.card import ModelCard
from aiops.models.cohort import Cohorts
from aiops.models.entity import EntityIndex
from aiops.models.interface import Detector, Forecaster, Opinion
from aiops.models.proof import Proofs
from aiops.pipeline.feed import Feed, joined
from aiops.pipeline.mask_rows import MaskRows
from aiops.pipeline.pending import Alerts, Pending
from aiops.pipeline.rows import extended, more_crossings
from aiops.pipeline.services import Services
from aiops.symptoms import absence, guards
from aiops.symptoms.build import Naming
from aiops.symptoms.explain import Moved
from aiops.symptoms.guards import Guards
from aiops.telemetry.intake import Intake, Kept
from aiops.telemetry.merge import Agreement, no_agreement
from aiops.telemetry.window import Window

LAST = ("last_p", "last_expected", "last_lower", "last_upper", "last_recent")
"""What a watch remembers of the newest scores, one value a row."""


@dataclass(slots=True)
class Apprentice:
    """A detector's state that learns older history, up to `seen_s`, while the one in use does its work; and what it heard of
    silences, where the card tells of them."""

    state: State
    seen_s: int
    silence: State = field(default_factory=dict)


@dataclass(slots=True)
class Watch:
    """One card on all its sources of one step. Arrays have one row a series, in the window's order; `entity_of` (n,) indexes
    `entities`. Of several feeds that see one series `preferred` says whose value counts; `source_name` names the watch.

    Where it is in time: `judged_s` is the last turn whose decisions were kept, `lived_s` the last one that the learnt state has
    gone through; None: there was none. Between two turns they are the same; after a start `lived_s` may be older. `seen_s` (n,)
    is the newest instant that the models of a row have seen: rows whose sources are away stand still. `again`: the turns since
    the last save that an earlier life took in. `heard`: the number of the last statement that was taken in.

    What it knows of rows: `last_*` (n,) are the newest scores, `crossings` what the forecaster said last, and `looked` whether
    that was in this turn; `held`: of each row the last that told a time. `limits`: where a query gives the limit, what it last
    said of each row, and when. `gates`: persistence, by kind of symptom. `beyond`, `dispute`, `silence`, `refusal`: which rows
    are past their limit, told differently by their sources, without samples, or had samples refused. `explained`, `moved`: by
    row, what is said beside its forecast, and how a strange one moved over several spans.

    What it has decided: `open`, by fingerprint, and `causes`, which speak for several; `pending` waits for a verdict. `stood`:
    of each entity with a forecast, from when to when the last warning of one stood open. `resuming`: after a start, symptoms of
    open warnings by their labels, until these rows are there again. `proofs`: what warnings that may open next rest on; None:
    nothing is held. `losses`: by part, why it could not be taken up again or kept.
    """

    card: ModelCard
    feeds: list[Feed]
    step_s: int
    window: Window
    detector: Detector[Any] | None
    forecaster: Forecaster[Any] | None
    guards: Guards
    naming: Naming
    threshold: float
    source_name: str
    agreement: Agreement = field(default_factory=lambda: Agreement(0.05, 600.0))
    stage: str = "shadow"
    shift_s: Callable[[list[Labels]], Ints] | None = None
    limit_of: Callable[[list[Labels]], Limit] | None = None
    limit_changes: Callable[[Limit, int], Limit] | None = None
    horizon_s: float = 259200.0
    detector_state: State = field(default_factory=dict)
    budget: Budget | None = field(init=False, default=None)
    budget_state: State = field(default_factory=dict)
    cohorts: Cohorts = field(init=False)
    forecaster_state: State = field(default_factory=dict)
    gates: dict[str, State] = field(default_factory=dict)
    entities: list[Labels] = field(default_factory=list)
    entity_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    index: EntityIndex | None = None
    limit: Limit = field(default_factory=lambda: Limit.uniform(0, np.nan, True))
    limits: State = field(default_factory=dict)
    crossings: Crossings | None = None
    last_p: Floats = field(default_factory=lambda: np.zeros(0))
    last_expected: Floats = field(default_factory=lambda: np.zeros(0))
    last_lower: Floats = field(default_factory=lambda: np.zeros(0))
    last_upper: Floats = field(default_factory=lambda: np.zeros(0))
    last_recent: Floats = field(default_factory=lambda: np.zeros(0))
    beyond: State = field(default_factory=dict)
    open: dict[str, EarlyWarning] = field(default_factory=dict)
    causes: dict[str, EarlyWarning] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    stood: dict[str, tuple[int, int]] = field(default_factory=dict)
    heard: int = 0
    alerts: Alerts = field(default_factory=Alerts)
    judged_s: int | None = None
    lived_s: int | None = None
    evaluated: Bools = field(default_factory=lambda: np.zeros(0, bool))
    lineage: Lineage = field(default_factory=lambda: Lineage("", "", 0, 0))
    seen_s: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    dispute: State = field(default_factory=dict)
    silence: State = field(default_factory=dict)
    refusal: State = field(default_factory=dict)
    disputed: bool = False
    apprentice: Apprentice | None = None
    final: Apprentice | None = None
    forget_from: int = 4096
    resuming: dict[str, Symptom] = field(default_factory=dict)
    held: Crossings | None = None
    explained: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    moved: dict[int, Moved] = field(default_factory=dict)
    looked: bool = False
    losses: dict[str, str] = field(default_factory=dict)
    mask: MaskRows = field(default_factory=MaskRows)
    services: Services = field(default_factory=Services)
    intake: Intake | None = None
    again: list[Kept] = field(default_factory=list)
    proofs: Proofs | None = None
    opinion: Opinion | None = field(init=False, default=None)
    opinion_state: State = field(default_factory=dict)
    rows_of_labels: Remembered[Ints] = field(init=False)
    join: Callable[[Sequence[Lineage]], Lineage] = joined
    _lineages: dict[tuple[int, ...], Lineage] = field(default_factory=dict)
    _entity_number: dict[str, int] = field(default_factory=dict)
    _first_row: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows_of_labels, self.cohorts = Remembered(self._rows_of_labels), Cohorts(self.card.cohort)
        if self.detector is not None:
            self.budget, self.opinion = Budget(self.detector.threshold, self.card.anomaly_budget_per_week), self.detector.opinion

    @property
    def name(self) -> str:
        """`card@source`."""
        return f"{self.card.name}@{self.source_name}"

    @property
    def identity(self) -> dict[str, Any]:
        """What anything kept of this watch must have been kept for."""
        clock = {} if self.card.time_zone in (None, "UTC") else {"time_zone": self.card.time_zone}
        return {"card": self.card.name, "sha": self.card.sha, "step_s": self.step_s, "window": self.window.id, **clock}

    @property
    def limit_query(self) -> str:
        """What gives the limit of each series; empty where there is none, or one number for all."""
        return "" if self.card.limit is None else self.card.limit.query

    @property
    def preferred(self) -> list[int]:
        """Numbers of the feeds, the one whose values count first: by priority, then in the order of the configuration."""
        return sorted(range(len(self.feeds)), key=lambda i: -self.feeds[i].link.priority)

    @property
    def at_once(self) -> int:
        """How many watches of the same sources may take their turns at once."""
        return min(feed.link.at_once for feed in self.feeds)

    @property
    def tells_absence(self) -> bool:
        """Whether a series that falls silent is a symptom."""
        return self.guards.on_missing == "alert"

    @property
    def keeps_past(self) -> bool:
        """Whether every source can be asked for what was before it was opened."""
        return all(feed.link.source.keeps_past for feed in self.feeds)

    @property
    def failed(self) -> dict[str, SourceError]:
        """The sources that the last turn went without, and why."""
        return {feed.name: feed.error for feed in self.feeds if feed.error is not None}

    def trace(self) -> None:
        """Bring `lineage` up to the feeds' last answers."""
        self._lineages.clear()
        self.lineage = self._traced(self.join([one for feed in self.feeds for one in feed.lineages]))

    def lineage_of(self, row: int) -> Lineage:
        """The lineage of one row: joined over the feeds that deliver it."""
        if len(self.feeds) == 1:
            return self.lineage
        who = tuple(i for i, feed in enumerate(self.feeds) if row < len(feed.seen) and feed.seen[row])
        if who not in self._lineages:
            parts = [one for i in who for one in self.feeds[i].lineages]
            self._lineages[who] = self._traced(self.join(parts)) if parts else self.lineage
        return self._lineages[who]

    def _traced(self, lineage: Lineage) -> Lineage:
        """A lineage with what was made of it: by which edition of which card, by which code."""
        return replace(lineage, card=f"{self.card.name}@{self.card.sha}", code=__version__)

    def _rows_of_labels(self, labels: LabelSets) -> Ints:
        return self.window.rows_for(labels, self.shift_s(list(labels)) if self.shift_s else 0)

    @property
    def n(self) -> int:
        """How many series are known."""
        return self.window.n

    def row_now(self, now_s: int) -> Ints:
        """(n,) each row's own clock at the shared `now_s`."""
        return now_s + self.window.shift_s[: self.n]

    def done_until(self, now_s: int) -> bool:
        """Whether a turn at `now_s` is done already, in this life or an earlier one."""
        return self.judged_s is not None and now_s <= self.judged_s

    def grow(self) -> None:
        """Bring every per-row array up to the window's rows."""
        had, n = len(self.entity_of), self.n
        if n == had:
            return
        fresh, entities = self.window.labels[had:n], len(self.entities)
        numbers = [self._entity(labels, had + i) for i, labels in enumerate(fresh)]
        self.entity_of = np.concatenate([self.entity_of, np.array(numbers, np.int64)])
        self.index = EntityIndex(self.entity_of)
        self.cohorts.grow(fresh)
        new = n - had
        if self.detector is not None:
            self.detector_state = extended(self.detector_state, self.detector.initial(new))
        if self.opinion is not None:
            self.opinion_state = extended(self.opinion_state, self.opinion.initial(new))
        if self.budget is not None:
            self.budget_state = extended(self.budget_state, self.budget.initial(len(self.entities) - entities))
        if self.forecaster is not None:
            more = self.forecaster.initial(new)
            self.forecaster.named(more, [key(labels) for labels in fresh])
            self.forecaster_state = extended(self.forecaster_state, more)
            self.limit = self._limit_for(fresh)
            if self.limit_query:
                none = {"value": np.full(new, np.nan), "at_s": np.zeros(new, np.int64), "looked": np.full(new, np.nan)}
                self.limits = extended(self.limits, none)
            self.crossings = more_crossings(self.crossings, new)
            self.held = more_crossings(self.held, new)
        for kind in ("anomaly", "exhaustion", "conflict", *(("absence",) if self.tells_absence else ())):
            rows = len(self.entities) if kind == "anomaly" else n
            state = self.gates.get(kind, guards.initial(0))
            self.gates[kind] = extended(state, guards.initial(rows - len(state["bits"])))
        inside = {"beyond": np.zeros(new, bool), "inside": np.zeros(new, np.int32), "known": np.zeros(new, bool)}
        self.beyond = extended(self.beyond, inside)
        for name in LAST:
            setattr(self, name, np.concatenate([getattr(self, name), np.full(new, np.nan)]))
        self.evaluated = np.concatenate([self.evaluated, np.zeros(new, bool)])
        self.seen_s = np.concatenate([self.seen_s, np.zeros(new, np.int64)])
        self.dispute = extended(self.dispute, no_agreement(new))
        self.silence = extended(self.silence, absence.initial(new)) if self.tells_absence else {}
        self.resume(had)

    def number_anew(self, entities: Ints) -> None:
        """After rows were let go: keep only these entities, and number them, the rows' labels and places anew."""
        new = np.full(len(self.entities), -1, np.int64)
        new[entities] = np.arange(len(entities))
        self.entity_of = new[self.entity_of]
        self.entities = [self.entities[i] for i in entities.tolist()]
        self._entity_number = {key(entity): i for i, entity in enumerate(self.entities)}
        self._first_row = np.unique(self.entity_of, return_index=True)[1].tolist()
        self.rows_of_labels = Remembered(self._rows_of_labels)

    def resume(self, had: int = 0) -> None:
        """Take up the symptoms of `resuming` whose rows, from `had` on, are known: a restart ends no episode."""
        for row in range(had, self.n) if self.resuming else ():
            symptom = self.resuming.pop(key(self.window.labels[row]), None)
            if symptom is None or symptom.kind not in self.gates:
                continue
            at = int(self.entity_of[row]) if symptom.kind == "anomaly" else row
            gate = self.gates[symptom.kind]
            if not gate["active"][at]:
                gate["active"][at], gate["since_s"][at] = True, symptom.since_s
                gate["bits"][at] |= np.uint32(1)
            if symptom.crossing is not None and self.held is not None and np.isnan(self.held.time_s[row, 1]):
                self.held.time_s[row] = symptom.crossing.earliest_s, symptom.crossing.expected_s, symptom.crossing.latest_s
                self.held.confidence[row], self.held.reason[row] = symptom.confidence, symptom.evidence.get("reason", "")
                self.held.slope[row] = float(symptom.evidence.get("slope_per_hour") or np.nan) / 3600
                self.held.window_s[row] = float(symptom.evidence.get("window_s") or np.nan)

    def _entity(self, labels: Labels, row: int) -> int:
        external = (name for feed in self.feeds for name in feed.link.labels)
        entity = subset(labels, dict.fromkeys([*external, *self.card.entity]))
        name = key(entity)
        if name not in self._entity_number:
            self._entity_number[name] = len(self.entities)
            self.entities.append(entity)
            self._first_row.append(row)
        return self._entity_number[name]

    def _limit_for(self, fresh: list[Labels]) -> Limit:
        if self.limit_of is not None:
            more = self.limit_of(fresh)
        else:
            rule = self.card.limit
            more = Limit.uniform(len(fresh), np.nan, True) if rule is None else rule.of(len(fresh), self.card.time_zone or "UTC")
        return self.limit.joined(more)

    def entity_now(self, number: int, now_s: int) -> int:
        """The clock of an entity: that of its first row."""
        return now_s + int(self.window.shift_s[self._first_row[number]])

    @property
    def thresholds(self) -> Floats:
        """(entities,) the score, as `comparable` gives it, from which on each entity warns: what its budget asks for."""
        if self.budget is None:
            return np.zeros(0)
        theta = self.budget.theta(self.budget_state) - self.own
        return theta + self.services.dearer(self.window.labels[: self.n], self.first_rows)

    @property
    def own(self) -> Floats:
        """(entities,) what is taken off scores, for an entity reaches it again and again."""
        return np.zeros(len(self.entities)) if self.budget is None else self.budget.own(self.budget_state)

    def comparable(self, scores: Floats) -> Floats:
        """(entities,) scores on the scale that is the same for all entities, as everything beyond the models tells them."""
        return comparable(scores, self.own)

    def labels_of(self, number: int) -> Labels:
        """What is known of an entity: the labels of its first series, over them its own."""
        row = self._first_row[number] if number < len(self._first_row) else None
        return {**(self.window.labels[row] if row is not None else {}), **self.entities[number]}

    @property
    def first_rows(self) -> Ints:
        """(entities,) the first row of each entity."""
        return np.array(self._first_row, np.int64)

    def entity_number(self, name: str) -> int | None:
        """The number of the entity whose labels' key is `name`; None when no series of it was seen."""
        return self._entity_number.get(name)

    def entity_number_of(self, entity: Labels) -> int:
        """The number of a known entity. Raises KeyError when no series of it was seen."""
        return self._entity_number[key(entity)]

    def rows_of(self, number: int) -> Ints:
        """The rows of an entity."""
        return np.flatnonzero(self.entity_of == number)

    def held_entities(self, held: Bools) -> Bools:
        """(entities,) whether every row of an entity is `held` (n,): nothing new is known of it."""
        out = np.ones(len(self.entities), bool)
        np.logical_and.at(out, self.entity_of, held)
        return out

    def quieten(self, kind: SymptomKind, number: int) -> None:
        """Let nothing of a kind be a symptom of an entity."""
        gate, at = self.gates[kind], self.rows_of(number) if kind == "exhaustion" else np.array([number])
        gate["active"][at], gate["bits"][at] = False, 0

    def entity_labels(self) -> Iterator[Labels]:
        """For each entity all labels that stand for it: those of its first series."""
        return (self.window.labels[row] for row in self.first_rows.tolist())

    def lacking_labels(self) -> tuple[str, ...]:
        """Labels that the card says make an entity and that none of its series has: such a label tells no two things apart."""
        known = self.window.labels[: self.n] if self.card.alerts is None else ()
        return tuple(name for name in self.card.entity if known and not any(name in labels for labels in known))

    def open_entities(self, kind: SymptomKind) -> set[int]:
        """Numbers of the entities with an open warning of a kind, as far as their series are known."""
        numbers = (self._entity_number.get(key(w.entity)) for w in self.open.values() if w.kind == kind)
        return {n for n in numbers if n is not None}

    def progress(self) -> float:
        """0-1: how much of the needed learning is done, over all series; 1 when there is nothing to learn."""
        if self.detector is None or not self.n:
            return 1.0 if self.n else 0.0
        return float(np.mean(self.detector.ready(self.detector_state)))
