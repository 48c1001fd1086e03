"""Five cron fields, UTC: checked when a card is loaded, asked whether a span that began then still lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
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
        return cls(
            text, sets[0], sets[1], sets[2], sets[3], weekdays, not parts[2].startswith("*") and parts[4][0] != "*"
        )

    def begins(self, minute_s: int) -> bool:
        """Whether a span begins at the minute that starts at epoch second `minute_s`."""
        at = datetime.fromtimestamp(minute_s, UTC)
        if at.minute not in self.minutes or at.hour not in self.hours or at.month not in self.months:
            return False
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday

    def lasts(self, now_s: int, for_s: float) -> bool:
        """Whether a span of `for_s` seconds that began at or before `now_s` still lasts; at most a week is looked back.

        >>> Cron.parse("0 3 * * *").lasts(3 * 3600 + 2399, 2400), Cron.parse("0 3 * * *").lasts(3 * 3600 + 2400, 2400)
        (True, False)
        """
        minute = now_s - now_s % MINUTE_S
        while now_s - minute < min(for_s, LONGEST_S):
            if self.begins(minute):
                return True
            minute -= MINUTE_S
        return False


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
