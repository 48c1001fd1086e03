"""Five cron fields, UTC: checked when a card is loaded, asked whether a span that began then still lasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops.core.records import Bools, Ints

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_THURSDAY = 4
"""The weekday of the epoch."""
MINUTE_S = 60
LONGEST_S = 7 * 86400


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes that `minute hour day month weekday` names; weekday 0 and 7 are Sunday.

    Where both day and weekday are restricted, either suffices, as in crontab(5).
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read five fields of `*`, numbers, names, `a-b`, `/n` and lists. Raises ValueError naming the field.

        >>> sorted(Cron.parse("*/20 3 * * mon-wed").minutes)
        [0, 20, 40]
        """
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(
                f"{text!r} has {len(parts)} fields, not 5; write minute hour day month weekday, for example 0 3 * * *"
            )
        sets = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        weekdays = frozenset(day % 7 for day in sets[4])
        if parts[4][0] == "*" and all(min(sets[2]) > _LENGTHS[month - 1] for month in sets[3]):
            raise ValueError(f"{text!r} never comes: no such month has a day {min(sets[2])}")
        return cls(
            text, sets[0], sets[1], sets[2], sets[3], weekdays, not parts[2].startswith("*") and parts[4][0] != "*"
        )

    def begins(self, minute: Ints) -> Bools:
        """Whether a span begins at each of `minute` (m,), minutes since the epoch: (m,)."""
        day_of = minute // (24 * 60)
        date = day_of.astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        number = (date - month.astype("datetime64[D]")).astype(np.int64) + 1
        day, weekday = _in(number, self.days), _in((day_of + _THURSDAY) % 7, self.weekdays)
        return (
            _in(minute % 60, self.minutes)
            & _in(minute // 60 % 24, self.hours)
            & _in(month.astype(np.int64) % 12 + 1, self.months)
            & (day | weekday if self.either_day else day & weekday)
        )

    def lasts(self, time_s: Ints, for_s: float) -> Bools:
        """Whether a span of `for_s` seconds that began at or before each of `time_s` (m,) still lasts; at most a week: (m,).

        >>> Cron.parse("0 3 * * *").lasts(np.array([3 * 3600 - 1, 3 * 3600, 3 * 3600 + 2399, 3 * 3600 + 2400]), 2400).tolist()
        [False, True, True, False]
        """
        if not len(time_s):
            return np.zeros(0, bool)
        for_s = min(for_s, LONGEST_S)
        first = (int(time_s.min()) - int(for_s)) // MINUTE_S
        minute = np.arange(first, int(time_s.max()) // MINUTE_S + 1)
        begun = np.maximum.accumulate(np.where(self.begins(minute), minute, -LONGEST_S))
        lasting: Bools = time_s - begun[time_s // MINUTE_S - first] * MINUTE_S < for_s
        return lasting


def _in(numbers: Ints, wanted: frozenset[int]) -> Bools:
    known = np.zeros(max(60, max(wanted) + 1), bool)
    known[list(wanted)] = True
    found: Bools = known[numbers]
    return found


def _values(text: str, name: str, low: int, high: int) -> frozenset[int]:
    out: set[int] = set()
    for part in text.split(","):
        span, slash, every = part.partition("/")
        if slash and not (every.isascii() and every.isdigit() and int(every) > 0):
            raise ValueError(f"{name}: {part!r} is no step; write for example */5")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _number(first, name, low, high)
            end = _number(last, name, low, high) if dash else (high if slash else begin)
        if begin > end:
            raise ValueError(f"{name}: {span!r} goes backwards; write the smaller number first")
        out |= set(range(begin, end + 1, int(every or 1)))
    return frozenset(out)


def _number(text: str, name: str, low: int, high: int) -> int:
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise ValueError(f"{name}: {text!r} is not between {low} and {high}")
    return int(text)
