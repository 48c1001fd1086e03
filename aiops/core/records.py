"""The records that pass between rooms. A block of series, never a single series, is the unit of computing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
State: TypeAlias = dict[str, NDArray[Any]]
"""What a model remembers: arrays whose leading axis is the series."""

SymptomKind = Literal["anomaly", "exhaustion", "rule", "absence", "conflict"]
FORETELLING: frozenset[SymptomKind] = frozenset({"anomaly", "exhaustion", "rule"})
"""Kinds that say what will come, and so are judged; a conflict or an absence is what it is."""
TIMED: frozenset[SymptomKind] = frozenset({"exhaustion", "rule"})
"""Kinds that say when it will come."""
Severity = Literal["info", "warning", "critical"]
Stage = Literal["shadow", "ticket", "page"]
Verdict = Literal["hit", "averted", "late", "false", "expired", "unjudgeable", "missed"]
CAME: tuple[Verdict, ...] = ("hit", "late")
"""It came true."""
SETTLED: tuple[Verdict, ...] = ("hit", "late", "false")
ASIDE: tuple[Verdict, ...] = ("averted", "expired", "unjudgeable")
"""Verdicts that say nothing for or against a card."""
Origin = Literal["", "replay"]
BY_DAEMON = "daemon"
"""Who judged, where it was no person."""
WarningState = Literal["open", "closed"]
CROSSED, GONE = "the limit was crossed", "no longer seen"
STAYED = "still at its new level, which is usual once it has lasted for most of a day"
"""Why an episode ended: what it warned of came, or it was withdrawn, or it lasts and is being learnt."""
SOME_STAYED = "some of it still at its new level, which is usual once it has lasted for most of a day, the rest no longer seen"
"""Why one over many entities ended of which not all stayed; where all did: STAYED."""

STAGES: tuple[Stage, ...] = ("shadow", "ticket", "page")
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


class Remark(str):
    """A note of ours on an answer that is whole all the same; any other note is the source's own, and says that it may not be."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a block came from and what may be done with it; carried by everything computed from it.

    `card`: which edition of which card made something of it (name@sha), `code`: by which version of this program.
    """

    source: str
    query: str
    start_s: int
    end_s: int
    digest: str = ""
    data_class: str = "internal"
    residency: tuple[str, ...] = ()
    card: str = ""
    partial: tuple[str, ...] = ()
    policy: str = ""
    code: str = ""

    @property
    def whole(self) -> bool:
        """Whether the source did not say that something may be missing."""
        return all(isinstance(note, Remark) for note in self.partial)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """n series on one regular grid of t points.

    `time_s` (t,) int64 epoch seconds UTC, regular; `values` (n, t) float32 or float64, C-order, NaN = no sample,
    read-only; `unit` UCUM. Raises ValueError when shapes disagree or the grid is not regular.
    """

    labels: tuple[Labels, ...]
    time_s: Ints
    values: Floats
    unit: str
    lineage: Lineage

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.labels), len(self.time_s)):
            raise ValueError(
                f"values {self.values.shape} do not fit {len(self.labels)} series of {len(self.time_s)} points"
            )
        if len(self.time_s) > 2 and np.ptp(np.diff(self.time_s)) != 0:
            raise ValueError("the time grid of a block must be regular")
        self.values.setflags(write=False)
        self.time_s.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """One resolution of some rows' history: buckets of `step_s`, oldest first, all (n, t), NaN = no sample.

    Values are float32 relative to `History.offset`. At the finest resolution `low` and `high` are `mean` itself.
    The last column ends at `end_s` (epoch seconds on the shared clock); bucket j covers
    (end_s - (t - j) * step_s, end_s - (t - j - 1) * step_s]. Coarse resolutions hold closed buckets only.
    """

    step_s: int
    end_s: int
    mean: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What is known of n series at `now_s`: fine (the step itself, 6 h), mid (5 min, 3 d), long (1 h, 35 d).

    `offset` (n,) float64 is what the float32 values are relative to: true value = offset + value. `now_s` (n,) int64 is
    each row's own clock (rows replayed side by side may live at different times; their grids differ by whole weeks).
    `first_s` (n,) int64: each row's first sample ever, on its own clock.
    """

    fine: Resolution
    mid: Resolution
    long: Resolution
    offset: NDArray[np.float64]
    now_s: Ints
    first_s: Ints


