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

AT_MOST = 20
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
    """The times that mask series of a card and overlap [start_s, end_s], the earliest first; AT_MOST of them."""
    found = [Masked(name, span) for name, span in book.about(own_name(card), start_s, end_s)]
    for name, one in [*((OWN, one) for one in card.exclude), *crons(book, card)]:
        found += [Masked(name, span) for span in _recurring(one, start_s, end_s)]
    return sorted(found, key=lambda one: (one.span.start_s, one.mask))[:AT_MOST]


def of_warning(book: MaskBook, card: ModelCard, warning: EarlyWarning, now_s: float) -> list[Masked]:
    """The times that mask what a warning is about, from its opening on, as far ahead as it is judged, a day at least."""
    labels: Labels = {**own_labels(card), **warning.labels, **warning.entity}
    ends = warning.closed_s if warning.closed_s is not None else max(now_s + DAY_S, deadline_s(warning) or 0.0)
    return [one for one in of_card(book, card, warning.opened_s, ends) if matches_all(one.span.match, labels)]


def _recurring(one: Exclude, start_s: float, end_s: float) -> Iterator[Span]:
    """The times of a cron that overlap [start_s, end_s], AT_MOST of them."""
    minutes = np.arange(int(start_s - one.for_) // MINUTE_S, int(end_s) // MINUTE_S + 1)
    why = f"every time `{one.cron}` comes, for {text(one.for_)}"
    match: Sequence[Matcher] = one.match
    begun = minutes[Cron.parse(one.cron).begins(minutes)] * MINUTE_S
    for at in begun[begun + one.for_ > start_s][:AT_MOST].tolist():
        yield Span(float(at), at + one.for_, tuple(match), why)
