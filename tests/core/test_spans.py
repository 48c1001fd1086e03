"""Times in which nothing is judged: kept, grouped, asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.labels import Matcher
from aiops.core.spans import Span, grouped

A, B = Matcher.make("a", "=", "1"), Matcher.make("b.c", "=~", "x|y")


def test_spans_of_one_scope_are_merged_and_others_stay_apart() -> None:
    found = grouped([Span(10, 20), Span(15, 30), Span(40, 50), Span(5, 6, (A,)), Span(12, 14)])
    assert [(g.match, g.start_s.tolist(), g.end_s.tolist()) for g in found] == [((), [10, 40], [30, 50]), ((A,), [5], [6])]


def test_a_span_without_a_length_masks_nothing() -> None:
    assert grouped([Span(10, 10), Span(20, 15)]) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=8), st.lists(st.integers(-5, 70), max_size=20))
def test_a_group_lasts_when_one_of_its_spans_does(spans: list[tuple[int, int]], times: list[int]) -> None:
    found = grouped(Span(start, start + length) for start, length in spans)
    time_s = np.array(times, np.int64)
    lasting = np.any([g.lasts(time_s) for g in found], axis=0) if found else np.zeros(len(times), bool)
    assert lasting.tolist() == [any(start <= t < start + length for start, length in spans) for t in times]


def test_what_is_kept_is_what_was() -> None:
    one = Span(1.5, 2.5, (A, B), "why", "disk_full")
    assert Span.from_json(one.as_json()) == one
    assert Span.from_json(one.as_json()).match[1].matches({"b.c": "y"})


@pytest.mark.parametrize("kept", [{}, {"start_s": "x", "end_s": 1, "match": [], "why": "", "card": ""}, {"match": 1}])
def test_what_is_no_span_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Span.from_json(kept)
