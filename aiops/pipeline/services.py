"""Which service the rows of a watch are of, and what its posture makes of the horizon and the budget of a card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aiops.config.pilots import ServiceSettings
from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Floats, Ints
from aiops.early_warnings.episode import Rules
from aiops.models.budget import TENTH


@dataclass(slots=True)
class Services:
    """The services of a configuration, and of a watch's rows (n,) which one each is of: -1 = of none that is known."""

    known: Mapping[str, ServiceSettings] = field(default_factory=dict)
    _of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def of(self, labels: Sequence[Labels]) -> Ints:
        """(n,) the number of the first service that each row is of, -1 = none."""
        if len(self._of) < len(labels):
            more = [self.number(one) for one in labels[len(self._of) :]]
            self._of = np.concatenate([self._of, np.array(more, np.int64)])
        return self._of

    def number(self, labels: Labels) -> int:
        """The number of the first service that a series is of, -1 = none."""
        return next((i for i, (name, one) in enumerate(self.known.items()) if one.means(name, labels)), -1)

    def keep_only(self, kept: Ints) -> None:
        """Rows were let go: keep these (k,), ascending."""
        self._of = self._of[kept[kept < len(self._of)]]

    def factors(self, labels: Sequence[Labels]) -> tuple[Floats, Floats]:
        """((n,), (n,)) by how much the horizon and the budget of each row differ from the card's."""
        table = np.array([*(one.factors for one in self.known.values()), (1.0, 1.0)])  # the last is what -1 means
        found = table[self.of(labels)]
        return found[:, 0], found[:, 1]

    def by_horizon(self, labels: Sequence[Labels], rows: Ints, horizon_s: float) -> Iterator[tuple[float, Ints]]:
        """(how far ahead is looked, the rows (k,) for which that is so), of `rows` of a card that looks `horizon_s` ahead."""
        if not self.known:
            yield horizon_s, rows
            return
        factors = self.factors(labels)[0][rows]
        for one in np.unique(factors).tolist():
            yield horizon_s * one, rows[factors == one]

    def dearer(self, labels: Sequence[Labels], first_rows: Ints) -> Floats:
        """(entities,) by how much a score must be higher for a budget that is smaller: a tenth of it takes TENTH more."""
        if not self.known:
            return np.zeros(len(first_rows))
        found: Floats = -TENTH * np.log10(self.factors(labels)[1][first_rows])
        return found

    def rules(self, rules: Rules, labels: Labels) -> Rules:
        """What a card says of the warnings of what has these labels."""
        number = self.number(labels) if self.known else -1
        if number < 0:
            return rules
        horizon, _ = list(self.known.values())[number].factors
        return replace(rules, horizon_s=rules.horizon_s * horizon)

    def budget(self, labels: Labels) -> float:
        """By how much the budget of what has these labels differs from the card's."""
        number = self.number(labels) if self.known else -1
        return 1.0 if number < 0 else list(self.known.values())[number].factors[1]

    def named(self, labels: Labels) -> Labels:
        """The labels with `service` and `posture` of what has them, where its service is known."""
        number = self.number(labels) if self.known else -1
        if number < 0:
            return labels
        name = list(self.known)[number]
        return {**labels, "service": name, "posture": self.known[name].posture}

    def marked(self, warning: EarlyWarning, labels: Labels) -> EarlyWarning:
        """The warning with the labels `service` and `posture` of what it is about, where its service is known."""
        named = self.named(labels)
        return warning if named is labels else warning.having(
            labels={**warning.labels, "service": named["service"], "posture": named["posture"]}
        )
