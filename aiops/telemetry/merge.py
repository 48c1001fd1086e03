"""Several sources that see the same series: one value each instant, by preference; and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State

EMPTY: dict[str, type[np.generic]] = {
    "difference": np.float64, "scale": np.float64, "apart": np.int32, "since_s": np.int64,
    "first": np.float64, "second": np.float64, "first_of": np.int16, "second_of": np.int16,
}  # fmt: skip
"""What is remembered of each row's two most preferred values; see `Agreement`."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Values (m, t) of `rows` (m,) at the columns from `column` on, as `origin` says them."""

    origin: int
    rows: Ints
    column: int
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """`values` (n, t), NaN where no layer has any. Of the newest column: `first`, `second` (n,) the two most preferred values,
    NaN = none; `first_of`, `second_of` (n,) whose they are, -1 = nobody's.
    """

    values: Floats
    first: Floats
    second: Floats
    first_of: Ints
    second_of: Ints


def merged(n: int, columns: int, layers: Sequence[Layer]) -> Merged:
    """One value for each of n rows and t columns: of the layers that have one the first in `layers`. Deterministic.

    A layer that has no sample at an instant (its source is behind, was away, or lost the target) is not preferred there, so
    its gaps are filled from the next.
    """
    values = np.full((n, columns), np.nan)
    first, second = np.full(n, np.nan), np.full(n, np.nan)
    first_of, second_of = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    for layer in layers:
        part = slice(layer.column, layer.column + layer.values.shape[1])
        had = values[layer.rows, part]
        values[layer.rows, part] = np.where(np.isnan(had), layer.values, had)
        if part.stop == columns and layer.values.shape[1]:
            newest = layer.values[:, -1]
            there = np.isfinite(newest)
            fresh = there & (first_of[layer.rows] < 0)
            more = there & ~fresh & (second_of[layer.rows] < 0)
            first[layer.rows[fresh]], first_of[layer.rows[fresh]] = newest[fresh], layer.origin
            second[layer.rows[more]], second_of[layer.rows[more]] = newest[more], layer.origin
    return Merged(values, first, second, first_of, second_of)


def no_agreement(n: int) -> State:
    """The state of n rows of which only one source ever spoke."""
    return {name: np.full(n, -1 if name.endswith("_of") else 0, kind) for name, kind in EMPTY.items()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether two sources agree on a series: d = EWMA of (a - b), s = EWMA of max(|a|, |b|), apart when |d| > tolerance * s.

    The signed difference is averaged, so that two scrapes of one noisy gauge at different moments agree; the average's time
    constant is a third of `after_s`. A disagreement lasts once every column with both values was apart for `after_s`.

    Shapes: rows (n,). Empty, NaN: a column without both values changes nothing. Constant and equal: never apart.
    """

    tolerance: float
    after_s: float

    def observe(self, state: State, found: Merged, step_s: int, now_s: int) -> None:
        """Learn the newest column; `state` of n rows is updated in place."""
        both = np.isfinite(found.first) & np.isfinite(found.second)
        if not both.any():
            return
        alpha = min(1.0, 3.0 * step_s / self.after_s)
        a, b = found.first[both], found.second[both]
        for name, value in (("difference", a - b), ("scale", np.maximum(np.abs(a), np.abs(b)))):
            state[name][both] += alpha * (value - state[name][both])
        apart = np.abs(state["difference"][both]) > self.tolerance * state["scale"][both]
        count = np.where(apart, state["apart"][both] + 1, 0)
        state["since_s"][both] = np.where(count == 1, now_s, state["since_s"][both])
        state["apart"][both] = np.minimum(count, np.iinfo(np.int32).max - 1)
        for name in ("first", "second", "first_of", "second_of"):
            state[name][both] = getattr(found, name)[both]

    def lasting(self, state: State, step_s: int) -> Bools:
        """(n,) whether each row's sources have disagreed for `after_s`."""
        found: Bools = state["apart"] * step_s >= max(self.after_s, step_s)
        return found
