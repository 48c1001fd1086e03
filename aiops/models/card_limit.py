"""`forecast.limit` of a card: a number or a query, and when what is measured starts again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from aiops.config.fields import Found, Strict, at
from aiops.config.routing import ZoneName
from aiops.core.periods import NAMED, Periods
from aiops.core.records import FIRST_PERIOD, Limit

SIDES = ("above", "below")
WORDS = ", ".join(NAMED)
BUILT_IN = {"daily": 1, "monthly": 2}
"""Periods of UTC that every limit knows by a number."""


def _written(value: Any) -> float | str:
    """A finite number or a query; a number in quotes is no query, nor is nothing."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("is empty; write a number or a query")
        if _is_number(value):
            raise ValueError(f"{value[:60]!r} is a number; write it without quotes")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number, or a query that gives one for each series")
    if not math.isfinite(value):
        raise ValueError(f"must be a finite number, not {value}")
    return float(value)


LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
LimitValue = Annotated[
    float | str, PlainValidator(_written), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "minLength": 1}]})
]


class LimitRule(Strict):
    """What must not be crossed: exactly one of above and below."""

    above: LimitValue | None = Field(
        None, description="crossed when the value reaches it from below: a number, or a query that gives the limit of each series"
    )
    below: LimitValue | None = Field(
        None, description="crossed when the value reaches it from above: a number, or a query that gives the limit of each series"
    )
    on: list[LabelName] = Field(
        default_factory=list, description="labels by which the series of such a query belong to the card's; none: all they have"
    )
    resets: str = Field("", description=f"when a quota starts again: {WORDS}, or a cron; empty: never")
    time_zone: ZoneName | None = Field(None, description="on whose clock it does; default: the card's")

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["above"]}, {"required": ["below"]}]})

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Both, or none; keys that say nothing here; a period that is none."""
        above, below, resets = raw.get("above"), raw.get("below"), raw.get("resets")
        if (above is None) == (below is None):
            yield ("above",) if above is not None else (), "give exactly one of above and below, for example {below: 0.05}"
        if raw.get("on") and not any(isinstance(raw.get(side), str) for side in SIDES):
            yield ("on",), "belongs to a limit that is a query; remove it"
        if raw.get("time_zone") is not None and not resets:
            yield ("time_zone",), "says on whose clock a quota starts again; give resets too, for example resets: monthly"
        if isinstance(resets, str) and resets:
            try:
                Periods(resets)
            except ValueError as e:
                yield ("resets",), f"{e}; write {WORDS}, or a cron"

    @property
    def is_above(self) -> bool:
        """Whether it is crossed from below."""
        return self.above is not None

    @property
    def value(self) -> float | str:
        """The number, or the query."""
        value = self.below if self.above is None else self.above
        assert value is not None
        return value

    @property
    def query(self) -> str:
        """What gives the limit of each series; empty where it is one number for all."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> float:
        """The limit of all series; NaN where a query gives it."""
        return float("nan") if isinstance(self.value, str) else float(self.value)

    def of(self, n: int, time_zone: str) -> Limit:
        """The limits of n rows, of which `query` has not been asked yet; `time_zone`: the card's."""
        plain, zone = Limit.uniform(n, self.number, self.is_above), self.time_zone or time_zone
        if not self.resets:
            return plain
        number = BUILT_IN.get(self.resets, 0) if zone == "UTC" else 0
        periods = () if number else (Periods(self.resets, zone),)
        return Limit(plain.value, plain.above, plain.capacity, np.full(n, number or FIRST_PERIOD, np.int8), periods)


def queries_of(rule: Any) -> list[tuple[str, str]]:
    """(side, query) of a limit as it is written."""
    return [(side, text) for side in SIDES if isinstance(text := at(rule, side), str) and not _is_number(text) and text.strip()]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
