"""The week's top at one hour of each week, which grows: told for the week in which it reaches the limit."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import HOUR, WEEKLY_TOPS
from aiops.telemetry.window import Window
from tests.models.ways import NOON, Array, history, hours

MODEL = Exhaustion(ExhaustionParams(), 300)
WEEK_H = 168


def backups(sizes: list[float], ago: float) -> Array:
    """Eight hours a week over 200; the last of `sizes` ended `ago` hours ago."""
    t = hours(24 * 30)
    since = t + ago + 8 + WEEK_H * (len(sizes) - 1)
    week = np.floor(since / WEEK_H).astype(int)
    here = (since % WEEK_H < 8) & (week >= 0) & (week < len(sizes))
    values = 200 + np.where(here, np.array(sizes)[np.clip(week, 0, len(sizes) - 1)], 0.0)
    return np.asarray(values + np.random.default_rng(0).normal(0, 1, len(t)))


def told(values: Array, limit: float) -> list[float]:
    """Hours left by this way."""
    seen = MODEL.evidence(history(values[None]), Limit.uniform(1, limit, True))
    here = [path.name == WEEKLY_TOPS for path in seen.paths] & np.isfinite(seen.eta_s[0])
    return list(seen.eta_s[0, here] / HOUR)


@pytest.mark.parametrize("ago", [-4, 0, 30, 100, 150])
def test_the_sunday_that_will_not_fit_is_told_in_all_of_the_week_before(ago: int) -> None:
    values = backups([100, 114, 128, 142], ago)
    assert told(values, 350) == pytest.approx([WEEK_H - 8 - ago], abs=1.0)
    assert told(values, 365) == pytest.approx([2 * WEEK_H - 8 - ago], abs=1.0)
    assert told(values, 400) == []


@pytest.mark.parametrize("sizes", [[100, 114, 114, 142], [100, 142, 128, 142], [142, 142, 142, 142], [114, 128, 142]])
def test_sundays_that_do_not_grow_alike_or_are_too_few_say_nothing(sizes: list[float]) -> None:
    assert told(backups(sizes, 30), 350) == []


def test_a_top_at_another_hour_is_no_growth() -> None:
    values = backups([100, 114, 128, 142], 30)
    at = len(values) - 12 * (30 + 8 + WEEK_H)
    values[at : at + 12 * 8], values[at - 12 * 40 : at - 12 * 32] = 200.0, 328.0
    assert told(values, 350) == []


def test_what_reaches_the_limit_in_every_hour_and_grows_by_nothing_says_nothing() -> None:
    values = np.full(12 * 24 * 30, 200.0)
    values[6::12] = 350.0
    seen = Exhaustion(ExhaustionParams(touched_s=0.0), 300).evidence(history(values[None]), Limit.uniform(1, 350, True))
    assert seen.inside.all()
    assert not np.isfinite(seen.eta_s).any()


def test_the_told_time_stands_still_while_an_hour_goes() -> None:
    values, window, at = backups([100, 114, 128, 142], 30), Window.open(None, 300), []
    rows = window.rows_for([{"row": "0"}])
    begin = NOON - 300 * (len(values) - 1)
    for now in (NOON, NOON + 2400, NOON + 3300):
        known = np.concatenate([values, np.full((now - NOON) // 300, 200.0)])
        window.append(rows, begin + 300 * np.arange(len(known)), known[None])
        seen = MODEL.evidence(window.history(rows, now), Limit.uniform(1, 350, True))
        at.append(now + seen.eta_s[0, [path.name == WEEKLY_TOPS for path in seen.paths]][0])
    assert at == pytest.approx([at[0]] * 3)
    assert at[0] == pytest.approx(NOON + 130 * HOUR, abs=HOUR)
