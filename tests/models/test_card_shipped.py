"""The shipped cards: loadable, quiet where they must be, and each of their own tests true through the live turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.config.shipped import models_dir
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.models.card import CardTest, ModelCard, load_cards
from aiops.models.card_tests import expand, parse_labels
from aiops.pipeline import BatchJournal, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.source import Answer, ReadLimits, Source

START_S = 1_750_000_200
LIVE_S = 3 * 3600
"""What is older is read at once, as by a daemon that starts late."""
CARDS = {card.name: card for card in load_cards([models_dir()])}
NAMES = {
    "disk_full": "filesystem_free_ratio",
    "inode_exhaustion": "filesystem_inodes_free_ratio",
    "memory_exhaustion": "memory_available_ratio",
    "swap_pressure": "swap_free_ratio",
    "cpu_saturation": "cpu_busy_ratio",
    "load_anomaly": "load_per_cpu",
    "disk_io_saturation": "disk_io_busy_ratio",
    "network_errors": "network_error_ratio",
    "fd_exhaustion": "fd_used_ratio",
    "process_count": "process_count",
    "process_memory_limit": "process_memory_limit_ratio",
}


class Given(Source[Params]):
    """A source that answers every query with the series of a card's test."""

    Params = Params

    def __init__(self, test: CardTest, step_s: int) -> None:
        super().__init__("given", Params(), ReadLimits())
        self.labels = tuple(parse_labels(labels) for labels in test.series)
        self.rows = [expand(values) for values in test.series.values()]
        self.step_s = step_s

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        at = (times - START_S) // self.step_s
        values = np.full((len(self.rows), len(times)), np.nan)
        for i, row in enumerate(self.rows):
            known = (at >= 0) & (at < len(row))
            values[i, known] = row[at[known]]
        return Answer(Block(self.labels, times, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        return "given"

    def oldest_s(self) -> int | None:
        return START_S


def symptoms(card: ModelCard, test: CardTest) -> list[tuple[str, float | None]]:
    """(kind, seconds from `at` to the expected crossing) of what is open at `at`."""
    store = Store.open("sqlite://", None)
    try:
        rooms = Rooms(store, BatchJournal(store), marks_turns=False)
        rooms.watches = [make_watch(card, Given(test, card.step_s), "given", card.step_s, None)]
        end = START_S + int(test.at)
        for now in range(max(START_S, end - LIVE_S), end + 1, card.step_s):
            turn(rooms.watches[0], now, rooms)
        return [(w.kind, w.crossing and w.crossing.expected_s - end) for w in rooms.watches[0].open.values()]
    finally:
        store.close()


@pytest.mark.parametrize(
    ("name", "test"), [(c.name, t) for c in CARDS.values() for t in c.tests], ids=lambda x: getattr(x, "name", x)
)
def test_each_cards_own_tests_hold_through_the_live_turn(name: str, test: CardTest) -> None:
    found = symptoms(CARDS[name], test)
    expected = test.expect
    assert [kind for kind, _ in found] == ([] if expected.symptom == "none" else [expected.symptom])
    if expected.crossing:
        left = found[0][1]
        assert left is not None
        assert expected.crossing.get("after", 0.0) <= left <= expected.crossing.get("before", np.inf)


def test_a_card_test_can_fail() -> None:
    card = CARDS["disk_full"]
    fills, flat = card.tests[0], card.tests[1]
    assert symptoms(card, fills.model_copy(update={"series": flat.series})) == []


def test_there_are_the_cards_that_runbooks_and_the_acceptance_name() -> None:
    assert {name: card.signal for name, card in CARDS.items()} == NAMES


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda c: c.name)
def test_a_shipped_card_says_everything_a_person_needs(card: ModelCard) -> None:
    assert card.stage == "shadow"
    assert card.impact
    assert card.owner.team
    assert "instance" in card.entity
    assert card.guards.of >= 5
    assert {t.expect.symptom == "none" for t in card.tests} == {True, False}
    if card.detect is not None:
        assert card.guards.min_change > 0, "without it the first stir of an idle series is told"
    assert len(card.sha) == 12


def test_lines_stay_readable() -> None:
    for path in sorted(Path(models_dir()).glob("*.yaml")):
        longest = max(path.read_text().splitlines(), key=len)
        assert len(longest) <= 260, f"{path.name}: {longest[:80]}"
