"""An answer of the query API as Prometheus writes it, straight onto the grid: kernels.

Exactly this is read, in this order and without a space: `{"metric":{"name":"text",…},"values":[[seconds,"number"],…]}` (or
`"value":[…]`), seconds with at most three decimals and rising. Whatever else stands there ends the reading with -1, and somebody
slower judges it. No byte is looked at before its place was compared with the length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.compiled import kernel
from aiops.telemetry.fast_arrays import borrowed
from aiops.telemetry.fast_float import DIGITS, LATER, READ, WRONG, nearest

Bytes = Any
Words = NDArray[np.uint64]
Table = NDArray[np.int64]
U: Any = np.uint64
S: Any = np.int64
_BYTES, _TABLE, _GRID = "Array(uint8, 1, 'C', True)", "int64[:, ::1]", "uint64[:, ::1]"

_METRIC = np.frombuffer(b'{"metric":{', np.uint8)
_VALUES = np.frombuffer(b',"values":[', np.uint8)
_VALUE = np.frombuffer(b',"value":', np.uint8)
_INF, _NAN_TEXT = np.frombuffer(b"Inf", np.uint8), np.frombuffer(b"NaN", np.uint8)
_QUOTE, _BACKSLASH, _COMMA, _COLON, _POINT, _PLUS, _MINUS = (ord(c) for c in '"\\,:.+-')
_OPEN, _SHUT, _UNBRACE, _ZERO, _NINE, _E, _LARGE_E, _I, _N = (ord(c) for c in "[]}09eEIN")
_NAN, _SIGN = U(0x7FF8_0000_0000_0000), U(1 << 63)
_ZEROS = U(0x3030303030303030)
"""Eight times the digit 0."""
_MOST_LABELS = 72
_TENS = np.array([10**k for k in range(9)], np.uint64)
_LONGEST_EXPONENT = 5


@kernel(f"int64({_BYTES}, int64, {_BYTES})")
def _after(body: Bytes, at: int, text: NDArray[np.uint8]) -> int:
    """The place behind `text`, which must stand at `at`; else -1."""
    if at + len(text) > len(body):
        return -1
    for k in range(len(text)):
        if body[at + k] != text[k]:
            return -1
    return at + len(text)


@kernel(f"int64({_BYTES}, int64)")
def _after_string(body: Bytes, at: int) -> int:
    """The place behind the string that begins at `at`; what stands in it is not judged. Else -1."""
    size = len(body)
    if at >= size or body[at] != _QUOTE:
        return -1
    at += 1
    while at < size and body[at] != _QUOTE:
        at += 2 if body[at] == _BACKSLASH else 1
    return at + 1 if at < size else -1


@kernel(f"int64({_BYTES}, int64)")
def _after_labels(body: Bytes, at: int) -> int:
    """The place behind the label set whose brace stands just before `at`; else -1."""
    size = len(body)
    if at < size and body[at] == _UNBRACE:
        return at + 1
    for _ in range(_MOST_LABELS):
        at = _after_string(body, at)
        if at < 0 or at >= size or body[at] != _COLON:
            return -1
        at = _after_string(body, at + 1)
        if at < 0 or at >= size:
            return -1
        at += 1
        if body[at - 1] == _UNBRACE:
            return at
        if body[at - 1] != _COMMA:
            return -1
    return -1


@kernel(inline=True)
def _eight(body: Bytes, at: int) -> Any:
    """The eight bytes from `at` on, which must be there, the first one lowest."""
    i = U(at)  # an unsigned place needs no look whether it counts from the end: one load
    return (
        U(body[i]) | U(body[i + U(1)]) << U(8) | U(body[i + U(2)]) << U(16) | U(body[i + U(3)]) << U(24)
        | U(body[i + U(4)]) << U(32) | U(body[i + U(5)]) << U(40) | U(body[i + U(6)]) << U(48) | U(body[i + U(7)]) << U(56)
    )  # fmt: skip


@kernel("int64(uint64)")
def _how_many_digits(eight: np.uint64) -> int:
    """How many of the eight bytes are digits, up to the first that is none."""
    odd = ((eight + U(0x4646464646464646)) | (eight - _ZEROS)) & U(0x8080808080808080)
    if odd == U(0):
        return 8
    below = ((odd & (~odd + U(1))) - U(1)) & U(0x0101010101010101)  # one bit for each byte up to the first odd one
    count: int = S((below * U(0x0101010101010101)) >> U(56)) - 1
    return count


@kernel("uint64(uint64)")
def _number_of(eight: np.uint64) -> Any:
    """What eight digits say: neighbours are added by two, by four, by eight."""
    eight -= _ZEROS
    eight = eight * U(10) + (eight >> U(8))
    low, high = eight & U(0x000000FF000000FF), (eight >> U(16)) & U(0x000000FF000000FF)
    return (low * U(0x000F424000000064) + high * U(0x0000271000000001)) >> U(32)


@kernel(f"UniTuple(int64, 2)({_BYTES}, int64)")
def _any_instant(body: Bytes, at: int) -> tuple[int, int]:
    size, first, ms = len(body), at, 0
    while at < size and _ZERO <= body[at] <= _NINE and at - first < 12:
        ms = ms * 10 + body[at] - _ZERO
        at += 1
    if at == first or (body[first] == _ZERO and at > first + 1):
        return -1, 0
    ms *= 1000
    if at < size and body[at] == _POINT:
        at += 1
        weight, first = 100, at
        while at < size and _ZERO <= body[at] <= _NINE and weight > 0:
            ms += (body[at] - _ZERO) * weight
            weight //= 10
            at += 1
        if at == first:
            return -1, 0
    return at, ms


@kernel(inline=True)
def _instant(body: Bytes, at: int) -> tuple[int, int]:
    """(place behind the seconds at `at`, or -1; milliseconds)."""
    if at + 16 <= len(body) and body[at] != _ZERO and body[at + 10] == _COMMA:  # ten digits: 2001 to 2286
        first, rest = _eight(body, at), _eight(body, at + 8)
        if _how_many_digits(first) == 8 and _how_many_digits(rest) == 2:
            return at + 10, 1000 * S(_number_of(first) * U(100) + _number_of((rest << U(48)) | _ZEROS >> U(16)))
    return _any_instant(body, at)


@kernel(inline=True)
def _digits(body: Bytes, at: int, w: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64]:
    """(w with the digits at `at` behind it, how many without leading zeros, place behind them); w holds up to DIGITS."""
    size = len(body)
    if w == U(0):
        while at < size and body[at] == _ZERO:
            at += 1
    first = at
    while at + 8 <= size:
        eight = _eight(body, at)
        some = _how_many_digits(eight)
        if some == 8:
            w = w * _TENS[8] + _number_of(eight)
            at += 8
            continue
        if some > 0:
            free = U(8 * some)
            w = w * _TENS[some] + _number_of((eight << (U(64) - free)) | (_ZEROS >> free))
        return w, U(at + some - first), U(at + some)
    while at < size and _ZERO <= body[at] <= _NINE:
        w = w * U(10) + U(body[at] - _ZERO)
        at += 1
    return w, U(at - first), U(at)


@kernel(inline=True)
def _decimal(body: Bytes, at: int) -> tuple[np.uint64, int, int, int]:
    """(w, its digits, q, place behind it or -1) of digits with or without a point: w · 10^q; w holds while digits ≤ DIGITS."""
    w, digits, end = _digits(body, at, U(0))
    place, count = S(end), S(digits)
    if place == at:
        return w, 0, 0, -1
    if place >= len(body) or body[place] != _POINT:
        return w, count, 0, place
    w, digits, end = _digits(body, place + 1, w)
    return w, count + S(digits), place + 1 - S(end), S(end)


@kernel(f"UniTuple(int64, 2)({_BYTES}, int64)")
def _exponent(body: Bytes, at: int) -> tuple[int, int]:
    """(place behind the exponent at `at`, or -1; the exponent)."""
    size, sign, exponent = len(body), 1, 0
    if at < size and (body[at] == _MINUS or body[at] == _PLUS):
        sign = -1 if body[at] == _MINUS else 1
        at += 1
    first = at
    while at < size and _ZERO <= body[at] <= _NINE and at - first < _LONGEST_EXPONENT:
        exponent = exponent * 10 + body[at] - _ZERO
        at += 1
    return (at if at > first else -1), sign * exponent


@kernel(inline=True)
def _number(body: Bytes, at: int) -> tuple[int, int, np.uint64]:
    """(READ, LATER or WRONG; the place behind the number at `at`; its bits): digits, a point, digits, an exponent; Inf, NaN."""
    size, sign = len(body), U(0)
    if at < size and (body[at] == _MINUS or body[at] == _PLUS):
        sign = _SIGN if body[at] == _MINUS else U(0)
        at += 1
    if at < size and (body[at] == _I or body[at] == _N):
        end = _after(body, at, _INF if body[at] == _I else _NAN_TEXT)
        return (READ if end >= 0 else WRONG), end, _NAN  # on the grid, infinite is as good as missing
    w, digits, power, at = _decimal(body, at)
    if at < 0:
        return WRONG, -1, U(0)
    if at < size and (body[at] == _E or body[at] == _LARGE_E):
        at, exponent = _exponent(body, at + 1)
        if at < 0:
            return WRONG, -1, U(0)
        power += exponent
    if digits > DIGITS:
        return LATER, at, U(0)
    state, bits = nearest(w, power)
    return state, at, bits | sign


@kernel("UniTuple(uint64, 4)(uint64, uint64, uint64, uint64)")
def _round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    a, c = a + b, c + d
    b, d = ((b << U(13)) | (b >> U(51))) ^ a, ((d << U(16)) | (d >> U(48))) ^ c
    a = (a << U(32)) | (a >> U(32))
    c, a = c + b, a + d
    b, d = ((b << U(17)) | (b >> U(47))) ^ c, ((d << U(21)) | (d >> U(43))) ^ a
    return a, b, (c << U(32)) | (c >> U(32)), d


@kernel(f"UniTuple(uint64, 2)({_BYTES}, int64, int64, uint64, uint64)")
def digest(body: Bytes, at: int, end: int, key: np.uint64, other: np.uint64) -> tuple[np.uint64, np.uint64]:
    """SipHash-1-3 with 128 bits of body[at:end]: who does not know the key cannot make two label sets look the same.

    Source: J.-P. Aumasson and D. J. Bernstein, SipHash: a fast short-input PRF (2012).
    """
    a, b = key ^ U(0x736F6D6570736575), other ^ U(0x646F72616E646F6D) ^ U(0xEE)
    c, d = key ^ U(0x6C7967656E657261), other ^ U(0x7465646279746573)
    first = at
    while at + 8 <= end:
        m = U(0)
        for k in range(8):
            m |= U(body[at + k]) << U(8 * k)
        d ^= m
        a, b, c, d = _round(a, b, c, d)
        a ^= m
        at += 8
    m = U((end - first) & 0xFF) << U(56)
    for k in range(end - at):
        m |= U(body[at + k]) << U(8 * k)
    d ^= m
    a, b, c, d = _round(a, b, c, d)
    a ^= m
    c ^= U(0xEE)
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    one = a ^ b ^ c ^ d
    b ^= U(0xDD)
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    return one, a ^ b ^ c ^ d


@kernel(inline=True)
def _sample(body: Bytes, at: int) -> tuple[int, int, int, int, np.uint64]:
    """(place behind the sample at `at`, or -1; milliseconds; where the text of its number begins; READ or LATER; its bits)."""
    size = len(body)
    if at >= size or body[at] != _OPEN:
        return -1, 0, 0, 0, U(0)
    at, ms = _instant(body, at + 1)
    if at < 0 or at + 1 >= size or body[at] != _COMMA or body[at + 1] != _QUOTE:
        return -1, 0, 0, 0, U(0)
    begin = at + 2
    state, at, bits = _number(body, begin)
    if state == WRONG or at + 1 >= size or body[at] != _QUOTE or body[at + 1] != _SHUT:
        return -1, 0, 0, 0, U(0)
    return at + 2, ms, begin, state, bits


@kernel(f"UniTuple(int64, 3)({_BYTES}, int64, int64, boolean, int64, int64, {_GRID}, {_TABLE}, int64)")
def _points(
    body: Bytes, at: int, row: int, many: bool, start_ms: int, step_ms: int, bits: Words, later: Table, found: int
) -> tuple[int, int, int]:
    """One series' samples from `at` on, into its row: (place behind them, or -1; how many; how many are `later` by now)."""
    size, last_ms, count, slot, next_ms = len(body), -1, 0, -1, -1
    while True:
        at, ms, begin, state, value = _sample(body, at)
        if at < 0 or ms <= last_ms:
            return -1, 0, 0
        last_ms = ms
        count += 1
        slot += 1
        if ms != next_ms:  # as after a gap; a division each time would be a sixth of the work
            slot = (ms - start_ms) // step_ms
        next_ms = start_ms + (slot + 1) * step_ms
        if next_ms - ms == step_ms and 0 <= slot < bits.shape[1]:
            bits[row, slot] = value
            if state == LATER:
                if found == len(later):
                    return -1, 0, 0
                later[found, 0], later[found, 1], later[found, 2], later[found, 3] = row, slot, begin, at - 2
                found += 1
        if not many:
            return at, count, found
        if at >= size or (body[at] != _COMMA and body[at] != _SHUT):
            return -1, 0, 0
        at += 1
        if body[at - 1] == _SHUT:
            return at, count, found


