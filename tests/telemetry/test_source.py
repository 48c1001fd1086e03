"""What a source was asked for is counted, whoever asks and however many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from aiops.core.errors import SourceError
from aiops.telemetry.link import Link
from aiops.telemetry.source import Spent
from tests.telemetry.test_link import Counted


def test_totals_add_up_over_threads() -> None:
    spent = Spent()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(500):
            pool.submit(spent.add, queries=1, seconds=0.5, samples=3, size=10, partial=True)
    assert (spent.queries, spent.seconds, spent.samples, spent.bytes, spent.partial) == (500, 250.0, 1500, 5000, 500)


def test_a_link_counts_what_came_and_what_failed() -> None:
    source = Counted()
    link = Link(source)
    link.ask("q", 0, 540, 60)
    link.ask("q", 600, 600, 60)
    link.ask("q", 600, 600, 60)
    source.error = SourceError("prod", "bad_query", "no")
    with pytest.raises(SourceError):
        link.ask("q", 660, 660, 60)
    assert (source.spent.queries, source.spent.samples, source.spent.partial) == (3, 11, 2)
    assert source.spent.seconds > 0
