"""Entity scores: the weighted mean of the strongest few, comparable whatever the number of metrics."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.entity import ALONE, GAP, WEIGHTS, EntityIndex, combine, parts
from aiops.models.together import BLOCKS


def plain(p: np.ndarray, recent: np.ndarray, entity: np.ndarray, entities: int) -> np.ndarray:
    """The definition, one entity and column at a time."""
    out = np.full((entities, p.shape[1]), np.nan)
    for e in range(entities):
        for j in range(p.shape[1]):
            now = [-np.log10(v) for v in p[entity == e, j] if np.isfinite(v)]
            found = sorted((-np.log10(v) for v in recent[entity == e, j] if np.isfinite(v)), reverse=True)[: len(WEIGHTS)]
            if now:
                alone = found[0] - np.log10(np.isfinite(recent[entity == e, j]).sum()) - ALONE
                found += [max(found[-1] - GAP, 0.0)] * (len(WEIGHTS) - len(found))
                out[e, j] = min(max(now), max(alone, np.dot(WEIGHTS, found) / sum(WEIGHTS)))
    return out


@pytest.mark.parametrize(("entities", "rows"), [(1, 1), (1, 40), (7, 9), (20, 760), (300, 300), (50, 200)])
def test_it_is_the_definition(entities: int, rows: int) -> None:
    rng = np.random.default_rng(rows)
    entity = np.concatenate([np.arange(entities), rng.integers(0, entities, rows - entities)])
    rng.shuffle(entity)
    p = rng.uniform(1e-6, 1, (rows, 4)) ** 3
    p[rng.random(p.shape) < 0.3] = np.nan
    recent = np.fmin(p, rng.uniform(1e-3, 2, p.shape))
    np.testing.assert_allclose(EntityIndex(entity).combine(p), plain(p, p, entity, entities), rtol=1e-12)
    np.testing.assert_allclose(EntityIndex(entity).combine(p, recent), plain(p, recent, entity, entities), rtol=1e-12)
    np.testing.assert_array_equal(combine(p, entity, entities), EntityIndex(entity).combine(p))


def test_entities_do_not_influence_each_other() -> None:
    rng = np.random.default_rng(0)
    entity = np.repeat(np.arange(5), [1, 2, 3, 20, 38])
    p = rng.random((64, 3))
    together = EntityIndex(entity).combine(p)
    for e in range(5):
        alone = EntityIndex(np.zeros((entity == e).sum(), np.int64)).combine(p[entity == e])
        np.testing.assert_array_equal(together[e], alone[0])


def test_one_metric_must_say_more_than_four_that_agree() -> None:
    p = np.full((5, 1), 0.01)
    score = EntityIndex(np.array([0, 1, 1, 1, 1])).combine(p)[:, 0]
    assert score[0] < score[1] == pytest.approx(2.0)


def test_one_metric_that_stands_out_is_heard_among_calm_ones_the_less_the_more_there_are() -> None:
    sizes = [1, 3, 19, 38]
    entity = np.repeat(np.arange(4), sizes)
    p = np.full((len(entity), 1), 0.9)
    p[np.unique(entity, return_index=True)[1]] = 10**-3.5
    score = EntityIndex(entity).combine(p)[:, 0]
    assert score == pytest.approx(3.5 - ALONE - np.log10(sizes))
    assert score[1] > 2.6 > score[2] > 1.8 > score[3] > 1.5


def test_metrics_of_one_incident_need_not_peak_at_one_instant_but_what_is_over_is_over() -> None:
    index = EntityIndex(np.zeros(4, np.int64))
    first, second, calm = np.array([[1e-3], [1e-3], [0.5], [0.5]]), np.array([[0.5], [0.5], [1e-3], [1e-3]]), np.full((4, 1), 0.5)
    recent = np.minimum(first, second)
    assert index.combine(second, recent)[0, 0] > index.combine(second)[0, 0] + 0.5
    assert index.combine(calm, recent)[0, 0] == pytest.approx(-np.log10(0.5))


def test_all_missing_is_nan_and_calm_is_zero() -> None:
    score = EntityIndex(np.array([0, 0, 1])).combine(np.array([[np.nan], [np.nan], [1.0]]))
    assert np.isnan(score[0, 0])
    assert score[1, 0] == 0
    assert not np.signbit(score[1, 0])


def test_an_entity_without_rows_is_nan() -> None:
    assert np.isnan(combine(np.array([[0.5]]), np.array([1]), 3)[[0, 2]]).all()
    assert EntityIndex(np.zeros(0, np.int64)).combine(np.zeros((0, 2))).shape == (0, 2)


def test_the_leading_rows_strongest_first() -> None:
    p = np.array([0.5, 0.001, np.nan, 0.01, 0.1, 0.2])
    leading = EntityIndex(np.array([0, 0, 1, 0, 0, 2])).strongest(p)
    assert leading.tolist() == [[1, 3, 4], [-1, -1, -1], [5, -1, -1]]


def test_the_shares_of_a_score_are_those_of_the_rows_that_count() -> None:
    p = 10.0 ** -np.array([1.0, 3.5, 2.0, 9.0, 3.0, 0.5, np.nan])
    rows, shares = parts(np.array([0, 1, 2, 4, 5, 6]), p)
    assert rows.tolist() == [1, 4, 2, 0]
    assert shares == pytest.approx(np.array([3.5, 3.0, 2.0, 1.0]) / 9.5)
    assert [a.tolist() for a in parts(np.array([3]), p)] == [[3], [1.0]]


def test_of_metrics_that_are_the_same_one_has_a_share() -> None:
    rng = np.random.default_rng(3)
    same, apart, calm = (rng.integers(-16, 17, BLOCKS).astype(np.int8) for _ in range(3))
    moves = np.stack([same, -same, apart, same, calm])
    p = 10.0 ** -np.array([3.0, 3.2, 2.5, 3.1, 0.2])
    rows, shares = parts(np.arange(5), p, moves)
    assert rows.tolist() == [1, 2, 4]
    assert shares == pytest.approx(np.array([3.2, 2.5, 0.2]) / 5.9)
    assert parts(np.arange(5), p)[0].tolist() == [1, 3, 0, 2]


def test_where_nothing_is_strange_nobody_has_a_share() -> None:
    rows, shares = parts(np.arange(2), np.array([1.0, np.nan]))
    assert (rows.tolist(), shares.tolist()) == ([0], [0.0])
