"""The schema of a runbook file: closed, strict, and asking the three questions a reviewer asks of every write step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from aiops.config.fields import Duration, Found, MatcherText, Strict, WholeFile, span
from aiops.core.records import Severity
from aiops.runbooks import check, check_action, shape

Mode = Literal["shadow", "suggest", "approve", "auto"]
MODES: tuple[Mode, ...] = ("shadow", "suggest", "approve", "auto")
STEP_ID = r"^[a-z][a-z0-9_]{0,40}$"
LABEL_NAME = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
Uses = Annotated[str, WithJsonSchema({"type": "string", "pattern": check_action.USES})]
Expect = Annotated[str, Field(pattern=r"^(==|!=|<=|>=|<|>) -?[0-9]+(\.[0-9]+)?$")]


class Owner(Strict):
    """Who answers for a runbook."""

    team: str = Field(min_length=1, description="the team")
    contact: str = Field("", description="where to reach it")
    edited_by: str = Field(
        "", max_length=63, description="who wrote this revision, by the name they log in with: somebody else must approve it"
    )
    reviewed: str = Field("", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="when it was last read")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A day that is in no calendar."""
        text = raw.get("reviewed")
        if isinstance(text, str) and len(text) == 10:
            try:
                date.fromisoformat(text)
            except ValueError:
                yield ("reviewed",), f"{text} is no day; write year-month-day, for example 2026-11-01"


class LeadTime(Strict):
    """Bounds on the time left until the expected crossing."""

    min: Duration | None = Field(None, description="at least this long")
    max: Duration | None = Field(None, description="at most this long")

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Bounds that nothing keeps, or that bind nothing."""
        yield from check.backwards(raw, "min", "max")


class Confidence(Strict):
    """Bounds on how sure a warning is."""

    min: float | None = Field(None, ge=0, le=1, description="at least")
    max: float | None = Field(None, ge=0, le=1, description="at most")

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Bounds that nothing keeps, or that bind nothing."""
        yield from check.backwards(raw, "min", "max")


class Match(Strict):
    """Which warnings a runbook is for."""

    kind: Literal["forecast", "anomaly", "threshold", "any"] = Field(
        description="forecast: a limit or a rule will be crossed"
    )
    signal: str | None = Field(None, description="the card's signal")
    card: str | None = Field(None, description="the card's name, * and ? stand for anything")
    labels: list[MatcherText] = Field(default_factory=list, description="matchers on the warning's labels")
    lead_time: LeadTime | None = Field(None, description="time left")
    confidence: Confidence | None = Field(None, description="how sure")
    severity: list[Severity] = Field(default_factory=list, description="any of these")
    for_: Duration = Field(0.0, alias="for", description="must have been open this long")

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["signal"]}, {"required": ["card"]}]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A runbook for everything fits nothing; an anomaly has no time left."""
        if raw.get("signal") is None and raw.get("card") is None:
            yield ("signal",), "give signal or card: a runbook for everything fits nothing"
        if raw.get("kind") == "anomaly" and raw.get("lead_time") is not None:
            yield ("lead_time",), "an anomaly has no time left, so this matches nothing; remove it, or write kind: forecast"


class Count(Strict):
    """So many in a span of time."""

    count: int = Field(ge=1, description="how many")
    per: Duration = Field(description="in this time")


class Targets(Strict):
    """A cap on how many targets are touched."""

    count: int | None = Field(None, ge=1, description="how many")
    percent: float | None = Field(None, gt=0, le=100, description="which share of all targets")
    of: str = Field("", description="what they are a share of")
    per: Duration = Field(description="in this time")

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["count"]}, {"required": ["percent"]}]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A cap of nothing."""
        if raw.get("count") is None and raw.get("percent") is None:
            yield ("count",), "give count or percent"


class Requirement(Strict):
    """A query that must hold before anything is done."""

    name: str = Field(description="in words")
    promql: str = Field(description="a query with {$target}")
    expect: Expect = Field(description='for example "< 300"')


class Guards(Strict):
    """What must hold, and how often a runbook may run."""

    cooldown: Duration | None = Field(None, description="pause after a run on the same target")
    max_runs: Count | None = Field(None, description="runs per target")
    max_targets: Targets | None = Field(None, description="targets of this runbook together")
    skip_during: list[str] = Field(default_factory=list, description="windows in which it does not run")
    require: list[Requirement] = Field(default_factory=list, description="queries that must hold")


