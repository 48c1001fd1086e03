"""Arrays go into a message and come out of it as they were."""

from __future__ import annotations

import json

import numpy as np

from aiops.notify.arrays import Arrays
from tests.notify.test_plot import OVER, made


def test_arrays_survive_a_message() -> None:
    found = made(low=np.where(np.arange(241) < 9, np.nan, 0.4), closed_s=None)
    again = Arrays.from_json(json.loads(json.dumps(found.as_json())))
    assert again.as_json() == found.as_json()
    assert np.isnan(again.low[:9]).all()
    assert np.allclose(again.values, found.values)
    assert again.crossing == found.crossing
    bare = made(limit=np.nan, crossing=None, **OVER)
    assert np.isnan(Arrays.from_json(bare.as_json()).limit)
