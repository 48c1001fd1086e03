"""When a second opinion is asked for, used and let go, and how far it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from aiops.models.second_tier import pool as pools
from aiops.models.second_tier.opinion import OpinionParams, SecondOpinion
from aiops.models.second_tier.pool import Pool
from aiops.models.second_tier.tier import KEEPS, TAKEN_AFTER_S
from tests.models.hours import NOW, history_of
from tests.models.second_tier.test_features import T_HOURS, T_SMALL

EVERY_S = 600


@pytest.fixture(autouse=True)
def pool() -> Iterator[Pool]:
    made = Pool(patient=True)
    pools.share(made)
    yield made
    pools.share(Pool(patient=True))


def opinion(**params: float | bool | str) -> SecondOpinion:
    return SecondOpinion("pca", OpinionParams(**params))


def histories(n: int = 6):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    small = rng.normal(size=(n, 864))
    small[1, -3:] += 9.0
    return history_of(rng.normal(size=(n, 400)), small)


def test_an_answer_is_used_from_when_it_is_due_until_it_is_old() -> None:
    model = opinion()
    state = model.initial(6)
    rows = np.arange(3)
    model.ask(state, rows, histories())
    now = np.full(6, NOW)
    assert len(model.due(state, now + TAKEN_AFTER_S - 1)) == 0
    np.testing.assert_array_equal(model.due(state, now + TAKEN_AFTER_S), rows)
    assert model.busy(state, now).tolist() == [True] * 3 + [False] * 3
    model.take(state, rows)
    assert not np.isfinite(state["asked_s"]).any()
    assert -np.log10(model.said(state, now + TAKEN_AFTER_S)[1]) > 1.5
    assert np.isnan(model.said(state, now + TAKEN_AFTER_S)[3:]).all()
    assert np.isnan(model.said(state, now)).all(), "what was not known yet was not said"
    assert np.isnan(model.said(state, now + KEEPS * EVERY_S)).all()
    assert model.busy(state, now + EVERY_S - 1)[:3].all()
    assert not model.busy(state, now + EVERY_S).any()


def test_a_course_that_follows_people_is_usual_after_the_clocks_changed(pool: Pool) -> None:
    """Those of New York were set back a week before: half of what is known is of another hour of the day in UTC."""
    zone, noise = ZoneInfo("America/New_York"), np.random.default_rng(0)

    def ahead_s(at: int) -> float:
        offset = datetime.fromtimestamp(at, zone).utcoffset()
        assert offset is not None
        return offset.total_seconds()

    assert ahead_s(NOW - 12 * 86400) == ahead_s(NOW) + 3600

    def course(t: np.ndarray) -> np.ndarray:
        offset_s = np.array([ahead_s(one) for one in t.tolist()])
        return 50 + 10 * np.exp(-((((t + offset_s) % 86400) - 9 * 3600) ** 2) / (2 * 5400**2))

    seen = history_of(
        course(T_HOURS) + 0.1 * noise.normal(size=(4, len(T_HOURS))), course(T_SMALL) + 0.1 * noise.normal(size=(4, len(T_SMALL)))
    )
    farthest = {}
    for name in ("UTC", "America/New_York"):
        model, state = opinion(time_zone=name), opinion().initial(4)
        model.ask(state, np.arange(4), seen)
        asked = pool.kept(state["key"][0].tobytes())
        assert asked is not None
        farthest[name] = float(np.abs(asked[0].values).max())
    assert farthest["America/New_York"] < 9 < 15 < farthest["UTC"]


def test_it_decides_what_is_in_doubt_and_nothing_else() -> None:
    model = opinion(near=0.5, weight=1.0)
    first, second = np.array([1.5, 1.5, 1.5, 9.0]), np.array([1.7, 7.0, 0.1, 0.0])
    np.testing.assert_allclose(model.joined(first, second), [1.7, 2.0, 1.0, 8.5])
    assert model.joined(np.array([np.nan]), np.array([3.0]))[0] != 0
    np.testing.assert_array_equal(model.joined(first, np.full(4, np.nan)), first)


def test_those_near_or_above_their_threshold_deserve_it_or_all() -> None:
    scores, thresholds = np.array([0.9, 1.1, 2.4, np.nan]), np.full(4, 1.5)
    assert opinion(near=0.5).deserving(scores, thresholds).tolist() == [False, True, True, False]
    assert opinion(everything=True).deserving(scores, thresholds).tolist() == [True, True, True, False]


def test_where_a_worker_fails_nothing_is_said(pool: Pool) -> None:
    pool.memory_bytes = 1 << 20
    model = opinion()
    state = model.initial(6)
    model.ask(state, np.arange(3), histories())
    model.take(state, np.arange(3))
    assert np.isnan(model.said(state, np.full(6, NOW + TAKEN_AFTER_S))).all()
    assert not model.busy(state, np.full(6, NOW)).any(), "it may be asked again"


def test_with_too_little_history_nothing_is_asked(pool: Pool) -> None:
    model = opinion()
    state = model.initial(2)
    seen = histories(2)
    short = history_of(np.zeros((2, 5)))
    model.ask(state, np.arange(2), type(seen)(short.fine, seen.fine, short.long, short.offset, short.now_s, short.first_s))
    assert pool.counts.asked == 0
    assert not np.isfinite(state["asked_s"]).any()


def test_what_a_model_cannot_say_of_few_rows_is_asked_of_no_worker_and_not_each_turn(pool: Pool) -> None:
    model = opinion()
    state = model.initial(3)
    model.ask(state, np.arange(3), histories(3))
    now = np.full(3, NOW)
    assert (pool.counts.asked, pool.counts.failed) == (0, 0)
    assert len(model.due(state, now + TAKEN_AFTER_S)) == 0
    assert np.isnan(model.said(state, now + TAKEN_AFTER_S)).all()
    assert model.busy(state, now + EVERY_S - 1).all(), "nothing is prepared again at once"
    assert not model.busy(state, now + EVERY_S).any()


def test_what_was_said_among_more_rows_is_not_said_again_of_fewer(pool: Pool) -> None:
    model, rows = opinion(), np.arange(3)
    state, now = model.initial(3), np.full(3, NOW)
    model.ask(state, rows, histories())
    model.take(state, rows)
    assert np.isfinite(model.said(state, now + TAKEN_AFTER_S)).all()
    model.ask(state, rows, histories(3))
    assert np.isnan(model.said(state, now + TAKEN_AFTER_S)).all()
