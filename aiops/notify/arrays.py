"""The arrays behind an early warning, as pages, messages and whoever asks the API see them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Crossing, Ints

Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """One series of a warning: samples `values` (t,) at `time_s` (t,), with what is usual then, `low`, `high` (t,), NaN = none.

    `limit` in `unit`, NaN = none; `above`: it must not be crossed upwards. Ahead, at `ahead_s` (h,): `mean`, `lower`, `upper`
    (h,), the straight ways from the newest sample to the crossing that was told; h = 0: no time was told, or it is over.
    `crossing`: what was told, at the opening where the warning is closed. `failed_s`: when what it foretold came.
    """

    labels: Mapping[str, str]
    unit: str
    time_s: Ints
    values: Row
    low: Row
    high: Row
    limit: float
    above: bool
    ahead_s: Ints
    mean: Row
    lower: Row
    upper: Row
    crossing: Crossing | None
    opened_s: int
    closed_s: int | None
    failed_s: int | None

    @property
    def now_s(self) -> int:
        """The instant of the newest sample looked at."""
        return int(self.time_s[-1])

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON; null = none."""
        crossing = self.crossing
        told = None if crossing is None else [crossing.earliest_s, crossing.expected_s, crossing.latest_s]
        return {
            "labels": dict(self.labels), "unit": self.unit, "time_s": self.time_s.tolist(), "values": plain(self.values),
            "low": plain(self.low), "high": plain(self.high), "limit": plain(np.array([self.limit]))[0], "above": self.above,
            "ahead_s": self.ahead_s.tolist(), "mean": plain(self.mean), "lower": plain(self.lower), "upper": plain(self.upper),
            "crossing_s": told, "opened_s": self.opened_s, "closed_s": self.closed_s, "failed_s": self.failed_s,
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """What `as_json` made. Raises KeyError for what lacks a field."""
        told = said["crossing_s"]
        return cls(
            labels=said["labels"], unit=said["unit"], time_s=np.array(said["time_s"], np.int64), values=_row(said["values"]),
            low=_row(said["low"]), high=_row(said["high"]), limit=_row([said["limit"]]).item(), above=said["above"],
            ahead_s=np.array(said["ahead_s"], np.int64), mean=_row(said["mean"]), lower=_row(said["lower"]),
            upper=_row(said["upper"]), crossing=None if told is None else Crossing(*told), opened_s=said["opened_s"],
            closed_s=said["closed_s"], failed_s=said["failed_s"],
        )  # fmt: skip


def _row(numbers: list[float | None]) -> Row:
    return np.array([math.nan if x is None else x for x in numbers], np.float64)


def plain(values: Row, digits: int = 7) -> list[float | None]:
    """Numbers as JSON has them: None for what is none."""
    return [float(f"{x:.{digits}g}") if math.isfinite(x) else None for x in values.tolist()]
