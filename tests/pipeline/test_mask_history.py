"""History without what was masked."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Floats, Ints
from aiops.pipeline.evaluate import forecast
from aiops.pipeline.mask_history import Unmasked
from aiops.pipeline.watch import Watch
from tests.pipeline.test_mask import at, watch_of

NIGHT = {"cron": "0 3 * * *", "for": "40m", "match": ['mountpoint="/var/tmp"']}
ROWS = np.array([0, 1])


def lived(exclude: list[dict[str, object]], hours: int = 30) -> tuple[Watch, int]:
    """A watch of / and /var/tmp with so many hours of ones up to 05:00."""
    watch = watch_of(exclude, ["/", "/var/tmp"])
    end = at(5, 0)
    times = end - 60 * np.arange(60 * hours - 1, -1, -1, dtype=np.int64)
    watch.window.append(ROWS, times, np.ones((2, len(times))))
    return watch, end


def gaps(values: Floats, end_s: int, step_s: int) -> Ints:
    """The instants of the columns without a value."""
    ends = end_s - step_s * np.arange(len(values) - 1, -1, -1)
    return ends[np.isnan(values)]


def test_each_resolution_has_gaps_where_the_row_was_masked_and_nowhere_else() -> None:
    watch, end = lived([NIGHT])
    found = Unmasked(watch).history(ROWS, watch.window.history(ROWS, end))
    assert not any(np.isnan(one.mean[0][-20:]).any() for one in (found.fine, found.mid, found.long)), "of / nothing is masked"
    fine = gaps(found.fine.mean[1], found.fine.end_s, 60)
    assert (fine.min(), fine.max(), len(fine)) == (at(3, 0), at(3, 39), 40)
    mid = gaps(found.mid.low[1][-40:], found.mid.end_s, 300)
    assert (mid.min(), mid.max()) == (at(3, 0), at(3, 40)), "a bucket that holds some of it"
    long = gaps(found.long.high[1][-3:], found.long.end_s, 3600)
    assert long.tolist() == [at(3, 0), at(4, 0)]
    kept = watch.window.history(ROWS, end)
    assert not any(np.isnan(one.mean[1][-20:]).any() for one in (kept.fine, kept.mid, kept.long)), "the window itself stays whole"


def test_where_nothing_masks_the_rows_it_is_the_very_same() -> None:
    watch, end = lived([NIGHT])
    history = watch.window.history(ROWS[:1], end)
    assert Unmasked(watch).history(ROWS[:1], history) is history
    plain, end = lived([])
    history = plain.window.history(ROWS, end)
    assert Unmasked(plain).history(ROWS, history) is history


def foreseen(exclude: list[dict[str, object]]) -> bool:
    """Whether a limit is foreseen at 05:00, after nine hours in which it came steadily nearer."""
    watch = watch_of(exclude, ["/var/tmp"])
    times = at(5, 0) - 60 * np.arange(60 * 9 - 1, -1, -1, dtype=np.int64)
    values = 0.7 - 0.001 * np.arange(len(times))
    first = len(times) - 60
    watch.window.append(ROWS[:1], times[:first], values[None, :first])
    for i in range(first, len(times), 5):
        watch.window.append(ROWS[:1], times[i : i + 5], values[None, i : i + 5])
        forecast(watch, int(times[i + 4]))
    assert watch.crossings is not None
    return bool(np.isfinite(watch.crossings.time_s[0, 1]))


def test_what_came_nearer_in_a_maintenance_is_not_forecast_from() -> None:
    assert foreseen([])
    assert not foreseen([{**NIGHT, "cron": "0 19 * * *", "for": "9h30m"}]), "half an hour of it was not masked"
    assert foreseen([{**NIGHT, "cron": "0 19 * * *", "for": "9h30m", "match": ['mountpoint="/"']}])


@pytest.mark.parametrize("rows", [[], [0]])
def test_no_rows_or_rows_on_other_clocks(rows: list[int]) -> None:
    watch = watch_of([NIGHT], ["/var/tmp"], shift_s=3600)
    end = at(5, 0)
    times = end - 60 * np.arange(600 - 1, -1, -1, dtype=np.int64)
    watch.window.append(ROWS[:1], times, np.ones((1, 600)))
    some = np.array(rows, np.int64)
    found = Unmasked(watch).history(some, watch.window.history(some, end))
    if rows:
        assert gaps(found.fine.mean[0], found.fine.end_s, 60).min() == at(2, 0), "03:00 on its own clock"