@kernel(
    f"UniTuple(int64, 4)({_BYTES}, int64, boolean, int64, int64, int64, uint64, uint64, {_TABLE}, {_GRID}, {_GRID}, {_TABLE})"
)
def read(
    body: Bytes, at: int, many: bool, start_ms: int, step_ms: int, samples: int, key: np.uint64, other: np.uint64,
    spans: Table, digests: Words, bits: Words, later: Table,
) -> tuple[int, int, int, int]:  # fmt: skip
    """The series that begin at `at`, up to the bracket behind them: (its place, or -1; series; samples; how many are `later`).

    Of row i, spans (n, 2) is where its label set begins and ends, digests (n, 2) the `digest` of that, bits (n, t) its samples on
    the grid as the bits of float64, untouched where there is none. later (k, 4): row, slot, begin and end of the text of samples
    that `float` has to read. `many`: a matrix. More than n series, `samples` samples or k such texts end the reading.
    """
    body, spans, digests, bits, later = (
        borrowed(body),
        borrowed(spans),
        borrowed(digests),
        borrowed(bits),
        borrowed(later),
    )
    size, row, count, found = len(body), 0, 0, 0
    while row < len(spans):
        begin = _after(body, at, _METRIC)
        if begin < 0:
            return -1, 0, 0, 0
        at = _after_labels(body, begin)
        if at < 0:
            return -1, 0, 0, 0
        spans[row, 0], spans[row, 1] = begin - 1, at
        digests[row, 0], digests[row, 1] = digest(body, begin - 1, at, key, other)
        at = _after(body, at, _VALUES if many else _VALUE)
        if at < 0:
            return -1, 0, 0, 0
        at, more, found = _points(body, at, row, many, start_ms, step_ms, bits, later, found)
        count += more
        if at < 0 or count > samples or at + 1 >= size or body[at] != _UNBRACE:
            return -1, 0, 0, 0
        at, row = at + 2, row + 1
        if body[at - 1] == _SHUT:
            return at - 1, row, count, found
        if body[at - 1] != _COMMA:
            return -1, 0, 0, 0
    return -1, 0, 0, 0
