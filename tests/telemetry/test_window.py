"""The window store against a plain model: right at any step and chunking, after any restart, kill and damage."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.errors import SourceError
from aiops.core.records import Ints, Resolution
from aiops.telemetry import window as window_module
from aiops.telemetry.window import Window
from aiops.telemetry.window_base import LONG_COUNT, LONG_STEP_S, Progress

T0 = 1_700_000_000 // 7200 * 7200
STEPS = [1, 5, 7, 60, 300, 420, 7200]


def grid(step: int, first: int, count: int) -> Ints:
    """`count` instants, multiples of `step`, the first one `first` steps after T0."""
    return (T0 // step + first + np.arange(count, dtype=np.int64)) * step


def labels_of(n: int) -> list[dict[str, str]]:
    return [{"i": str(i), "job": "x"} for i in range(n)]


def truth(rows: Ints, times: Ints) -> np.ndarray:
    """A value for every (row, instant), a fifth of them gaps: whoever sees another value saw something stale."""
    mixed = (rows[:, None] * 7919 + times[None, :] * 104_729) % 1009
    return np.where(mixed % 5 == 0, np.nan, 1e6 * rows[:, None] + mixed)


def summary(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, low, high) along the last axis by counting, NaN where there is no sample."""
    here = np.isfinite(columns)
    count = here.sum(axis=-1)
    total = np.where(here, columns, 0.0).sum(axis=-1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    low, high = (how.reduce(columns, axis=-1, initial=np.nan) for how in (np.fmin, np.fmax))
    return mean, low, high


def holds(
    window: Window, r: Resolution, values_at: Callable[[Ints], np.ndarray], offset: np.ndarray, exact: bool
) -> None:
    """Every bucket of a resolution is the mean, min and max of `values_at` (rows, times) in it; not exact: or is a gap."""
    step = window.step_s
    lasts = r.end_s - r.step_s * np.arange(r.mean.shape[1] - 1, -1, -1, dtype=np.int64)
    for j, last in enumerate(lasts):
        times = np.arange((last - r.step_s) // step * step + step, last + 1, step, dtype=np.int64)
        columns = values_at(times)
        scale = np.abs(np.where(np.isfinite(columns), columns - offset[:, None], 0.0)).max(initial=0.0)
        for part, want in zip((r.mean, r.low, r.high), summary(columns), strict=True):
            got = part[:, j] + offset
            if not exact:
                want = np.where(np.isnan(got), np.nan, want)
            np.testing.assert_allclose(
                got, want, rtol=0, atol=max(2.0**-22 * scale, 1e-9), err_msg=f"{r.step_s}: {last}"
            )


class Model:
    """The same history as a table of samples."""

    def __init__(self, step: int, rows: int = 3, columns: int = 30_000) -> None:
        self.step, self.table = step, np.full((rows, columns), np.nan)

    def append(self, rows: Ints, times: Ints, values: np.ndarray) -> None:
        self.table[np.ix_(rows, times // self.step - T0 // self.step)] = values

    def check(self, window: Window, now: int, fine: bool = True) -> None:
        """Every bucket of every resolution is right; the finest one only on demand."""
        history = window.history(None, now)
        for resolution in (*((history.fine,) if fine else ()), history.mid, history.long):
            holds(window, resolution, lambda times: self._at(times)[: window.n], history.offset, exact=True)

    def _at(self, times: Ints) -> np.ndarray:
        columns = times // self.step - T0 // self.step
        inside = (columns >= 0) & (columns < self.table.shape[1])
        return np.where(inside, self.table[:, np.where(inside, columns, 0)], np.nan)


def filled(window: Window, step: int, n: int, first: int, count: int, model: Model | None = None) -> int:
    """Append `count` columns of truth; returns the last instant."""
    times = grid(step, first, count)
    rows = window.rows_for(labels_of(n))
    window.append(rows, times, truth(rows, times))
    progress = window.progress.setdefault("s", Progress())
    progress.read_s = max(progress.read_s, int(times[-1]))
    if model is not None:
        model.append(rows, times, truth(rows, times))
    return int(times[-1])


def same(a: Window, b: Window, now: int) -> None:
    """Two windows say the same of the same series."""
    assert a.n == b.n
    order = [b._row[name] for name in a._row]
    x, y = a.history(None, now), b.history(np.array(order, np.int64), now)
    np.testing.assert_array_equal(x.first_s, y.first_s)
    for one, other in ((x.fine, y.fine), (x.mid, y.mid), (x.long, y.long)):
        assert (one.step_s, one.end_s) == (other.step_s, other.end_s)
        width = min(one.mean.shape[1], other.mean.shape[1])
        for name in ("mean", "low", "high"):
            p, q = (getattr(r, name)[:, -width:] for r in (one, other))
            np.testing.assert_allclose(p + x.offset[:, None], q + y.offset[:, None], rtol=1e-6)


@pytest.mark.parametrize("step", STEPS)
def test_buckets_are_the_mean_min_and_max_of_their_samples(step: int) -> None:
    window, model = Window.open(None, step), Model(step)
    end = filled(window, step, 2, 3, min(window.fine_count + 50, 2000), model)
    model.check(window, end)
    history = window.history(None, end)
    assert history.fine.mean.shape[1] == min(window.fine_count, 2000)
    assert (history.mid.step_s, history.long.step_s) == (max(300, step), max(3600, step))


@settings(max_examples=60, deadline=None)
@given(
    step=st.sampled_from(STEPS),
    edges=st.lists(st.integers(1, 299), max_size=8, unique=True),
    late=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 2)), max_size=6),
)
def test_any_chunking_with_gaps_late_samples_and_new_series_equals_the_model(
    step: int, edges: list[int], late: list[tuple[int, int]]
) -> None:
    window, model = Window.open(None, step, capacity=1), Model(step)
    bounds = [0, *sorted(edges), 300]
    for k, (a, b) in enumerate(itertools.pairwise(bounds)):
        if k % 3 != 1:  # every third chunk never comes
            filled(window, step, 1 + k % 3, a, b - a, model)
    for column, row in late:
        if row < window.n and window.end_s - grid(step, column, 1)[0] < 0.4 * window.fine_count * step:
            value = np.array([[column + 0.5]])
            window.append(np.array([row]), grid(step, column, 1), value)
            model.append(np.array([row]), grid(step, column, 1), value)
    model.check(window, max(window.end_s, int(grid(step, 299, 1)[0])))


@pytest.mark.parametrize("chunk", [1, 7, 100, 10**6])
def test_a_long_history_in_chunks_equals_it_at_once(chunk: int) -> None:
    once, parts = Window.open(None, 300), Window.open(None, 300)
    filled(once, 300, 3, 0, 2500)
    for first in range(0, 2500, chunk):
        filled(parts, 300, 3, first, min(chunk, 2500 - first))
    same(once, parts, once.end_s)


@settings(max_examples=40, deadline=None)
@given(step=st.sampled_from([60, 300, 420, 7200]), order=st.permutations(range(6)), wide=st.integers(1, 40))
def test_older_chunks_in_any_order_come_to_the_same_as_reading_at_once(step: int, order: list[int], wide: int) -> None:
    """Chunks hold whole buckets of the coarsest resolution."""
    bucket = np.lcm(3600, step) // step
    span = int(bucket * wide)
    once, parts = Window.open(None, step), Window.open(None, step)
    filled(once, step, 3, 1, 7 * span)
    filled(parts, step, 3, 6 * span + 1, span)
    for k in order:
        times = grid(step, k * span + 1, span)
        rows = parts.rows_for(labels_of(3))
        parts.fill(rows, times, truth(rows, times))
    same(once, parts, once.end_s)


def test_older_values_fill_gaps_and_take_the_place_of_others_only_when_told() -> None:
    window = Window.open(None, 60)
    times = grid(60, 0, 20)
    values = np.full((1, 20), 5.0)
    values[0, 3] = np.nan
    rows = window.rows_for(labels_of(1))
    window.append(rows, times, values)
    window.fill(rows, times[2:6], np.array([[1.0, 2.0, np.nan, np.inf]]))
    assert window.value_at(rows, times[1:7])[0].tolist() == [5, 5, 2, 5, 5, 5]
    window.fill(rows, times[2:6], np.array([[1.0, 3.0, np.nan, np.inf]]), replace=True)
    assert window.value_at(rows, times[1:7])[0].tolist() == [5, 1, 3, 5, 5, 5]
    assert np.isnan(window.value_at(rows, np.array([times[-1] + 60, times[0] - 10**6])))[0].all()


def test_a_gap_longer_than_the_rings_shows_nothing_of_the_time_before() -> None:
    window, model = Window.open(None, 60), Model(60, columns=70_000)
    filled(window, 60, 2, 0, 500)
    end = filled(window, 60, 2, 40 * 24 * 60, 3, model)
    model.check(window, end)


def test_a_gap_longer_than_the_finest_ring_loses_no_bucket_that_was_open() -> None:
    window, model = Window.open(None, 60), Model(60)
    filled(window, 60, 2, 0, 437, model)
    model.check(window, filled(window, 60, 2, 1200, 3, model))


def test_samples_older_than_the_finest_ring_change_nothing() -> None:
    window, model = Window.open(None, 60), Model(60)
    end = filled(window, 60, 2, 0, 400, model)
    window.append(np.array([0]), grid(60, 10, 1), np.array([[5e9]]))
    model.check(window, end)


def test_reading_history_ahead_of_what_was_read_leaves_it_to_be_read() -> None:
    window, model = Window.open(None, 60), Model(60)
    end = filled(window, 60, 2, 0, 100, model)
    window.history(None, end + 1800)
    assert window.missing("s", end + 1800, 10**6, None) == (end + 60, end + 1800)
    filled(window, 60, 2, 100, 30, model)
    model.check(window, end + 1800)


def test_small_steps_on_a_large_value_keep_their_precision() -> None:
    window = Window.open(None, 60)
    times = grid(60, 0, 200)
    values = 1e12 + 0.25 * np.arange(200)
    window.append(window.rows_for([{"a": "b"}]), times, values[None, :])
    history = window.history(None, int(times[-1]))
    np.testing.assert_array_equal(history.offset[:, None] + history.fine.mean.astype(np.float64), values[None, :])
    assert window.latest(int(times[-1])).tolist() == [values[-1]]


def test_infinite_and_overflowing_values_are_gaps() -> None:
    window = Window.open(None, 60)
    values = np.array([[1.0, np.inf, -np.inf, 1e300, -1e300, 2.0]])
    window.append(window.rows_for([{"a": "b"}]), grid(60, 0, 6), values)
    fine = window.history(None, int(grid(60, 5, 1)[0])).fine.mean[0, -6:]
    np.testing.assert_array_equal(fine, [0.0, np.nan, np.nan, np.nan, np.nan, 1.0])


def test_rows_keep_their_numbers() -> None:
    window = Window.open(None, 60)
    labels = labels_of(5)
    assert window.rows_for(labels).tolist() == [0, 1, 2, 3, 4]
    assert window.rows_for(labels[::-1]).tolist() == [4, 3, 2, 1, 0]
    assert window.rows_for([{"job": "x", "i": "2"}, {"new": "one"}, {"new": "one"}]).tolist() == [2, 5, 5]


def test_more_series_than_it_may_ever_know_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "MOST_ROWS", 10)
    window = Window.open(None, 60)
    window.rows_for(labels_of(10))
    with pytest.raises(SourceError, match="11 series") as raised:
        window.rows_for(labels_of(11))
    assert raised.value.kind == "too_many_series"
    assert window.n == 10


