"""What a watch remembers of masks: which of its rows each one means, and the answer of the current minute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from aiops.core.labels import Labels, Matcher
from aiops.core.records import Bools, Ints
from aiops.models.card import CHALLENGER, ModelCard
from aiops.models.card_parts import Exclude
from aiops.pipeline.mask_book import MaskBook

_LITERAL = re.compile(r"(?:[\w:/@ ,=|-]|\\\.)+", re.ASCII)
"""A regular expression in which every character but | and the backslash of a dot stands for itself."""


class Scope(Protocol):
    """Times that mean the series that `match`."""

    @property
    def match(self) -> Sequence[Matcher]:
        """Matchers; none: all series."""

    def lasts(self, time_s: Ints) -> Bools:
        """Whether a time lasts at each of `time_s` (m,): (m,)."""


@dataclass(slots=True)
class MaskRows:
    """`minute`, `now`: the last answer and when it was given; -1: it is to be given anew."""

    book: MaskBook = field(default_factory=MaskBook)
    minute: int = -1
    now: Bools = field(default_factory=lambda: np.zeros(0, bool))
    _version: int = -1
    _scopes: list[Scope] = field(default_factory=list)
    _rows: dict[tuple[Matcher, ...], Bools] = field(default_factory=dict)
    _columns: dict[str, tuple[Ints, dict[str, int]]] = field(default_factory=dict)

    def scopes(self, card: ModelCard) -> list[Scope]:
        """Everything that may mask rows of a card: its own `exclude`, and the masks of the configuration."""
        if self._version != self.book.version:
            self._version, self.minute = self.book.version, -1
            self._scopes = [*card.exclude, *self._crons(card), *self.book.of(own_name(card))]
            wanted = {tuple(one.match) for one in self._scopes}
            self._rows = {match: rows for match, rows in self._rows.items() if match in wanted}
        return self._scopes

    def _crons(self, card: ModelCard) -> list[Scope]:
        return [exclude for _, exclude in crons(self.book, card)]

    def keep_only(self, kept: Ints) -> None:
        """Rows were let go: keep what is known of `kept` (k,), ascending."""
        self.minute, self._rows = -1, {}
        self._columns = {name: (codes[kept[kept < len(codes)]], table) for name, (codes, table) in self._columns.items()}

    def matching(self, match: Sequence[Matcher], labels: Sequence[Labels], card: ModelCard) -> Bools:
        """(n,) which of the rows with `labels` (n,) fulfil every matcher; each different value of a label is asked once."""
        name = tuple(match)
        known = self._rows.get(name)
        if known is None or len(known) != len(labels):
            known = np.ones(len(labels), bool)
            for one in name:
                known &= self._fulfil(one, labels, card)
            self._rows[name] = known
        return known

    def _fulfil(self, one: Matcher, labels: Sequence[Labels], card: ModelCard) -> Bools:
        codes, table = self._columns.get(one.name, (np.zeros(0, np.int64), {}))
        if len(codes) < len(labels):
            usual = own_labels(card).get(one.name, "")
            fresh = [table.setdefault(each.get(one.name) or usual, len(table)) for each in labels[len(codes) :]]
            codes = np.concatenate([codes, np.array(fresh, np.int64)])
            self._columns[one.name] = codes, table
        names = literals(one)
        if names is not None:
            same: Bools = np.isin(codes, [table[name] for name in names if name in table])
            return same if one.op in ("=", "=~") else ~same
        fulfilled = np.array([one.matches({one.name: value}) for value in table], bool)
        found: Bools = fulfilled[codes] if len(codes) else np.zeros(0, bool)
        return found


def literals(one: Matcher) -> list[str] | None:
    """The values that a matcher is about, where it is about some and no pattern.

    >>> literals(Matcher.parse('a=~"x.org|y"')), literals(Matcher.parse(r'a=~"x\\.org|y"')), literals(Matcher.parse('a!="x|y"'))
    (None, ['x.org', 'y'], ['x|y'])
    """
    if one.op in ("=", "!="):
        return [one.value]
    return one.value.replace("\\.", ".").split("|") if _LITERAL.fullmatch(one.value) else None


def own_name(card: ModelCard) -> str:
    """The card's name; a challenger's is that of the card it challenges."""
    return card.name.removesuffix(CHALLENGER)


def own_labels(card: ModelCard) -> dict[str, str]:
    """What the alerts of a card's warnings carry besides labels of their series."""
    return {"alertname": f"Early_{own_name(card)}", "card": own_name(card)}


def crons(book: MaskBook, card: ModelCard) -> list[tuple[str, Exclude]]:
    """The recurring times among the masks of the configuration that concern a card, by the names of their masks."""
    found = [(name, mask.rule) for name, mask in book.masks.items() if mask.rule.kind == "cron"]
    return [
        (name, Exclude.model_validate({"cron": rule.cron, "for": rule.for_, "match": list(rule.match)}))
        for name, rule in found
        if not rule.cards or own_name(card) in rule.cards
    ]
