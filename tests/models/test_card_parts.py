"""Parts that both forms of a card share."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from aiops.models.card_parts import Exclude, GuardRules, SeverityRule


def test_k_of_n() -> None:
    guards = GuardRules(persistence="3/5")
    assert (guards.need, guards.of) == (3, 5)
    for wrong in ("0/3", "4/3", "1/33", "often"):
        with pytest.raises(ValidationError, match="k/n"):
            GuardRules(persistence=wrong)


def test_critical_comes_before_warning() -> None:
    assert SeverityRule.model_validate({"critical_within": "2h"}).critical_within_s == 7200
    with pytest.raises(ValidationError, match="longer than warning_within"):
        SeverityRule.model_validate({"critical_within": "2d"})


def test_an_excluded_span_begins_by_the_clock() -> None:
    span = Exclude.model_validate({"cron": "0 3 * * *", "for": "40m"})
    day = 1_790_000_000 // 86400 * 86400
    assert span.lasts(day + 60 * np.array([179, 180, 219, 220])).tolist() == [False, True, True, False]
