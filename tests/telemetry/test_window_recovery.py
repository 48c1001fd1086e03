"""Taking up what an earlier life kept: how far each feed was read, and what is still to be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiops.telemetry.window import Window
from aiops.telemetry.window_base import Progress
from tests.telemetry.test_window import filled


def test_how_far_each_feed_was_read_outlives_a_restart(tmp_path: Path) -> None:
    window = Window.open(tmp_path, 60)
    end = filled(window, 60, 2, 0, 30)
    behind = Progress(end - 600, [(end - 9000, end - 6000), (end - 3000, end - 2400)])
    window.progress["b"] = behind
    window.close()
    again = Window.open(tmp_path, 60)
    assert again.progress == {"s": Progress(end, []), "b": behind}
    assert again.missing("b", end, 10**6, None) == (end - 540, end)
    assert again.missing("new", end, 600, None) == (end - 600, end)


def test_what_no_description_knows_is_not_shown(tmp_path: Path) -> None:
    window = Window.open(tmp_path, 60)
    end = filled(window, 60, 2, 0, 30)
    window.save()
    filled(window, 60, 5, 30, 4)  # a kill before the next save
    again = Window.open(tmp_path, 60)
    assert (again.n, again.end_s) == (2, end)
    assert np.isnan(again.value_at(np.arange(2), np.array([end + 60]))).all()
