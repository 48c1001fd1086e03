"""The detector's work on one column of points in a single pass over its state: kernels.

Each does, operation by operation, what `seasonal` does with whole arrays, so both give the same to the bit: no sum is taken over
rows, nothing is contracted, and division and root are rounded as the standard says.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aiops.core.compiled import kernel
from aiops.models.scales import LARGER, RARE

Row = Any
Table = Any
ROWS = (
    "count", "short", "level", "before", "square", "drift", "shift", "creep", "still", "total", "squares", "points", "moved",
    "event",
)  # fmt: skip
"""Of each row one number that a point changes, in the order of the kernel."""
READ = ("low", "high", "base", "blocks", "moves", "room", "rare", "less", "more", "past")
"""And those that it only reads."""
TABLES = ("peak", "scale", "recent")
KEPT = ("calm_level", "calm_scale", "calm_low", "calm_high")
"""What only rows that are strange read, and change when they begin to be."""
HUGE, PERHAPS = 1e37, 0.051
"""No row is strange whose smallest p of the last minutes is not below PERHAPS; what is, the ratio says."""
_ROW, _TABLE = "float64[::1]", "float64[:, ::1]"
_COLUMN = "Array(float64, 1, 'C', True)"
_PROFILE, _PLACE = "float32[:, ::1], uint8[:, ::1]", f"int64[::1], {_ROW}, {_ROW}"


@kernel(f"void({_PROFILE}, {_PLACE}, {_ROW})")
def _course(profile: Table, days: Table, slots: Row, parts: Row, aparts: Row, seasons: Row) -> None:
    """See `profile`: the course of the day. Apart from the rest, so that many far places are on their way at once."""
    slot_step, part_step, apart_step = min(len(slots) - 1, 1), min(len(parts) - 1, 1), min(len(aparts) - 1, 1)
    for i in range(len(seasons)):
        slot, part = slots[i * slot_step], parts[i * part_step]
        after = slot + 1 if slot + 1 < profile.shape[1] else 0
        left = profile[i, slot] * max(days[i, slot] - 1.0, 0.0) / (days[i, slot] + 1.0)
        right = profile[i, after] * max(days[i, after] - 1.0, 0.0) / (days[i, after] + 1.0)
        seasons[i] = left * (1.0 - part) + right * part + aparts[i * apart_step]


@kernel(inline=True)
def _tail(ratio: float) -> float:
    tail = 1.0 / (1.0 + ratio)
    return tail * tail * tail


@kernel(inline=True)
def _beyond(x: float, less: float, more: float) -> float:
    return x - min(max(x, less), more)


@kernel(inline=True)
def _nearer(off: float, past: float) -> float:
    return off - past if abs(off - past) < abs(off) else off


@kernel(inline=True)
def _event_after(event: float, sort: int, x: float) -> float:
    if event == math.inf:
        return 1.0 if sort == 2 and x == np.rint(x) else x
    return min(event * LARGER, x) if x > event else max(event / LARGER, x)


@kernel(inline=True)
def _alone(event: float, sort: int, x: float) -> float:
    size = _event_after(event, sort, x) if x > 0.0 and event == math.inf else event
    return RARE * size if size < HUGE else 0.0


@kernel(inline=True)
def _largest(seen: Any, scale: Table, i: int, size: float, rates: Any) -> float:
    """The largest of a point's residuals by their scales, none smaller than what a single event of `size` makes of it."""
    jump, departure, spread, one, far, hour, day, quiet = seen
    short, recent, shift, creep = rates
    point, unrest = max(scale[i, 0], size), max(scale[i, 2], size * short)
    first = max(max(jump / point, departure / max(scale[i, 1], size)), max(spread / unrest, one / max(scale[i, 3], size)))
    second = max(far / max(scale[i, 4], size * recent), hour / max(scale[i, 5], size * shift))
    largest: float = max(first, max(second, max(day / max(scale[i, 6], size * creep), quiet / scale[i, 7])))
    return largest


@kernel(f"void({_TABLE}, {_ROW}, UniTuple({_ROW}, {len(KEPT)}), uint8[::1], {_ROW}, float64, {_ROW}, {_ROW}, {_ROW})")
def _as_before(
    recent: Table, newest: Row, kept: Any, sort: Row, seasons: Row, band: float, expected: Row, lower: Row, upper: Row
) -> None:
    """Tell of rows that are strange what was usual before. Apart from the rest, for they are few."""
    for i in range(len(newest)):
        if newest[i] < PERHAPS and max(max(recent[i, 0], recent[i, 1]), recent[i, 2]) >= band:
            level, scale, low, high = kept
            width = scale[i] * band
            expected[i] = min(max(seasons[i], low[i]), high[i]) + level[i]
            lower[i], upper[i] = low[i] + level[i] - width, high[i] + level[i] + width
            if sort[i] > 0:
                lower[i] = max(lower[i], min(expected[i], 0.0))


