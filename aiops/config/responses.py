"""`responses` of the configuration: how far runbooks may go, who may say yes, and what actions are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import Field

from aiops.config.fields import Duration, FileName, MatcherText, Strict
from aiops.core.labels import Labels, matches_all

Mode = Literal["shadow", "suggest", "approve", "auto"]
MODES: tuple[Mode, ...] = ("shadow", "suggest", "approve", "auto")
"""From the most cautious on: decided and recorded; shown, with what reading found; done when somebody says yes; done."""


class Ceiling(Strict):
    """How far runbooks may go for some warnings."""

    matchers: list[MatcherText] = Field(description="on the warning's labels, card, kind, severity, stage, on team and runbook")
    mode: Mode = Field(description="no further than this")


class ResponseSettings(Strict):
    """What may be done about warnings, and by whose word."""

    enabled: bool = Field(True, description="false: nothing is begun, whatever else is said; as the kill switch does")
    ceiling: Mode = Field("suggest", description="how far runbooks may go where nothing under `ceilings` matches")
    ceilings: list[Ceiling] = Field(
        default_factory=list, description="how far they may go for some warnings; the first match counts"
    )
    groups: dict[str, list[str]] = Field(default_factory=dict, description="people by the names of groups that runbooks ask")
    token_user: str = Field("operator", min_length=1, max_length=100, description="who is meant by the token of the HTTP API")
    at_once: int = Field(4, ge=1, le=64, description="responses that are carried on beside each other")
    loop: int = Field(6, ge=1, description="responses on one target within an hour, of all runbooks; then a person is needed")
    storm_percent: float = Field(
        50.0, gt=0, le=100, description="share of targets with one symptom, at least 5, above which nothing is done"
    )
    clock_jump: Duration = Field(60.0, ge=1, description="a clock that moves alone by more than this is not believed at once")
    actions: dict[str, dict[str, Any]] = Field(default_factory=dict, description="parameters of actions, by name")
    secrets_dir: FileName | None = Field(None, description="folder with one file for each secret that runbooks name")

    def ceiling_of(self, labels: Labels) -> Mode:
        """How far a runbook may go for a warning of which `labels` say everything that matchers see."""
        return self.ceiling_for(labels)[1]

    def ceiling_for(self, labels: Labels) -> tuple[str, Mode]:
        """(where it is written, how far a runbook may go)."""
        found = ((i, one.mode) for i, one in enumerate(self.ceilings) if matches_all(one.matchers, labels))
        return next(((f"responses.ceilings[{i}]", mode) for i, mode in found), ("responses.ceiling", self.ceiling))


class HasGroups(Protocol):
    """Somebody who is in groups."""

    @property
    def groups(self) -> Sequence[str]:
        """Their names."""


def members(groups: Mapping[str, Sequence[str]], people: Mapping[str, HasGroups]) -> dict[str, list[str]]:
    """Who is in which group: as the group lists them, and as people say of themselves.

    >>> members({"sre": ["ann"]}, {})
    {'sre': ['ann']}
    """
    found = {name: list(listed) for name, listed in groups.items()}
    for name, person in people.items():
        for group in person.groups:
            found.setdefault(group, []).append(name)
    return found
