"""Persistence and missing samples, equal to a plain reference that thinks row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.symptoms.guards import Guards, far_from_expected, initial, step

NAN = float("nan")


@dataclass
class Row:
    """One row, in words: the turns that counted, newest last."""

    guards: Guards
    turns: list[bool] = field(default_factory=list)
    active: bool = False
    since: int = 0

    def step(self, firing: bool, present: bool, near: bool, now: int) -> bool:
        if not present:
            if self.guards.on_missing in ("unknown", "alert"):
                return self.active
            near |= self.guards.on_missing == "hold" and not any(self.turns)
            firing = {"zero": False, "hold": bool(self.turns and self.turns[-1])}[self.guards.on_missing]
        self.turns = [*self.turns, firing][-self.guards.of :]
        active = sum(self.turns) >= self.guards.need or (self.active and (near or any(self.turns)))
        if active and not self.active:
            self.since = now
        self.active = active
        return active


MISSING = ("unknown", "zero", "hold", "alert")


@st.composite
def histories(draw: st.DrawFn) -> tuple[Guards, int, list[list[tuple[bool, bool, bool]]]]:
    of = draw(st.integers(1, 32))
    guards = Guards(draw(st.integers(1, of)), of, on_missing=draw(st.sampled_from(MISSING)))
    rows = draw(st.integers(1, 5))
    turn = st.tuples(st.booleans(), st.booleans(), st.booleans())
    return guards, rows, draw(st.lists(st.lists(turn, min_size=rows, max_size=rows), max_size=50))


@settings(max_examples=300, deadline=None)
@given(histories())
def test_all_rows_at_once_equal_one_row_at_a_time(history: tuple[Guards, int, list[list[tuple[bool, bool, bool]]]]) -> None:
    guards, n, turns = history
    state, rows = initial(n), [Row(guards) for _ in range(n)]
    for i, turn in enumerate(turns):
        now = 1000 + 60 * i
        firing, present, near = (np.array(column) for column in zip(*turn, strict=True))
        found = step(state, firing & present, present, guards, now, near & present)
        wanted = [row.step(f and p, p, n and p, now) for row, (f, p, n) in zip(rows, turn, strict=True)]
        assert found.tolist() == wanted
        assert [int(s) for s, a in zip(state["since_s"], wanted, strict=True) if a] == [
            r.since for r in rows if r.active
        ]


def lived(guards: Guards, turns: str) -> str:
    """What becomes of one row: `!` fires, `~` is near to it, `.` is quiet, `?` has no sample; `#` is a symptom, `-` none."""
    state, out = initial(1), ""
    for i, turn in enumerate(turns):
        active = step(state, np.array([turn == "!"]), np.array([turn != "?"]), guards, i, np.array([turn in "!~"]))
        out += "#" if active[0] else "-"
    return out


@pytest.mark.parametrize(
    ("need", "of", "turns", "wanted"),
    [
        (1, 1, ".!.!!.", "-#-##-"),
        (3, 5, "!!!..", "--###"),
        (3, 5, "!.!.!", "----#"),
        (3, 5, "!..!.!", "------"),  # the first has left the window
        (3, 5, "!!!.....", "--#####-"),  # it stays until five turns were all quiet
        (3, 5, "!!!...!.....", "--#########-"),  # fewer than three keep what is there alive
        (2, 3, "!!...!!", "-###--#"),
        (1, 1, "~!~~!.~", "-####--"),  # what is near goes on, and does not begin
        (2, 3, "!!....~", "-###---"),
        (2, 3, "!!...~~!", "-###----"),
        (2, 3, "!!.~~~..~", "-#####---"),
        (32, 32, "!" * 32, "-" * 31 + "#"),
    ],
)
def test_k_of_n(need: int, of: int, turns: str, wanted: str) -> None:
    assert lived(Guards(need, of), turns) == wanted


@pytest.mark.parametrize(
    ("on_missing", "turns", "wanted"),
    [
        ("unknown", "!?!", "--#"),  # the turn does not count
        ("unknown", "!!????", "-#####"),  # and ends nothing
        ("zero", "!?!", "--#"),
        ("zero", "!!???", "-###-"),
        ("hold", "!?", "-#"),
        ("hold", ".???", "----"),
        ("hold", "!!???.??", "-######-"),
        ("unknown", "!!~~~?~?.", "-#######-"),
        ("zero", "!!~~~?", "-####-"),
        ("hold", "!!~~~?.", "-#####-"),
        ("alert", "!?!", "--#"),  # as unknown: it is told as an absence
        ("alert", "????", "----"),
    ],
)
def test_what_a_missing_sample_means(on_missing: Any, turns: str, wanted: str) -> None:
    assert lived(Guards(2, 3, on_missing=on_missing), turns) == wanted


def test_rows_may_live_at_different_times() -> None:
    state = initial(2)
    step(state, np.array([True, True]), np.array([True, True]), Guards(), np.array([100, 7_000]))
    assert state["since_s"].tolist() == [100, 7_000]


def test_what_was_given_is_not_changed() -> None:
    firing, present = np.array([True, False]), np.array([False, False])
    step(initial(2), firing, present, Guards(on_missing="zero"), 0)
    assert (firing.tolist(), present.tolist()) == ([True, False], [False, False])


def test_no_rows_are_no_trouble() -> None:
    assert step(initial(0), np.zeros(0, bool), np.zeros(0, bool), Guards(3, 5), 0).shape == (0,)


@pytest.mark.parametrize(
    ("value", "expected", "relative", "absolute", "far"),
    [
        (120.0, 100.0, 0.2, 0.0, True),  # just
        (119.9, 100.0, 0.2, 0.0, False),
        (80.0, 100.0, 0.2, 0.0, True),
        (-120.0, -100.0, 0.2, 0.0, True),
        (0.0, 0.0, 0.2, 0.0, True),  # a share of nothing is nothing
        (5.0, 0.0, 0.2, 6.0, False),
        (6.0, 0.0, 0.2, 6.0, True),
        (130.0, 100.0, 0.2, 31.0, False),  # both must be reached
        (NAN, 100.0, 0.2, 5.0, True),  # nothing to compare: the score alone speaks
        (100.0, NAN, 0.2, 5.0, True),
        (100.0, 100.0, 0.0, 0.0, True),  # no such guard
    ],
)
def test_far_from_what_was_expected(value: float, expected: float, relative: float, absolute: float, far: bool) -> None:
    guards = Guards(min_relative_change=relative, min_change=absolute)
    assert far_from_expected(np.array([value]), np.array([expected]), guards).tolist() == [far]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), max_size=9), st.floats(0, 2), st.floats(0, 1e3))
def test_far_is_the_same_for_all_rows_at_once(
    pairs: list[tuple[float, float]], relative: float, absolute: float
) -> None:
    guards = Guards(min_relative_change=relative, min_change=absolute)
    value, expected = np.array([v for v, _ in pairs]), np.array([e for _, e in pairs])
    wanted = [abs(v - e) >= max(relative * abs(e), absolute) for v, e in pairs]
    assert far_from_expected(value, expected, guards).tolist() == wanted
