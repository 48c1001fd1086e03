"""What a watch remembers of one of its sources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from aiops.core.records import Lineage
from aiops.pipeline.feed import Feed, joined


def lineage(source: str, start_s: int, end_s: int, *notes: str) -> Lineage:
    return Lineage(source, "up", start_s, end_s, partial=notes)


def feed() -> Feed:
    return Feed(cast(Any, SimpleNamespace(name="a")), cast(Any, None))


def test_rows_once_delivered_stay_known_while_more_come() -> None:
    one = feed()
    one.sees(2, np.array([1]))
    one.sees(4, np.array([3]))
    one.sees(4, np.array([], np.int64))
    assert one.seen.tolist() == [False, True, False, True]


def test_the_samples_come_before_their_limits() -> None:
    one = feed()
    assert one.lineages == []
    one.limit_lineage = lineage("a", 0, 1)
    assert one.lineages == [one.limit_lineage]
    one.lineage = lineage("a", 5, 9)
    assert one.lineages == [one.lineage, one.limit_lineage]


def test_joined_names_each_source_once_spans_all_and_keeps_each_note_once() -> None:
    parts = [lineage("b+a", 10, 20, "old"), lineage("a", 5, 15, "old", "late"), lineage("c", 12, 30)]
    whole = joined(parts)
    assert (whole.source, whole.start_s, whole.end_s, whole.partial) == ("a+b+c", 5, 30, ("old", "late"))


def test_one_alone_is_itself() -> None:
    alone = lineage("b+a", 10, 20)
    assert joined([alone]) is alone
