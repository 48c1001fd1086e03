"""Second opinions: what a worker says of the newest block of an entity's rows."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.second_tier.judges import judged
from aiops.models.second_tier.worker import answer, packed, unpacked

KINDS = pytest.mark.parametrize("kind", ["isolation", "pca"])
ROWS, BLOCKS, OWN = 20, 288, 5


def calm(seed: int = 0, rows: int = ROWS, common: float = 0.0) -> np.ndarray:
    """(rows, blocks, 3) departures of rows that move by themselves, and together by `common`."""
    rng = np.random.default_rng(seed)
    three = np.sort(rng.normal(size=(rows, BLOCKS, 3)), axis=2)[:, :, [1, 0, 2]]
    together = common * np.convolve(rng.normal(size=BLOCKS + 11), np.ones(12) / np.sqrt(12), "valid")
    return three + together[None, :, None]


def scores(kind: str, away: np.ndarray, own: int = OWN) -> np.ndarray:
    return -np.log10(judged(away.astype(np.float32).ravel(), kind, own, len(away)))


@KINDS
def test_what_one_row_does_alone_is_strange(kind: str) -> None:
    away = calm()
    away[2, -1] += 8
    found = scores(kind, away)
    assert found.argmax() == 2
    assert found[2] > 2
    assert np.median(found) < 1.3


@KINDS
def test_p_is_a_bound_on_how_often_it_is_so_low(kind: str) -> None:
    found = np.concatenate([scores(kind, calm(seed), ROWS) for seed in range(15)])
    assert np.isfinite(found).all()
    for level in (1.5, 2.0, 2.5):
        assert (found >= level).mean() <= 10.0**-level + 0.01


def test_what_all_rows_do_together_is_no_news_to_pca() -> None:
    away = calm(common=3.0)
    moved = away + np.where(np.arange(BLOCKS) == BLOCKS - 1, 8.0, 0.0)[None, :, None]
    alone = away.copy()
    alone[2, -1] += 8.0
    assert scores("pca", moved).max() < scores("pca", alone)[2] - 0.7
    assert scores("pca", alone).argmax() == 2


def test_what_the_others_do_as_well_is_less_strange_to_the_forest() -> None:
    away = calm()
    alone = away.copy()
    alone[2, -1] += 8.0
    away[:, -1] += 8.0
    assert scores("isolation", away)[2] < scores("isolation", alone)[2] - 1.0
    lonely = scores("isolation", away[:OWN])
    assert lonely[2] > scores("isolation", away)[2] + 1.0, "without others it is strange"


def test_a_change_that_no_other_row_knows_is_strange_to_the_forest() -> None:
    """Within the range of each feature, but never with so wide a spread."""
    away = calm()
    away[1, -1] = [0.0, -6.0, 6.0]
    found = scores("isolation", away)
    assert found.argmax() == 1
    assert found[1] > 1.5


@KINDS
def test_rows_with_gaps_are_left_out_and_hurt_nobody(kind: str) -> None:
    away = calm()
    away[0], away[1, -1], away[3, :200] = np.nan, np.nan, np.nan
    away[2, -1] += 8
    found = scores(kind, away)
    assert np.isnan(found[[0, 1, 3]]).all()
    assert found[2] > 1.5


@KINDS
def test_too_little_is_refused_by_the_worker_with_a_reason(kind: str) -> None:
    values = calm(rows=2)[:, :4 if kind == "isolation" else BLOCKS].astype(np.float32).ravel()
    request = {"kind": "aiops.models.second_tier.judges:judged", "settings": {"kind": kind, "own": 1, "rows": 2}}
    head, found = unpacked(answer(packed(request, values)), "float64")
    assert "too few" in head["error"]
    assert len(found) == 0


@KINDS
def test_the_same_rows_give_the_same_numbers(kind: str) -> None:
    np.testing.assert_array_equal(scores(kind, calm(3)), scores(kind, calm(3)))


@KINDS
def test_an_incident_of_the_last_hour_is_still_strange_at_its_end(kind: str) -> None:
    away = calm()
    away[2, -4:] += 8
    assert scores(kind, away)[2] > 1.8
