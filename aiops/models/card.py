"""The model card: one way in which something fails, how it is watched, with which model, limits and owner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, WithJsonSchema, field_validator, model_validator

from aiops.config.fields import Duration, Found, MatcherText, Step, Strict, at, items, repeated, schema_of_file, span
from aiops.config.yaml_file import Document, load, load_named, validate
from aiops.core.errors import FileError, Mistake
from aiops.core.records import Bools, Ints, Stage
from aiops.models.card_check import mistakes_in
from aiops.models.cron import LONGEST_S, Cron

WEEK_S = 7 * 86400.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
CHALLENGER, NAME_AT_MOST = "~challenger", 64
_PERSISTENCE = re.compile(r"(\d{1,2})/(\d{1,2})")
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


def _number(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"{value[:60]!r} is no number; a query as limit is not available yet")
    return value


LimitValue = Annotated[float, BeforeValidator(_number), WithJsonSchema({"type": "number"})]


class Owner(Strict):
    """Who answers for a card."""

    team: str = Field(description="the team that answers for it")
    contact: str = Field("", description="where to reach it")


class LimitRule(Strict):
    """What must not be crossed: exactly one of above and below."""

    above: LimitValue | None = Field(None, description="crossed when the value reaches it from below")
    below: LimitValue | None = Field(None, description="crossed when the value reaches it from above")

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Both, or none."""
        above, below = raw.get("above"), raw.get("below")
        if (above is None) == (below is None):
            yield ("above",) if above is not None else (), "give exactly one of above and below, for example {below: 0.05}"


class ForecastRule(Strict):
    """Which forecaster watches which limit, how far ahead."""

    model: str = Field("exhaustion", description="a forecaster of the catalogue")
    limit: LimitRule = Field(description="what must not be crossed")
    horizon: Duration = Field(3 * 86400.0, gt=0, description="how far ahead a crossing is announced")
    params: dict[str, Any] = Field(default_factory=dict, description="the forecaster's own parameters")

    @property
    def horizon_s(self) -> float:
        """The horizon in seconds."""
        return self.horizon


class DetectRule(Strict):
    """Which detector looks for strange points."""

    model: str = Field("seasonal", description="a detector of the catalogue")
    params: dict[str, Any] = Field(default_factory=dict, description="the detector's own parameters")


class Choice(Strict):
    """A model of the catalogue and its parameters."""

    model: str = Field(description="a model of the catalogue")
    params: dict[str, Any] = Field(default_factory=dict, description="its own parameters")


class Challenger(Strict):
    """Models that are tried beside those of the card, on the same series and limits, told to nobody."""

    forecast: Choice | None = Field(None, description="the forecaster that is tried")
    detect: Choice | None = Field(None, description="the detector that is tried")


class GuardRules(Strict):
    """What stands between a model and a symptom."""

    min_relative_change: float = Field(
        0.0, ge=0, description="an anomaly must differ by this share of what was expected"
    )
    min_change: float = Field(0.0, ge=0, description="an anomaly must differ by this much from what was expected")
    persistence: str = Field("1/1", description="k/n: k firing turns among the last n")
    on_missing: Literal["unknown", "zero", "hold", "alert"] = Field(
        "unknown", description="what a missing sample means"
    )

    @field_validator("persistence")
    @classmethod
    def _k_of_n(cls, value: str) -> str:
        found = _PERSISTENCE.fullmatch(value)
        if not found or not 1 <= int(found[1]) <= int(found[2]) <= 32:
            raise ValueError("must be k/n with 1 <= k <= n <= 32, for example 3/5")
        return value

    @property
    def need(self) -> int:
        """k of k/n."""
        return int(self.persistence.split("/")[0])

    @property
    def of(self) -> int:
        """n of k/n."""
        return int(self.persistence.split("/")[1])


