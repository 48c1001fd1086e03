"""The unit that each shipped card tells its numbers in is that of its query, as far as the names of its metrics say one."""

from __future__ import annotations

import pytest

from aiops.core.quantity import RATIO, quantity
from aiops.models.card import ModelCard
from aiops.rules.unit import unit_of
from tests.shipped import CARDS

NOT_SECONDS = {"postgres_wraparound"}
"""Its exporter calls the age of transactions seconds; the card divides their number by how many there may be."""


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_says_the_unit_of_its_query(card: ModelCard) -> None:
    derived = unit_of(card.query)
    assert derived in ("1", card.unit) or card.name in NOT_SECONDS
    assert card.signal.endswith("_ratio") == (card.unit == RATIO)
    assert card.unit != "1", "a bare number says nothing at night"


LIMITED = [card for card in CARDS if card.limit is not None and not card.limit.query]


@pytest.mark.parametrize("card", LIMITED, ids=lambda card: card.name)
def test_its_limit_is_told_as_people_say_it(card: ModelCard) -> None:
    assert card.limit is not None
    said = quantity(card.limit.number, card.unit)
    assert said.endswith("%") if card.unit == RATIO else said[-1] in "smhd"
