"""What was told and is over ends soon; what only looks so does not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.test_exhaustion import PER_LOOK, RISE, Turns, above


def told() -> Turns:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    return turns


def test_a_row_that_was_cleaned_up_falls_silent_within_minutes() -> None:
    turns = told()
    said = [turns.look(-0.2 + PER_LOOK * i) for i in range(100)]
    assert said[0]
    assert not any(said[6:])


@pytest.mark.parametrize("level", [0.65, 0.4])
def test_a_row_that_fell_back_to_where_its_window_has_been_is_waited_for(level: float) -> None:
    turns = told()
    assert sum(turns.look(level) for _ in range(30)) > 15


def test_one_sample_far_down_ends_nothing() -> None:
    turns = told()
    level = 0.7 + PER_LOOK * 8 + PER_LOOK * np.arange(1, 21)
    level[5] = -0.5
    assert all(turns.look(float(x)) for x in level)
