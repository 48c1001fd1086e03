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
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_LABELS = re.compile(rf"\{{\s*(?:{_LABEL.pattern}\s*(?:,\s*|(?=\}})))*\}}")
MAX_POINTS = 1_000_000


def expand(text: str) -> NDArray[np.float64]:
    """The values of a series text; missing ones are NaN. Raises ValueError naming the part that is wrong.

    >>> expand("1+2x2 _ 5").tolist()
    [1.0, 3.0, 5.0, nan, 5.0]
    """
    out: list[NDArray[np.floating[Any]]] = []
    left = MAX_POINTS
    for part in text.split():
        ramp, repeat = _RAMP.fullmatch(part), _REPEAT.fullmatch(part)
        if not ramp and not repeat and part != "stale":
            raise ValueError(f"{part!r} is no series part; write for example 0.60-0.001x500, 3x10 or _x5")
        times = int((ramp and ramp[4]) or (repeat and repeat[2]) or 0)
        left -= times + 1
        if left < 0:
            raise ValueError(f"the series has more than {MAX_POINTS} values at {part!r}; make it shorter")
        if ramp:
            start, sign, by = float(ramp[1]), 1.0 if ramp[2] == "+" else -1.0, float(ramp[3])
            out.append(start + sign * by * np.arange(times + 1))
        elif repeat and repeat[1] != "_":
            out.append(np.full(times + 1, float(repeat[1])))
        else:
            out.append(np.full(max(times, 1), np.nan))
    if not out:
        raise ValueError("the series is empty; write for example 3x10")
    return np.concatenate(out).astype(np.float64)


def parse_labels(text: str) -> dict[str, str]:
    """A label set such as `{instance="a",mountpoint="/"}`. Raises ValueError when it is none.

    >>> parse_labels('{a="1"}')
    {'a': '1'}
    """
    inner, out = text.strip(), {}
    if not _LABELS.fullmatch(inner):
        raise ValueError(f'{text!r} is no label set; write for example {{instance="a"}}')
    for name, value in _LABEL.findall(inner):
        if name in out:
            raise ValueError(f"{text!r} has the label {name} twice; keep one of them")
        out[name] = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)
    return out
