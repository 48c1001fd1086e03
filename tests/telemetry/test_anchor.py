"""A first sample of another unit, or a wrong one, does not blind what is held of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.telemetry.anchor import KNOWN
from aiops.telemetry.ring import Ring
from aiops.telemetry.window import Window

T0, STEP, COUNT = 1_700_000_000 // 7200 * 7200, 60, 900
RNG = np.random.default_rng(0)
RATIO = 0.5 + 0.3 * np.arange(COUNT) / COUNT + 0.01 * RNG.normal(size=COUNT)
BAD_FIRST, OTHER_UNIT = np.r_[1e9, RATIO[1:]], np.r_[5e10 * RATIO[:100], RATIO[100:]]


def filled(values: np.ndarray, parts: int = 1, folder: Path | None = None, window: Window | None = None, at: int = 0) -> Window:
    """A window that was given rows of `values` from column `at` on, so many columns at a time."""
    window = window or Window.open(folder, STEP, len(values))
    rows = window.rows_for([{"i": str(i)} for i in range(len(values))])
    for start in range(at, values.shape[1], parts):
        part = values[:, start : start + parts]
        window.append(rows, T0 + STEP * np.arange(start, start + part.shape[1]), part)
    return window


def held(window: Window, resolution: str = "fine") -> np.ndarray:
    history = window.history(None, window.end_s)
    return np.asarray(history.offset[:, None] + getattr(history, resolution).mean)


@pytest.mark.parametrize("values", [BAD_FIRST, OTHER_UNIT], ids=["first sample", "unit"])
@pytest.mark.parametrize("parts", [1, 7, COUNT])
def test_what_follows_a_sample_of_another_size_is_held(values: np.ndarray, parts: int) -> None:
    window = filled(values[None], parts)
    np.testing.assert_allclose(held(window)[0], values[-360:], rtol=1e-6)
    np.testing.assert_allclose(held(window, "mid")[0, -120:], values[-600:].reshape(-1, 5).mean(axis=1), rtol=0.05)


def test_in_which_parts_it_came_makes_no_difference_and_what_was_before_stays() -> None:
    values = np.stack([RATIO, BAD_FIRST, OTHER_UNIT])
    found = [held(filled(values, parts), "mid") for parts in (1, 7, COUNT)]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    large = found[0][2, :20]  # in the old unit, and nothing that was rounded away is told as a level
    np.testing.assert_allclose(large, OTHER_UNIT[:100].reshape(-1, 5).mean(axis=1), rtol=0.05)
    assert not (found[0][2] == 0).any()


def test_a_lone_small_sample_or_zeros_move_nothing() -> None:
    large = 1e9 + RNG.normal(size=COUNT)
    lone, zeros = np.where(np.arange(COUNT) == 500, 1e-3, large), np.where(np.arange(COUNT) % 7, 0.0, large)
    counter = np.cumsum(RNG.uniform(0, 1e6, COUNT))
    window = filled(np.stack([lone, zeros, counter]))
    assert window.offset[:3].tolist() == [lone[0], zeros[0], counter[0]]


def test_so_many_small_ones_are_needed() -> None:
    for small in (KNOWN, KNOWN + 1):
        window = filled(np.r_[1e9, RATIO[:small]][None])
        assert (window.offset[0] != 1e9) == (small > KNOWN)


def test_killed_amid_a_move_nothing_is_read_by_the_wrong_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, at, put = np.stack([RATIO, OTHER_UNIT]), 100 + KNOWN, Ring.put
    for writes in range(8):
        folder, window = tmp_path / str(writes), None
        window = filled(values[:, :at], folder=folder)
        window.save()
        left = [writes]

        def dies(self: Ring, *args: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            put(self, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Ring, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            filled(values[:, : at + 1], window=window, at=at)
        monkeypatch.setattr(Ring, "put", put)
        again = Window.open(folder, STEP, 2)
        assert again.n == 2
        fine = held(again)[1]
        known = np.isfinite(fine)
        np.testing.assert_allclose(fine[known], values[1, : len(fine)][known], rtol=1e-3)
        after = held(again, "mid")[1, 22:]
        assert (after[np.isfinite(after)] < 1).all()
        filled(values, window=again, at=at)
        np.testing.assert_allclose(held(again)[:, -360:], values[:, -360:], rtol=1e-6)
