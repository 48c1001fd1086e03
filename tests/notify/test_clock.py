"""Times on a reader's clock: local first, UTC beside it, as the zone has it on that day."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from aiops.core.records import Crossing
from aiops.notify.clock import UTC_CLOCK, Clock
from aiops.notify.wording import body, title
from tests.notify.samples import HOUR_S, OPENED_S, anomaly, closed, warning

BERLIN = Clock(ZoneInfo("Europe/Berlin"))


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def test_utc_alone_is_told_once() -> None:
    assert UTC_CLOCK.whole(at(2026, 3, 2, 14, 20)) == "2026-03-02 14:20 UTC"
    assert UTC_CLOCK.whole(at(2026, 3, 2, 14, 20), "now") == "2026-03-02 14:20 UTC (now)"
    assert Clock(ZoneInfo("UTC")).beside(0.0) == ""


@pytest.mark.parametrize(
    ("zone", "time_s", "told"),
    [
        ("Europe/Berlin", at(2026, 3, 29, 0, 59), "2026-03-29 01:59 CET (00:59 UTC)"),
        ("Europe/Berlin", at(2026, 3, 29, 1, 0), "2026-03-29 03:00 CEST (01:00 UTC)"),
        ("Europe/Berlin", at(2026, 10, 25, 0, 30), "2026-10-25 02:30 CEST (00:30 UTC)"),
        ("Europe/Berlin", at(2026, 10, 25, 1, 30), "2026-10-25 02:30 CET (01:30 UTC)"),
        ("America/New_York", at(2026, 3, 3, 2, 5), "2026-03-02 21:05 EST (03 Mar 02:05 UTC)"),
        ("Asia/Kathmandu", at(2026, 3, 2, 20, 0), "2026-03-03 01:45 +0545 (02 Mar 20:00 UTC)"),
        ("Europe/London", at(2026, 1, 5, 12, 0), "2026-01-05 12:00 GMT (12:00 UTC)"),
    ],
)  # fmt: skip
def test_local_time_stands_first_and_is_unmistakable(zone: str, time_s: float, told: str) -> None:
    assert Clock(ZoneInfo(zone)).whole(time_s) == told


def test_a_title_tells_both_and_fits_a_phone() -> None:
    said = title(warning(), OPENED_S, BERLIN)
    assert said == "disk full on db1 /var in 6h10m (15:20 CET, 14:40 to 16:10; 14:20 UTC), 91% sure"
    for about in (warning(), anomaly(), closed(OPENED_S + HOUR_S)):
        assert len(title(about, OPENED_S + HOUR_S, BERLIN)) <= 80


def test_an_interval_over_the_change_of_the_clock_names_both() -> None:
    now = at(2026, 3, 28, 22, 0)
    c = Crossing(at(2026, 3, 29, 0, 30), at(2026, 3, 29, 1, 30), at(2026, 3, 29, 3, 0))
    assert title(warning(crossing=c), now, BERLIN).endswith("(29 Mar 03:30 CEST, 01:30 CET to 05:00; 01:30 UTC), 91% sure")


def test_the_day_is_the_readers() -> None:
    tokyo = Clock(ZoneInfo("Asia/Tokyo"))
    late = Crossing(*(OPENED_S + hours * HOUR_S for hours in (7.5, 8, 9)))  # 16:10 UTC is 01:10 of the next day there
    said = title(warning(crossing=late), OPENED_S, tokyo)
    assert said.endswith("in 8h (03 Mar 01:10 JST, 00:40 to 02:10; 02 Mar 16:10 UTC), 91% sure")


def test_every_time_of_a_text_is_on_the_readers_clock() -> None:
    beside = ({"card": "load", "entity": {"instance": "db1"}, "opened_s": OPENED_S, "id": "b"},)
    open_ = body(warning(stale_since_s=OPENED_S, beside=beside), OPENED_S + 7 * HOUR_S, None, BERLIN)
    over = body(closed(OPENED_S + HOUR_S), OPENED_S + HOUR_S, OPENED_S + 9000.0, BERLIN)
    assert "When: 2026-03-02 15:20 CET (14:20 UTC, 50m ago), between 14:40 CET (13:40 UTC) and" in open_
    assert "Act before: 2026-03-02 14:40 CET (13:40 UTC, now)" in open_
    assert "away since 09:10 CET (08:10 UTC): what became of it since is not known" in open_
    assert "Z" not in "".join(line for line in (open_ + over).splitlines() if not line.startswith(("Do:", "  ")))


def test_a_zone_without_a_name_is_told_by_its_distance() -> None:
    assert Clock(ZoneInfo("Etc/GMT-3")).name(0.0) == "+03"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("until 2026-03-02T08:30:00Z: 2026-03-02T08:31:00Z", "until 09:30 CET (08:30 UTC): 2026-03-02T08:31:00Z"),
        ("until 2026-03-03T08:30:00Z", "until 03 Mar 09:30 CET (08:30 UTC)"),
        ("until 2026-02-31T08:30:00Z", "until 2026-02-31T08:30:00Z"),
        ("no time", "no time"),
    ],
)  # fmt: skip
def test_a_time_that_programs_wrote_is_told_too(said: str, told: str) -> None:
    assert BERLIN.told(said, OPENED_S) == told
    assert UTC_CLOCK.told("until 2026-03-02T08:30:00Z", OPENED_S) == "until 08:30 UTC"
