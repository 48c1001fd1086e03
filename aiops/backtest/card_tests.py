"""The tests inside cards: their series through the live turn, and what is open when the test looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aiops.core.durations import text
from aiops.core.params import Params
from aiops.core.records import Block, EarlyWarning, Floats, Lineage
from aiops.core.remembered import LabelSets
from aiops.models.card import ModelCard
from aiops.models.card_parts import CardTest
from aiops.models.card_series import expand, parse_labels
from aiops.pipeline import BatchJournal, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.runbooks import Runbook
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits, Source

START_S = 1_750_000_200
"""When the first sample stands, epoch seconds: on the grid of every step up to 5 min, a Sunday at 15:10 UTC."""
LIVE_S = 3 * 3600
"""The last hours are turns; what is older is read at once, as by a daemon that starts late."""


class GivenSource(Source[Params]):
    """Answers the query of a limit with the limits of one test, every other with its series; nothing before or after them."""

    Params = Params

    def __init__(self, series: Mapping[str, str], step_s: int, limits: Mapping[str, str] | None = None, limit: str = "") -> None:
        super().__init__("given", Params(), ReadLimits())
        self.given = {True: _given(limits or {}), False: _given(series)}
        self.step_s, self.limit = step_s, limit

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """The columns start … end."""
        labels, given = self.given[bool(self.limit) and query == self.limit]
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        at = (times - START_S) // self.step_s
        known = (at >= 0) & (at < given.shape[1])
        values = np.full((len(labels), len(times)), np.nan)
        values[:, known] = given[:, at[known]]
        return Answer(Block(labels, times, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return f"{len(self.given[False][0])} series given"

    def oldest_s(self) -> int | None:
        """The first sample."""
        return START_S


def _given(series: Mapping[str, str]) -> tuple[LabelSets, Floats]:
    rows = [expand(values) for values in series.values()]
    values = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for i, row in enumerate(rows):
        values[i, : len(row)] = row
    return tuple(parse_labels(labels) for labels in series), values


@dataclass(frozen=True, slots=True)
class Seen:
    """A warning that is open when a test looks: its kind, and the seconds left until the expected crossing."""

    kind: str
    left_s: float | None


def open_warnings(card: ModelCard, test: CardTest, runbooks: Sequence[Runbook] = ()) -> tuple[list[EarlyWarning], int]:
    """(the warnings open at the test's `at`, that instant), after the live turn has seen every step up to it."""
    return _lived(card, test, runbooks)[:2]


def _lived(card: ModelCard, test: CardTest, runbooks: Sequence[Runbook] = ()) -> tuple[list[EarlyWarning], int, str]:
    """What `open_warnings` gives, and why the forecaster kept silent at last: each of its reasons once; empty without one."""
    store = Store.open("sqlite://", None)
    try:
        rooms = Rooms(store, BatchJournal(store), runbooks=runbooks, marks_turns=False)
        given = GivenSource(test.series, card.step_s, test.limits, card.limit.query if card.limit is not None else "")
        watch = make_watch(card, [Link(given)], card.step_s, None)
        rooms.watches = [watch]
        end = START_S + int(test.at) // card.step_s * card.step_s
        first = max(START_S, end - LIVE_S // card.step_s * card.step_s)
        for now in range(first, end + 1, card.step_s):
            turn(watch, now, rooms)
        said = () if watch.crossings is None else watch.crossings.reason
        return list(watch.open.values()), end, "; ".join(dict.fromkeys(str(one) for one in said if one))
    finally:
        store.close()


def seen(card: ModelCard, test: CardTest) -> list[Seen]:
    """What is open when the test looks."""
    warnings, end = open_warnings(card, test)
    return [Seen(w.kind, None if w.crossing is None else w.crossing.expected_s - end) for w in warnings]


def failure(card: ModelCard, test: CardTest) -> str:
    """What was expected and what came; empty when the test holds."""
    found, wanted = seen(card, test), test.expect
    kinds = sorted({one.kind for one in found})
    if kinds != ([] if wanted.symptom == "none" else [wanted.symptom]):
        silent = _lived(card, test)[2] if wanted.symptom == "exhaustion" and not kinds else ""  # once more: few tests fail
        return f"symptom: expected {wanted.symptom}, got {', '.join(kinds) or 'none'}{f' ({silent})' if silent else ''}"
    after, before = wanted.crossing.get("after", 0.0), wanted.crossing.get("before", float("inf"))
    left = [one.left_s for one in found if one.left_s is not None]
    if not wanted.crossing or (left and all(after <= one <= before for one in left)):
        return ""
    bounds = [f"after {text(after)}"] if after else []
    bounds += [f"before {text(before)}"] if "before" in wanted.crossing else []
    return f"crossing: expected {' and '.join(bounds)}, got {', '.join(text(one) for one in left) or 'none'}"
