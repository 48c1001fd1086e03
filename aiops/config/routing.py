"""Who is told when: routes, working hours, the heartbeat."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from aiops.config.fields import Duration, Found, MatcherText, Strict
from aiops.core.labels import Matcher
from aiops.core.zones import known_zone

EARNED = Matcher.parse('stage="page"')
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
ZoneName = Annotated[str, AfterValidator(lambda name: known_zone(name).key)]
"""The IANA name of a time zone."""


class WorkingHours(Strict):
    """When somebody is at work anyway."""

    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default_factory=lambda: [0, 1, 2, 3, 4], min_length=1, description="weekdays, 0 is Monday"
    )
    begin: str = Field("09:00", description="when a working day begins, HH:MM")
    time_zone: ZoneName = Field("UTC", description="on whose clock, for example Europe/Berlin; receivers read times on it too")

    @field_validator("begin")
    @classmethod
    def _clock(cls, value: str) -> str:
        if not CLOCK.fullmatch(value):
            raise ValueError(f"{value!r} is no time of day; write for example 09:00")
        return value

    def next_begin_s(self, now_s: float) -> float:
        """When the next working day begins after `now_s`, epoch seconds."""
        zone = known_zone(self.time_zone)
        now = datetime.fromtimestamp(now_s, UTC).astimezone(zone)
        hour, minute = (int(part) for part in self.begin.split(":"))
        for ahead in range(8):
            day = (now + timedelta(days=ahead)).date()
            begin = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            if day.weekday() in self.days and begin.timestamp() > now_s:
                return begin.timestamp()
        raise AssertionError("some weekday is a working day")


class Heartbeat(Strict):
    """A message that comes for as long as the daemon does its work: its absence is the alarm."""

    receiver: str = Field(description="a name under receivers")
    every: Duration = Field(60.0, ge=10, description="how often")
    instance: str = Field("", description="what the daemon calls itself; empty: the host's name")


INHERITED = ("receiver", "group_by", "group_wait", "group_interval", "digest", "repeat", "verdicts")


class Route(Strict):
    """Which warnings go to a receiver; the first match wins unless it says `continue`. One with routes below it is what is left
    of its own matches for those that none of them takes, and what they do not say themselves they have from it."""

    matchers: list[MatcherText] = Field(
        default_factory=list, description="on the warning's labels, card, severity, stage; none: every warning"
    )
    urgent: bool | None = Field(
        None,
        description="true: only what must be decided before the next working day begins; false: only what can wait until then",
    )
    receiver: str = Field("", description="a name under receivers; default: as the route above")
    continue_: bool = Field(False, alias="continue", description="go on to the routes below")
    group_by: list[Annotated[str, Field(pattern=LABEL)]] = Field(
        default_factory=list, description="warnings that share these labels are told in one message"
    )
    group_wait: Duration = Field(30.0, gt=0, description="how long a message waits for others of its group")
    group_interval: Duration = Field(0.0, ge=0, description="time from a message of a group to the next one, at least")
    digest: bool = Field(False, description="everything in one message when the next working day begins")
    repeat: Duration | None = Field(None, ge=300, description="tell again of what is still open; also `repeat_interval`")
    verdicts: bool = Field(True, description="what ended unjudged: tell what became of it, once that is known; false: not")
    routes: list[Route] = Field(default_factory=list, description="routes that take some of what this one matches")

    @model_validator(mode="before")
    @classmethod
    def _as_alertmanager_has_it(cls, value: Any) -> Any:
        if isinstance(value, dict) and "repeat_interval" in value and "repeat" not in value:
            return {("repeat" if name == "repeat_interval" else name): one for name, one in value.items()}
        return value

    @classmethod
    def mistakes(cls, raw: Any) -> Found:
        """A digest and a group are two ways to wait."""
        if raw.get("digest") and raw.get("group_by"):
            yield ("group_by",), "a digest holds everything; remove one of digest and group_by"
        if raw.get("digest") and raw.get("urgent"):
            yield ("digest",), "what is urgent cannot wait for a digest; write urgent: false, or remove digest"

    def below(self, above: Route | None, pagers: Collection[str]) -> Route:
        """This route with what it has from the one `above`, and so all below it. To a receiver that pages goes what has earned it
        and cannot wait: stage page, and urgent unless the route says otherwise."""
        own, have = self.model_fields_set, dict[str, Any]()
        if above is not None:
            have = {name: getattr(above, name) for name in INHERITED if name not in own}
            if "group_by" in own or self.urgent:
                have["digest"] = False
            elif "digest" in own:
                have["group_by"] = []
        whole = self.model_copy(update=have)
        if whole.receiver in pagers and not self.routes:
            urgent = {} if whole.urgent is not None else {"urgent": True}
            whole = whole.model_copy(update={"matchers": [*whole.matchers, EARNED], **urgent})
        return whole.model_copy(update={"routes": [one.below(whole, pagers) for one in self.routes]})


def resolved(routes: Sequence[Route], pagers: Collection[str] = ()) -> tuple[Route, ...]:
    """A tree of routes in which each says everything itself, see `Route.below`."""
    return tuple(route.below(None, pagers) for route in routes)


def every(routes: Sequence[Route], loc: tuple[str | int, ...] = ("routes",)) -> Iterator[tuple[tuple[str | int, ...], Route]]:
    """Every route of a tree with its place in the configuration, from above."""
    for i, route in enumerate(routes):
        yield (*loc, i), route
        yield from every(route.routes, (*loc, i, "routes"))
