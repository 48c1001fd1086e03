"""The shipped cards: loadable, quiet where they must be, and each of their own tests true through the live turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.backtest.card_tests import failure, seen
from aiops.config.shipped import models_dir
from aiops.models.card import ModelCard
from aiops.models.card_parts import CardTest
from tests import shipped

CARDS = {card.name: card for card in shipped.CARDS}
HOSTS = {card.name: card for card in shipped.HOST_CARDS}
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


@pytest.mark.parametrize(
    ("name", "test"), [(c.name, t) for c in CARDS.values() for t in c.tests], ids=lambda x: getattr(x, "name", x)
)
def test_each_cards_own_tests_hold_through_the_live_turn(name: str, test: CardTest) -> None:
    assert failure(CARDS[name], test) == ""


def test_a_card_test_can_fail() -> None:
    card = CARDS["disk_full"]
    fills, flat = card.tests[0], card.tests[1]
    assert seen(card, fills.model_copy(update={"series": flat.series})) == []


def test_there_are_the_cards_that_runbooks_and_the_acceptance_name() -> None:
    assert {name: card.signal for name, card in HOSTS.items()} == NAMES


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda c: c.name)
def test_a_shipped_card_says_everything_a_person_needs(card: ModelCard) -> None:
    assert card.stage == "shadow"
    assert card.impact
    assert card.owner.team
    assert card.entity
    assert "instance" in card.entity or card.name not in HOSTS
    assert card.guards.of >= 5
    assert {t.expect.symptom == "none" for t in card.tests} == {True, False}
    if card.detect is not None:
        assert card.guards.min_change > 0, "without it the first stir of an idle series is told"
    assert len(card.sha) == 12


def test_lines_stay_readable() -> None:
    for path in sorted(Path(models_dir()).rglob("*.yaml")):
        longest = max(path.read_text().splitlines(), key=len)
        assert len(longest) <= 260, f"{path.name}: {longest[:80]}"
