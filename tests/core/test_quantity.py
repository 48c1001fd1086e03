"""Numbers with their unit."""

from __future__ import annotations

import math

import pytest

from aiops.core.quantity import quantities, quantity, scales, size_of

UNITS = ("1", "%", "{ratio}", "s", "By", "By/s", "{requests}/s", "1/{CPU}", "Cel")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(1023, "By", "1,023 B"), (1024.0, "By", "1 KiB"), (-1.5 * 2**30, "By/s", "-1.5 GiB/s"), (2.0**70, "By", "1,048,576 PiB"),
     (0, "1", "0"), (float("nan"), "s", "nan"), (-3599.99, "s", "-1h"), (59.5, "s", "59.5 s"), (12345.6, "1", "12,346"),
     (None, "By", "unknown"), (0.1823, "{ratio}", "18.2%"), (1.3, "{ratio}", "130%"), (0.00012, "{ratio}", "0.012%"),
     (0.0, "{ratio}", "0%"), (0, "s", "0 s"), (0.00312, "s", "3.12 ms"), (999.6, "1", "1,000"),
     (1234.0, "{messages}", "1,234 messages"),
     (-0.0214, "{ratio}", "-2.14%"), (25e6, "{series}", "25 M series"), (2.4, "1/{CPU}", "2.4 /CPU"), (1e-9, "1", "1e-09"),
     (300, "s", "5m"), (-12, "Cel", "-12 °C"), (3e12, "1/s", "3 T /s")],
)  # fmt: skip
def test_quantities_have_their_unit(value: float | None, unit: str, said: str) -> None:
    assert quantity(value, unit) == said


def test_numbers_told_together_differ_where_they_are_not_the_same() -> None:
    assert quantities((0.9499, 0.95), "{ratio}") == ["94.99%", "95%"]
    assert quantities((0.95, 0.95), "{ratio}") == ["95%", "95%"]
    assert quantities((5.0, None, 5.0000000001), "1") == ["5", "unknown", "5"]  # nobody needs eleven digits


@pytest.mark.parametrize("unit", UNITS)
def test_whatever_a_number_is_it_is_shown_short_and_by_the_scales_of_its_unit(unit: str) -> None:
    assert [one[0] for one in scales(unit)] == sorted({one[0] for one in scales(unit)})
    for power in range(-6, 13):
        for sign in (1.0, -1.0):
            value = sign * 1.2345 * 10.0**power
            said = quantity(value, unit)
            assert len(said) <= 24
            assert said.startswith("-") == (value < 0)
            if unit != "s" or abs(value) < 60:  # longer ones are durations
                shown = float(said.split()[0].rstrip("%").replace(",", ""))
                assert math.isclose(shown * size_of(value, unit), value, rel_tol=0.01)
