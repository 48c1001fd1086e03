"""On whose clock a card counts days and hours, and which days are free: its own word, else the configuration's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from aiops import plugins
from aiops.config.settings import Settings
from aiops.core.errors import FileError, Mistake, SourceError
from aiops.core.zones import known_zone
from aiops.models.card import ModelCard
from aiops.telemetry.calendar import events_in

FROM, TO = datetime(2000, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
"""Holidays of a calendar are worked out once, for as long as a configuration may be asked of."""


def on_clock(card: ModelCard, settings: Settings) -> ModelCard:
    """The card with what the configuration says of clock and free days where it says nothing itself. Raises FileError for a
    calendar that cannot be read."""
    zone, free = card.time_zone or settings.time_zone, holidays_of(settings)
    if zone == "UTC" and not free:
        return card
    changes: dict[str, Any] = {"time_zone": zone}
    if card.detect is not None and free and "holidays" in _params(card):
        params = {"holidays": free, **card.detect.params}
        changes["detect"] = card.detect.model_copy(update={"params": params})
    return card.model_copy(update=changes)


def detect_params(card: ModelCard) -> dict[str, Any]:
    """The parameters of a card's detector, on the card's clock where they name none."""
    assert card.detect is not None
    here = {"time_zone": card.time_zone} if card.time_zone and "time_zone" in _params(card) else {}
    return {**here, **card.detect.params}


def holidays_of(settings: Settings) -> tuple[date, ...]:
    """The days off of a configuration: those that are written and the whole days of its calendar, in order."""
    days, path = set(settings.holidays), settings.holidays_file
    if path is not None:
        try:
            days |= _days_of(path.name, path.read_bytes(), settings.time_zone)
        except (OSError, SourceError) as e:
            raise FileError([Mistake(str(path), 1, 1, "", f"is no calendar that can be read: {e}")]) from e
    return tuple(sorted(days))


@lru_cache(maxsize=4)
def _days_of(name: str, body: bytes, time_zone: str) -> frozenset[date]:
    zone, days = known_zone(time_zone), set[date]()
    for one in events_in(name, body, FROM.timestamp(), TO.timestamp(), time_zone):
        first, last = (datetime.fromtimestamp(at, zone).date() for at in (one.start_s, one.end_s - 1))
        days |= {first + timedelta(days=i) for i in range((last - first).days + 1)}
    return frozenset(days)


def _params(card: ModelCard) -> Mapping[str, Any]:
    assert card.detect is not None
    fields: Mapping[str, Any] = plugins.load("detectors", card.detect.model).Params.model_fields
    return fields
