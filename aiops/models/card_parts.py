"""The parts of a model card: owner, limit, guards, severity, excluded spans, truth, budget, promotion, tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from aiops.config.fields import Duration, Found, MatcherText, Strict, span
from aiops.core.cron import LONGEST_S, Cron
from aiops.core.records import Bools, Ints
from aiops.models.card_limit import LimitRule

WEEK_S = 7 * 86400.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PERSISTENCE = re.compile(r"(\d{1,2})/(\d{1,2})")


def _snake(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be lower case letters, digits and _, for example disk_full")
    return value


CardName = Annotated[str, AfterValidator(_snake)]


class Owner(Strict):
    """Who answers for a card."""

    team: str = Field(description="the team that answers for it")
    contact: str = Field("", description="where to reach it")


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
        "unknown", description="what a missing sample means; alert: a series that falls silent is a symptom of kind absence"
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
    incidents: list[MatcherText] = Field(default_factory=list, description="which declared incidents; none: none")


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
    limits: dict[str, str] = Field(
        default_factory=dict, description="what the query of the limit gives, in the same notation, for example \"100x500\""
    )
    at: Duration = Field(description="when it is looked at, from the first sample")
    expect: CardExpectation = Field(description="what must be seen")