class SeverityRule(Strict):
    """Severity by time left."""

    critical_within: Duration = Field(0.0, description="critical when less time than this is left; 0: never")
    warning_within: Duration = Field(86400.0, description="warning when less time than this is left, else info")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Critical before it is a warning."""
        critical, warning = span(raw, "critical_within"), span(raw, "warning_within")
        if critical is not None and critical > (86400.0 if warning is None else warning):
            yield ("critical_within",), "must not be longer than warning_within, which is 1d if it is not written"

    @property
    def critical_within_s(self) -> float:
        """In seconds."""
        return self.critical_within

    @property
    def warning_within_s(self) -> float:
        """In seconds."""
        return self.warning_within


class Exclude(Strict):
    """A recurring span in which a card is not judged."""

    cron: str = Field(description="when it begins: minute hour day month weekday, UTC")
    for_: Duration = Field(alias="for", gt=0, le=LONGEST_S, description="how long it lasts, at most 7d")
    match: list[MatcherText] = Field(default_factory=list, description="which series; none: all")

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        return Cron.parse(value).text

    def lasts(self, time_s: Ints) -> Bools:
        """Whether the span lasts at each of `time_s` (m,), epoch seconds in any order: (m,)."""
        return Cron.parse(self.cron).lasts(time_s, self.for_)


class Truth(Strict):
    """What counts as the failure this card warns of."""

    crossing: bool = Field(True, description="the limit being crossed")
    alerts: list[MatcherText] = Field(default_factory=list, description="alerts of the source's own rules")


class Budget(Strict):
    """How many false warnings are acceptable."""

    count: float = Field(gt=0, description="how many")
    per: Literal["entity", "100_series"] = Field("entity", description="for each entity, or for each hundred series")
    every: Duration = Field(WEEK_S, gt=0, description="in this time")


class Promotion(Strict):
    """What a card must have shown before it may get louder."""

    settled: int = Field(20, ge=1, description="warnings settled")
    precision_at_least: float = Field(0.7, ge=0, le=1, description="lower 90 % Wilson bound")
    median_lead: Duration = Field(0.0, description="median lead time")
    false_per_week_at_most: float = Field(2.0, ge=0, description="false warnings a week")


class CardExpectation(Strict):
    """What a card test expects."""

    symptom: Literal["exhaustion", "anomaly", "none"] = Field(description="which symptom there is at `at`")
    crossing: dict[Literal["after", "before"], Duration] = Field(
        default_factory=dict, description="the expected crossing, counted from `at`"
    )

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A crossing that cannot be."""
        if "crossing" in raw and raw.get("symptom") in ("anomaly", "none"):
            yield ("crossing",), "can be expected of symptom exhaustion only; remove it"
        if (span(raw, "crossing", "after") or 0.0) > (span(raw, "crossing", "before") or float("inf")):
            yield ("crossing", "after"), "must not be later than before"


class CardTest(Strict):
    """A test inside a card: series in promtool's notation, and what is seen."""

    name: str = Field(description="what is shown")
    series: dict[str, str] = Field(min_length=1, description='label set to values, for example "0.60-0.001x500"')
    at: Duration = Field(description="when it is looked at, from the first sample")
    expect: CardExpectation = Field(description="what must be seen")


class ModelCard(Strict):
    """A file in `models/`."""

    apiVersion: Literal["aiops/v1"] = Field(description="always aiops/v1")
    kind: Literal["ModelCard"] = Field(description="always ModelCard")
    name: str = Field(description="named after the failure, never after the algorithm; unique among cards, best the file's stem")
    summary: str = Field(min_length=10, description="one sentence: what will happen")
    owner: Owner = Field(description="who answers for it")
    sources: list[str] = Field(default_factory=list, description="which sources; none: all")
    query: str = Field(min_length=1, description="PromQL, or the subset for sources without a server")
    signal: str = Field("", description="what runbooks match; default: the name")
    unit: str = Field("1", pattern=r"^\S+$", description="UCUM unit of the query's result, for example 1, By or s")
    step: Step = Field(60.0, description="time between two samples")
    history: Duration = Field(35 * 86400.0, gt=0, description="how far back is read at first sight")
    entity: list[LabelName] = Field(
        default_factory=lambda: ["instance"], min_length=1, description="labels that say what breaks"
    )
    cohort: list[LabelName] = Field(default_factory=list, description="labels of series that are alike")
    forecast: ForecastRule | None = Field(None, description="a limit to forecast")
    detect: DetectRule | None = Field(None, description="a detector to run")
    challenger: Challenger | None = Field(None, description="models tried beside these, judged alike and told to nobody")
    guards: GuardRules = Field(default_factory=lambda: GuardRules(), description="what stands before a symptom")
    severity: SeverityRule = Field(default_factory=lambda: SeverityRule(), description="severity by time left")
    impact: str = Field("", description="what it means for users, one sentence")
    exclude: list[Exclude] = Field(default_factory=list, description="recurring spans that are not judged")
    truth: Truth = Field(default_factory=lambda: Truth(), description="what counts as the failure")
    false_alarm_budget: Budget = Field(default_factory=lambda: Budget(count=1), description="acceptable false warnings")
    stage: Stage = Field("shadow", description="how loud it may be")
    promote_when: Promotion = Field(default_factory=lambda: Promotion(), description="what it takes to get louder")
    tests: list[CardTest] = Field(default_factory=list, description="run by aiops test")
    _sha: str = PrivateAttr("")
    _path: str = PrivateAttr("")

    @field_validator("name")
    @classmethod
    def _snake(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must be lower case letters, digits and _, for example disk_full")
        return value

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["forecast"]}, {"required": ["detect"]}]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What its parts say of each other."""
        if raw.get("forecast") is None and raw.get("detect") is None:
            yield (), "give forecast or detect, or both: without one nothing is watched"
        history, step = span(raw, "history"), span(raw, "step") or 60.0
        if history is not None and history < step:
            yield ("history",), "must not be shorter than step"
        for key in ("entity", "cohort"):
            for i, _ in repeated(items(raw, key)):
                yield (key, i), f"{key} names {items(raw, key)[i]} twice; keep one"
        yield from _untestable(raw)
        yield from _unchallengeable(raw)

    @model_validator(mode="after")
    def _named(self) -> ModelCard:
        if not self.signal:
            object.__setattr__(self, "signal", self.name)
        return self

    @property
    def challenges(self) -> bool:
        """Whether it tries models for another card, and is told to nobody."""
        return self.name.endswith(CHALLENGER)

    @property
    def sha(self) -> str:
        """First 12 hex digits of the file's SHA-256; empty for a card made in code."""
        return self._sha

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    @property
    def step_s(self) -> int:
        """The step in seconds."""
        return int(self.step)

    @property
    def history_s(self) -> int:
        """The history in seconds."""
        return int(self.history)

    @property
    def anomaly_budget_per_week(self) -> float:
        """Acceptable false warnings a week for one entity."""
        budget = self.false_alarm_budget
        share = 1.0 if budget.per == "entity" else 0.01
        return budget.count * share * WEEK_S / budget.every


