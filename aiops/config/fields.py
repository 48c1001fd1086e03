"""Types that several YAML files share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from aiops.core.durations import seconds
from aiops.core.labels import Matcher


class Strict(BaseModel):
    """A part of a file: unknown keys are refused, nothing is coerced, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def _duration(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 5m or 1h30m")
    return seconds(value)


def _matcher(value: Any) -> Matcher:
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise ValueError('must be a matcher such as env="prod"')
    return Matcher.parse(value)


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$", "description": "for example 30s or 1h30m"}
    ),
]
"""A Prometheus duration in a file, seconds in the code."""

MatcherText = Annotated[
    Matcher,
    BeforeValidator(_matcher),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": 'an Alertmanager matcher, for example env=~"prod|stage"'}),
]
"""An Alertmanager matcher."""
