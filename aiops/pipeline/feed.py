"""A feed: one source of a watch, and what is remembered of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Bools, Ints, Lineage
from aiops.pipeline.joined import Joined
from aiops.telemetry.breaker import Breaker
from aiops.telemetry.link import Link


@dataclass(slots=True)
class Feed:
    """One source of a watch. `rest`: left alone while it cannot answer this card's query. `seen` (n,): rows it ever delivered.

    `lineage`, `partial`: of its last answer; `error`: why the last turn went without it. Late samples are not looked for any
    more up to `final_s`. `limits`: which series of the limit's query belong to which rows; `limit_lineage`: of its last answer.
    """

    link: Link
    rest: Breaker
    seen: Bools = field(default_factory=lambda: np.zeros(0, bool))
    lineage: Lineage | None = None
    partial: tuple[str, ...] = ()
    error: SourceError | None = None
    final_s: int = 0
    limits: Joined = field(default_factory=Joined)
    limit_lineage: Lineage | None = None

    @property
    def name(self) -> str:
        """The source's."""
        return self.link.name

    @property
    def lineages(self) -> list[Lineage]:
        """Of its last answers: the samples', then that of their limits."""
        return [one for one in (self.lineage, self.limit_lineage) if one is not None]

    def sees(self, n: int, rows: Ints) -> None:
        """Remember that it delivers `rows` of n."""
        if len(self.seen) < n:
            self.seen = np.concatenate([self.seen, np.zeros(n - len(self.seen), bool)])
        self.seen[rows] = True


def joined(lineages: Sequence[Lineage]) -> Lineage:
    """The lineage of what was made of several blocks: their sources, the time they span, everything noted of them."""
    first = lineages[0]
    if len(lineages) == 1:
        return first
    notes = tuple(dict.fromkeys(note for one in lineages for note in one.partial))
    names = "+".join(sorted({name for one in lineages for name in one.source.split("+")}))
    return replace(
        first, source=names, start_s=min(one.start_s for one in lineages), end_s=max(one.end_s for one in lineages), partial=notes
    )
