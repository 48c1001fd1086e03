"""The second tier on a card, through the same turns as everything else."""

from __future__ import annotations

import pytest

from aiops.backtest.card_tests import open_warnings
from aiops.models.card import ModelCard
from aiops.models.card_parts import CardTest


@pytest.mark.parametrize("name", ["combined", "ets", "boosted"])
def test_a_card_may_name_it(name: str) -> None:
    card = ModelCard.model_validate({
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "pool_full", "summary": "A pool will run out of space.",
        "owner": {"team": "storage"}, "query": "pool_used", "step": "5m", "history": "7d", "entity": ["pool"],
        "forecast": {"model": name, "limit": {"above": 100}, "horizon": "2d"},
    })  # fmt: skip
    series = {'{pool="a"}': "20+0.05x1440", '{pool="b"}': "20+0x1440"}
    test = CardTest.model_validate({"name": "fills", "series": series, "at": "5d", "expect": {"symptom": "exhaustion"}})
    (found,), end = open_warnings(card, test)
    assert found.entity == (("pool", "a"),) or dict(found.entity) == {"pool": "a"}
    assert found.crossing is not None
    assert (found.crossing.expected_s - end) / 3600 == pytest.approx(160 * 300 / 3600, rel=0.3)
    reason = found.symptoms[0].evidence["reason"]
    assert reason == f"{name} reaches it" if name != "combined" else reason.endswith(" reaches it")
