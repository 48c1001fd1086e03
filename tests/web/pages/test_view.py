"""One warning as a row of a table."""

from __future__ import annotations

import pytest

from aiops.pipeline.rules_lost import LOST_S
from aiops.web.pages.view import line
from tests.pipeline.ruled import HOUR
from tests.pipeline.test_rules_lost import GONE_H, lived, the_open, vanishing


@pytest.mark.parametrize(("after_h", "silent"), [(0.0, ""), (LOST_S / HOUR, "30m")])
def test_of_what_is_silent_it_says_so_and_not_that_it_is_overdue(after_h: float, silent: str) -> None:
    run = lived(vanishing(), GONE_H + after_h)
    row = line(the_open(run), run.results[-1].now_s)
    assert row["silent"] == silent
    assert (row["why"] == "no sample for 30m: what became of it is unknown") is bool(silent)
