"""Which rows a mask means: by their labels, and by what alerts of the card carry."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aiops.config.masks import MaskSettings
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.models.card import CHALLENGER, ModelCard
from aiops.pipeline.mask_book import Mask, MaskBook
from aiops.pipeline.mask_rows import MaskRows, crons, own_labels, own_name
from tests.daemon.rig import card

CARD = ModelCard.model_validate(card())
LABELS = [{"instance": "a", "job": "x"}, {"instance": "b", "job": "x"}, {"instance": "a"}]


def matching(rows: MaskRows, *matchers: str, labels: Any = LABELS) -> list[bool]:
    return rows.matching([Matcher.parse(one) for one in matchers], labels, CARD).tolist()


def test_rows_are_matched_by_their_labels_and_an_absent_one_is_empty() -> None:
    rows = MaskRows()
    assert matching(rows) == [True, True, True]
    assert matching(rows, 'instance="a"') == [True, False, True]
    assert matching(rows, 'instance="a"', 'job=""') == [False, False, True]
    assert matching(rows, 'job!~"x|y"') == [False, False, True]


def test_rows_that_are_new_are_matched_too() -> None:
    rows = MaskRows()
    assert matching(rows, 'instance="a"', labels=LABELS[:1]) == [True]
    assert matching(rows, 'instance="a"') == [True, False, True]


def test_rows_that_went_take_their_answers_along() -> None:
    import numpy as np

    rows = MaskRows()
    matching(rows, 'instance="a"')
    rows.keep_only(np.array([1, 2]))
    assert matching(rows, 'instance="a"', labels=LABELS[1:]) == [False, True]


def test_a_silence_of_our_own_alert_means_its_card() -> None:
    assert matching(MaskRows(), 'alertname="Early_disk"') == [True] * 3
    assert matching(MaskRows(), 'card="disk"', 'instance="b"') == [False, True, False]
    assert matching(MaskRows(), 'alertname="Early_cpu"') == [False] * 3
    assert matching(MaskRows(), 'alertname="Own"', labels=[{"alertname": "Own"}]) == [True]


def test_a_challenger_is_masked_as_its_card() -> None:
    other = CARD.model_copy(update={"name": CARD.name + CHALLENGER})
    assert (own_name(other), own_labels(other)) == ("disk", {"alertname": "Early_disk", "card": "disk"})


def test_scopes_are_those_of_the_card_and_of_the_book_and_change_with_it() -> None:
    book = MaskBook({"night": Mask("night", MaskSettings.model_validate({"kind": "cron", "cron": "0 3 * * *", "for": "40m"}))})
    own = CARD.model_copy(update={"exclude": [one for _, one in crons(book, CARD)]})
    rows = MaskRows(book)
    assert len(rows.scopes(own)) == 2
    book.masks["night"].spans = (Span(0, 10),)
    assert len(rows.scopes(own)) == 2, "nothing new was said"
    book.version += 1
    assert len(rows.scopes(own)) == 3


VALUES = ("a", "a|b", r"a\.b|c", "a.b", "", "a|", "x y", r"a\\.b", "(a|b)")


@given(st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(VALUES))
def test_a_short_cut_means_what_the_matcher_means(op: str, value: str) -> None:
    labels = [{"x": one} for one in ("a", "b", "a.b", "a|b", "axb", "c", "", "x y", r"a\.b", "a ")]
    one = Matcher.make("x", op, value)
    assert MaskRows().matching([one], labels, CARD).tolist() == [one.matches(each) for each in labels]
