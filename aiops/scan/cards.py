"""Model cards on a server: which have series there, and what each one's warnings would have been worth in the last two weeks."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aiops.core.durations import in_days, text
from aiops.core.errors import SourceError
from aiops.core.labels import key
from aiops.core.records import Block, Bools
from aiops.core.text import times
from aiops.models.card import ModelCard
from aiops.models.card_parts import Promotion
from aiops.outcomes.scorecard import wilson
from aiops.rules.compiler import Leaf
from aiops.scan.ask import Reader, Wanted
from aiops.scan.parts import in_spans
from aiops.scan.past import STEP_S, Past, grid, replay
from aiops.scan.record import Judged, judged, starts
from aiops.scan.scan import DAY, MOST_SERIES, RECORD_S, Progress, columns_of

SCRAPES_S = 600

NO_SERIES = "no series"
"""Why a card is not written: nothing of it is there."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What warnings would have been worth over `days`, all series together; hits and false ones are settled, the rest open."""

    judged: Judged
    days: float

    @property
    def bound(self) -> float:
        """Lower end of the 90 % Wilson interval of the precision, NaN where nothing is settled."""
        settled = self.judged.hits + self.judged.false
        return wilson(self.judged.hits, settled)[0] if settled else math.nan

    @property
    def false_per_week(self) -> float:
        """False warnings a week."""
        return self.judged.false / self.days * 7

    def passes(self, bar: Promotion) -> bool:
        """Whether it reaches a card's bar; how many must be settled is not asked, since the bound weighs small numbers."""
        lead = statistics.median(self.judged.leads_s) if self.judged.leads_s else 0.0
        return (
            self.bound >= bar.precision_at_least and lead >= bar.median_lead and self.false_per_week <= bar.false_per_week_at_most
        )

    def sentence(self) -> str:
        """As people read it."""
        one = self.judged
        if not one.warned:
            return f"in the last {in_days(self.days)} it would not have warned"
        open_ = one.warned - one.hits - one.false
        said = f"in the last {in_days(self.days)} it would have warned {times(one.warned)}"
        said += f": {one.hits} came true, {one.false} did not"
        said += f", {open_} still open" if open_ else ""
        said += f"; median {text(round(statistics.median(one.leads_s) / 60) * 60)} ahead" if one.leads_s else ""
        return said + (f"; precision at least {self.bound:.2f}" if math.isfinite(self.bound) else "")


@dataclass(frozen=True, slots=True)
class Seen:
    """A card on a server: how many `series` it has there, how many of them are `beyond` its limit now, its worth if measured.

    `why`: why there are no series, or no worth.
    """

    card: ModelCard
    series: int = 0
    beyond: int = 0
    worth: Worth | None = None
    why: str = ""


def together(some: Iterable[Judged]) -> Judged:
    """Their sums."""
    some = list(some)
    leads = tuple(lead for one in some for lead in one.leads_s)
    return Judged(sum(one.warned for one in some), sum(one.hits for one in some), sum(one.false for one in some), leads)


def look(
    reader: Reader, cards: Sequence[ModelCard], now_s: int, until: float,
    progress: Progress = lambda what, share: None,
) -> list[Seen]:  # fmt: skip
    """Every card as it is seen there, in order; nothing is asked after the monotonic instant `until`.

    Raises SourceError when the server does not answer at all.
    """
    now = {card.name: Wanted(card.query, now_s, now_s, STEP_S) for card in cards}
    done = 0

    def mark() -> None:
        nonlocal done
        done += 1
        progress("looking for what the cards watch", done / len(now))

    found = reader.read(now.values(), until, mark)
    return [_seen(reader, card, found[now[card.name]], now_s, until, progress) for card in cards]


def _seen(
    reader: Reader, card: ModelCard, newest: Block | SourceError | None, now_s: int, until: float, progress: Progress
) -> Seen:
    if not isinstance(newest, Block):
        return Seen(card, why="there was no time to look" if newest is None else f"{newest.kind}: {newest.message}")
    if not len(newest.labels):
        return Seen(card, why=NO_SERIES)
    seen = Seen(card, len(newest.labels))
    if card.forecast is None:
        return replace(seen, why="what is unlike usual is judged while it runs")
    if card.forecast.model != "exhaustion":
        return replace(seen, why=f"its forecaster {card.forecast.model} is judged while it runs")
    if card.forecast.limit.query:
        return replace(seen, why="its limit is a query, and is judged while it runs")
    leaf = leaf_of(card)
    seen = replace(seen, beyond=int(np.count_nonzero(_beyond(Past.of([leaf], {leaf.expr: newest}, newest.time_s))[-1])))
    progress(f"replaying 14 days of {card.name}", 0.0)
    wanted = Wanted(card.query, *grid(now_s, RECORD_S), STEP_S)
    block = in_spans(reader, wanted, seen.series, _nearest(newest, leaf), until)
    if not isinstance(block, Block):
        return replace(seen, why="there was no time for its 14 days" if block is None else f"{block.kind}: {block.message}")
    past = Past.of([leaf], {leaf.expr: block}, block.time_s)
    if known_s(past) < DAY:
        return replace(seen, why="less than a day of history")
    worth = worth_of(past, card.forecast.horizon_s, until)
    return replace(seen, worth=worth, why="" if worth is not None else "there was no time for its 14 days")


def _nearest(newest: Block, leaf: Leaf) -> frozenset[str]:
    """The series that are nearest to their limit now, not more than MOST_SERIES."""
    order = np.argsort(newest.values[:, -1] if leaf.op == "<" else -newest.values[:, -1], kind="stable")
    return frozenset(key(newest.labels[i]) for i in order[:MOST_SERIES].tolist())


def leaf_of(card: ModelCard) -> Leaf:
    """A card's limit as a comparison."""
    assert card.limit is not None
    return Leaf(card.query, ">" if card.limit.is_above else "<", card.limit.number, "forecast")


def _beyond(past: Past) -> Bools:
    return past.holds(np.ones(len(past.leaves), bool))


def worth_of(past: Past, horizon_s: float, until: float = math.inf) -> Worth | None:
    """What the default forecaster's warnings of these series would have been worth, judged by the crossings that came.

    None when there was no time.
    """
    columns = columns_of(len(past.time_s), recent=False)
    told = replay(past, columns, horizon_s, until) if time.monotonic() < until else None
    if told is None:
        return None
    true = _beyond(past)
    latest = np.where(true[columns], np.nan, told.time_s[:, :, 2])
    some = (judged(told.look_s, latest[:, i], starts(true[:, i], past.time_s)) for i in range(len(past.leaves)))
    return Worth(together(some), known_s(past) / DAY)


def known_s(past: Past) -> float:
    """How far back the oldest series goes; 0 where there is none."""
    return float(past.time_s[-1] - past.first_s.min()) if len(past.first_s) else 0.0


def scraped_every_s(reader: Reader, now_s: int, until: float) -> float | None:
    """How far apart most targets' samples are; None when nobody knows, or not long enough."""
    wanted = Wanted(f"count_over_time(up[{SCRAPES_S}s]) and up offset {SCRAPES_S}s", now_s, now_s, STEP_S)
    block = reader.read([wanted], until)[wanted]
    if not isinstance(block, Block) or not np.isfinite(block.values).any():
        return None
    return SCRAPES_S / float(np.nanmedian(block.values))


