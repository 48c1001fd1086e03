"""How sure is told: by the evidence, never much worse than the model, each entity by its own verdicts too."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from aiops.outcomes.sureness import ODDS, Said, Sureness, weigh


def said(shares: Sequence[float], sure: Sequence[float], seed: int = 1, entities: int = 10**6) -> list[Said]:
    """Verdicts of which each came with its share."""
    rng = random.Random(seed)
    return [(x, rng.random() < share, f"e{i % entities}") for i, (share, x) in enumerate(zip(shares, sure, strict=True))]


def lived(verdicts: Sequence[Said]) -> tuple[float, float]:
    """(Brier score of the model, of what would have been told by the verdicts before each)."""
    told = [weigh(verdicts[:i]).told(x, e) for i, (x, _, e) in enumerate(verdicts)]
    came = np.array([came for _, came, _ in verdicts], float)
    model = np.array([x for x, _, _ in verdicts])
    return float(np.mean((model - came) ** 2)), float(np.mean((np.array(told) - came) ** 2))


def spread(n: int) -> list[float]:
    return [0.3 + 0.6 * (7 * i % n) / n for i in range(n)]


def test_without_verdicts_the_model_is_right() -> None:
    assert [weigh([]).told(x) for x in (0.0, 0.3, 1.0)] == [0.0, 0.3, 1.0]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_right_already_is_left_alone(seed: int) -> None:
    sure = spread(120)
    model, told = lived(said(sure, sure, seed))
    assert told < model + 0.004


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_what_is_wrong_is_learnt(share: float) -> None:
    model, told = lived(said([share] * 120, [0.8] * 120))
    assert told < model - 0.5 * (0.8 - share) ** 2, "more than half of what there was to gain"
    found = weigh(said([share] * 300, [0.8] * 300))
    assert found.weight > 0.99
    assert found.told(0.8) == pytest.approx(share, abs=0.1)


def test_false_ones_that_come_first_spoil_little_of_what_follows() -> None:
    sure = spread(120)
    first = [(x, False, f"early{i}") for i, x in enumerate(sure[:15])]
    model, told = lived([*first, *said(sure, sure)])
    assert told < model + 0.01


def test_an_entity_that_was_false_again_and_again_is_believed_less_than_others() -> None:
    found = weigh([*said([0.7] * 60, [0.7] * 60), *((0.7, False, "loose") for _ in range(8))])
    assert found.told(0.7, "loose") < 0.5 < found.told(0.7, "another")
    assert found.told(0.7, "another") == found.told(0.7)


def test_what_came_on_one_entity_says_less_of_others_than_what_came_on_many() -> None:
    many, one = (weigh([(0.5, True, f"e{i % entities}") for i in range(40)]) for entities in (40, 1))
    assert many.told(0.5) > one.told(0.5) + 0.05


def test_what_is_surer_is_told_as_surer_on_every_entity() -> None:
    found = weigh(said([0.9, 0.1] * 60, [0.2, 0.8] * 60, entities=9))
    for entity in ("", "e3"):
        told = [found.told(x, entity) for x in np.linspace(0.0, 1.0, 60)]
        assert all(b >= a for a, b in pairwise(told))


def test_what_says_nothing_is_told_as_the_share_that_comes() -> None:
    found = weigh(said([0.5] * 300, [0.2, 0.8] * 150))
    assert found.told(0.8) - found.told(0.2) < 0.3


def test_a_family_tells_what_is_to_be_expected_and_one_that_is_right_changes_nothing() -> None:
    boastful = said([0.2] * 200, [0.8] * 200)
    assert weigh([], boastful).told(0.8) < 0.6
    assert weigh([(0.8, False, "a")] * 4, boastful).told(0.8, "a") < weigh([(0.8, False, "a")] * 4).told(0.8, "a")
    assert weigh([], said([0.8] * 200, [0.8] * 200)).told(0.8) == pytest.approx(0.8, abs=0.03)


def test_the_order_of_verdicts_never_tells() -> None:
    verdicts = said([0.4] * 50, spread(50), entities=7)
    mixed = random.Random(3).sample(verdicts, 50)
    a, b = weigh(verdicts), weigh(mixed)
    assert [a.told(x, "e2") for x in (0.2, 0.7)] == pytest.approx([b.told(x, "e2") for x in (0.2, 0.7)], abs=1e-12)


@pytest.mark.parametrize("verdicts", [[(0.0, True, "a")] * 300, [(1.0, False, "a")] * 300, [(0.5, True, "")]])
def test_whatever_came_what_is_told_is_a_share(verdicts: list[Said]) -> None:
    found: Sureness = weigh(verdicts)
    assert all(0.0 <= found.told(x, e) <= 1.0 for x in (0.0, 0.5, 1.0) for e in ("", "a"))
    assert 0.0 <= found.weight <= 1.0
    assert weigh([]).weight == 0.0 < ODDS
