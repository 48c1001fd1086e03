"""A saw meets its limit with its teeth, and what runs like a clock is told to the minute."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import CLOCK, EDGES, HOUR, RISES
from tests.models.ways import Array, history, hours

MODEL = Exhaustion(ExhaustionParams(), 300)
LIMIT, TEETH_H, HEIGHT, A_H = 100.0, 0.77, 15.0, 1.1
END_S = 1_767_571_200 + 12 * HOUR


def saw(left_h: float, height: float = HEIGHT) -> Array:
    """Nine days; for 40 h it rises by A_H an hour, with teeth whose tips meet the limit `left_h` after the end."""
    t = hours(24 * 9)
    rises = A_H * (np.maximum(t, -40.0 - 1e-9) - left_h)
    teeth = height * (np.mod(t / TEETH_H, 1.0) - 1.0)
    return np.asarray(LIMIT + rises + teeth + np.random.default_rng(3).normal(0, 0.3, len(t)))


@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("left_h", [10.0, 6.0, 3.0])
def test_large_fast_teeth_are_told_by_where_their_tips_meet_the_limit(left_h: float, downwards: bool) -> None:
    sign = -1.0 if downwards else 1.0
    for back in range(5):  # wherever in a tooth it stands now
        values = sign * saw(left_h)[: -back or None]
        seen = MODEL.evidence(history(values[None], END_S - 300 * back), Limit.uniform(1, sign * LIMIT, not downwards))
        spoke = np.flatnonzero(np.isfinite(seen.eta_s[0]))
        assert {seen.paths[i].name for i in spoke} == {EDGES}
        assert float(np.median(seen.eta_s[0, spoke])) / HOUR == pytest.approx(left_h + back / 12, abs=2.5)


def test_small_teeth_leave_lines_their_say() -> None:
    seen = MODEL.evidence(history(saw(10.0, 0.5)[None], END_S), Limit.uniform(1, LIMIT, True))
    assert {seen.paths[i].name for i in np.flatnonzero(np.isfinite(seen.eta_s[0]))} >= {RISES}


def test_a_row_is_told_the_same_beside_any_other() -> None:
    rows = np.stack([saw(6.0), saw(6.0, 0.5)])
    limit = Limit.uniform(2, LIMIT, True)
    both = MODEL.evidence(history(rows, END_S), limit).eta_s
    for i in range(2):
        alone = MODEL.evidence(history(rows[i : i + 1], END_S), Limit.uniform(1, LIMIT, True)).eta_s
        np.testing.assert_array_equal(both[i], alone[0])


@pytest.mark.parametrize("days", [2.0, 9.0])
def test_a_certificate_is_told_to_the_percent_though_other_ways_speak(days: float) -> None:
    """What comes nearer by exactly the same in each half day is no matter of several opinions."""
    left = 7 * 86400.0 + days * 86400 - 3600 * hours(24 * 9)
    found = MODEL.crossings(MODEL.initial(1), history(left[None], END_S), Limit.uniform(1, 7 * 86400.0, False), 14 * 86400)
    state = MODEL.initial(1)
    for back in range(12, -1, -1):
        seen = history(left[None, : len(left) - back], END_S - 300 * back)
        found = MODEL.crossings(state, seen, Limit.uniform(1, 7 * 86400.0, False), 14 * 86400)
    early, expected, late = (found.time_s[0] - END_S) / 86400
    assert expected == pytest.approx(days, abs=0.02)
    assert late - early < 0.03 * days
    assert found.reason[0].startswith(CLOCK)
