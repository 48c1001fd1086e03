"""Numbers with their unit, as people read them."""

from __future__ import annotations

from typing import Any

_BYTES = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def quantity(value: Any, unit: str) -> str:
    """A number with its UCUM unit, four digits; bytes with binary prefixes.

    >>> quantity(0.18234, "1"), quantity(3 * 2**30, "By"), quantity(-2048.0, "By/s"), quantity(12, "Cel"), quantity(None, "1")
    ('0.1823', '3 GiB', '-2 KiB/s', '12 Cel', 'unknown')
    """
    if not isinstance(value, int | float):
        return "unknown"
    if unit != "By" and not unit.startswith("By/"):
        return f"{value:.4g}" + ("" if unit == "1" else f" {unit}")
    shown, power = float(value), 0
    while abs(shown) >= 1024 and power < len(_BYTES) - 1:
        shown, power = shown / 1024, power + 1
    return f"{shown:.4g} {_BYTES[power]}B{unit[2:]}"