def test_coverage_is_the_share_of_grid_points_present() -> None:
    window = Window.open(None, 60)
    times = grid(60, 0, 300)
    values = np.ones((2, 300))
    values[1, 200:250] = np.nan
    window.append(window.rows_for(labels_of(2)), times, values)
    end = int(times[-1])
    np.testing.assert_allclose(window.coverage(np.array([0, 1]), end - 100 * 60, end), [1.0, 0.5])
    np.testing.assert_allclose(window.coverage(np.array([0, 1]), end - 200 * 60, end), [1.0, 0.75])


@pytest.mark.parametrize("step", [5, 60, 7])
def test_on_disk_a_restart_reads_only_what_it_missed(tmp_path: Path, step: int) -> None:
    reference, window = Window.open(None, step), Window.open(tmp_path, step)
    assert window.rebuilt == "new"
    end = filled(window, step, 3, 0, 900)
    filled(reference, step, 3, 0, 900)
    window.close()
    again = Window.open(tmp_path, step)
    assert again.rebuilt == ""
    assert again.id == window.id
    same(reference, again, end)
    now = end + 40 * step
    assert again.missing("s", now, 10**6, None) == (end + step, now)
    filled(again, step, 4, 900, 40)
    filled(reference, step, 4, 900, 40)
    same(reference, again, now)
    assert again.missing("s", now, 10**6, None) is None


