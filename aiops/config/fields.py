"""Types that several YAML files share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from aiops.core.durations import seconds
from aiops.core.labels import Matcher


class Strict(BaseModel):
    """A part of a file: unknown keys are refused, nothing is coerced, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


def _duration(value: Any, info: ValidationInfo) -> float:
    """Code may give seconds; a file must name the unit."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and value >= 0 and (value == 0 or not (info.context or {}).get("from_file")):
        return float(value)
    if number:
        raise ValueError(f"{value} is no duration; write a unit, for example {abs(value)}s")
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


def _whole(value: float) -> float:
    if value < 1 or value != int(value):
        raise ValueError("must be one or more whole seconds, for example 5s")
    return value


Step = Annotated[Duration, AfterValidator(_whole)]
"""The time between two samples: whole seconds."""

MatcherText = Annotated[
    Matcher,
    BeforeValidator(_matcher),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": 'an Alertmanager matcher, for example env=~"prod|stage"'}),
]
"""An Alertmanager matcher."""
