"""Series joined to others by their labels."""

from __future__ import annotations

from aiops.pipeline.joined import Joined, pairs


def test_pairs_are_worked_out_again_only_for_other_labels() -> None:
    rows, limits, known = [{"ns": "a"}, {"ns": "b"}], ({"ns": "b", "__name__": "hard"},), Joined()
    known.bring_up(rows, "w", limits, ())
    first = known.rows
    assert (known.rows.tolist(), known.others.tolist()) == ([1], [0])
    known.bring_up(rows, "w", limits, ())
    assert known.rows is first
    known.bring_up([*rows, {"ns": "b"}], "w", limits, ())
    assert known.rows.tolist() == [1, 2]


def test_a_label_that_is_missing_counts_as_empty() -> None:
    rows, others = pairs([{"a": "1"}, {"a": "1", "b": "2"}], [{"a": "1", "c": "x"}], ("a", "b"))
    assert (rows.tolist(), others.tolist()) == ([0], [0])
