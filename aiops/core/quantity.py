"""Numbers with their unit, as people read them: the only place that knows how a unit is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from aiops.core.durations import text

RATIO = "{ratio}"
"""A share of a whole: 0.18 is shown as 18%. UCUM takes what stands in braces as a note on a plain number."""
DIGITS, DIGITS_AT_MOST = 3, 6
Scale = tuple[float, float, str]


def quantity(value: Any, unit: str, digits: int = DIGITS) -> str:
    """A number with its UCUM unit, `digits` of it but whole numbers whole: shares as percent, bytes with binary prefixes, short
    spans in ms or s, longer ones as a duration, many of anything as M (million), G (billion) or T.

    What stands in braces is a word for what is counted, and is shown: `{requests}/s`.

    >>> quantity(0.18234, "{ratio}"), quantity(12.5, "%"), quantity(12.43 * 2**30, "By"), quantity(43.02, "1/s")
    ('18.2%', '12.5%', '12.4 GiB', '43 /s')
    >>> quantity(1_814_400, "s"), quantity(0.25, "s"), quantity(3.2, "s"), quantity(12_346, "{requests}/s"), quantity(2.5e9, "1")
    ('21d', '250 ms', '3.2 s', '12,346 requests/s', '2.5 G')
    """
    if not isinstance(value, int | float):
        return "unknown"
    if not math.isfinite(value):
        return str(value)
    if unit == "s" and abs(value) >= 60:
        return text(round(value))
    _, size, after = _scale(abs(value), unit)
    return _number(value / size, digits) + after


def in_bytes(count: float) -> str:
    """So many bytes.

    >>> in_bytes(999), in_bytes(1536), in_bytes(20_000_000)
    ('999 B', '1.5 KiB', '19.1 MiB')
    """
    return quantity(count, "By")


def quantities(values: Sequence[Any], unit: str) -> list[str]:
    """Numbers that are told together: each with as many more digits, DIGITS_AT_MOST of them, as tell it from the others.

    >>> quantities((0.9496, 0.95, 0.2), "{ratio}")
    ['94.96%', '95%', '20%']
    """
    out = []
    for value in values:
        others = [other for other in values if other != value and other is not None]
        said = ((quantity(value, unit, n), [quantity(one, unit, n) for one in others]) for n in range(DIGITS, DIGITS_AT_MOST + 1))
        out.append(next((own for own, rest in said if own not in rest), quantity(value, unit)))
    return out


def scales(unit: str) -> tuple[Scale, ...]:
    """In which parts or multiples a unit is shown: (from which size on, what is divided by, what stands behind), ascending.

    >>> scales("{ratio}"), scales("By/s")[1]
    (((0.0, 0.01, '%'),), (1024.0, 1024.0, ' KiB/s'))
    """
    if unit in (RATIO, "%"):
        return ((0.0, 0.01 if unit == RATIO else 1.0, "%"),)
    if unit == "s":
        long = ((60.0, 60.0, " min"), (3600.0, 3600.0, " h"), (172_800.0, 86_400.0, " d"))
        return ((0.0, 1.0, " s"), (1e-12, 0.001, " ms"), (1.0, 1.0, " s"), *long)
    if unit == "By" or unit.startswith("By/"):
        names = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
        return tuple((1024.0**i if i else 0.0, 1024.0**i, f" {name}B{unit[2:]}") for i, name in enumerate(names))
    word = unit.replace("{", "").replace("}", "").replace("Cel", "°C")
    word = "" if word == "1" else f" {word.removeprefix('1')}" if word.startswith("1/") else f" {word}"
    return ((0.0, 1.0, word), (1e7, 1e6, f" M{word}"), (1e9, 1e9, f" G{word}"), (1e12, 1e12, f" T{word}"))


def size_of(value: float, unit: str) -> float:
    """What a number of this size is divided by before it is shown: levels that are round in it are round to people.

    >>> size_of(3 * 2**20, "By"), size_of(7200, "s"), size_of(0.3, "{ratio}")
    (1048576.0, 3600.0, 0.01)
    """
    return _scale(abs(value), unit)[1]


def rough(value: float) -> str:
    """A number with two digits, whole from ten on.

    >>> rough(100.0), rough(12.5), rough(0.666), rough(0.0)
    ('100', '12', '0.67', '0')
    """
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _scale(size: float, unit: str) -> Scale:
    return next(one for one in reversed(scales(unit)) if size >= one[0])


def _number(value: float, digits: int) -> str:
    if value and abs(value) < 1e-5:
        return f"{value:.{digits}g}"
    after = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    said = f"{value:,.{after}f}"
    return said.rstrip("0").rstrip(".") if "." in said else said
