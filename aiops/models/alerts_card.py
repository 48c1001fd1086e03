"""The second form of a card: it forecasts the alerting rules that its sources have, with no query of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from aiops.config.fields import Duration, Found, MatcherText, Step, Strict, span
from aiops.core.records import Stage
from aiops.models.card_parts import Budget, CardName, Exclude, GuardRules, Owner, Promotion, SeverityRule

FIRING = 'ALERTS{alertstate="firing"}'
"""What says that an alert fires; the query of such a card."""
FORECAST: Mapping[str, Any] = {"calm_times": 1.5, "touched_s": 0.0}
"""What the forecaster does otherwise for rules than for a card with a query, where `params` do not say: their limit is the
team's own word for a failure."""
RULES_OWN = "the rule's own"
"""Who answers for a card of rules that names nobody: the `team` that a rule sets, and where it sets none, nobody."""


class AlertsRule(Strict):
    """Which alerting rules are forecast."""

    match: list[MatcherText] = Field(
        default_factory=list, description="matchers on the labels that a rule sets, `alertname` among them; none: every rule"
    )


class AlertsCard(Strict):
    """A file in `models/` with `alerts` in place of `query`."""

    apiVersion: Literal["aiops/v1"] = Field("aiops/v1", description="always aiops/v1")
    kind: Literal["ModelCard"] = Field(description="always ModelCard")
    name: CardName = Field(description="unique among cards, best the file's stem")
    summary: str = Field("An alert of the team's own rules will fire.", min_length=10, description="what will happen")
    owner: Owner = Field(
        default_factory=lambda: Owner(team=RULES_OWN, contact=""), description="who answers for it; rules have labels"
    )
    alerts: AlertsRule = Field(description="which alerting rules of its sources are forecast")
    horizon: Duration = Field(6 * 3600.0, gt=0, description="how far ahead a crossing is announced")
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="the forecaster's own parameters; for rules `calm_times` is 1.5 and `touched_s` 0 where not given",
    )
    sources: list[str] = Field(default_factory=list, description="which sources; none: all that serve rules")
    signal: str = Field("", description="what runbooks match; default: the name")
    step: Step = Field(60.0, description="time between two samples")
    history: Duration = Field(14 * 86400.0, gt=0, description="how far back is read at first sight")
    guards: GuardRules = Field(default_factory=lambda: GuardRules(), description="what stands before a symptom")
    severity: SeverityRule = Field(default_factory=lambda: SeverityRule(), description="severity by time left")
    impact: str = Field("", description="what it means for users, one sentence")
    exclude: list[Exclude] = Field(default_factory=list, description="recurring spans that are not judged")
    false_alarm_budget: Budget = Field(default_factory=lambda: Budget(count=1), description="acceptable false warnings")
    stage: Stage = Field("shadow", description="how loud it may be; a rule that cannot be foreseen stays in shadow")
    promote_when: Promotion = Field(default_factory=lambda: Promotion(), description="what it takes to get louder")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """More history than a step."""
        history, step = span(raw, "history"), span(raw, "step") or 60.0
        if history is not None and history < step:
            yield ("history",), "must not be shorter than step"

    def facts(self) -> dict[str, Any]:
        """The same as a card of the first form: its limits are the rules', and the truth is that the alert fires."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name not in ("alerts", "horizon", "params")}
        forecast = {"limit": {"above": 0.0}, "horizon": self.horizon, "params": {**FORECAST, **self.params}}
        return {**own, "query": FIRING, "entity": ["alertname"], "forecast": forecast}
