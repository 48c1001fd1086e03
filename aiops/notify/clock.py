"""Times of day on the clock of whoever reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Clock:
    """How times are told in one zone: local first, UTC beside it where that is another. Epoch seconds; DST as the zone has it.

    >>> from zoneinfo import ZoneInfo
    >>> Clock().whole(1772460600), Clock(ZoneInfo("Europe/Berlin")).whole(1772460600)
    ('2026-03-02 14:10 UTC', '2026-03-02 15:10 CET (14:10 UTC)')
    """

    zone: tzinfo = UTC

    def day(self, time_s: float) -> date:
        """The day here."""
        return self._here(time_s).date()

    def short(self, time_s: float, now_s: float) -> str:
        """Time of day, after the date when that is not the day of `now_s`."""
        at = self._here(time_s)
        return f"{at:%H:%M}" if at.date() == self.day(now_s) else f"{at:%d %b %H:%M}"

    def name(self, time_s: float) -> str:
        """What the clock is called at that time: CET, CEST, UTC."""
        return self._here(time_s).tzname() or "UTC"

    def brief(self, time_s: float, now_s: float) -> str:
        """`short` with the name of the clock, and UTC behind it in brackets where that is another."""
        beside = self.beside(time_s)
        return f"{self.short(time_s, now_s)} {self.name(time_s)}{beside and f' ({beside})'}"

    def beside(self, time_s: float) -> str:
        """The time of day in UTC, with the date where that is another day there; empty where the clock is UTC's."""
        here, there = self._here(time_s), datetime.fromtimestamp(time_s, UTC)
        if here.tzname() == "UTC":
            return ""
        return f"{there:%H:%M} UTC" if here.date() == there.date() else f"{there:%d %b %H:%M} UTC"

    def whole(self, time_s: float, note: str = "") -> str:
        """Date and time, behind it in brackets UTC where that is another clock, and a note."""
        at = f"{self._here(time_s):%Y-%m-%d %H:%M} {self.name(time_s)}"
        more = ", ".join(filter(None, (self.beside(time_s), note)))
        return f"{at} ({more})" if more else at

    def told(self, text: str, now_s: float) -> str:
        """Text whose first time, written as programs do (2026-03-02T14:20:00Z), is told on this clock; its date only where that
        is not the day of `now_s`."""
        found = TIME.search(text)
        try:
            at = None if found is None else datetime.fromisoformat(found[0]).timestamp()
        except ValueError:  # no day of any month
            return text
        return text if found is None or at is None else text[: found.start()] + self.brief(at, now_s) + text[found.end() :]

    def _here(self, time_s: float) -> datetime:
        return datetime.fromtimestamp(time_s, UTC).astimezone(self.zone)


UTC_CLOCK = Clock()
