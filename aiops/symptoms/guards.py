"""Guards between a model and a symptom: persistence k of n, and what a missing sample means. Vectorised over rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State

OnMissing = Literal["unknown", "zero", "hold", "alert"]


@dataclass(frozen=True, slots=True)
class Guards:
    """A symptom needs `need` firing turns of the last `of`; an anomaly must also be far from what was expected:
    by `min_relative_change` (a share of it) and by `min_change` (in the unit).

    `on_missing`: unknown = a turn without a sample does not count; zero = it is quiet; hold = as the turn before;
    alert = it does not count here, and is told as an absence (see `aiops.symptoms.absence`).
    """

    need: int = 1
    of: int = 1
    min_relative_change: float = 0.0
    on_missing: OnMissing = "unknown"
    min_change: float = 0.0


def initial(n: int) -> State:
    """Gate of n rows that nothing fired on yet."""
    return {
        "bits": np.zeros(n, np.uint32),
        "active": np.zeros(n, bool),
        "since_s": np.zeros(n, np.int64),
    }


def step(
    state: State, firing: Bools, present: Bools, guards: Guards, now_s: Ints | int, near: Bools | None = None
) -> Bools:
    """One turn: which of n rows are symptoms now; `state` is updated in place.

    A row becomes active with `need` firing turns among its last `of`, and stays so until `of` turns were all quiet, and
    for as long as it is `near` (n,) to firing: what hovers there is one symptom, not many. A turn without a sample ends
    nothing, unless such a turn is quiet.
    """
    bits, mask = state["bits"], np.uint32((1 << guards.of) - 1)
    fired = firing.copy()
    counts = present
    if guards.on_missing in ("zero", "hold"):
        counts = np.ones_like(present)
        instead = {"zero": np.zeros_like(firing), "hold": (bits & 1).astype(bool)}
        fired = np.where(present, fired, instead[guards.on_missing])
    waits = (bits == 0) & ~present if guards.on_missing != "zero" else np.zeros_like(present)
    shifted = ((bits << np.uint32(1)) | fired.astype(np.uint32)) & mask
    bits[:] = np.where(counts, shifted, bits)
    stays = (bits != 0) | waits | (False if near is None else near)
    was = state["active"]
    active: Bools = (np.bitwise_count(bits) >= guards.need) | (was & stays)
    state["since_s"][:] = np.where(active & ~was, now_s, state["since_s"])
    was[:] = active
    return active


def eased(guards: Guards, share: float) -> Guards:
    """The same, but that an anomaly needs to be only `share` as far from what was expected."""
    change, least = share * guards.min_relative_change, share * guards.min_change
    return replace(guards, min_relative_change=change, min_change=least)


def far_from_expected(value: Floats, expected: Floats, guards: Guards) -> Bools:
    """Whether |value - expected| >= max(min_relative_change * |expected|, min_change); no expectation: passes."""
    if not (guards.min_relative_change or guards.min_change):
        return np.ones(value.shape, bool)
    with np.errstate(invalid="ignore"):
        wanted = np.maximum(guards.min_relative_change * np.abs(expected), guards.min_change)
        near = np.abs(value - expected) < wanted
    return ~near