class Approval(Strict):
    """Who must say yes."""

    for_: Literal["write", "every_step", "run"] = Field(alias="for", description="what needs it")
    from_: list[Annotated[str, Field(pattern=r"^(group|user):.+")]] = Field(
        alias="from", min_length=1, description="who may"
    )
    quorum: int | None = Field(
        None, ge=1, description="how many different people; without it one, two where a step cannot be undone and two might"
    )
    expires: Duration = Field(description="how long the question stands")


class Retry(Strict):
    """How often a step is tried."""

    attempts: int = Field(ge=1, le=10, description="tries in all")
    backoff: Duration = Field(1.0, description="pause between them")


class Check(Strict):
    """Asked before a retry and after a crash: is it done already?"""

    url: str | None = Field(None, description="GET this")
    argv: list[str] = Field(default_factory=list, description="run this")
    promql: str | None = Field(None, description="ask this")
    expect: str = Field(description="CEL over `response`")

    model_config = ConfigDict(json_schema_extra=shape.CHECK)

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """One question, to a fixed program or host."""
        yield from check_action.of_check(raw)


class Action(Strict):
    """What a step does: a plug-in and its parameters."""

    model_config = ConfigDict(json_schema_extra={"allOf": shape.ACTIONS})

    uses: Uses = Field(description="which action; see docs/actions.md")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="the action's parameters")
    timeout: Duration | None = Field(None, description="when it is stopped")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What the action may be given."""
        yield from check_action.mistakes_in(raw)


class Undo(Action):
    """How a step is taken back, and what may be done when a crash leaves open whether it was."""

    retry: Retry | None = Field(None, description="how often it is tried")
    idempotent: Literal[True] | None = Field(None, description="safe to run again after a crash")
    check: Check | None = Field(None, description="is it taken back already?")

    model_config = ConfigDict(json_schema_extra={"allOf": [*shape.ACTIONS, shape.UNDO]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What the action may be given, and actions that take nothing back."""
        yield from check_action.mistakes_in(raw)
        yield from check_action.of_undo(raw)


class Step(Action):
    """One step."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*shape.ACTIONS, *shape.STEPS]})

    id: str = Field(pattern=STEP_ID, description="its name in look-ups")
    if_: str | None = Field(None, alias="if", description="CEL; skipped when it is false")
    effect: Literal["read", "write"] | None = Field(None, description="read changes nothing")
    output: Literal["text", "json"] = Field("text", description="how its output is read")
    retry: Retry | None = Field(None, description="how often it is tried")
    idempotent: Literal[True] | None = Field(None, description="safe to run again after a crash")
    check: Check | None = Field(None, description="is it done already?")
    undo: Undo | None = Field(None, description="how it is taken back")
    irreversible: str | None = Field(None, min_length=15, description="why it cannot be taken back")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What the action may be given, and what a reviewer asks of it."""
        yield from check_action.mistakes_in(raw)
        yield from check_action.of_step(raw)


class Verification(Strict):
    """One thing that must be true afterwards: a query, or that the forecast no longer crosses."""

    name: str = Field(description="in words")
    promql: str | None = Field(None, description="a query with {$target}")
    expect: Expect | None = Field(None, description='for example ">= 0.20"')
    for_: Duration = Field(0.0, alias="for", description="must hold this long")
    forecast: Literal["clear"] | None = Field(None, description="the forecast no longer crosses")

    model_config = ConfigDict(json_schema_extra=shape.VERIFICATION)

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Neither or both of the two forms."""
        if (raw.get("promql") is None) == (raw.get("forecast") is None):
            yield ("forecast",) if raw.get("forecast") else (), "give promql with expect, or forecast: clear"
        elif (raw.get("promql") is None) != (raw.get("expect") is None):
            yield ("expect",), 'promql and expect go together; write for example expect: "< 300"'


class Verify(Strict):
    """How success is judged; no data is not good."""

    within: Duration = Field(description="until when")
    all: list[Verification] = Field(min_length=1, description="all of these")
    keep_if_unknown: bool = Field(False, description="keep the change although it could not be judged")


class Notify(Strict):
    """Who is told what."""

    route: str = Field(description="a route of the config")
    impact: str = Field(min_length=10, description="what it means for users")


class GivenSymptom(Strict):
    """The warning of a test."""

    kind: Literal["forecast", "anomaly", "threshold"] = Field(description="its kind")
    signal: str = Field(description="its signal")
    labels: dict[str, str] = Field(description="its labels")
    card: str = Field("", description="its card")
    lead_time: Duration | None = Field(None, description="time left")
    confidence: float = Field(1.0, ge=0, le=1, description="how sure")
    severity: Severity = Field("warning", description="its severity")
    open_for: Duration | None = Field(None, description="how long it has been open; default: for as long as match.for asks")


class Mocks(Strict):
    """What the world answers in a test."""

    require: dict[str, float] = Field(default_factory=dict, description="by name")
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict, description="output by step; takes: how long it takes")
    verify: dict[str, Any] = Field(default_factory=dict, description="by name")


Outcome = Literal[
    "succeeded",
    "verify_failed",
    "undone",
    "blocked",
    "approval_expired",
    "approval_denied",
    "cleared_before_action",
    "target_gone",
    "needs_a_person",
    "suggested",
    "shadowed",
]


class Expectation(Strict):
    """What a test expects."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    matched: bool | None = Field(None, description="whether it matches")
    because: str | None = Field(None, description="which line or guard refused")
    outcome: Outcome | None = Field(None, description="how the run ends")
    ran: list[str] | None = Field(None, description="steps that ran")
    skipped: list[str] | None = Field(None, description="steps whose `if` was false")
    argv: dict[str, list[str]] = Field(default_factory=dict, description="rendered argv by step")


