"""Modes, from the most cautious on."""

from __future__ import annotations

import pytest

from aiops.responses.procedure import at_least, lowest


def test_the_most_cautious_counts() -> None:
    assert lowest("auto", "approve", "suggest") == "suggest"
    assert lowest("auto", "shadow") == "shadow"


@pytest.mark.parametrize(
    ("mode", "least", "wanted"), [("auto", "approve", True), ("approve", "approve", True), ("suggest", "approve", False)]
)
def test_what_lets_more_lets_less_too(mode: str, least: str, wanted: bool) -> None:
    assert at_least(mode, least) is wanted  # type: ignore[arg-type]
