"""An iCal calendar (RFC 5545) as times in which nothing is judged: its events, with everything that makes them recur."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiops.core.errors import SourceError
from aiops.core.spans import Span
from aiops.core.text import visible

EVENTS_AT_MOST, SPANS_AT_MOST = 2000, 10_000
WITHIN_S = 10.0
"""What working out all events may take."""
OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
A_DAY_AT_MOST = 24
DAY = timedelta(days=1)


def events_in(
    name: str, body: bytes, start_s: float, end_s: float, zone: str = "UTC", words: Sequence[str] = ()
) -> tuple[Span, ...]:
    """The events that overlap [start_s, end_s), whole days from midnight to midnight; cancelled ones are none.

    `zone`: whose midnight and whose clock is meant where an event names none. `words`: only events whose summary or category
    holds one of these, in any case. Raises SourceError when it is no calendar, or one that takes too long: rules more frequent
    than daily are refused, and so are more than EVENTS_AT_MOST events.
    Source: RFC 5545; recurrences by recurring-ical-events.
    """
    import icalendar

    try:
        calendar = icalendar.Calendar.from_ical(body)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
        raise SourceError(name, "bad_data", f"is no calendar: {visible(str(e), 120)}") from e
    events = [one for one in calendar.walk("VEVENT") if _wanted(one, words)]
    if len(events) > EVENTS_AT_MOST:
        raise SourceError(name, "bad_data", f"has {len(events)} events; at most {EVENTS_AT_MOST} are taken")
    deadline, out = time.monotonic() + WITHIN_S, list[Span]()
    for uid, series in _by_uid(events).items():
        try:
            for one in series:
                _check_rule(one)
            out += _occurrences(calendar, series, start_s, end_s, ZoneInfo(zone))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as e:
            raise SourceError(name, "bad_data", f"event {visible(uid, 60)}: {visible(str(e), 120)}") from e
        if len(out) > SPANS_AT_MOST or time.monotonic() > deadline:
            message = f"its events come too often: more than {SPANS_AT_MOST}, or more than {WITHIN_S:g} s of work"
            raise SourceError(name, "bad_data", message)
    return tuple(sorted(out, key=lambda one: (one.start_s, one.end_s, one.why)))


def _wanted(event: Any, words: Sequence[str]) -> bool:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return False
    said = " ".join([str(event.get("SUMMARY", "")), *(str(one) for one in getattr(event, "categories", []) or [])]).lower()
    return not words or any(word.lower() in said for word in words)


def _by_uid(events: Iterable[Any]) -> dict[str, list[Any]]:
    """Events that are one series: changed occurrences have the UID of the whole."""
    found: dict[str, list[Any]] = defaultdict(list)
    for i, one in enumerate(events):
        found[str(one.get("UID", f"({i})"))].append(one)
    return found


def _check_rule(event: Any) -> None:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        often = str(rule.get("FREQ", [""])[0]).upper()
        times = len(rule.get("BYHOUR", [0])) * len(rule.get("BYMINUTE", [0])) * len(rule.get("BYSECOND", [0]))
        if often in OFTEN or times > A_DAY_AT_MOST:
            raise ValueError(f"its rule ({often}) comes more often than is taken; write a mask of kind cron for it")


def _occurrences(calendar: Any, series: Sequence[Any], start_s: float, end_s: float, zone: ZoneInfo) -> Iterator[Span]:
    import icalendar
    import recurring_ical_events

    some = icalendar.Calendar({name: calendar[name] for name in calendar})
    some.subcomponents = [one for one in calendar.subcomponents if one.name == "VTIMEZONE"] + list(series)
    first, last = (datetime.fromtimestamp(at, UTC) for at in (start_s, end_s))
    for one in recurring_ical_events.of(some).between(first - DAY, last + DAY):  # clocks of other zones
        begins, ends = (_epoch(one[name].dt, zone) for name in ("DTSTART", "DTEND"))
        if ends > start_s and begins < end_s:
            yield Span(begins, ends, why=visible(str(one.get("SUMMARY", "")), 120) or "an event without a name")


def _epoch(at: date, zone: ZoneInfo) -> float:
    whole = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=zone)
    return (whole if whole.tzinfo is not None else whole.replace(tzinfo=zone)).timestamp()
