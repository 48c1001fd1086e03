"""A card that says no unit has the one that the names of its query's metrics tell for certain."""

from __future__ import annotations

import pytest

from tests.pipeline.made import World, card, watch_of

SHARE = "free_bytes / size_bytes"


@pytest.mark.parametrize(
    ("said", "unit"),
    [({"query": SHARE}, "{ratio}"), ({"query": SHARE, "unit": "1"}, "1"),
     ({"query": "free"}, "1"), ({"query": "lag_seconds"}, "s")],
)  # fmt: skip
def test_the_unit_of_a_card_is_what_it_says_else_what_its_query_tells(said: dict[str, str], unit: str) -> None:
    written = {name: value for name, value in card().items() if name != "unit"}
    watch = watch_of(World(), {**written, **said})
    assert (watch.card.unit, watch.naming.unit, watch.card.name) == (unit, unit, written["name"])
