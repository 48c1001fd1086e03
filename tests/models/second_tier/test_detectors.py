"""Detectors of the second tier: the first tier's scores, to the bit, and a model that is asked beside them."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.second_tier.detectors import Isolation, IsolationParams, Pca, PcaParams
from aiops.models.second_tier.judges import KINDS

BOTH = pytest.mark.parametrize(("kind", "params"), [(Isolation, IsolationParams), (Pca, PcaParams)])


@BOTH
def test_points_are_scored_as_by_the_first_tier(kind: type[Isolation], params: type[IsolationParams]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 300))
    x[1, -1] += 20
    at = np.broadcast_to(300 * np.arange(300), x.shape).astype(np.int64)
    plain, model = Seasonal(SeasonalParams(), 300), kind(params(), 300)
    np.testing.assert_array_equal(plain.score(plain.initial(4), x, at).p, model.score(model.initial(4), x, at).p)
    assert model.threshold(1.0) == plain.threshold(1.0)


@BOTH
def test_its_own_model_is_asked(kind: type[Isolation], params: type[IsolationParams]) -> None:
    model = kind(params(near=0.9), 60)
    assert model.opinion.name in KINDS
    assert model.opinion.deserving(np.array([0.7, 0.5]), np.full(2, 1.5)).tolist() == [True, False]
