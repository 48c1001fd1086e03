"""The text of a number to the bits of the nearest float64: a kernel.

The digits make an integer w < 2^64 and a power of ten q, and the top 128 bits of w · 5^q are enough to round right. More than 19
digits, results that are subnormal or too large: left to `float`.

Source: D. Lemire, Number Parsing at a Gigabyte per Second (2021), algorithm 1; N. Mushtak and D. Lemire, Fast Number Parsing
Without Fallback (2023), which proves that 128 bits are always enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.compiled import kernel

LEAST, MOST = -342, 308
"""Powers of ten beyond which every w gives 0, or infinity."""
DIGITS = 19
"""So many decimal digits always fit into 64 bits."""
READ, LATER, WRONG = 0, 1, 2
"""A number that was read; one that `float` has to read; none."""

U: Any = np.uint64
_LOW, _HALF = U(0xFFFF_FFFF), U(32)
_ONE, _THREE = U(1), U(3)

_CLOSE = U(0x1FF)
"""The bits of the product below the 55 that are kept: all set, the lower half of the power may still carry into them."""
_HIDDEN = U(1 << 52)

_BIAS = 1023


def _powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Upper and lower 64 bits of 5^q for q of LEAST … MOST, moved so that the highest of 128 bits is set.

    Cut off, but rounded up for -27 ≤ q < 0: there a product may be exact and must not come out too small.
    """
    high, low = np.zeros(MOST - LEAST + 1, np.uint64), np.zeros(MOST - LEAST + 1, np.uint64)
    for q in range(LEAST, MOST + 1):
        five = 5 ** abs(q)
        bits = five if q >= 0 else (1 << (five.bit_length() * (1 if q >= -27 else 2) + 127)) // five + 1
        shift = 128 - bits.bit_length()
        bits = bits << shift if shift >= 0 else bits >> -shift
        high[q - LEAST], low[q - LEAST] = bits >> 64, bits & (2**64 - 1)
    return high, low


_HIGH, _LOWER = _powers()


@kernel("UniTuple(uint64, 2)(uint64, uint64)")
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Upper and lower 64 bits of a · b."""
    a1, a0, b1, b0 = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    low, mid, other, high = a0 * b0, a1 * b0, a0 * b1, a1 * b1
    carried = (low >> _HALF) + (mid & _LOW) + (other & _LOW)
    return high + (mid >> _HALF) + (other >> _HALF) + (carried >> _HALF), (carried << _HALF) | (low & _LOW)


@kernel("int64(uint64)")
def _leading_zeros(w: np.uint64) -> int:
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if w >> U(64 - step) == U(0):
            w <<= U(step)
            zeros += step
    return zeros


@kernel("Tuple((int64, uint64))(uint64, int64)")
def nearest(w: np.uint64, q: int) -> tuple[int, np.uint64]:
    """(READ or LATER, the bits of the float64 nearest to w · 10^q)."""
    if w == U(0):
        return READ, U(0)
    if q < LEAST or q > MOST:
        return LATER, U(0)
    zeros = _leading_zeros(w)
    w <<= U(zeros)
    high, low = _product(w, _HIGH[q - LEAST])
    if high & _CLOSE == _CLOSE:
        carry, _ = _product(w, _LOWER[q - LEAST])
        low += carry
        if carry > low:
            high += _ONE
    upper = np.int64(high >> U(63))
    mantissa = high >> U(upper + 9)
    exponent = (((152170 + 65536) * q) >> 16) + 63 + upper - zeros + _BIAS
    if exponent <= 0:
        return LATER, U(0)
    if low <= _ONE and -4 <= q <= 23 and mantissa & _THREE == _ONE and mantissa << U(upper + 9) == high:
        mantissa &= ~_ONE  # exactly in the middle: to the even one
    mantissa = (mantissa + (mantissa & _ONE)) >> _ONE
    if mantissa >= _HIDDEN << _ONE:
        mantissa, exponent = _HIDDEN, exponent + 1
    if exponent >= 0x7FF:
        return LATER, U(0)
    return READ, (mantissa & ~_HIDDEN) | (U(exponent) << U(52))
