"""The label sets that leave a source: without the metric's name, each once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from aiops.core.errors import SourceError

KNOWN_AT_MOST = 256
"""Queries whose label sets are remembered."""


class SameLabels(Exception):
    """Two metrics differ in nothing but their name; the text names their labels."""


def united(metrics: Sequence[dict[str, str]]) -> tuple[tuple[dict[str, str], ...], NDArray[np.int64]]:
    """(label sets without __name__ (n,), row (m,) of each of the m metrics); equal metrics share a row. Raises SameLabels."""
    labels: list[dict[str, str]] = []
    known: dict[Hashable, tuple[int, str]] = {}
    rows = np.empty(len(metrics), np.int64)
    for i, metric in enumerate(metrics):
        one = dict(metric)
        name = one.pop("__name__", "")
        row, first = known.setdefault(frozenset(one.items()), (len(labels), name))
        if first != name:
            raise SameLabels(
                f"several metrics with the labels {one}; ask for one metric, aggregate, or keep the names in a label: "
                'label_replace(…, "metric", "$1", "__name__", "(.+)")'
            )
        if row == len(labels):
            labels.append(one)
        rows[i] = row
    return tuple(labels), rows


class Labelling:
    """The very same label objects while a query's series stay the same: everything behind a source keys on them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._known: OrderedDict[str, tuple[Sequence[dict[str, str]], tuple[dict[str, str], ...]]] = OrderedDict()

    def of(self, query: str, metrics: Sequence[dict[str, str]]) -> tuple[dict[str, str], ...]:
        """(n,) label sets of `metrics` (n,), all different. Raises SourceError bad_query when two differ but in their name."""
        known = self._known.get(query)
        if known is not None and known[0] == metrics:
            return known[1]
        try:
            labels, _ = united(metrics)
        except SameLabels as e:
            raise SourceError(self._source, "bad_query", f"{query!r} gives {e}") from e
        self._known[query] = metrics, labels
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        return labels