class EarlierRun(Strict):
    """A run of the runbook before the one that is tested."""

    ago: Duration = Field(description="how long before it began")
    took: Duration = Field(0.0, description="how long it lasted")
    outcome: Outcome = Field("succeeded", description="how it ended")
    came_back: bool = Field(False, description="its symptom was there again before its cooldown was over")
    target: dict[str, str] = Field(default_factory=dict, description="labels of its target that are not those of the symptom")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A run that has not ended is no earlier one."""
        ago, took = span(raw, "ago"), span(raw, "took")
        if ago is not None and took is not None and took > ago:
            yield ("took",), "is longer than ago, so that it has not ended; make it shorter"


class RunbookTest(Strict):
    """A test inside a runbook."""

    name: str = Field(description="what is shown")
    mode: Mode | None = Field(None, description="instead of the file's mode")
    symptom: GivenSymptom = Field(description="the warning")
    earlier: list[EarlierRun] = Field(default_factory=list, description="runs before, for cooldown, max_runs and max_targets")
    mocks: Mocks = Field(default_factory=lambda: Mocks(), description="what the world answers")
    approve_after: Duration | None = Field(None, description="somebody says yes then")
    approvers: int = Field(1, ge=1, description="how many different people say yes then")
    deny_after: Duration | None = Field(None, description="somebody says no then")
    clears_after: Duration | None = Field(None, description="the warning is gone then")
    crash_at: str | None = Field(None, description="a step whose effect the process does not outlive")
    expect: Expectation = Field(description="what must come out")


class Runbook(WholeFile):
    """A file in `runbooks/`."""

    apiVersion: Literal["aiops/v1"] = Field(description="always aiops/v1")
    kind: Literal["Runbook"] = Field(description="always Runbook")
    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="unique among runbooks, best the file's stem")
    summary: str = Field(min_length=15, max_length=200, description="what will happen and what to do")
    owner: Owner = Field(description="who answers for it")
    docs: str = Field("", pattern=r"^(https?://.*)?$", description="where more is written")
    mode: Mode = Field("suggest", description="how far it may go; the config may allow less")
    enabled: bool = Field(True, description="false: never matched")
    manual_minutes: float | None = Field(None, gt=0, description="how long it takes by hand")
    match: Match = Field(description="which warnings it is for")
    target_by: list[Annotated[str, Field(pattern=LABEL_NAME)]] = Field(
        default_factory=list, description="what a run acts on"
    )
    guards: Guards | None = Field(None, description="what must hold, how often it may run")
    approval: Approval | None = Field(None, description="who must say yes")
    steps: list[Step] = Field(default_factory=list, max_length=50, description="what is done, in order")
    verify: Verify | None = Field(None, description="how success is judged")
    notify: Notify = Field(description="who is told what")
    tests: list[RunbookTest] = Field(default_factory=list, description="run by aiops test")

    model_config = ConfigDict(json_schema_extra={"allOf": shape.RUNBOOK})

    @property
    def quorum(self) -> int:
        """How many must say yes, where so many might: what the file says, else one, two where a step cannot be undone."""
        said = self.approval.quorum if self.approval is not None else None
        return said or (2 if any(step.irreversible for step in self.steps) else 1)

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What its parts say of each other."""
        yield from check.mistakes_in(raw)
