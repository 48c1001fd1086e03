"""`costs`, `pilots` and `services` of the configuration: what work costs, what a pilot must show, what a service is to become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator

from aiops.config.fields import Duration, Found, MatcherText, Strict
from aiops.core.labels import Labels, matches_all

Posture = Literal["growth", "sustain", "decline"]
FACTORS: dict[Posture, tuple[float, float]] = {"growth": (2.0, 1.0), "sustain": (1.0, 1.0), "decline": (0.5, 0.5)}
"""Of each posture: by how much the horizon of a card is longer, by how much its budget of false warnings is larger.

What grows has to be ordered early; what is being wound down is worth neither long forecasts nor many interruptions."""


class Costs(Strict):
    """What a report counts with; what is not written is not counted."""

    currency: str = Field("EUR", min_length=1, max_length=8, description="of all prices")
    cpu_hour: float | None = Field(
        None, ge=0, description="price of an hour of one core; none: cost is told in CPU hours"
    )
    analyst_hour: float | None = Field(None, ge=0, description="price of an hour of a person's work")
    analyst_minutes: float | None = Field(
        None, ge=0, description="minutes that a warning takes a person; none: measured from what people say of warnings"
    )


class Baseline(Strict):
    """How things were before the pilot, as its owner says."""

    incidents_per_month: float | None = Field(None, ge=0, description="incidents in 30 days")
    pages_per_month: float | None = Field(None, ge=0, description="people woken in 30 days")
    manual_minutes_per_month: float | None = Field(None, ge=0, description="minutes of work by hand in 30 days")


class Goal(Strict):
    """What a pilot must show to be scaled; each is optional, all that are written must be met."""

    settled: int = Field(10, ge=1, description="warnings that came true or not, before anything is concluded")
    precision_at_least: float | None = Field(
        None, ge=0, le=1, description="lower 90 % Wilson bound of the share that came true"
    )
    median_lead_at_least: Duration | None = Field(None, ge=0, description="median lead of the hits")
    acted_share_at_least: float | None = Field(
        None, ge=0, le=1, description="share of told warnings that somebody acted on"
    )
    lead_minutes_at_least: float | None = Field(None, ge=0, description="lead minutes banked")
    averted_at_least: float | None = Field(None, ge=0, description="warnings settled as averted")
    manual_minutes_at_least: float | None = Field(None, ge=0, description="manual minutes saved")
    incidents_per_month_at_most: float | None = Field(None, ge=0, description="failures in 30 days, warned of or not")
    false_per_week_at_most: float | None = Field(None, ge=0, description="false warnings a week")
    cost_per_averted_at_most: float | None = Field(
        None, ge=0, description="cost of an averted incident, in the currency"
    )


class Stop(Strict):
    """When a pilot is to be stopped; each is optional, one is enough."""

    after: Duration | None = Field(None, gt=0, description="so long after it began, if its goal is not met by then")
    precision_below: float | None = Field(None, ge=0, le=1, description="even the upper 90 % Wilson bound lies below")
    false_per_week_above: float | None = Field(
        None, ge=0, description="more false warnings a week, over at least a week"
    )
    minutes_per_warning_above: float | None = Field(None, ge=0, description="more minutes of people a warning")
    cost_per_averted_above: float | None = Field(
        None, ge=0, description="an averted incident costs more, in the currency"
    )


class PilotSettings(Strict):
    """Some cards that are tried, by whom, and what would make it a success or not."""

    cards: list[str] = Field(min_length=1, description="the cards that are tried")
    owner: str = Field(min_length=1, description="who decides by the report")
    since: str = Field(description="the day on which it began, for example 2026-09-01")
    baseline: Baseline = Field(default_factory=lambda: Baseline(), description="how things were before")
    goal: Goal = Field(default_factory=lambda: Goal(), description="what it takes to be scaled")
    stop: Stop = Field(default_factory=lambda: Stop(), description="what it takes to be stopped")

    @field_validator("since")
    @classmethod
    def _a_day(cls, value: str) -> str:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value[:40]!r} is no day; write for example 2026-09-01") from None
        return value

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """A goal of nothing."""
        goal = raw.get("goal")
        if isinstance(goal, dict) and not set(goal) - {"settled"}:
            yield ("goal",), "give at least one figure that must be reached, for example precision_at_least: 0.7"


class ServiceSettings(Strict):
    """What is known of a service, and what it is to become."""

    owner: str = Field("", description="who answers for it")
    tier: int | None = Field(None, ge=0, le=9, description="how important it is, 0 the most")
    posture: Posture = Field(
        "sustain", description="what it is to become; scales horizon and budget of every card for its series"
    )
    match: list[MatcherText] = Field(default_factory=list, description='its series; none: service="<its name>"')
    horizon_factor: float | None = Field(None, gt=0, le=10, description="instead of that of the posture")
    budget_factor: float | None = Field(None, gt=0, le=10, description="instead of that of the posture")

    def means(self, name: str, labels: Labels) -> bool:
        """Whether a series is of the service called `name`."""
        return matches_all(self.match, labels) if self.match else labels.get("service") == name

    @property
    def factors(self) -> tuple[float, float]:
        """By how much horizon and budget of a card differ for its series."""
        horizon, budget = FACTORS[self.posture]
        return self.horizon_factor or horizon, self.budget_factor or budget
