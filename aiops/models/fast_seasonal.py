"""The detector's work on one column of points in a single pass over its state: kernels.

Each does, operation by operation, what `seasonal` does with whole arrays, so both give the same to the bit: no sum is taken over
rows, nothing is contracted, and division and root are rounded as the standard says.
"""

from __future__ import annotations

import math
from typing import Any

from aiops.core.compiled import kernel

Row = Any
Table = Any
ROWS = ("count", "short", "level", "before", "square", "drift", "shift", "creep", "still", "total", "squares", "points", "moved")
"""Of each row one number that a point changes, in the order of the kernel."""
READ = ("low", "high", "base", "blocks", "moves")
"""And those that it only reads."""
TABLES = ("peak", "scale", "recent")
HUGE = 1e95
_ROW, _TABLE = "float64[::1]", "float64[:, ::1]"
_COLUMN = "Array(float64, 1, 'C', True)"


@kernel(inline=True)
def _season(profile: Table, days: Table, i: int, slot: int, part: float) -> float:
    """See `seasonal`: the profile between the middles of two blocks."""
    after = slot + 1 if slot + 1 < profile.shape[1] else 0
    left = profile[i, slot] * max(days[i, slot] - 1.0, 0.0) / (days[i, slot] + 1.0)
    right = profile[i, after] * max(days[i, after] - 1.0, 0.0) / (days[i, after] + 1.0)
    return left * (1.0 - part) + right * part  # type: ignore[no-any-return]


@kernel(inline=True)
def _tail(ratio: float) -> float:
    tail = 1.0 / (1.0 + ratio)
    return tail * tail * tail


@kernel(
    f"void({_COLUMN}, UniTuple({_ROW}, {len(ROWS)}), UniTuple({_ROW}, {len(READ)}), UniTuple({_TABLE}, {len(TABLES)}), "
    f"float32[:, ::1], uint8[:, ::1], int64[::1], {_ROW}, {_ROW}, UniTuple(float64, 10), UniTuple({_ROW}, 5))"
)
def column(
    values: Row, changed: Any, known: Any, tables: Any, profile: Table, days: Table, slots: Row, parts: Row, aparts: Row,
    numbers: Any, found: Any,
) -> None:  # fmt: skip
    """Score and learn `values` (n,); `found`: p, expected, lower, upper, recent (n,) are filled.

    `slots`, `parts`: the block of the day and how far a row is on its way to the next; `aparts`: what a free day adds. Each (n,),
    or (1,): the same for all rows.
    """
    count, short, level, before, square, drift, shift, creep, still, total, squares, points, moved = changed
    low, high, base, blocks, moves = known
    peak, scale, recent = tables
    warmup, of_short, of_medium, of_recent, of_shift, of_creep, step, moving, cap, band = numbers
    p, expected, lower, upper, newest = found
    slot_step, part_step, apart_step = min(len(slots) - 1, 1), min(len(parts) - 1, 1), min(len(aparts) - 1, 1)
    for i in range(len(values)):
        season = _season(profile, days, i, slots[i * slot_step], parts[i * part_step]) + aparts[i * apart_step]
        own, center = level[i], base[i]
        middle, bottom, top = season + own, low[i] + own, high[i] + own
        x = values[i]
        here = abs(x) < HUGE
        x = x if here else middle
        young = 1.0 / (count[i] + 1.0)
        away = x - min(max(x, bottom), top)
        departure = abs(away)
        jump, one = min(abs(x - short[i]), departure), min(abs(x - before[i]), departure)
        rate = max(young, of_short)
        power = (1.0 - rate) * (square[i] + rate * jump * jump)
        off = x - season - center
        stood = still[i] + step if x == before[i] else 0.0
        quiet = stood if moves[i] >= moving else 0.0
        drifted = drift[i] + max(young, of_recent) * (away - drift[i])
        shifted = shift[i] + max(young, of_shift) * (off - shift[i])
        crept = creep[i] + max(young, of_creep) * (off - creep[i])
        spread, far, hour, day = math.sqrt(power), abs(drifted), abs(shifted), abs(crept)
        first = max(max(jump / scale[i, 0], departure / scale[i, 1]), max(spread / scale[i, 2], one / scale[i, 3]))
        second = max(max(far / scale[i, 4], hour / scale[i, 5]), max(day / scale[i, 6], quiet / scale[i, 7]))
        ratio = min(max(first, second), cap)
        ready = count[i] >= warmup and blocks[i] >= 2.0
        width = scale[i, 1] * band if ready else math.nan
        expected[i], lower[i], upper[i] = middle if ready else math.nan, bottom - width, top + width
        p[i] = math.nan
        if ready and here:
            p[i] = _tail(ratio)
            recent[i, 0] = max(recent[i, 0], ratio)
        strongest = max(max(recent[i, 0], recent[i, 1]), recent[i, 2])
        newest[i] = _tail(strongest) if strongest >= 0.0 else math.nan
        if here:
            from_center = x - center
            short[i] += rate * (x - short[i])
            level[i] = own + max(young, of_medium) * (x - season - own)
            total[i] += from_center
            squares[i] += from_center * from_center
            points[i], count[i] = points[i] + 1.0, count[i] + 1.0
            if stood == 0.0:
                moved[i] = 1.0
            square[i], before[i], still[i] = power, x, stood
            drift[i], shift[i], creep[i] = drifted, shifted, crept
            seen = (jump, departure, spread, one, far, hour, day, quiet)
            for kind in range(8):
                peak[i, kind] = max(peak[i, kind], seen[kind])
