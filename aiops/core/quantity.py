"""Numbers with their unit, as people read them."""

from __future__ import annotations

import math
from typing import Any

from aiops.core.durations import text

_BYTES = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


def quantity(value: Any, unit: str) -> str:
    """A number with its UCUM unit, four digits and no exponent below ten million; bytes with binary prefixes, minutes and more of
    seconds as a span.

    >>> quantity(0.18234, "1"), quantity(3 * 2**30, "By"), quantity(-2048.0, "By/s"), quantity(12, "Cel"), quantity(None, "1")
    ('0.1823', '3 GiB', '-2 KiB/s', '12 Cel', 'unknown')
    >>> quantity(1_814_400, "s"), quantity(0.25, "s"), quantity(10_000, "1"), quantity(12.5, "%")
    ('21d', '0.25 s', '10000', '12.5 %')
    """
    if not isinstance(value, int | float):
        return "unknown"
    if unit == "s" and math.isfinite(value) and abs(value) >= 60:
        return text(round(value))
    if unit != "By" and not unit.startswith("By/"):
        return _digits(value) + ("" if unit == "1" else f" {unit}")
    shown, power = float(value), 0
    while abs(shown) >= 1024 and power < len(_BYTES) - 1:
        shown, power = shown / 1024, power + 1
    return f"{shown:.4g} {_BYTES[power]}B{unit[2:]}"


def rough(value: float) -> str:
    """A number with two digits, whole from ten on.

    >>> rough(100.0), rough(12.5), rough(0.666), rough(0.0)
    ('100', '12', '0.67', '0')
    """
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
