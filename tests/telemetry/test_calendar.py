"""Calendars: what recurs, what was moved or cancelled, whose clock, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aiops.core.errors import SourceError
from aiops.telemetry import calendar
from aiops.telemetry.calendar import events_in


def at(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


START, END = at(2026, 3, 1), at(2026, 4, 5)
WEEKLY = (
    "UID:1", "DTSTART;TZID=Europe/Berlin:20260101T020000", "DTEND;TZID=Europe/Berlin:20260101T030000", "RRULE:FREQ=WEEKLY",
    "EXDATE;TZID=Europe/Berlin:20260305T020000", "SUMMARY:Patch night",
)  # fmt: skip
MOVED = (
    "UID:1", "RECURRENCE-ID;TZID=Europe/Berlin:20260312T020000", "DTSTART;TZID=Europe/Berlin:20260312T050000",
    "DTEND;TZID=Europe/Berlin:20260312T060000", "SUMMARY:Patch night, later",
)  # fmt: skip


def ics(*events: tuple[str, ...]) -> bytes:
    blocks = "".join("BEGIN:VEVENT\r\n" + "\r\n".join(lines) + "\r\nEND:VEVENT\r\n" for lines in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{blocks}END:VCALENDAR\r\n".encode()


def times(body: bytes, zone: str = "UTC", words: tuple[str, ...] = ()) -> list[tuple[float, float]]:
    return [(one.start_s, one.end_s) for one in events_in("ops", body, START, END, zone, words)]


def test_a_weekly_event_follows_the_clock_of_its_zone_without_what_was_taken_out() -> None:
    assert times(ics(WEEKLY)) == [
        (at(2026, 3, 12, 1), at(2026, 3, 12, 2)), (at(2026, 3, 19, 1), at(2026, 3, 19, 2)),
        (at(2026, 3, 26, 1), at(2026, 3, 26, 2)), (at(2026, 4, 2, 0), at(2026, 4, 2, 1)),
    ]  # fmt: skip


def test_one_that_was_moved_is_where_it_was_moved_to() -> None:
    assert times(ics(WEEKLY, MOVED))[0] == (at(2026, 3, 12, 4), at(2026, 3, 12, 5))
    assert events_in("ops", ics(WEEKLY, MOVED), START, END)[0].why == "Patch night, later"


def test_what_names_no_zone_is_meant_in_that_of_the_mask() -> None:
    body = ics(("UID:2", "DTSTART;VALUE=DATE:20260320", "SUMMARY:Freeze"), ("UID:3", "DTSTART:20260322T100000", "DURATION:PT1H"))
    assert times(body) == [(at(2026, 3, 20), at(2026, 3, 21)), (at(2026, 3, 22, 10), at(2026, 3, 22, 11))]
    assert times(body, "Europe/Berlin") == [(at(2026, 3, 19, 23), at(2026, 3, 20, 23)), (at(2026, 3, 22, 9), at(2026, 3, 22, 10))]


def test_what_was_cancelled_is_no_event() -> None:
    assert times(ics(("UID:4", "DTSTART:20260321T100000Z", "DURATION:PT1H", "STATUS:CANCELLED"))) == []


def test_only_events_with_one_of_the_words_count() -> None:
    body = ics(
        ("UID:5", "DTSTART:20260321T100000Z", "DURATION:PT1H", "SUMMARY:MAINTENANCE of a"),
        ("UID:6", "DTSTART:20260322T100000Z", "DURATION:PT1H", "SUMMARY:b", "CATEGORIES:maintenance,x"),
        ("UID:7", "DTSTART:20260323T100000Z", "DURATION:PT1H", "SUMMARY:Party"),
    )
    assert [start for start, _ in times(body, words=("maintenance",))] == [at(2026, 3, 21, 10), at(2026, 3, 22, 10)]
    assert len(times(body)) == 3


def test_what_began_before_and_lasts_is_there() -> None:
    body = ics(("UID:8", "DTSTART:20260227T000000Z", "DTEND:20260302T000000Z", "SUMMARY:s"))
    assert times(body) == [(at(2026, 2, 27), at(2026, 3, 2))]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is no calendar"),
        (b"<html>", "is no calendar"),
        (ics(("UID:1", "SUMMARY:no start")), "event 1"),
        (ics(("UID:1", "DTSTART:garbage")), "event 1"),
        (ics(("UID:1", "DTSTART:20260101T000000Z", "RRULE:FREQ=SECONDLY")), "more often than is taken"),
        (ics(("UID:1", "DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(25))))), "often"),
    ],
)
def test_what_cannot_be_read_is_said(body: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as e:
        times(body)
    assert e.value.kind == "bad_data"


def test_a_flood_of_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "EVENTS_AT_MOST", 3)
    body = ics(*((f"UID:{i}", "DTSTART:20260321T100000Z", "DURATION:PT1H") for i in range(4)))
    with pytest.raises(SourceError, match="has 4 events; at most 3"):
        times(body)


def test_a_name_is_text_from_elsewhere() -> None:
    (one,) = events_in("ops", ics(("UID:1", "DTSTART:20260321T100000Z", "DURATION:PT1H", "SUMMARY:a\\nb\x1b[2J")), START, END)
    assert one.why.isprintable()
