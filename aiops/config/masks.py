"""`masks` of the configuration: shared times in which series are not judged, and where they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from aiops.config.fields import Duration, FileName, Found, MatcherText, Strict, at, login_mistakes
from aiops.core.cron import LONGEST_S, Cron
from aiops.core.zones import known_zone

MaskKind = Literal["cron", "ical", "silences", "query", "incidents"]
LOGIN = ("username", "password_file", "bearer_token_file", "ca_file")
OWN: dict[MaskKind, tuple[str, ...]] = {
    "cron": ("cron", "for"),
    "ical": ("file", "url", "time_zone", "words", *LOGIN),
    "silences": ("url", *LOGIN),
    "query": ("source", "query", "for", "on", "history"),
    "incidents": ("for",),
}
"""Keys that belong to one kind."""
NEEDED: dict[MaskKind, tuple[str, ...]] = {
    "cron": ("cron", "for"), "ical": (), "silences": ("url",), "query": ("query", "for"), "incidents": (),
}  # fmt: skip
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]




class MaskSettings(Strict):
    """Times in which the series that match neither teach nor open a warning."""

    kind: MaskKind = Field(description="where the times come from")
    cards: list[str] = Field(default_factory=list, description="of which cards; none: all")
    match: list[MatcherText] = Field(
        default_factory=list, description="which series, by their labels, `card` and `alertname` among them; none: all"
    )
    every: Duration = Field(60.0, ge=10, le=86400, description="how often it is read")
    keep_for: Duration = Field(
        6 * 3600.0, ge=60, le=30 * 86400.0,
        description="how long what was read last still counts while it cannot be read; then it masks nothing, and says so",
    )
    longest: Duration = Field(30 * 86400.0, gt=0, description="how long one time lasts at most, whatever it says of itself")
    cron: str = Field("", description="when it begins: minute hour day month weekday, UTC")
    for_: Duration = Field(
        3600.0, alias="for", gt=0, le=LONGEST_S,
        description="how long it lasts; of incidents: after a failure whose end is not known",
    )
    file: FileName | None = Field(None, description="an .ics file")
    url: str = Field("", pattern=r"^(https?://[^\s]+)?$", description="of a calendar, or of Alertmanager without /api")
    time_zone: str = Field("UTC", description="the clock of events that name none, by its IANA name")
    words: list[str] = Field(default_factory=list, description="only events that have one in summary or categories; none: all")
    source: str = Field("", description="which source is asked; needed where there are several")
    query: str = Field("", description="PromQL; wherever it has a value other than 0 a time begins")
    on: list[LabelName] = Field(
        default_factory=list, description="labels that a series must share with what the query returned; none: all series"
    )
    history: Duration = Field(7 * 86400.0, gt=0, le=90 * 86400.0, description="how far back it is asked at first")
    username: str = Field("", description="for basic authentication")
    password_file: FileName | None = Field(None, description="a file with the password")
    bearer_token_file: FileName | None = Field(None, description="a file with a bearer token")
    ca_file: FileName | None = Field(None, description="a private certificate authority")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Keys of another kind, keys that are missing, a cron or a time zone that is none."""
        kind = raw.get("kind")
        if kind not in OWN:
            return
        for key in sorted({key for keys in OWN.values() for key in keys} - set(OWN[kind])):
            if key in raw:
                yield (key,), f"is no key of a mask of kind {kind}; remove it"
        for key in NEEDED[kind]:
            if key not in raw:
                yield (), f"a mask of kind {kind} needs {key}"
        if kind == "ical" and bool(raw.get("file")) == bool(raw.get("url")):
            yield ("url",) if raw.get("file") else (), "give either file or url"
        yield from login_mistakes(raw)
        yield from _unreadable(raw)


def _unreadable(raw: Mapping[str, Any]) -> Found:
    """A cron or a time zone that is none, a query that is no PromQL."""
    from aiops.config.promql import mistake_in

    zone, query, cron = (at(raw, key) for key in ("time_zone", "query", "cron"))
    if isinstance(cron, str):
        try:
            Cron.parse(cron)
        except ValueError as e:
            yield ("cron",), str(e)
    if isinstance(zone, str):
        try:
            known_zone(zone)
        except ValueError as e:
            yield ("time_zone",), str(e)
    if isinstance(query, str) and query and (found := mistake_in(query)) is not None:
        yield ("query",), found[1]
