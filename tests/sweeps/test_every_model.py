"""What holds for every detector and every forecaster of the catalogue, ours and third parties'."""

from __future__ import annotations

import doctest
import inspect
import sys
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from aiops.core.records import History, Limit, Resolution, State
from aiops.models.state_files import StateLoss, read_state, save_state
from aiops.plugins import catalogue, load

START = 1_700_000_000 // 3600 * 3600
STEP = 60


def both(test: Any) -> Any:
    kinds = [(group, name) for group in ("detectors", "forecasters") for name in sorted(catalogue(group))]
    return pytest.mark.parametrize(("group", "name"), kinds)(test)


detectors = pytest.mark.parametrize("name", sorted(catalogue("detectors")))
forecasters = pytest.mark.parametrize("name", sorted(catalogue("forecasters")))


def made(group: str, name: str, step: int = STEP) -> Any:
    kind = load(group, name)
    return kind(kind.Params(), step)


def clock(n: int, count: int, step: int = STEP, start: int = START) -> np.ndarray:
    return np.broadcast_to(start + step * np.arange(count), (n, count)).astype(np.int64)


def shapes(count: int = 700, seed: int = 0) -> np.ndarray:
    """Many kinds of series, a row each."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)
    calm = rng.normal(size=count)
    gaps = np.where(rng.random(count) < 0.3, np.nan, calm)
    spikes = np.where(rng.random(count) < 0.02, rng.exponential(50, count), 0.0)
    infinite = calm.copy()
    infinite[::50] = np.inf
    rows = [
        calm, np.full(count, 3.25), np.zeros(count), np.full(count, np.nan), gaps, spikes, infinite, 0.01 * t,
        np.sin(t / 50), np.round(3 + calm), 1e12 + calm, -1e15 + 10 * calm, 1e-12 * calm, 1e30 * calm,
        np.cumsum(calm), np.where(t < count - 5, np.nan, 1.0), (t % 2).astype(float), np.exp(5 * calm),
    ]  # fmt: skip
    return np.stack(rows)


def equal(a: State, b: State) -> None:
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def rows_of(state: State, rows: Any) -> State:
    return {name: array[rows] for name, array in state.items()}


# --- both kinds -------------------------------------------------------------------------------------------------------


@both
def test_it_is_described(group: str, name: str) -> None:
    kind = load(group, name)
    text = inspect.getdoc(kind) or ""
    assert "Source:" in text
    assert len(text.split("Source:")[0]) > 100, "the docstring gives no formula"
    missing = [field for field, info in kind.Params.model_fields.items() if not info.description]
    assert not missing
    assert kind.Params.model_config["extra"] == "forbid"


@both
def test_its_example_is_true(group: str, name: str) -> None:
    kind = load(group, name)
    found = [t for t in doctest.DocTestFinder().find(kind, module=sys.modules[kind.__module__]) if t.examples]
    assert found, "the docstring has no example"
    for one in found:
        assert doctest.DocTestRunner(verbose=False).run(one).failed == 0


@both
def test_state_has_a_row_a_series_and_survives_the_disk(group: str, name: str, tmp_path: Any) -> None:
    model = made(group, name)
    state = model.initial(7)
    assert state
    assert all(len(array) == 7 and not array.dtype.hasobject for array in state.values())
    assert sum(array.nbytes for array in state.values()) / 7 <= 3072
    save_state(tmp_path, "model", state, {"name": name})
    back = read_state(tmp_path, "model", {"name": name})
    assert not isinstance(back, StateLoss)
    equal(state, back)


# --- detectors --------------------------------------------------------------------------------------------------------


@detectors
def test_scores_have_their_ranges(name: str) -> None:
    x = shapes()
    detector = made("detectors", name)
    scores = detector.score(detector.initial(len(x)), x, clock(*x.shape))
    known = np.isfinite(scores.p)
    assert known[0].any()
    assert ((scores.p[known] > 0) & (scores.p[known] <= 1)).all()
    assert not known[~np.isfinite(x)].any()
    ordered = known & (np.abs(x) < 1e25)
    assert np.isfinite(scores.expected[known]).all()
    assert (scores.lower[ordered] <= scores.expected[ordered]).all()
    assert (scores.expected[ordered] <= scores.upper[ordered]).all()


@detectors
def test_a_detector_leaves_its_input_alone(name: str) -> None:
    x, times = shapes(), clock(len(shapes()), 700)
    kept = x.copy()
    x.setflags(write=False)
    detector = made("detectors", name)
    detector.score(detector.initial(len(x)), x, times)
    np.testing.assert_array_equal(x, kept)


@detectors
@pytest.mark.parametrize("chunks", [[700], [1] * 700, [3, 1, 296, 400]])
def test_chunks_do_not_matter(name: str, chunks: list[int]) -> None:
    x, times = shapes(), clock(len(shapes()), 700)
    detector = made("detectors", name)
    whole, parts = detector.initial(len(x)), detector.initial(len(x))
    want = detector.score(whole, x, times).p
    edges = np.cumsum([0, *chunks])
    got = [detector.score(parts, x[:, a:b], times[:, a:b]).p for a, b in pairwise(edges)]
    np.testing.assert_array_equal(want, np.concatenate(got, axis=1))
    equal(whole, parts)


@detectors
def test_rows_alone_and_together_are_the_same(name: str) -> None:
    x = np.concatenate([shapes(seed=s) for s in range(4)])
    times = clock(*x.shape) + 7 * 86400 * (np.arange(len(x)) % 3)[:, None]
    detector = made("detectors", name)
    state = detector.initial(len(x))
    together = detector.score(state, x, times).p
    for i in range(0, len(x), 5):
        alone = detector.initial(1)
        np.testing.assert_array_equal(together[i : i + 1], detector.score(alone, x[i : i + 1], times[i : i + 1]).p)
        equal(rows_of(state, slice(i, i + 1)), alone)


@detectors
def test_state_from_disk_goes_on_as_if_nothing_had_happened(name: str, tmp_path: Any) -> None:
    x, times = shapes(), clock(len(shapes()), 700)
    detector = made("detectors", name)
    state = detector.initial(len(x))
    detector.score(state, x[:, :500], times[:, :500])
    save_state(tmp_path, "detector", state, {})
    back = read_state(tmp_path, "detector", {})
    assert not isinstance(back, StateLoss)
    a = detector.score(state, x[:, 500:], times[:, 500:]).p
    np.testing.assert_array_equal(a, detector.score(back, x[:, 500:], times[:, 500:]).p)


@detectors
@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
@pytest.mark.parametrize("step", [5, 60, 300])
def test_a_spike_ranks_first(name: str, offset: float, step: int) -> None:
    x = offset + np.random.default_rng(1).normal(size=(5, 1500))
    x[2, -1] += 50
    detector = made("detectors", name, step)
    state = detector.initial(5)
    p = detector.score(state, x, clock(5, 1500, step)).p
    assert (detector.ready(state) == 1).all()
    assert p[2, -1] == np.nanmin(p)
    assert np.nanargmin(p[:, -1]) == 2


@detectors
def test_nothing_is_scored_from_too_little(name: str) -> None:
    detector = made("detectors", name)
    state = detector.initial(2)
    assert (detector.ready(state) == 0).all()
    assert np.isnan(detector.score(state, np.array([[1.0], [2.0]]), clock(2, 1)).p).all()
    assert detector.score(detector.initial(0), np.zeros((0, 3)), clock(0, 3)).p.shape == (0, 3)
    assert detector.score(state, np.zeros((2, 0)), clock(2, 0)).p.shape == (2, 0)


# --- forecasters ------------------------------------------------------------------------------------------------------


def history(x: np.ndarray, step: int = STEP, now: int = START) -> History:
    """What a window would hold of (n, t) values whose last column is at `now` (a whole hour)."""
    finite = np.isfinite(x)
    offset = np.where(finite.any(1), x[np.arange(len(x)), finite.argmax(1)], 0.0)
    y = (np.where(finite, x, np.nan) - offset[:, None]).astype(np.float32)
    first = now - (x.shape[1] - 1 - finite.argmax(1)) * step
    fine = y[:, -max(21600 // step, 72) :]

    def coarse(bucket: int, count: int) -> Resolution:
        k = bucket // step
        parts = y[:, y.shape[1] % k :].reshape(len(y), -1, k)[:, -count:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an empty bucket is a gap
            mean = np.nanmean(parts, 2, dtype=np.float64).astype(np.float32)
        return Resolution(bucket, now, mean, np.fmin.reduce(parts, 2), np.fmax.reduce(parts, 2))

    return History(
        Resolution(step, now, fine, fine, fine), coarse(300, 864), coarse(3600, 840), offset,
        np.full(len(x), now, np.int64), first.astype(np.int64),
    )  # fmt: skip


def looks(model: Any, state: State, x: np.ndarray, limit: Limit, count: int = 12, horizon: float = 3 * 86400) -> Any:
    """Several turns in a row, a step apart; the last answer."""
    out = None
    for back in range(count - 1, -1, -1):
        seen = x[:, : x.shape[1] - 60 * back] if back else x
        out = model.crossings(state, history(seen, now=START - 3600 * back), limit, horizon)
    return out


def rising(count: int = 4 * 1440, noise: float = 0.05) -> np.ndarray:
    """Falls from 100 by 15 a day: reaches 10 about 2 days after 4 days."""
    t = np.arange(count) / 1440
    return 100 - 15 * t + noise * np.random.default_rng(3).normal(size=count)


@forecasters
def test_a_straight_line_is_followed(name: str) -> None:
    model = made("forecasters", name)
    c = looks(model, model.initial(1), rising()[None], Limit.uniform(1, 10.0, False))
    early, expected, late = c.time_s[0] - START
    assert early <= expected <= late
    assert early < 2 * 86400 < late
    assert expected == pytest.approx(2 * 86400, rel=0.3)
    assert c.slope[0] == pytest.approx(-15 / 86400, rel=0.3)


@forecasters
def test_flat_and_receding_series_cross_nothing(name: str) -> None:
    model = made("forecasters", name)
    rng = np.random.default_rng(0)
    x = np.stack([50 + rng.normal(size=5760), np.full(5760, 50.0), 50 + np.arange(5760) / 100])
    c = looks(model, model.initial(3), x, Limit.uniform(3, 10.0, False))
    assert np.isnan(c.time_s).all()


@forecasters
def test_no_limit_no_sample_or_already_beyond_is_silent(name: str) -> None:
    model = made("forecasters", name)
    x = np.stack([rising(), np.full(5760, np.nan), rising() - 60])
    limit = Limit(np.array([np.nan, 10, 50]), np.zeros(3, bool), np.full(3, np.nan), np.zeros(3, np.int8))
    c = looks(model, model.initial(3), x, limit)
    assert np.isnan(c.time_s).all()
    assert all(isinstance(reason, str) and reason for reason in c.reason)


@forecasters
def test_every_shape_gives_ordered_times_or_none(name: str) -> None:
    model = made("forecasters", name)
    x = shapes(2880)
    x = np.where(np.abs(x) > 1e20, np.nan, x)
    with np.errstate(invalid="ignore"):
        top = np.nan_to_num(np.nan_to_num(x, nan=-np.inf, posinf=-np.inf).max(1), neginf=0.0) + 1
    c = looks(
        model,
        model.initial(len(x)),
        x,
        Limit(top, np.ones(len(x), bool), np.full(len(x), np.nan), np.zeros(len(x), np.int8)),
        6,
    )
    said = np.isfinite(c.time_s)
    assert (said.all(1) | ~said.any(1)).all()
    times = c.time_s[said.all(1)]
    assert (np.diff(times, axis=1) >= 0).all()
    assert (times[:, 0] >= START).all()
    known = np.isfinite(c.confidence)
    assert ((c.confidence[known] >= 0) & (c.confidence[known] <= 1)).all()


@forecasters
def test_forecasts_of_rows_alone_and_together_are_the_same(name: str) -> None:
    model = made("forecasters", name)
    x = np.stack([rising(), rising(noise=1.0), np.full(5760, 50.0), rising() + 20, rising() * 2])
    limit = Limit.uniform(5, 10.0, False)
    state = model.initial(5)
    together = looks(model, state, x, limit, 6)
    for i in range(5):
        alone_state = model.initial(1)
        alone = looks(model, alone_state, x[i : i + 1], limit.take(slice(i, i + 1)), 6)
        np.testing.assert_array_equal(together.time_s[i : i + 1], alone.time_s)
        equal(rows_of(state, slice(i, i + 1)), alone_state)


@forecasters
def test_a_curve_is_ordered_and_widens_with_its_level(name: str) -> None:
    model = made("forecasters", name)
    x = np.stack([rising(), 50 + np.random.default_rng(0).normal(size=5760)])
    state = model.initial(2)
    looks(model, state, x, Limit.uniform(2, 10.0, False))
    ahead = START + 3600 * np.arange(1, 25)
    curves = [model.curve(state, history(x), ahead, level) for level in (0.5, 0.8, 0.99)]
    for curve in curves:
        assert (curve.lower <= curve.mean).all()
        assert (curve.mean <= curve.upper).all()
    widths = [curve.upper - curve.lower for curve in curves]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()
    assert abs(curves[1].mean[0, -1] - (rising()[-1] - 15)) < 6


@forecasters
def test_a_forecaster_leaves_its_history_alone(name: str) -> None:
    model = made("forecasters", name)
    seen = history(np.stack([rising(), shapes(5760)[4]]))
    for resolution in (seen.fine, seen.mid, seen.long):
        for array in (resolution.mean, resolution.low, resolution.high):
            array.setflags(write=False)
    model.crossings(model.initial(2), seen, Limit.uniform(2, 10.0, False), 3 * 86400)
