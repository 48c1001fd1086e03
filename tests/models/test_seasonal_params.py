"""What can be set of the default detector."""

from __future__ import annotations

import pytest

from aiops.models.seasonal_params import SeasonalParams


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        SeasonalParams(time_zone="../../etc/passwd")


@pytest.mark.parametrize("wrong", [{"weekend": [7]}, {"growth": 1.0}, {"creep_cap": 0.5}, {"sigmas": 3}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SeasonalParams.model_validate(wrong)
