"""What is promised is what is kept: confidence, intervals and the floor, learnt from verdicts alone."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import Crossing, Outcome
from aiops.outcomes.calibrate import ENOUGH, Calibration, floor, learn
from aiops.outcomes.scorecard import raw_interval
from tests.outcomes.made import DAY

HOUR = 3600


def outcome(
    number: int, verdict: Any, sure: float = 0.5, failed: float | None = None, left: float = 10.0 * HOUR, **more: Any
) -> Outcome:
    """Number `number` of a card; the model said `left` s, from 0.7 to 1.5 of it, and it failed after `failed` of that."""
    opened = number * DAY
    at = None if failed is None else int(opened + failed * left)
    raw = {"confidence": sure, "earliest_s": opened + 0.7 * left, "expected_s": opened + left, "latest_s": opened + 1.5 * left}
    return Outcome(
        f"w{number}", "disk", {"instance": f"i{number}"}, verdict, opened + HOUR, opened, at, None, None, None, raw=raw,
        about={"kind": "exhaustion"}, **more,
    )  # fmt: skip


def draws(n: int, spread: float, middle: float = 1.0, seed: int = 1) -> list[Outcome]:
    """Failures whose time is lognormal about `middle` of what the model says."""
    rng = random.Random(seed)
    return [outcome(k, "hit", failed=middle * math.exp(rng.gauss(0.0, spread))) for k in range(n)]


def sure_of(n: int, share: Any, seed: int = 2) -> list[Outcome]:
    """Warnings of which the model said 0.1 … 0.9, and of which that `share` came."""
    rng = random.Random(seed)
    said = [rng.choice([0.1, 0.3, 0.5, 0.7, 0.9]) for _ in range(n)]
    return [outcome(k, "hit" if rng.random() < share(x) else "false", x) for k, x in enumerate(said)]


def covered(found: Calibration, one: Outcome) -> bool:
    said = raw_interval(one)
    assert said is not None
    assert one.opened_s is not None
    assert one.failed_s is not None
    told = found.crossing(said, one.opened_s)
    return told.earliest_s <= one.failed_s <= told.latest_s


def test_without_outcomes_the_model_is_believed_and_that_is_said() -> None:
    found = learn([])
    said = Crossing(100.0, 200.0, 400.0)
    assert [found.confidence(x) for x in (0.0, 0.45, 0.9)] == [0.0, 0.45, 0.9]
    assert found.crossing(said, 0.0) == said
    assert found.about == {"confidence": "the model's own, no outcomes yet", "interval": "the model's own, no crossings yet"}


def test_a_boastful_model_is_told_as_it_comes_true() -> None:
    found = learn(sure_of(300, lambda said: said / 2))
    assert found.about["confidence"] == "calibrated on 300 outcomes"
    fresh = sure_of(2000, lambda said: said / 2, seed=9)
    for said in (0.1, 0.3, 0.5, 0.7, 0.9):
        came = np.mean([o.verdict == "hit" for o in fresh if o.raw["confidence"] == said])
        assert abs(found.confidence(said) - came) < 0.12


def test_what_is_surer_is_never_told_as_less_sure() -> None:
    found = learn(sure_of(200, lambda said: 1.0 - said))
    told = [found.confidence(x) for x in np.linspace(0.0, 1.0, 50)]
    assert all(b >= a - 1e-9 for a, b in pairwise(told))


def test_outcomes_that_came_as_the_model_says_change_nothing() -> None:
    honest = [outcome(k, "hit" if k % 4 else "false", 0.75) for k in range(20)] + [
        outcome(k, "false" if k % 4 else "hit", 0.25) for k in range(20, 40)
    ]
    found = learn(honest)
    assert found.about["confidence"] == "the model's own, 40 outcomes make it no better"
    assert found.confidence(0.75) == pytest.approx(0.75, abs=0.01)


def test_nothing_is_certain() -> None:
    found = learn([outcome(k, "hit" if k % 2 else "false", 0.9 if k % 2 else 0.1) for k in range(100)])
    assert 0.0 < found.confidence(0.0) < 0.02
    assert 0.98 < found.confidence(1.0) < 1.0


@pytest.mark.parametrize(
    ("own", "least", "most", "text"),
    [
        (["hit"], 0.59, 0.61, "the model's own, 1 outcome"), (["false"], 0.59, 0.61, "the model's own, 1 outcome"),
        (["hit"] * 4 + ["false"] * 6, 0.58, 0.6, "the model's own, 10 outcomes"),
        (["false"] * 20, 0.4, 0.5, "the model's own, 20 outcomes"),
        (["late"] * 32, 0.65, 0.75, "the model's own, drawn to 32 outcomes"),
        (["late"] * 60, 0.8, 0.95, "calibrated on 60 outcomes"),
        (["expired", "averted", "missed"], 0.6, 0.6, "the model's own, no outcomes yet"),
    ],
)
def test_more_outcomes_draw_what_the_model_says_further_to_their_share(
    own: list[str], least: float, most: float, text: str
) -> None:
    found = learn([outcome(k, verdict, 0.6) for k, verdict in enumerate(own)])
    assert least <= found.confidence(0.6) <= most
    assert found.about["confidence"] == text


def test_with_few_outcomes_what_is_told_is_the_prior_of_the_family() -> None:
    family = sure_of(300, lambda said: said / 3)
    own = [outcome(k, "false", 0.9) for k in range(6)]
    alone, with_them = learn(own), learn(own, family)
    assert with_them.about["confidence"] == "family prior, 6 outcomes"
    assert with_them.confidence(0.9) < 0.45 < 0.6 < alone.confidence(0.9)


@pytest.mark.parametrize(("spread", "middle"), [(0.1, 1.0), (0.8, 1.0), (0.4, 0.3), (0.3, 2.0), (0.5, 0.1)])
def test_intervals_hold_as_many_as_they_promise(spread: float, middle: float) -> None:
    found = learn(draws(300, spread, middle))
    share = np.mean([covered(found, one) for one in draws(3000, spread, middle, seed=77)])
    assert 0.76 <= share <= 0.86


def test_the_rank_is_that_of_a_finite_sample() -> None:
    found = learn([outcome(k, "hit", failed=1.0 - 0.01 * k) for k in range(39)])  # the 36th of 39 earliest ones
    said = Crossing(0.7, 1.0, 1.5)
    assert found.crossing(said, 0.0).earliest_s == pytest.approx(1.0 - 0.35, abs=1e-3)
    assert found.about["interval"] == "calibrated on 39 crossings"


def test_few_crossings_draw_the_interval_to_that_of_the_family_and_else_to_the_models() -> None:
    own, family = [outcome(k, "hit", failed=0.5) for k in range(6)], draws(100, 0.05, 0.5)
    alone, with_them = learn(own), learn(own, family)
    assert alone.about["interval"] == "the model's own, 6 crossings"
    assert with_them.about["interval"] == "family prior, 6 crossings"
    assert 1.0 < alone.early < with_them.early
    assert learn([], family).about["interval"] == "family prior, no crossings yet"


def test_the_expected_time_moves_only_where_it_would_lie_outside() -> None:
    said = Crossing(0.7, 1.0, 1.5)
    assert learn(draws(100, 0.2)).crossing(said, 0.0).expected_s == 1.0
    found = learn(draws(100, 0.05, 0.3)).crossing(said, 0.0)
    assert found.earliest_s <= found.expected_s == found.latest_s < 0.5


@pytest.mark.parametrize("r", [1e-9, 1e9])
def test_whatever_came_is_no_time_without_end(r: float) -> None:
    came = [outcome(k, "hit", failed=r, left=1e6) for k in range(1, 40)]
    at = [one.raw["expected_s"] for one in came]
    sharp = [replace(o, raw={**o.raw, "earliest_s": t - 1, "latest_s": t + 1}) for o, t in zip(came, at, strict=True)]
    told = learn(sharp).crossing(Crossing(1e-6, 1.0, 50.0), 0.0)
    assert 0.0 <= told.earliest_s <= told.expected_s <= told.latest_s <= math.exp(5.0)


def test_a_time_that_is_exact_or_over_stays_as_it_is() -> None:
    found = learn(draws(100, 0.5))
    for said in (Crossing(100.0, 100.0, 100.0), Crossing(-3.0, -2.0, -1.0)):
        assert found.crossing(said, 0.0) == said


def test_only_what_the_model_said_teaches_never_what_was_told_of_it() -> None:
    lessons = draws(60, 0.5)
    wide = [replace(one, told=Crossing(0.0, 1.0, 9e9)) for one in lessons]
    assert learn(lessons).as_json() == learn(wide).as_json()


def test_before_it_was_kept_what_was_told_was_what_the_model_said() -> None:
    old = replace(outcome(1, "hit", failed=1.0), told=Crossing(1.0, 2.0, 3.0), raw={})
    assert raw_interval(old) == Crossing(1.0, 2.0, 3.0)
    assert learn([old]).outcomes == 0


def test_the_newest_count() -> None:
    found = learn(draws(300, 0.1) + [outcome(1000 + k, "hit", failed=0.2) for k in range(300)])
    assert found.crossings == 300
    assert found.crossing(Crossing(0.7, 1.0, 1.5), 0.0).latest_s < 0.3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["hit", "late", "false", "expired"]), st.floats(0, 1), st.floats(1e-4, 30)), max_size=60),
    st.randoms(use_true_random=False), st.floats(1.0, 1e7), st.floats(0.0, 1.0), st.floats(0.0, 5.0),
)  # fmt: skip
def test_whatever_happened_the_order_of_asking_does_not_tell_and_what_is_told_is_in_order(
    history: list[tuple[Any, float, float]], rng: random.Random, left: float, early: float, late: float
) -> None:
    outcomes = [outcome(k, v, c, r if v in ("hit", "late") else None) for k, (v, c, r) in enumerate(history)]
    mixed = outcomes.copy()
    rng.shuffle(mixed)
    found = learn(outcomes)
    assert found.as_json() == learn(mixed).as_json()
    told = found.crossing(Crossing(50.0 + early * left, 50.0 + left, 50.0 + left * (1 + late)), 50.0)
    assert 50.0 <= told.earliest_s <= told.expected_s <= told.latest_s < math.inf
    assert all(0.0 <= found.confidence(c) <= 1.0 for _, c, _ in history)
    assert found.outcomes == min(300, sum(v != "expired" for v, _, _ in history))


@pytest.mark.parametrize(
    ("false", "allowed", "wanted"),
    [([0.5, 0.6, 0.7], 3.0, 0.0), ([0.5, 0.6, 0.7], 2.0, 0.6), ([0.5, 0.6, 0.7], 1.0, 0.7), ([0.5, 0.6, 0.7], 0.1, 0.7),
     ([0.7, 0.7, 0.7], 1.0, 0.9), ([], 0.0, 0.0)],
)  # fmt: skip
def test_the_floor_lets_no_more_false_ones_through_than_the_budget(false: list[float], allowed: float, wanted: float) -> None:
    outcomes = [outcome(1, "hit", 0.9)] + [outcome(1, "false", said) for said in false]
    assert floor(outcomes, allowed, 2 * DAY) == wanted


def test_the_surest_always_speak_and_what_is_old_is_forgiven() -> None:
    outcomes = [outcome(1, "false", 0.9) for _ in range(10)]
    assert floor(outcomes, 1.0, 2 * DAY) == 0.9
    assert floor(outcomes, 1.0, 40 * DAY) == 0.0


def test_the_rank_needs_thirty_for_itself() -> None:
    assert learn(draws(ENOUGH, 0.3)).about["interval"] == "calibrated on 30 crossings"
    assert learn(draws(ENOUGH - 1, 0.3)).about["interval"] == "the model's own, 29 crossings"
