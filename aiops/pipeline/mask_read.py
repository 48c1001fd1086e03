"""Where the times of masks come from: a calendar, silences of Alertmanager, a query of deploys, incidents that were settled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aiops.config.masks import LOGIN, MaskSettings
from aiops.config.settings import Settings
from aiops.core.durations import rfc3339
from aiops.core.labels import Labels, Matcher, has_all, key
from aiops.core.records import Bools, Ints, Outcome
from aiops.core.spans import Span
from aiops.core.text import visible
from aiops.pipeline.mask_book import FOLDER, LOOK_BACK_S, Answer, Mask, MaskBook, Reader
from aiops.pipeline.rooms import Rooms
from aiops.store import Store
from aiops.telemetry.calendar import events_in
from aiops.telemetry.credentials import AuthParams
from aiops.telemetry.document import Document
from aiops.telemetry.link import Link
from aiops.telemetry.silences import PATH, silences_in

AHEAD_S = 9 * 86400.0
"""So far ahead events of a calendar are worked out; it is done anew every day."""
QUERY_STEP_S = 60
NAMED = 3
"""Labels that the reason of a deploy names."""
INCIDENTS_AT_MOST = 1000
BEGAN = ("hit", "late", "missed")
"""Verdicts on what did fail."""


def open_book(settings: Settings, rooms: Rooms, data_dir: Path | None) -> MaskBook:
    """The masks of a configuration, with what an earlier life read of them."""
    masks = {name: Mask(name, rule, _reader(name, rule, rooms)) for name, rule in settings.masks.items()}
    book = MaskBook(masks, None if data_dir is None else data_dir / FOLDER)
    book.take_up()
    return book


def kept_book(settings: Settings) -> MaskBook:
    """The masks of a configuration as a running daemon read them last: for showing, nothing is asked."""
    book = MaskBook({name: Mask(name, rule) for name, rule in settings.masks.items()}, settings.data_dir / FOLDER)
    book.take_up()
    return book


def past_book(settings: Settings, rooms: Rooms, since_s: float, until_s: float, folder: Path) -> MaskBook:
    """The masks of [since_s, until_s] for a replay, read once and kept in `folder`, so that who reads them later reads the same.

    Silences that Alertmanager has forgotten are those that the daemon kept; what cannot be read is left out, and says so
    (`MaskBook.troubles`). What an incident masks follows from verdicts: such a mask is read of `rooms` as the past goes by.
    """
    book = MaskBook({}, folder / FOLDER)
    for name, lived in kept_book(settings).masks.items():
        mask = book.masks[name] = Mask(name, lived.rule, spans=lived.spans)
        if mask.follows_verdicts:
            mask.spans = ()
        elif not (folder / FOLDER / f"{name}.json").exists():
            mask.reader = _reader(name, lived.rule, rooms, LOOK_BACK_S + until_s - since_s)
    book.take_up()
    book.refresh(until_s)
    book.close()
    book.folder = None  # nothing but what happens is read while the past goes by, and that is not to be known the next time
    for mask in book.masks.values():
        mask.reader = Incidents(mask.rule, rooms) if mask.follows_verdicts else None
    return book


def _reader(name: str, rule: MaskSettings, rooms: Rooms, look_back_s: float = LOOK_BACK_S) -> Reader | None:
    login = AuthParams.model_validate({key: getattr(rule, key) for key in LOGIN})
    if rule.kind == "ical":
        return Calendar(name, rule, Document(name, rule.file or rule.url, login), look_back_s)
    if rule.kind == "silences":
        return Silenced(name, Document(name, rule.url.rstrip("/") + PATH, login))
    if rule.kind == "query":
        return Deploys(name, rule, rooms.links[rule.source or next(iter(rooms.links))])
    return Incidents(rule, rooms) if rule.kind == "incidents" else None


class Calendar:
    """The events of a calendar; worked out anew when it has changed, or a day has passed."""

    def __init__(self, name: str, rule: MaskSettings, document: Document, look_back_s: float = LOOK_BACK_S) -> None:
        self._name, self._rule, self._document, self._look_back_s = name, rule, document, look_back_s
        self._known: tuple[bytes, int] = (b"", -1)

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        """See `Reader`."""
        body = self._document.read()
        mark = hashlib.sha256(body).digest(), int(now_s // 86400)
        if mark == self._known:
            return before, ()
        rule = self._rule
        found = events_in(self._name, body, now_s - self._look_back_s, now_s + AHEAD_S, rule.time_zone, rule.words)
        self._known = mark
        return found, ()

    def close(self) -> None:
        """See `Reader`."""
        self._document.close()


class Silenced:
    """The silences of an Alertmanager. It forgets those that ended some days ago; here they are remembered longer."""

    def __init__(self, name: str, document: Document) -> None:
        self._name, self._document = name, document

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        """See `Reader`."""
        found = silences_in(self._name, self._document.read())
        told = {(one.match, one.start_s) for one in found.spans}
        over = (one for one in before if now_s - LOOK_BACK_S < one.end_s <= (read_s or 0.0))
        return (*(one for one in over if (one.match, one.start_s) not in told), *found.spans), found.notes

    def close(self) -> None:
        """See `Reader`."""
        self._document.close()


class Deploys:
    """Times that begin wherever a query has a value other than 0, and last for `for` after it had the last one."""

    def __init__(self, name: str, rule: MaskSettings, link: Link) -> None:
        self._name, self._rule, self._link = name, rule, link

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        """See `Reader`; what was read before is not asked for again."""
        end = int(now_s) // QUERY_STEP_S * QUERY_STEP_S
        start = end - int(self._rule.history) // QUERY_STEP_S * QUERY_STEP_S
        if read_s is not None:
            start = max(start, min(end, int(read_s) // QUERY_STEP_S * QUERY_STEP_S))
        piece = self._link.ask(self._rule.query, start, end, QUERY_STEP_S)
        fresh = [
            span
            for rows, values in piece.layers
            for i, row in enumerate(range(len(piece.labels)) if rows is None else rows.tolist())
            for span in self._spans(piece.labels[row], np.isfinite(values[i]) & (values[i] != 0), piece.time_s)
        ]
        kept = [one for one in before if one.end_s > now_s - LOOK_BACK_S and one not in fresh]
        return (*kept, *fresh), ()

    def _spans(self, labels: Labels, there: Bools, time_s: Ints) -> Iterator[Span]:
        edges = np.flatnonzero(np.diff(np.r_[0, there.astype(np.int8), 0]))
        match = tuple(Matcher.make(name, "=", labels.get(name, "")) for name in self._rule.on)
        shown = [f"{k}={v}" for k, v in labels.items() if k in self._rule.on or not self._rule.on][:NAMED]
        what = visible(" ".join(shown), 120)
        for first, last in zip(time_s[edges[::2]].tolist(), time_s[edges[1::2] - 1].tolist(), strict=True):
            why = f"its query had a value at {rfc3339(first)}" + (f": {what}" if what else "")
            yield Span(first, last + self._rule.for_, match, why)

    def close(self) -> None:
        """See `Reader`; the link is the source's."""


