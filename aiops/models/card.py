"""The model card: one way in which something fails, how it is watched, with which model, limits and owner."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from aiops import plugins
from aiops.config.fields import Duration, MatcherText, Strict
from aiops.config.yaml_file import Document, load, mistakes_of, validate, yaml_files
from aiops.core.errors import AiopsError, FileError, Mistake
from aiops.core.records import Stage

WEEK_S = 7 * 86400.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PERSISTENCE = re.compile(r"(\d+)/(\d+)")


class Owner(Strict):
    """Who answers for a card."""

    team: str = Field(description="the team that answers for it")
    contact: str = Field("", description="where to reach it")


class LimitRule(Strict):
    """What must not be crossed: exactly one of above and below."""

    above: float | None = Field(None, description="crossed when the value reaches it from below")
    below: float | None = Field(None, description="crossed when the value reaches it from above")

    @model_validator(mode="after")
    def _one(self) -> LimitRule:
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of above and below")
        return self


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


class GuardRules(Strict):
    """What stands between a model and a symptom."""

    min_relative_change: float = Field(
        0.0, ge=0, description="an anomaly must differ by this share of what was expected"
    )
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
    for_: Duration = Field(alias="for", description="how long it lasts")
    match: list[MatcherText] = Field(default_factory=list, description="which series; none: all")


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
    name: str = Field(description="named after the failure, never after the algorithm; the file's stem")
    summary: str = Field(min_length=10, description="one sentence: what will happen")
    owner: Owner = Field(description="who answers for it")
    sources: list[str] = Field(default_factory=list, description="which sources; none: all")
    query: str = Field(min_length=1, description="PromQL, or the subset for sources without a server")
    signal: str = Field("", description="what runbooks match; default: the name")
    unit: str = Field("1", description="UCUM unit of the query's result")
    step: Duration = Field(60.0, ge=1, description="time between two samples")
    history: Duration = Field(35 * 86400.0, gt=0, description="how far back is read at first sight")
    entity: list[str] = Field(
        default_factory=lambda: ["instance"], min_length=1, description="labels that say what breaks"
    )
    cohort: list[str] = Field(default_factory=list, description="labels of series that are alike")
    forecast: ForecastRule | None = Field(None, description="a limit to forecast")
    detect: DetectRule | None = Field(None, description="a detector to run")
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

    @model_validator(mode="after")
    def _something(self) -> ModelCard:
        if self.forecast is None and self.detect is None:
            raise ValueError("give forecast or detect, or both: without one nothing is watched")
        if not self.signal:
            object.__setattr__(self, "signal", self.name)
        return self

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


def load_card(path: Path) -> ModelCard:
    """One card. Raises FileError with every mistake in it."""
    document = load(path)
    if isinstance(document.data, dict) and "alerts" in document.data and "query" not in document.data:
        message = "cards that forecast existing alert rules cannot be run by this version; write a query"
        raise FileError([document.mistake(("alerts",), message)])
    card = validate(document, ModelCard)
    mistakes = [*_query_mistakes(document, card), *_model_mistakes(document, card), *_test_mistakes(document, card)]
    if path.stem != card.name:
        mistakes.append(document.mistake(("name",), f"must be the file's name, {path.stem}"))
    if mistakes:
        raise FileError(mistakes)
    card._sha = hashlib.sha256(document.text.encode()).hexdigest()[:12]
    card._path = str(path)
    return card


def load_cards(paths: Iterable[Path]) -> list[ModelCard]:
    """Cards of files and folders, by name. Raises FileError with every mistake in all of them."""
    cards: dict[str, ModelCard] = {}
    mistakes: list[Mistake] = []
    for path in yaml_files(paths):
        try:
            card = load_card(path)
        except FileError as e:
            mistakes += e.mistakes
            continue
        if card.name in cards:
            mistakes.append(
                Mistake(str(path), 1, 1, "name", f"{card.name} is also in {cards[card.name].path}; rename one")
            )
        cards[card.name] = card
    if mistakes:
        raise FileError(mistakes)
    return [cards[name] for name in sorted(cards)]


def _query_mistakes(document: Document, card: ModelCard) -> list[Mistake]:
    import promql_parser

    try:
        promql_parser.parse(card.query)
    except ValueError as e:
        return [document.mistake(("query",), f"is no PromQL: {e}")]
    return []


def _model_mistakes(document: Document, card: ModelCard) -> list[Mistake]:
    out = []
    for key, group, rule in (("forecast", "forecasters", card.forecast), ("detect", "detectors", card.detect)):
        if rule is None:
            continue
        try:
            plugins.load(group, rule.model).Params.model_validate(rule.params)
        except AiopsError as e:
            out.append(document.mistake((key, "model"), str(e)))
        except ValidationError as e:
            model = plugins.load(group, rule.model).Params
            out += [
                Mistake(m.path, *document.where((key, "params", *one["loc"])), f"{key}.params.{m.field}", m.message)
                for one, m in zip(e.errors(), mistakes_of(document, model, e), strict=True)
            ]
    return out


def _test_mistakes(document: Document, card: ModelCard) -> list[Mistake]:
    from aiops.models.card_tests import expand, parse_labels

    out = []
    for i, test in enumerate(card.tests):
        for labels, values in test.series.items():
            try:
                parse_labels(labels)
                expand(values)
            except ValueError as e:
                out.append(document.mistake(("tests", i, "series", labels), str(e)))
    return out
