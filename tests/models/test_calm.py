"""Rises of minutes out of calm, told once what is left is about as long as they have lasted."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.exhaustion import ExhaustionParams
from aiops.symptoms.guards import Guards
from tests.models.minutes import Array, calm_host, ends_together, opened

ASKED = ExhaustionParams(calm_times=1.2)
SHAPES = {
    "linear": lambda u: u,
    "bending": lambda u: 0.4 * u + 0.6 * u**2,
    "stepped": lambda u: np.floor(16 * u) / 16,
    "pausing": lambda u: np.interp(u, [0, 0.3, 0.42, 0.7, 0.82, 1], [0, 0.39, 0.39, 0.76, 0.76, 1]),
}


def told(series: list[Array], step: int) -> list[float]:
    """Of each series where in it a warning stands first, inf = nowhere."""
    stands = opened(ends_together(series), step, 0.0, ASKED, Guards())
    longest = stands.shape[1]
    firsts = [int(row.argmax()) - longest + len(one) for row, one in zip(stands, series, strict=True)]
    return [float(first) if row.any() else np.inf for first, row in zip(firsts, stands, strict=True)]


def rise(shape: str, seconds: float, rng: np.random.Generator, step: int) -> tuple[Array, int]:
    """(free share that reaches 0 after half an hour of calm and `seconds`, the sample at which it begins)."""
    t = np.arange(-1800, seconds + step, step)
    used = 0.3 + 0.7 * SHAPES[shape](np.clip(t / seconds, 0, 1))
    return 1 - used + 0.003 * rng.normal(size=len(t)), 1800 // step


@pytest.mark.parametrize("shape", SHAPES)
def test_about_half_of_the_time_is_left_whatever_the_shape_and_length_of_the_rise(shape: str) -> None:
    rng, step, lengths = np.random.default_rng(len(shape)), 15, (600, 1000, 1800, 3600)
    rises = [rise(shape, seconds, rng, step) for seconds in lengths]
    found = told([values for values, _ in rises], step)
    shares = [(at - begin) * step / seconds for at, (_, begin), seconds in zip(found, rises, lengths, strict=True)]
    assert min(shares) > 0.25
    assert max(shares) < 0.57


def test_what_ends_or_slackens_before_half_of_its_way_stays_unsaid() -> None:
    t = np.arange(-1200, 1200, 10)
    ends = [np.clip(t / 600, 0, 0.4), np.clip(t / 2400, 0, 0.4), 0.6 * (1 - np.exp(-np.clip(t, 0, None) / 300))]
    assert np.isinf(told([1 - used for used in ends], 10)).all()


def test_what_came_as_far_before_stays_unsaid() -> None:
    t = np.arange(-2700, 2700, 15)
    teeth, first = 0.75 * (t % 900) / 900, 0.72 * (t + 2700) / 2700
    used = np.where(t < 0, first, teeth)
    stands = opened((1 - used)[None], 15, 0.0, ASKED, Guards())[0]
    assert stands[t < 0].any()
    assert not stands[t > 1860].any()


def test_a_calm_host_is_quiet_with_it_too() -> None:
    rng = np.random.default_rng(11)
    series = [values for _ in range(3) for values in calm_host(rng, 900)]
    assert not opened(np.stack(series)[:, ::3], 15, params=ASKED).any()