def _untestable(raw: Mapping[str, Any]) -> Found:
    """Tests that expect what the card never gives, and two tests of one name."""
    needs = {"exhaustion": "forecast", "anomaly": "detect"}
    tests = items(raw, "tests")
    for i, test in enumerate(tests):
        symptom = at(test, "expect", "symptom")
        key = needs.get(symptom) if isinstance(symptom, str) else None
        if key is not None and raw.get(key) is None:
            yield ("tests", i, "expect", "symptom"), f"this card has no {key}, so it never gives {symptom}"
    for i, first in repeated([at(test, "name") for test in tests]):
        yield ("tests", i, "name"), f"is also the name of tests[{first}]; rename one"


def _unchallengeable(raw: Mapping[str, Any]) -> Found:
    """A challenger for what the card does not do, one that challenges nothing, a name that leaves no room for its own."""
    tried = at(raw, "challenger")
    if tried is None:
        return
    if isinstance(tried, Mapping) and all(tried.get(key) is None for key in ("forecast", "detect")):
        yield ("challenger",), "give forecast or detect, the model that is tried"
    for key in ("forecast", "detect"):
        if at(tried, key) is not None and raw.get(key) is None:
            yield ("challenger", key), f"this card has no {key} that it could be compared with; remove it"
    name = raw.get("name")
    if isinstance(name, str) and len(name + CHALLENGER) > NAME_AT_MOST:
        yield ("name",), f"must not be longer than {NAME_AT_MOST - len(CHALLENGER)} characters, for its challenger has a name too"


def with_challengers(cards: Iterable[ModelCard]) -> Iterator[ModelCard]:
    """The cards, after each the one that stands for its challenger: in shadow for good, with a record of its own.

    It watches what the card watches, with the models that are tried instead, and is called `<card>~challenger`.
    """
    for card in cards:
        yield card
        if card.challenger is None:
            continue
        changes: dict[str, Any] = {"name": card.name + CHALLENGER, "stage": "shadow", "challenger": None, "tests": []}
        for key in ("forecast", "detect"):
            rule, tried = getattr(card, key), getattr(card.challenger, key)
            changes[key] = None if tried is None else rule.model_copy(update={"model": tried.model, "params": tried.params})
        yield card.model_copy(update=changes)


def load_card(path: Path) -> ModelCard:
    """One card. Raises FileError with every mistake in it."""
    return _load(path)[0]


def _load(path: Path) -> tuple[ModelCard, Document]:
    document = load(path)
    data = document.data if isinstance(document.data, dict) else {}
    if "alerts" in data and "query" not in data:
        message = "not available yet: cards that forecast the rules a team already has; write a query"
        document.refuse([document.mistake(("alerts",), message)])
    more = list(mistakes_in(document)) if data else []
    card = validate(document, ModelCard, more)
    card._sha = hashlib.sha256(document.text.encode()).hexdigest()[:12]
    card._path = document.path
    return card, document


def load_cards(paths: Iterable[Path]) -> list[ModelCard]:
    """Cards of files and folders, by name. Raises FileError with every mistake in all of them, or when there is none."""
    paths = list(paths)
    cards = load_named(paths, _load)
    if not cards:
        raise FileError(Mistake(str(p), 1, 1, "", "holds no model card; put at least one .yaml file there") for p in paths)
    return cards


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a card's file."""
    return schema_of_file(ModelCard)