class Incidents:
    """From the opening of a warning that came true, or a failure that was missed, to the end of the failure: its entity and card.

    It has ended when whoever declared it says so, when the series is back inside its limit, or when its alert is silent; of any
    other the end is not known, and `for` after it is taken.
    """

    def __init__(self, rule: MaskSettings, rooms: Rooms) -> None:
        self._rule, self._rooms = rule, rooms

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        """See `Reader`."""
        known = {(one.card, one.match, one.start_s): one for one in before}
        found = self._rooms.store.outcomes(limit=INCIDENTS_AT_MOST, since_s=now_s - LOOK_BACK_S)
        ends = _ends(self._rooms.store)
        return [self._span(one, known, ends, now_s) for one in found if one.verdict in BEGAN and one.failed_s is not None], ()

    def _span(
        self, outcome: Outcome, known: Mapping[tuple[str, tuple[Matcher, ...], float], Span], ends: Sequence[Ended], now_s: float
    ) -> Span:
        assert outcome.failed_s is not None
        failed = float(outcome.failed_s)
        start = failed if outcome.opened_s is None else float(outcome.opened_s)
        match = tuple(Matcher.make(name, "=", value) for name, value in sorted(outcome.entity.items()))
        why = f"{outcome.verdict}: {outcome.card} failed at {rfc3339(failed)}"
        told = next((one.end_s for one in ends if one.at_s == outcome.failed_s and one.is_about(outcome.entity)), None)
        if told is not None:
            return Span(start, float(told), match, why, outcome.card)
        lasts_on = start + self._rule.longest
        if self._fails(outcome):
            return Span(start, lasts_on, match, why, outcome.card)
        before = known.get((outcome.card, match, start))
        if before is None:
            return Span(start, failed + self._rule.for_, match, why, outcome.card)
        return Span(start, now_s, match, why, outcome.card) if before.end_s == lasts_on else before

    def _fails(self, outcome: Outcome) -> bool:
        """Whether what failed is beyond its limit still."""
        name, mine = key(outcome.entity), f"{outcome.card}@"
        return any(name in failing for watch, failing in self._rooms.failing.items() if watch.startswith(mine))

    def close(self) -> None:
        """See `Reader`."""


class Ended(NamedTuple):
    """An incident that was declared, and that it is over."""

    labels: Labels
    at_s: int
    end_s: int

    def is_about(self, entity: Labels) -> bool:
        """Whether it is about that."""
        return has_all(self.labels, entity)


def _ends(store: Store) -> list[Ended]:
    said = store.statements(kind="incident")
    ends = {one.body["of"]: int(one.body["end_s"]) for one in said if "end_s" in one.body}
    begun = [one for one in said if "id" in one.body and one.key in ends]
    return [Ended(one.body["labels"], int(one.body["at_s"]), ends[one.key]) for one in begun]
