"""A warning that waits for its verdict, and the alerts that may give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from aiops.core.labels import key
from aiops.core.records import EarlyWarning, Ints, Limit
from aiops.models.entity import EntityIndex


@dataclass(slots=True)
class Alerts:
    """What a watch knows of the alerts it is judged by: up to when it asked, and when each fired last."""

    asked_s: int | None = None
    fired_s: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Pending:
    """A warning that is not settled yet, and the limits its rows had when it opened.

    `name` is the key of its entity; `compared` the limits it was last found unchanged against. `acted`: whether something was
    done about it; `acts`: when, and within how many seconds it must show, as long as nobody has looked whether it did; `again`:
    an episode of its kind opened on its entity after it had ended.
    """

    warning: EarlyWarning
    limits: tuple[float, ...]
    acts: tuple[tuple[int, float], ...] = ()
    acted: bool = False
    again: bool = False
    name: str = field(init=False)
    compared: Limit | None = None
    _rows: tuple[EntityIndex, Ints] | None = None

    def __post_init__(self) -> None:
        self.name = key(self.warning.entity)

    def act(self, at_s: int, within_s: float) -> None:
        """Something was done, which must show within a time."""
        self.acts, self.acted = (*self.acts, (at_s, within_s)), True

    def rows(self, index: EntityIndex | None, find: Callable[[], Ints]) -> Ints:
        """The rows of its entity: found anew only when rows came or went, of which there is a new `index` then."""
        if index is None:
            return find()
        if self._rows is None or self._rows[0] is not index:
            self._rows = index, find()
        return self._rows[1]

    def limit_changed(self, limit: Limit, rows: Ints, wavers: float = 0.0) -> bool:
        """Whether a row of its entity has another limit now; rows that came or went say nothing, nor does a limit that moved by
        no more than the share `wavers`, or, of one that wavers, that is not known."""
        if self.compared is limit:
            return False
        self.compared = limit
        before, now = np.asarray(self.limits), limit.value[rows]
        if len(before) != len(now):
            return False
        if not wavers:
            return not np.array_equal(before, now, equal_nan=True)
        with np.errstate(invalid="ignore"):
            return bool(np.any(np.abs(now - before) > wavers * np.abs(before)))