def test_nothing_missing_is_asked_beyond_history_or_before_the_source_begins() -> None:
    window = Window.open(None, 60)
    now = int(grid(60, 1000, 1)[0]) + 13
    assert window.missing("s", now, 600, None) == (now - 13 - 600, now - 13)
    assert window.missing("s", now, 600, now - 100) == (now - 13 - 60, now - 13)
    assert window.missing("s", now, 600, now + 1000) == (now - 13, now - 13)
    filled(window, 60, 1, 0, 10)
    assert window.missing("s", now, 600, None) == (now - 13 - 600, now - 13)
    assert window.missing("s", int(grid(60, 9, 1)[0]) + 59, 600, None) is None
    assert window.missing("s", int(grid(60, 5, 1)[0]), 600, None) is None


def test_the_rings_are_mapped_files_and_growth_copies_nothing(tmp_path: Path) -> None:
    """10,000 series of 22 kB each: anonymous memory grows by far less than that."""
    program = """
import sys, numpy as np
from pathlib import Path
from aiops.telemetry.window import Window
def anonymous():
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(r.split()[1]) for r in rows if r.startswith("RssAnon")) / 1024
window = Window.open(Path(sys.argv[1]), 60)
labels = [{"instance": f"host-{i // 50}", "i": str(i)} for i in range(10_000)]
before = anonymous()
for n in (100, 1000, 3000, 6000, 10_000):
    rows = window.rows_for(labels[:n])
    window.append(rows, np.array([1_700_000_040 + n * 60]), np.ones((n, 1)))
window.save()
print(anonymous() - before)
"""
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) > 200 * 2**20
    assert float(run.stdout) < 30  # MB: labels and their look-up


def test_series_silent_for_longer_than_the_longest_resolution_are_forgotten_at_the_next_start(tmp_path: Path) -> None:
    window = Window.open(tmp_path, 3600)
    times = grid(3600, 0, LONG_COUNT + 10)
    rows = window.rows_for(labels_of(4))
    values = truth(rows, times)
    values[1, 5:] = np.nan
    window.append(rows, times, values)
    old = window.history(np.array([0, 2, 3]), window.end_s)
    window.close()
    again = Window.open(tmp_path, 3600)
    assert [one["i"] for one in again.labels] == ["0", "2", "3"]
    assert again.id != window.id
    new = again.history(None, again.end_s)
    for name in ("fine", "mid", "long"):
        np.testing.assert_array_equal(getattr(old, name).mean, getattr(new, name).mean)
    rows = again.rows_for([*labels_of(4)])
    assert rows.tolist() == [0, 3, 1, 2]
    assert np.isnan(again.history(np.array([3]), again.end_s).long.mean).all()
    assert LONG_STEP_S == 3600


# After a kill: a copy of the folder at any moment is what a killed process leaves behind.
