"""Prometheus durations (`5m`, `1h30m`) to seconds and back, and times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d|w|y))+")
_PART = re.compile(r"([0-9]{1,15})(ms|s|m|h|d|w|y)")
LONGEST_S = 100 * _UNITS["y"]
"""No span is longer: beyond it a slip of the finger is likelier, and no calendar holds the time it leads to."""


def seconds(text: str) -> float:
    """The duration `text` in seconds, at most LONGEST_S. Raises ValueError, saying what is allowed, on anything else.

    >>> seconds("1h30m")
    5400.0
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(
            f"{text[:60]!r} is no duration; write a number and a unit of ms s m h d w y, for example 90s or 1h30m"
        )
    parts = [(n, u) for n, u in _PART.findall(text)]
    found = sum(int(n) * _UNITS[u] for n, u in parts)
    if found > LONGEST_S or sum(len(n) + len(u) for n, u in parts) != len(text):
        raise ValueError(f"{text[:60]!r} is longer than 100y; write a shorter duration")
    return found


def text(value_s: float) -> str:
    """The two largest units of a span of seconds; spans below one second are `0s`, negative ones carry a sign.

    >>> text(5460), text(0.2), text(-90)
    ('1h31m', '0s', '-1m30s')
    """
    if value_s < 0:
        return "-" + text(-value_s)
    left, parts = int(value_s), []
    for unit in ("d", "h", "m", "s"):
        n, left = divmod(left, int(_UNITS[unit]))
        if n:
            parts.append(f"{n}{unit}")
    return "".join(parts[:2]) or "0s"


def about(value_s: float) -> str:
    """A span as exact as it is meant: whole minutes from two minutes on, whole hours from two days on, never more than it is.

    >>> about(889), about(95), about(190_000)
    ('14m', '1m35s', '2d4h')
    """
    size = abs(value_s)
    unit = 3600 if size >= 2 * 86400 else 60 if size >= 120 else 1
    return text(value_s // unit * unit if value_s >= 0 else -(size // unit * unit))


def in_days(value: float) -> str:
    """So many days, in words; less than one as `about` says it.

    >>> in_days(13.9), in_days(1.02), in_days(0.3)
    ('14 days', '1 day', '7h12m')
    """
    if value < 1:
        return about(value * _UNITS["d"])
    said = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return f"{said} day" if said == "1" else f"{said} days"


def rfc3339(time_s: float) -> str:
    """Epoch seconds as RFC 3339 in UTC.

    >>> rfc3339(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
