"""Series in promtool's notation, for the tests inside cards.

`a+bxn` is a, a+b … a+n*b (n + 1 values); `a-bxn` goes down; `axn` repeats; `_` is a missing sample, `_xn` n of them;
`stale` is a missing sample too. Source: Prometheus documentation, unit testing for rules.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RAMP = re.compile(rf"({_NUMBER})([+-])({_NUMBER.removeprefix('[+-]?')})x(\d+)")
_REPEAT = re.compile(rf"({_NUMBER}|_)(?:x(\d+))?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*')
MAX_POINTS = 1_000_000


def expand(text: str) -> NDArray[np.float64]:
    """The values of a series text; missing ones are NaN. Raises ValueError naming the part that is wrong.

    >>> expand("1+2x2 _ 5").tolist()
    [1.0, 3.0, 5.0, nan, 5.0]
    """
    out: list[NDArray[np.floating[Any]]] = []
    for part in text.split():
        ramp, repeat = _RAMP.fullmatch(part), _REPEAT.fullmatch(part)
        if ramp:
            start, sign, by, times = float(ramp[1]), 1.0 if ramp[2] == "+" else -1.0, float(ramp[3]), int(ramp[4])
            if times >= MAX_POINTS:
                raise ValueError(f"{part!r} has more than {MAX_POINTS} values")
            out.append(start + sign * by * np.arange(times + 1))
        elif part == "stale":
            out.append(np.full(1, np.nan))
        elif repeat:
            value = np.nan if repeat[1] == "_" else float(repeat[1])
            times = int(repeat[2] or 0)
            if times >= MAX_POINTS:
                raise ValueError(f"{part!r} has more than {MAX_POINTS} values")
            out.append(np.full(max(times, 1) if repeat[1] == "_" else times + 1, value))
        else:
            raise ValueError(f"{part!r} is no series part; write for example 0.60-0.001x500, 3x10 or _x5")
    if not out:
        raise ValueError("the series is empty")
    return np.concatenate(out).astype(np.float64)


def parse_labels(text: str) -> dict[str, str]:
    """A label set such as `{instance="a",mountpoint="/"}`. Raises ValueError when it is none.

    >>> parse_labels('{a="1"}')
    {'a': '1'}
    """
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise ValueError(f'{text!r} is no label set; write for example {{instance="a"}}')
    inner, out = inner[1:-1], {}
    while inner.strip():
        found = _LABEL.match(inner)
        if not found:
            raise ValueError(f'{text!r} is no label set; write for example {{instance="a"}}')
        out[found[1]] = found[2].replace('\\"', '"').replace("\\\\", "\\")
        inner = inner[found.end() :].removeprefix(",")
    return out
