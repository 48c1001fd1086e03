"""Numbers with their unit."""

from __future__ import annotations

import pytest

from aiops.core.quantity import quantity


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(1023, "By", "1023 B"), (1024.0, "By", "1 KiB"), (-1.5 * 2**30, "By/s", "-1.5 GiB/s"), (2.0**70, "By", "1.049e+06 PiB"),
     (0, "1", "0"), (float("nan"), "s", "nan s"), (-3599.99, "s", "-1h"), (59.5, "s", "59.5 s"), (12345.6, "1", "12346"),
     (None, "By", "unknown")],
)  # fmt: skip
def test_quantities_have_their_unit(value: float | None, unit: str, said: str) -> None:
    assert quantity(value, unit) == said
