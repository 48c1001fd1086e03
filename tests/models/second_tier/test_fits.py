"""What a worker does for one series."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models import conformal
from aiops.models.second_tier.worker import answer, packed, unpacked

FITTED = "aiops.models.second_tier.fits:fitted"
KINDS = ("ets", "sarimax", "components", "boosted", "pca", "isolation")
T = np.arange(312.0)
SEASON = 24


def asked(kind: str, values: np.ndarray) -> tuple[dict, np.ndarray]:
    """As a worker answers, but in this process."""
    settings = {"kind": kind, "season": SEASON, "step_s": 3600}
    return unpacked(answer(packed({"kind": FITTED, "settings": settings}, values.astype(np.float32))), "float64")


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_with_a_trend_is_carried_on(kind: str) -> None:
    y = 0.3 * np.sin(2 * np.pi * T / 24) + T / 500 + 0.02 * np.random.default_rng(0).normal(size=len(T))
    head, found = asked(kind, (y - y[239])[:240])
    assert head["error"] == ""
    assert head["cpu"] > 0
    assert len(found) == conformal.AHEAD + len(conformal.EDGES) + len(conformal.LEVELS)
    assert np.abs(found[:72] - (y - y[239])[240:]).max() < 0.2  # an optimiser ends elsewhere on another processor
    assert (found[conformal.AHEAD :] > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_series_gives_the_same_numbers(kind: str) -> None:
    y = np.random.default_rng(1).normal(size=144)
    (head, one), (_, two) = asked(kind, y), asked(kind, y)
    assert head["error"] == ""
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("hours", [144, 168, 192])
def test_days_of_a_kind_need_five_before_an_origin_and_no_more(hours: int) -> None:
    """Of the origins those count that have five days before them: six days are enough to speak of a week."""
    t = np.arange(hours + 72.0)
    y = 0.3 * np.sin(2 * np.pi * t / 24) + 0.01 * np.random.default_rng(0).normal(size=len(t))
    head, found = asked("pca", (y - y[hours - 1])[:hours])
    assert head["error"] == ""
    assert np.abs(found[:72] - (y - y[hours - 1])[hours:]).max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_too_short_a_series_is_refused_not_fatal(kind: str) -> None:
    head, found = asked(kind, np.zeros(48))
    assert head["error"]
    assert len(found) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_series_gives_numbers_or_a_reason(kind: str) -> None:
    head, found = asked(kind, np.zeros(96))
    assert head["error"] or np.isfinite(found).all()
