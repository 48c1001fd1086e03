"""On whose clock a card counts: its own word, else the configuration's, down to the model that runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aiops.config.settings import Settings, load_settings
from aiops.core.errors import FileError
from aiops.models.card import ModelCard
from aiops.pipeline import assemble
from aiops.pipeline.clocks import holidays_of, on_clock
from aiops.store import Store

CALENDAR = "\r\n".join([
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN", "BEGIN:VEVENT", "UID:1", "SUMMARY:Christmas",
    "DTSTART;VALUE=DATE:20201225", "DTEND;VALUE=DATE:20201227", "RRULE:FREQ=YEARLY", "END:VEVENT", "END:VCALENDAR", "",
])  # fmt: skip


def card(**more: Any) -> ModelCard:
    whole = {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "odd", "owner": {"team": "t"}, "query": "q",
        "summary": "A count is unlike what is usual.", "detect": {}, **more,
    }  # fmt: skip
    return ModelCard.model_validate(whole)


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"sources": {"host": {"kind": "host", "step": "5s"}}, **more})


def running(asked: ModelCard, config: Settings) -> Any:
    store = Store.open("sqlite://", None)
    try:
        (watch,) = assemble(config, [asked], (), store, None).watches
        return watch
    finally:
        store.close()


def test_a_card_says_nothing_and_the_configuration_does() -> None:
    watch = running(card(), settings(time_zone="Europe/Berlin", holidays=["2026-12-24"]))
    params = watch.detector.params
    assert (watch.card.time_zone, params.time_zone, params.holidays) == ("Europe/Berlin", "Europe/Berlin", (date(2026, 12, 24),))


def test_the_word_of_a_card_stands_above_the_configuration_and_that_of_its_detector_above_both() -> None:
    config = settings(time_zone="Europe/Berlin", holidays=["2026-12-24"])
    assert running(card(time_zone="Asia/Tokyo"), config).detector.params.time_zone == "Asia/Tokyo"
    params = {"time_zone": "America/Lima", "holidays": [date(2026, 7, 28)]}
    own = running(card(time_zone="Asia/Tokyo", detect={"params": params}), config)
    assert (own.detector.params.time_zone, own.detector.params.holidays) == ("America/Lima", (date(2026, 7, 28),))


def test_without_a_word_a_card_is_as_it_was() -> None:
    asked = card()
    assert on_clock(asked, settings()) is asked
    assert running(asked, settings()).identity.keys() == {"card", "sha", "step_s", "window"}


def test_what_was_learnt_on_one_clock_is_not_taken_up_on_another() -> None:
    here, there = (running(card(), settings(time_zone=zone)).identity for zone in ("UTC", "Europe/Berlin"))
    assert {**here, "window": ""} != {**there, "window": ""}


def test_holidays_come_from_dates_and_from_a_calendar_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "off.ics").write_text(CALENDAR)
    (tmp_path / "aiops.yaml").write_text("time_zone: Europe/Berlin\nholidays: [2026-10-03]\nholidays_file: off.ics\n")
    days = holidays_of(load_settings(tmp_path / "aiops.yaml"))
    assert [day for day in days if day.year == 2026] == [date(2026, 10, 3), date(2026, 12, 25), date(2026, 12, 26)]


def test_a_calendar_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no calendar that can be read"):
        holidays_of(settings(holidays_file=tmp_path / "none.ics"))
    (tmp_path / "bad.ics").write_text("no calendar")
    with pytest.raises(FileError, match="no calendar that can be read"):
        holidays_of(settings(holidays_file=tmp_path / "bad.ics"))