FIRST_PERIOD = 3
"""The first number of `Limit.resets` that stands for one of its `periods`."""


class Calendar(Protocol):
    """Periods after which quantities start again, as `aiops.core.periods` has them."""

    @property
    def daily(self) -> bool:
        """Whether exactly one begins each day."""

    def begun(self, time_s: Ints) -> Ints:
        """When the period of each instant (n,) began: (n,)."""

    def ends(self, time_s: Ints) -> Ints:
        """When the next period begins after each instant (n,): (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """What must not be crossed, per row, in the block's unit: `value` (n,) float64, `above` (n,) bool (else below).

    NaN = no limit. `capacity` (n,) float64 is the size of the resource where known (NaN otherwise). `resets` (n,) int8:
    0 never, 1 daily, 2 monthly, both UTC, FIRST_PERIOD + k as `periods[k]` says: the quantity starts again at the period's end.
    """

    value: NDArray[np.float64]
    above: Bools
    capacity: NDArray[np.float64]
    resets: NDArray[np.int8]
    periods: tuple[Calendar, ...] = ()

    @classmethod
    def uniform(cls, n: int, value: float, above: bool) -> Limit:
        """The same limit for n rows."""
        return cls(np.full(n, value), np.full(n, above), np.full(n, np.nan), np.zeros(n, np.int8))

    def take(self, rows: Any) -> Limit:
        """The limits of some rows (slice or index array)."""
        return Limit(self.value[rows], self.above[rows], self.capacity[rows], self.resets[rows], self.periods)

    def joined(self, more: Limit) -> Limit:
        """These rows and then those of `more`, which has the same periods, or these have none."""
        names = ("value", "above", "capacity", "resets")
        value, above, capacity, resets = (np.concatenate([getattr(self, name), getattr(more, name)]) for name in names)
        return Limit(value, above, capacity, resets, more.periods or self.periods)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How strange points are: `p` tail probability in (0, 1], NaN = not scored; expected, lower, upper in the unit; (n, t).

    `recent`: the smallest p of the last minutes; None = p. A score shown to people is -log10 p.
    """

    p: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    recent: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """When n series reach their limit: `time_s` (n, 3) float64 earliest, expected, latest on each row's clock.

    NaN = not inside the horizon. `level` is the stated coverage of the interval. `confidence` (n,) 0-1. `slope` (n,) unit
    per second. `window_s` (n,): which window speaks. `reason` (n,) short text: why a row speaks or stays silent.
    """

    time_s: NDArray[np.float64]
    level: float
    confidence: NDArray[np.float64]
    slope: NDArray[np.float64]
    window_s: NDArray[np.float64]
    reason: NDArray[np.object_]

    def take(self, rows: Any) -> Crossings:
        """Those of some rows (slice or index array)."""
        return Crossings(
            self.time_s[rows], self.level, self.confidence[rows], self.slope[rows], self.window_s[rows], self.reason[rows]
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Mean and interval over a horizon: `time_s` (h,), the rest (n, h); `level` 0-1; `crossings` if there is a limit."""

    time_s: Ints
    mean: Floats
    lower: Floats
    upper: Floats
    level: float
    crossings: Crossings | None = None


@dataclass(frozen=True, slots=True)
class Crossing:
    """One series' crossing of its limit, epoch seconds."""

    earliest_s: float
    expected_s: float
    latest_s: float


@dataclass(frozen=True, slots=True)
class Symptom:
    """One series of one card that is strange or will cross its limit.

    `evidence` holds plain JSON values only: now, limit, slope, unit, window_s, reason, score, model …
    """

    card: str
    signal: str
    labels: Labels
    kind: SymptomKind
    since_s: int
    severity: Severity
    confidence: float
    score: float
    crossing: Crossing | None
    evidence: Mapping[str, Any]
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """The symptoms of one entity in one episode: what a person sees. Times are epoch seconds.

    `fingerprint` = (card, kind, entity); `id` adds the opening.

    When: `crossing` is what is told now, None = no time is told. `first_crossing` is what was told at the opening,
    `told_latest_s` the largest `latest` ever told, `trend_start_s` the earliest start of the trend ever told. `closed_s` None:
    it is open. `stale_since_s`: since when its sources have been away, so that nothing newer is known; None = they are there.
    `turned_s`: when it was seen that what is measured had left its course after something was done about it; None = it was not.

    How sure: `confidence` and `crossing` are what the record of the card makes of the model's own numbers, which `symptoms`
    hold. `raw` keeps those of the opening (confidence, earliest_s, expected_s, latest_s, level) and, as `told`, the confidence
    that was told then. `calibration` says in words what confidence and interval rest on.

    How it is judged: by `first_crossing`, by `horizon_s` (how far ahead its card looked when it opened; 0 = it told no time)
    and by `step_s`. `told_s`: when a receiver was first told; None = nobody was.

    Beside others: `cause` is the id of the warning that speaks for this one and others, so that it is not told alone. Such a
    warning lists its `members` (id, card, entity, opened_s, expected_s); its `entity` is the labels that they share, and it has
    no verdict. `beside`: what else is open on the entity, of whatever card and kind (id, card, kind, entity, opened_s).
    `thread`: the id of the warning in whose place it was told first, or goes on; empty = it was told as itself. `heard`: the
    worst that was told in that thread (severity, expected_s).
    """

    id: str
    fingerprint: str
    card: str
    signal: str
    kind: SymptomKind
    entity: Labels
    labels: Labels
    state: WarningState
    stage: Stage
    opened_s: int
    updated_s: int
    severity: Severity
    confidence: float
    score: float
    crossing: Crossing | None
    first_crossing: Crossing | None
    told_latest_s: float | None
    act_before_s: float | None
    symptoms: tuple[Symptom, ...]
    trend_start_s: float | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    runbooks: tuple[Mapping[str, Any], ...] = ()
    closed_s: int | None = None
    closed_why: str = ""
    verdict: Verdict | None = None
    stale_since_s: int | None = None
    cause: str = ""
    members: tuple[Mapping[str, Any], ...] = ()
    beside: tuple[Mapping[str, Any], ...] = ()
    horizon_s: float = 0.0
    step_s: int = 60
    told_s: int | None = None
    raw: Mapping[str, float] = field(default_factory=dict)
    calibration: Mapping[str, str] = field(default_factory=dict)
    turned_s: int | None = None
    thread: str = ""
    heard: Mapping[str, Any] = field(default_factory=dict)

    def having(self, **changes: Any) -> EarlyWarning:
        """A copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a warning, or on a failure that nobody warned of (`warning_id` empty, verdict `missed`).

    What was told: `told`, the interval at the opening; None = no time was told. `raw`: what the model itself said then, see
    `EarlyWarning`.

    What came: `failed_s`, and `truth`, which says so (crossing, alert, incident, person). `eta_error_s` = expected time told
    minus `failed_s`; positive: it came earlier than told. `interval_covered`: the interval held it; `well_timed`: it did within
    the slack that is allowed. `acted`: somebody did something about it after it opened.

    `about`: kind, rule and service of the warning, where it has them. `origin`: `replay` where a backtest of the past gave it;
    empty where it was lived.
    """

    warning_id: str
    card: str
    entity: Labels
    verdict: Verdict
    settled_s: int
    opened_s: int | None
    failed_s: int | None
    lead_s: float | None
    eta_error_s: float | None
    interval_covered: bool | None
    judged_by: str = BY_DAEMON
    detail: str = ""
    told: Crossing | None = None
    well_timed: bool | None = None
    truth: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    acted: bool = False
    raw: Mapping[str, float] = field(default_factory=dict)
    origin: Origin = ""
