"""What a turn has read: the columns that are new, and those of rows whose source was away or is new."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.core.records import Bools, Floats, Ints, Remark


@dataclass(frozen=True, slots=True)
class Late:
    """Columns (k, m) of `rows` (k,) that were seen only now: their source was away, or is new."""

    rows: Ints
    time_s: Ints
    values: Floats
    masked: Bools


@dataclass(frozen=True, slots=True)
class Reading:
    """The new columns of a turn: `values` and `masked` (n, m) over all rows in the window's order, at `time_s` (m,).

    `held` (n,): rows whose sources could not be asked; None = none. `late`: what is to be learnt before, oldest first.
    `final_s`: up to this instant late samples were put in place of what was provisional, 0 = none were looked for.
    """

    time_s: Ints
    values: Floats
    masked: Bools
    partial: tuple[str, ...] = ()
    held: Bools | None = None
    late: tuple[Late, ...] = ()
    final_s: int = 0

    @property
    def whole(self) -> bool:
        """Whether no source said that something may be missing: else nothing is learnt from it."""
        return all(isinstance(note, Remark) for note in self.partial)
