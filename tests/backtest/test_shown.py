"""What is shown of one warning: its series around it, and who else opened there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from aiops.backtest.contest import contested, judged, warnings_of
from aiops.backtest.observe import Episode
from aiops.backtest.shown import AT_MOST, Shown, chosen, shown
from aiops.core.records import Outcome
from aiops.outcomes.settle import Failure
from tests.backtest.test_ground import ground


def example(count: int = 1) -> tuple[Any, list[Episode], list[Failure]]:
    """A line that sees a crossing coming, as if it were ours."""
    values = np.concatenate([np.full(120, 0.2), np.linspace(0.2, 1.0, 301), np.full(400, 1.1)])
    on = ground(np.repeat(values[None, :], count, axis=0), horizon_s=7200.0)
    failures = [Failure(on.card, entity, int(on.time_s[420])) for entity in on.entities]
    warnings = warnings_of("predict_linear[1h]", on, failures)
    outcomes = {o.warning_id: o for o in judged(warnings, failures, on)}
    return on, [Episode(w, w, outcome=outcomes[w.id]) for w in warnings], failures


def all_shown(count: int = 1, **more: Any) -> list[Shown]:
    on, episodes, failures = example(count)
    return shown(on, episodes, [], failures, contested(on, failures), **more)


def test_the_series_reaches_from_before_the_opening_to_after_the_failure() -> None:
    on, episodes, _ = example()
    (one,) = all_shown()
    assert one.time_s[0] < episodes[0].opened.opened_s < one.crossings[0] < one.time_s[-1]
    np.testing.assert_array_equal(one.values, on.values[0, on.column(one.time_s[0]) : on.column(one.time_s[-1]) + 1])
    assert one.verdict == "hit"
    assert set(one.limit.tolist()) == {1.0}


def test_when_each_baseline_opened_is_beside_it() -> None:
    names = dict(all_shown()[0].others)
    assert names["predict_linear[1h]"] == all_shown()[0].at_s
    assert names["static"] == 6000 + 60 * 420


def test_a_failure_that_was_missed_is_shown_too() -> None:
    on, _, failures = example()
    outcome = Outcome("", on.card, on.entities[0], "missed", 0, None, failures[0].at_s, None, None, None)
    (one,) = shown(on, [], [outcome], failures, [])
    assert (one.opened, one.at_s, one.verdict) == (None, failures[0].at_s, "missed")
    assert one.time_s[0] < failures[0].at_s < one.time_s[-1]


def test_what_was_usual_comes_with_it_where_it_is_known() -> None:
    on, _, _ = example()
    from aiops.core.labels import key

    (one,) = all_shown(bands={key(on.labels[0]): (on.values[0] - 1, on.values[0] + 1)})
    np.testing.assert_allclose(one.high - one.low, 2.0)


def test_what_teaches_more_is_chosen_and_stands_in_time_order() -> None:
    found = all_shown(AT_MOST + 5)
    late = replace(found[3], outcome=replace(found[3].outcome, verdict="expired"))
    some = chosen([*found[:3], late, *found[4:]])
    assert len(some) == AT_MOST
    assert late not in some
    assert [one.at_s for one in some] == sorted(one.at_s for one in some)
