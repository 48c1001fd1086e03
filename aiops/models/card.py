"""The model card: one way in which something fails, how it is watched, with which model, limits and owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from aiops.config.fields import Duration, Found, Step, WholeFile, at, either, items, repeated, schema_of_file, span
from aiops.config.routing import ZoneName
from aiops.config.yaml_file import Document, load, load_named, validate
from aiops.config.yaml_strict import FOLDER
from aiops.core.errors import FileError, Mistake
from aiops.core.records import Stage
from aiops.models.alerts_card import AlertsCard, AlertsRule
from aiops.models.card_check import mistakes_in
from aiops.models.card_limit import LabelName, LimitRule, queries_of
from aiops.models.card_parts import (
    WEEK_S,
    Budget,
    CardName,
    CardTest,
    Challenger,
    DetectRule,
    Exclude,
    ForecastRule,
    GuardRules,
    Owner,
    Promotion,
    SeverityRule,
    Truth,
)

CHALLENGER, NAME_AT_MOST = "~challenger", 64


class ModelCard(WholeFile):
    """A file in `models/`."""

    apiVersion: Literal["aiops/v1"] = Field(description="always aiops/v1")
    kind: Literal["ModelCard"] = Field(description="always ModelCard")
    name: CardName = Field(
        description="named after the failure, never after the algorithm; unique among cards, best the file's stem"
    )
    summary: str = Field(min_length=10, description="one sentence: what will happen")
    owner: Owner = Field(description="who answers for it")
    sources: list[str] = Field(default_factory=list, description="which sources; none: all")
    query: str = Field(min_length=1, description="PromQL, or the subset for sources without a server")
    signal: str = Field("", description="what runbooks match; default: the name")
    unit: str = Field(
        "1", pattern=r"^\S+$",
        description="UCUM unit of the query's result, for example `{ratio}` (0.18 is told as 18%), %, By, s, `{requests}/s`; "
        "without it that which the names of its metrics tell",
    )
    step: Step = Field(60.0, description="time between two samples")
    history: Duration = Field(35 * 86400.0, gt=0, description="how far back is read at first sight")
    entity: list[LabelName] = Field(
        default_factory=lambda: ["instance"], min_length=1, description="labels that say what breaks"
    )
    cohort: list[LabelName] = Field(
        default_factory=list, description="labels of series that are alike: new ones start from what others learnt"
    )
    time_zone: ZoneName | None = Field(
        None, description="on whose clock days begin and hours count, for example Europe/Berlin; default: the configuration's"
    )
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
    _alerts: AlertsRule | None = PrivateAttr(None)

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["forecast"]}, {"required": ["detect"]}]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What its parts say of each other."""
        if raw.get("forecast") is None and raw.get("detect") is None:
            yield ("forecast",), "give forecast or detect, or both: without one nothing is watched"
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
    def alerts(self) -> AlertsRule | None:
        """Which alerting rules of its sources it forecasts; None for a card with a query of its own."""
        return self._alerts

    @property
    def limit(self) -> LimitRule | None:
        """What must not be crossed, where it forecasts."""
        return None if self.forecast is None else self.forecast.limit

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
    """Tests that expect what the card never gives, tests without their limits, and two tests of one name."""
    needs = {"exhaustion": "forecast", "anomaly": "detect"}
    tests, asked = items(raw, "tests"), bool(queries_of(at(raw, "forecast", "limit")))
    for i, test in enumerate(tests):
        symptom = at(test, "expect", "symptom")
        key = needs.get(symptom) if isinstance(symptom, str) else None
        if key is not None and raw.get(key) is None:
            yield ("tests", i, "expect", "symptom"), f"this card has no {key}, so it never gives {symptom}"
        if at(test, "limits") and not asked:
            yield ("tests", i, "limits"), "this card's limit is no query, so it asks for none; remove it"
        elif asked and symptom == "exhaustion" and not at(test, "limits"):
            yield ("tests", i), "this card's limit is a query: give under limits what it gives"
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
    more = list(mistakes_in(document)) if data else []
    if "alerts" in data:
        form = validate(document, AlertsCard, more)
        card = ModelCard.model_validate(form.facts())
        card._alerts = form.alerts
    else:
        card = validate(document, ModelCard, more)
    card.came_of(document.path, document.sha)
    return card, document


def load_cards(paths: Iterable[Path]) -> list[ModelCard]:
    """Cards of files and folders, by name. Raises FileError with every mistake in all of them, or when there is none."""
    paths = list(paths)
    cards = load_named(paths, _load)
    if not cards:
        raise FileError(Mistake(str(p), 1, 1, FOLDER, "holds no model card; put at least one .yaml file there") for p in paths)
    return cards


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a card's file."""
    return either(schema_of_file(ModelCard), "alerts", schema_of_file(AlertsCard))
