"""What the engine needs to know of a runbook: plain facts, and how its look-ups, conditions and queries are read.

The engine knows no file format: who reads runbooks hands them over in this form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiops.config.responses import MODES, Mode

Klass = Literal["pure", "idempotent", "checked", "once"]
"""What may be done with a step of which it is not known whether it took effect: pure and idempotent ones are done again,
checked ones are asked for first, of the others only a person knows."""
Context = Mapping[str, Any]


class Unclear(Exception):
    """A question that has no answer with what is known, and why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What an action is given, every look-up replaced; `refused` says why it must not be called so."""

    given: Mapping[str, Any]
    refused: str = ""


class Language(Protocol):
    """How the parts of one runbook are read; `index` counts its steps. Conditions and renderings raise Unclear."""

    def condition(self, index: int, context: Context) -> bool:
        """Whether a step is to be done at all."""

    def given(self, index: int, context: Context) -> Rendered:
        """What the action of a step is given."""

    def undo(self, index: int, context: Context) -> Rendered:
        """What the action that takes a step back is given."""

    def check(self, index: int, context: Context, undo: bool = False) -> tuple[str, Rendered]:
        """(`uses`, what it is given) of the question whether a step is done already; with `undo`, whether it is taken back."""

    def checked(self, index: int, context: Context, response: Any, undo: bool = False) -> bool:
        """Whether the answer to that question says that it is."""

    def holds(self, value: float, expect: str) -> bool:
        """Whether a number fulfils an expectation such as `>= 0.20`."""

    def plan(
        self, indexes: Sequence[int], context: Context, refuses: Callable[[str, Mapping[str, Any]], str] = ...
    ) -> list[dict[str, Any]]:
        """These steps as they would be done now: what people are shown and what their yes is bound to. `refuses`: why the
        configuration would not let an action be done with what is known of what it is given; empty = it may."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One step, or what takes it back: that is its `undo`, None when nothing does. `attempts`: tries in all. `settles_s`: for so
    long what its check asks may still show what was before."""

    id: str
    uses: str
    write: bool = False
    klass: Klass = "pure"
    timeout_s: float = 30.0
    attempts: int = 1
    backoff_s: float = 1.0
    output: Literal["text", "json"] = "text"
    conditional: bool = False
    repeatable: bool = False
    wait_s: float | None = None
    settles_s: float = 0.0
    undo: StepFacts | None = None

    @property
    def longest_s(self) -> float:
        """How long all its tries together may take."""
        return self.attempts * (self.timeout_s + self.backoff_s + self.settles_s) + (self.wait_s or 0.0)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who must say yes: `scope` write, every_step or run; `who`: group:NAME or user:NAME."""

    scope: str
    who: tuple[str, ...]
    quorum: int
    expires_s: float


@dataclass(frozen=True, slots=True)
class Requirement:
    """A query that must hold, or, with `forecast`, that the forecast no longer crosses; `for_s`: for so long."""

    name: str
    promql: str = ""
    expect: str = ""
    for_s: float = 0.0
    forecast: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and on how many targets it may run; None = no such limit. `kind`: what its targets are."""

    kind: str
    cooldown_s: float = 0.0
    max_runs: int | None = None
    runs_per_s: float = 0.0
    max_targets: int | None = None
    max_percent: float | None = None
    targets_per_s: float = 0.0
    skip_during: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verifying:
    """How success is judged: all of these within the time; `keep_if_unknown`: no data is taken for good."""

    within_s: float
    all: tuple[Requirement, ...]
    keep_if_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """A runbook as the engine sees it."""

    name: str
    sha: str
    mode: Mode
    limits: Limits
    language: Language
    steps: tuple[StepFacts, ...] = ()
    require: tuple[Requirement, ...] = ()
    asking: Asking | None = None
    verify: Verifying | None = None
    owner: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether any step changes something."""
        return any(step.write for step in self.steps)

    def index(self, step_id: str) -> int:
        """Which step is called so."""
        return next(i for i, step in enumerate(self.steps) if step.id == step_id)


def lowest(*modes: Mode) -> Mode:
    """The most cautious of some modes.

    >>> lowest("auto", "suggest", "approve")
    'suggest'
    """
    return min(modes, key=MODES.index)


def at_least(mode: str, least: Mode) -> bool:
    """Whether a mode lets do what `least` lets do."""
    return MODES.index(mode) >= MODES.index(least)
