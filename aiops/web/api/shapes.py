"""The shapes of what is answered, for the schema: records of the project stand there as they are, the rest is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from aiops.core.records import EarlyWarning, Outcome, Stage
from aiops.outcomes.scorecard import By

Numbers = list[float | None]
Labels = dict[str, str]


class Shape(BaseModel):
    """An object of an answer."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Masked(Shape):
    """A time that masks what a warning is about."""

    mask: str
    start_s: float
    end_s: float
    match: list[str]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeWarning(EarlyWarning):
    """An early warning with the times that mask it, until when it is judged (null: it is not), and its verdict.

    Its other fields are those of a row of the list: times are epoch seconds; `fingerprint` = (card, kind, entity), `id` adds the
    opening.
    """

    masked: list[Masked]
    judged_at: float | None
    outcome: Outcome | None


class SourceState(Shape):
    """How one source is."""

    name: str
    ok: bool
    error: str


class Reload(Shape):
    """What the last reload said."""

    ok: bool
    error: str


class Status(Shape):
    """Health, sources and learning."""

    version: str
    ready: bool
    why_not: dict[str, Any]
    dry_run: bool
    started_at: float
    sources: list[SourceState]
    series: dict[str, int]
    """How many series are in each state."""
    learning: float
    """How much of the needed learning is done, 0-1."""
    reload: Reload


class Card(Shape):
    """A card and a source that it watches."""

    card: str
    source: str
    summary: str
    signal: str
    owner: str
    stage: Stage
    step_s: int
    models: list[str]
    series: dict[str, int]
    learning: float
    error: str
    record: dict[str, Any]
    sha: str
    calibration: dict[str, dict[str, Any]]
    """By kind of warning: what its confidence and its intervals rest on."""


class Series(Shape):
    """A series that is watched."""

    card: str
    source: str
    labels: Labels
    value: float | None
    unit: str
    at: int
    score: float | None
    """-log10 p of its newest point."""
    expected_crossing: float | None
    reason: str


class WarningSeries(Shape):
    """One series of a warning: the samples, the range and the limit that decide, and the ways to the crossing that was told."""

    symptom: int
    """Which symptom of the warning it is, from 0."""
    labels: Labels
    unit: str
    time_s: list[int]
    values: Numbers
    low: Numbers
    """The lower end of what is usual."""
    high: Numbers
    limit: float | None
    above: bool
    """The limit must not be crossed upwards."""
    ahead_s: list[int]
    mean: Numbers
    lower: Numbers
    upper: Numbers
    crossing_s: list[float] | None
    """Earliest, expected and latest crossing as they were told."""
    opened_s: int
    closed_s: int | None
    failed_s: int | None
    """When what it foretold came."""


class Fact(Shape):
    """Something that is known of a series, in words."""

    name: str
    said: str


class Evidence(Shape):
    """One series of a warning in words."""

    series: str
    facts: list[Fact]
    also: list[str]
    """What else moved."""
    windows: list[str]
    against: list[str]
    """What speaks against it."""


class DecisionHere(Shape):
    """What the policy says of doing something with data at a place."""

    action: Literal["fetch", "store", "train", "serve", "notify", "export"]
    place: str
    """The receiver, `web`, or `here`."""
    location: str
    """Where that is; empty: nobody said."""
    effect: Literal["allow", "mask", "deny"]
    rule: str
    reason: str


class Decision(DecisionHere):
    """The same of a source."""

    source: str
    data_class: str
    residency: list[str]


class Remark(Shape):
    """What somebody said of a warning."""

    kind: str
    who: str
    said_s: float
    body: dict[str, Any]


class Explained(Shape):
    """Why a warning was given, how sure it is, and what may be told of it."""

    id: str
    title: str
    sure: str
    record: dict[str, Any]
    calibration: dict[str, str]
    evidence: list[Evidence]
    data_age: str
    """How old what it rests on is, where it is older than usual; else empty."""
    lineage: list[dict[str, Any]]
    """Where the data came from, each once."""
    masked: list[Masked]
    judged_at: float | None
    policy: list[DecisionHere]
    said: list[Remark]


class Figures(Shape):
    """How the warnings of something came out."""

    model_config = ConfigDict(extra="allow")
    by: By
    name: str
    verdicts: dict[str, int]
    settled: int
    came_true: int
    precision: float | None
    precision_low: float
    precision_high: float
    recall: float | None
    median_lead_s: float | None


class Lack(Shape):
    """What is missing for the next rung."""

    what: str
    has: str
    needs: str
    at: float | None
    only_if: str


class Standing(Shape):
    """The record by which a card moves."""

    model_config = ConfigDict(extra="allow")
    settled: int
    came: int
    low: float
    high: float
    median_lead_s: float | None


class Rung(Shape):
    """Where a card stands, by which record, and what it lacks."""

    card: str
    stage: Stage
    record: Standing
    missing: list[Lack]
    moves: list[dict[str, Any]]


class Worth(Shape):
    """What warnings were worth and cost: of all cards (`pilot` is empty), or of a pilot, with the verdict on it."""

    model_config = ConfigDict(extra="allow")
    pilot: str
    cards: list[str]
    since_s: float
    until_s: float
    figures: dict[str, dict[str, Any]]


class Rule(Shape):
    """An alerting rule: followed, or not, and why."""

    card: str
    alert: str
    group: str
    file: str
    expr: str
    for_s: float
    labels: Labels
    sources: list[str]
    followed: bool
    reason: str
    series: int
    open: int
    stage: Stage
    record: dict[str, Any]


class LedgerEntry(Shape):
    """A row of the ledger; `detail` is null where labels must not be seen."""

    seq: int
    hash: str
    at_s: float
    actor: str
    action: str
    object: str
    detail: dict[str, Any] | None


class RunbookRow(Shape):
    """A runbook that is loaded."""

    name: str
    sha: str
    summary: str
    owner: str
    docs: str
    mode: str
    enabled: bool
    steps: int
    writes: int
    tests: int


class WholeRunbook(Shape):
    """A runbook as its file says it, with what is said by default; durations are seconds."""

    model_config = ConfigDict(extra="allow")
    apiVersion: str
    kind: str
    name: str
    summary: str
    owner: dict[str, Any]
    mode: str
    enabled: bool
    match: dict[str, Any]
    steps: list[dict[str, Any]]
    tests: list[dict[str, Any]]


class Source(Shape):
    """A source: how it is, what its data is, what reading it costs."""

    name: str
    kind: str
    ok: bool
    error: str
    data_class: str
    """Empty: it is not classified, and leaves masked."""
    residency: list[str]
    cards: list[str]
    newest_s: float | None
    queries: int | None
    samples: int | None
    seconds: float | None
