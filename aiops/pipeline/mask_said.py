"""Which masks mean a card or a warning, when and why, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from aiops.core.cron import MINUTE_S, Cron
from aiops.core.durations import rfc3339, text
from aiops.core.labels import Labels, Matcher, matches_all
from aiops.core.records import EarlyWarning
from aiops.core.spans import Span
from aiops.models.card import ModelCard
from aiops.models.card_parts import Exclude
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.mask_book import MaskBook
from aiops.pipeline.mask_rows import crons, own_labels, own_name

AT_MOST, OF_A_CRON = 20, 8
"""So many times are told, of what recurs a week of nights: what comes every five minutes hides nothing else."""
OWN = "exclude"
"""What the card's own recurring times are called."""
DAY_S = 86400.0


class Masked(NamedTuple):
    """A time of a mask, what it means and why."""

    mask: str
    span: Span

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        span = self.span
        match = [str(one) for one in span.match]
        return {"mask": self.mask, "start_s": span.start_s, "end_s": span.end_s, "match": match, "why": span.why}

    def __str__(self) -> str:
        span = self.span
        only = f" where {', '.join(map(str, span.match))}" if span.match else ""
        return f"{rfc3339(span.start_s)} to {rfc3339(span.end_s)}, {self.mask}: {span.why}{only}"


def of_card(book: MaskBook, card: ModelCard, start_s: float, end_s: float) -> list[Masked]:
    """The times that may mask series of a card and overlap [start_s, end_s], the earliest first; AT_MOST of them."""
    told_by_rows = {"alertname"} if card.alerts is not None else set(card.entity)
    own = {name: value for name, value in own_labels(card).items() if name not in told_by_rows}

    def may(match: Sequence[Matcher]) -> bool:
        """What series say is not known here; but a silence of another card's alerts is none of this one."""
        return matches_all([one for one in match if one.name in own], own)

    return [one for one in _overlapping(book, card, start_s, end_s) if may(one.span.match)][:AT_MOST]


def of_warning(book: MaskBook, card: ModelCard, warning: EarlyWarning, now_s: float) -> list[Masked]:
    """The times that mask what a warning is about, from its opening on, as far ahead as it is judged, a day at least."""
    labels: Labels = {**own_labels(card), **warning.labels, **warning.entity}
    ends = warning.closed_s if warning.closed_s is not None else max(now_s + DAY_S, deadline_s(warning) or 0.0)
    return [one for one in _overlapping(book, card, warning.opened_s, ends) if matches_all(one.span.match, labels)][:AT_MOST]


def _overlapping(book: MaskBook, card: ModelCard, start_s: float, end_s: float) -> list[Masked]:
    """The times of every mask that is for a card, whatever series they are for, the earliest first."""
    found = [Masked(name, span) for name, span in book.about(own_name(card), start_s, end_s)]
    for name, one in [*((OWN, one) for one in card.exclude), *crons(book, card)]:
        found += [Masked(name, span) for span in _recurring(one, start_s, end_s)]
    return sorted(found, key=lambda one: (one.span.start_s, one.mask))


def _recurring(one: Exclude, start_s: float, end_s: float) -> Iterator[Span]:
    """The times of a cron that overlap [start_s, end_s], OF_A_CRON of them."""
    minutes = np.arange(int(start_s - one.for_) // MINUTE_S, int(end_s) // MINUTE_S + 1)
    why = f"every time `{one.cron}` comes, for {text(one.for_)}"
    match: Sequence[Matcher] = one.match
    begun = minutes[Cron.parse(one.cron).begins(minutes)] * MINUTE_S
    for at in begun[begun + one.for_ > start_s][:OF_A_CRON].tolist():
        yield Span(float(at), at + one.for_, tuple(match), why)