@kernel(
    f"void({_COLUMN}, UniTuple({_ROW}, {len(ROWS)}), UniTuple({_ROW}, {len(READ)}), UniTuple({_TABLE}, {len(TABLES)}), "
    f"UniTuple({_ROW}, {len(KEPT)}), {_PROFILE}, uint8[::1], {_PLACE}, UniTuple(float64, 10), UniTuple({_ROW}, 5))"
)
def column(
    values: Row, changed: Any, known: Any, tables: Any, kept: Any, profile: Table, days: Table, sort: Row, slots: Row, parts: Row,
    aparts: Row, numbers: Any, found: Any,
) -> None:  # fmt: skip
    """Score and learn `values` (n,); `found`: p, expected, lower, upper, recent (n,) are filled.

    `slots`, `parts`: the block of the day and how far a row is on its way to the next; `aparts`: what a free day adds. Each (n,),
    or (1,): the same for all rows.
    """
    count, short, level, before, square, drift, shift, creep, still, total, squares, points, moved, event = changed
    low, high, base, blocks, moves, room, rare, less, more, past = known
    peak, scale, recent = tables
    calm_level, calm_scale, _, _ = kept
    warmup, of_short, of_medium, of_recent, of_shift, of_creep, step, moving, cap, band = numbers
    p, expected, lower, upper, newest = found
    seasons, root_short = np.empty(len(values)), math.sqrt(of_short)
    _course(profile, days, slots, parts, aparts, seasons)
    for i in range(len(values)):
        season, own, center = seasons[i], level[i], base[i]
        middle, bottom, top = season + own, low[i] + own, high[i] + own
        here = abs(values[i]) < HUGE
        x = values[i] if here else middle
        young = 1.0 / (count[i] + 1.0)
        away, rate = x - min(max(x, bottom), top), max(young, of_short)
        off = _beyond(_nearer(x - season - center, past[i]), less[i], more[i])
        away = off if past[i] != 0.0 and abs(off) < abs(away) else away
        departure, stood = abs(away), still[i] + step if x == before[i] else 0.0
        jump, one = min(abs(x - short[i]), departure), min(abs(x - before[i]), departure)
        power = (1.0 - rate) * (square[i] + rate * jump * jump)
        drifted = drift[i] + max(young, of_recent) * (away - drift[i])
        shifted = shift[i] + max(young, of_shift) * (off - shift[i])
        crept = creep[i] + max(young, of_creep) * (off - creep[i])
        spread, far, hour, day = math.sqrt(power), abs(drifted), abs(shifted), min(abs(crept), room[i])
        quiet, size = stood if moves[i] >= moving else 0.0, _alone(event[i], sort[i], x) if rare[i] > 0.0 else 0.0
        seen = (jump, departure, spread, one, far, hour, day, quiet)
        ratio = min(_largest(seen, scale, i, size, (root_short, of_recent, of_shift, of_creep)), cap)
        ready = count[i] >= warmup and blocks[i] >= 2.0
        p[i] = _tail(ratio) if ready and here else math.nan
        before_it = max(max(recent[i, 0], recent[i, 1]), recent[i, 2])
        recent[i, 0] = max(recent[i, 0], ratio if ready and here else -1.0)
        strongest = max(max(recent[i, 0], recent[i, 1]), recent[i, 2])
        newest[i] = _tail(strongest) if strongest >= 0.0 else math.nan
        if strongest >= band > before_it:
            calm_level[i], calm_scale[i] = own, scale[i, 1]
        if here:
            event[i] = _event_after(event[i], sort[i], x) if x > 0.0 else event[i]
            sort[i] = min(sort[i], 0 if x < 0.0 else 2 if x == np.rint(x) else 1)
            short[i] += rate * (x - short[i])
            level[i] = own + max(young, of_medium) * _beyond(x - season - own, less[i], more[i])
            total[i], squares[i] = total[i] + (x - center), squares[i] + (x - center) * (x - center)
            points[i], count[i] = points[i] + 1.0, count[i] + 1.0
            moved[i] = 1.0 if stood == 0.0 else moved[i]
            square[i], before[i], still[i] = power, x, stood
            drift[i], shift[i], creep[i] = drifted, shifted, crept
            for kind in range(8):
                peak[i, kind] = max(peak[i, kind], seen[kind])
        width, least = scale[i, 1] * band if ready else math.nan, min(middle, 0.0) if sort[i] > 0 else -math.inf
        expected[i], upper[i] = middle if ready else math.nan, top + width
        lower[i] = max(bottom - width, least) if ready else math.nan
    _as_before(recent, newest, kept, sort, seasons, band, expected, lower, upper)
