"""The ground of baselines: entity by entity, and which samples count."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiops.backtest.ground import ROWS_AT_ONCE, Ground


def ground(values: Any, entity_of: Any = None, limit: Any = 1.0, **more: Any) -> Ground:
    """n series of a minute each."""
    values = np.asarray(values, float)
    n = len(values)
    entity_of = np.arange(n) if entity_of is None else np.asarray(entity_of)
    entities = [{"e": str(i)} for i in range(int(entity_of.max()) + 1)]
    given: dict[str, Any] = {
        "card": "c", "signal": "c", "step_s": 60, "horizon_s": 3600.0, "time_s": 6000 + 60 * np.arange(values.shape[1]),
        "values": values, "labels": [{"e": str(e), "row": str(i)} for i, e in enumerate(entity_of)], "entity_of": entity_of,
        "entities": entities, "limit": np.broadcast_to(np.asarray(limit, float), (n, 1)) if np.ndim(limit) == 0 else limit,
        "above": np.ones(n, bool),
    }  # fmt: skip
    return Ground(**given | more)


def test_rows_come_entity_by_entity_and_all_of_them() -> None:
    of = [2, 0, 1, 0, 2, 2]
    ((rows, starts),) = ground(np.zeros((6, 3)), of).parts()
    assert rows.tolist() == [1, 3, 2, 0, 4, 5]
    assert starts.tolist() == [0, 2, 3]


def test_parts_are_bounded_and_no_entity_is_cut() -> None:
    of = np.repeat(np.arange(40), 5)
    parts = list(ground(np.zeros((200, 2)), of).parts())
    assert len(parts) == 4
    assert all(len(rows) <= ROWS_AT_ONCE and len(rows) % 5 == 0 for rows, _ in parts)
    assert sorted(np.concatenate([rows for rows, _ in parts]).tolist()) == list(range(200))


def test_an_entity_of_more_rows_than_a_part_holds_is_a_part_of_its_own() -> None:
    sizes = [len(rows) for rows, _ in ground(np.zeros((ROWS_AT_ONCE + 3, 2)), [0] * (ROWS_AT_ONCE + 2) + [1]).parts()]
    assert sizes == [ROWS_AT_ONCE + 2, 1]


def test_a_masked_sample_does_not_count_as_there() -> None:
    masked = np.array([[False, True, False]])
    found = ground([[1.0, 1.0, np.nan]], masked=masked)
    assert found.here(np.array([0]), 0, 3).tolist() == [[True, False, False]]


def test_a_column_is_the_first_not_before_an_instant() -> None:
    found = ground(np.zeros((1, 5)))
    assert [found.column(at) for at in (6000, 6001, 6060, 5999)] == [0, 1, 1, 0]


def test_series_seconds_count_what_was_replayed_and_not_what_was_before() -> None:
    assert ground(np.zeros((3, 10)), first=4).series_seconds == 3 * 6 * 60
