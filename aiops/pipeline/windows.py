"""Times in which nothing is done about what matches: the masks that a runbook names under `skip_during`."""

from __future__ import annotations

import numpy as np

from aiops.core.cron import MINUTE_S, Cron
from aiops.core.labels import Labels, matches_all
from aiops.pipeline.mask_book import MaskBook


def lasts(book: MaskBook, name: str, card: str, labels: Labels, now_s: float) -> bool | None:
    """Whether the mask called so lasts now for a warning of `card` with these `labels`; None when there is none of that name.

    One that cannot be read, and what it said last no longer counts, lasts: what may be a freeze is none to act in.
    """
    mask = book.masks.get(name)
    if mask is None:
        return None
    rule = mask.rule
    if rule.cards and card not in rule.cards:
        return False
    if rule.kind == "cron":
        return matches_all(rule.match, labels) and _recurs(rule.cron, rule.for_, now_s)
    if not mask.counts(now_s):
        return True
    return any(one.start_s <= now_s < one.end_s and matches_all(one.match, labels) for one in mask.spans)


def masked_by(book: MaskBook, card: str, labels: Labels, now_s: float) -> str:
    """The first mask of any name that lasts now for a warning of `card` with these `labels`; empty when none does."""
    return next((name for name in book.masks if lasts(book, name, card, labels, now_s)), "")


def _recurs(cron: str, for_s: float, now_s: float) -> bool:
    """Whether a span that began at one of the cron's minutes lasts now."""
    first = np.floor((now_s - for_s) / MINUTE_S) + 1
    minutes = np.arange(first, np.floor(now_s / MINUTE_S) + 1).astype(np.int64)
    return bool(Cron.parse(cron).begins(minutes).any())
