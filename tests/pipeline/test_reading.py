"""What a turn has read."""

from __future__ import annotations

import numpy as np

from aiops.pipeline.reading import Late, Reading


def test_a_reading_without_trouble_holds_nobody_and_has_nothing_late() -> None:
    found = Reading(np.array([60], np.int64), np.ones((2, 1)), np.zeros((2, 1), bool))
    assert (found.held, found.late, found.final_s, found.partial) == (None, (), 0, ())


def test_what_is_late_names_its_rows() -> None:
    late = Late(np.array([1]), np.array([60, 120], np.int64), np.ones((1, 2)), np.zeros((1, 2), bool))
    assert late.values.shape == (len(late.rows), len(late.time_s)) == late.masked.shape
