"""The book of masks: what a reading means, what is left of it when the next one fails, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aiops.config.masks import MaskSettings
from aiops.core.errors import SourceError
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.pipeline.mask_book import Answer, Mask, MaskBook

NOON = 1_750_000_000.0
HOUR = 3600.0


@dataclass
class Said:
    """A reader that says what it is told to."""

    spans: tuple[Span, ...] = ()
    error: SourceError | None = None
    asked: int = 0
    before: list[Sequence[Span]] = field(default_factory=list)

    def read(self, now_s: float, before: Sequence[Span], read_s: float | None) -> Answer:
        self.asked += 1
        self.before.append(before)
        if self.error is not None:
            raise self.error
        return self.spans, ()

    def close(self) -> None:
        pass


AWAY = SourceError("am", "unreachable", "refused")
LASTING = Span(NOON - HOUR, NOON + 20 * HOUR, (Matcher.make("a", "=", "1"),), "swap")


def book(reader: Said, folder: Path | None = None, **rule: Any) -> MaskBook:
    settings = MaskSettings.model_validate({"kind": "silences", "url": "http://am", **rule})
    return MaskBook({"am": Mask("am", settings, reader)}, folder)


def lasts(one: MaskBook, at_s: float, card: str = "disk") -> bool:
    return any(group.lasts(np.array([int(at_s)]))[0] for group in one.of(card))


def test_what_is_read_lasts_as_long_as_it_says() -> None:
    one = book(Said((Span(NOON, NOON + HOUR),)))
    assert one.refresh(NOON) == []
    assert [lasts(one, NOON + t) for t in (-1, 0, 3599, 3600)] == [False, True, True, False]


def test_it_is_read_when_it_is_due_and_not_before() -> None:
    reader = Said()
    one = book(reader, every="1m")
    for second in (0, 10, 59, 60, 119, 121):
        one.refresh(NOON + second)
    assert reader.asked == 3
    one.refresh(NOON - 1000)
    assert reader.asked == 4, "a clock that was set back stops nothing"


def test_its_matchers_and_its_cards_narrow_what_it_says() -> None:
    one = book(Said((LASTING,)), match=['job="node"'], cards=["disk"])
    one.refresh(NOON)
    (group,) = one.of("disk")
    assert [str(m) for m in group.match] == ['job="node"', 'a="1"']
    assert one.of("cpu") == []


def test_a_time_of_one_card_is_of_no_other() -> None:
    one = book(Said((Span(NOON, NOON + HOUR, card="disk"),)))
    one.refresh(NOON)
    assert (lasts(one, NOON), lasts(one, NOON, "cpu")) == (True, False)


def test_what_cannot_be_read_keeps_what_it_said_last_with_its_age() -> None:
    reader = Said((LASTING,))
    one = book(reader, keep_for="6h")
    one.refresh(NOON)
    reader.error = AWAY
    (news,) = one.refresh(NOON + 2 * HOUR)
    assert (news.mask, news.lapsed) == ("am", False)
    assert lasts(one, NOON + 2 * HOUR)
    said = one.troubles(NOON + 2 * HOUR)["am"]
    assert "source am: unreachable: refused; it was last read 2h ago, and what it said then counts for 4h more" in said
    assert one.refresh(NOON + 2.5 * HOUR) == [], "an outage is told once"


def test_it_masks_nothing_once_that_is_too_old_and_says_so() -> None:
    reader = Said((LASTING,))
    one = book(reader, keep_for="6h")
    one.refresh(NOON)
    reader.error = AWAY
    one.refresh(NOON + 5.9 * HOUR)
    assert lasts(one, NOON + 5.9 * HOUR)
    (news,) = one.refresh(NOON + 6.1 * HOUR)
    assert (news.lapsed, "longer than 6h: it masks nothing" in news.error) == (True, True)
    assert not lasts(one, NOON + 6.1 * HOUR)
    reader.error = None
    (well,) = one.refresh(NOON + 7 * HOUR)
    assert (well.error, lasts(one, NOON + 7 * HOUR), one.troubles(NOON + 7 * HOUR)) == ("", True, {})


def test_what_was_never_read_masks_nothing_and_says_so() -> None:
    one = book(Said(error=AWAY))
    (news,) = one.refresh(NOON)
    assert news.error == "source am: unreachable: refused"
    assert "it was never read: it masks nothing" in one.troubles(NOON)["am"]
    assert one.of("disk") == []


def test_a_restart_knows_what_was_read_before(tmp_path: Path) -> None:
    book(Said((LASTING,)), tmp_path).refresh(NOON)
    later = book(Said(error=AWAY), tmp_path, keep_for="6h")
    later.take_up()
    assert lasts(later, NOON + HOUR)
    later.refresh(NOON + HOUR)
    assert lasts(later, NOON + HOUR)
    later.refresh(NOON + 7 * HOUR)
    assert not lasts(later, NOON + 7 * HOUR)
    assert (tmp_path / "am.json").stat().st_mode & 0o777 == 0o600


def test_what_was_kept_and_cannot_be_read_is_as_if_it_was_never(tmp_path: Path) -> None:
    (tmp_path / "am.json").write_text('{"read_s": 1, "spans": [{}]}')
    one = book(Said(), tmp_path)
    one.take_up()
    assert (one.masks["am"].read_s, one.of("disk")) == (None, [])


def test_before_the_first_turn_only_what_says_nothing_is_read(tmp_path: Path) -> None:
    book(Said((LASTING,)), tmp_path).refresh(NOON)
    reader = Said((LASTING,))
    one = book(reader, tmp_path)
    one.take_up()
    one.refresh(NOON + HOUR, unread=True)
    assert reader.asked == 0
    one.refresh(NOON + 50 * HOUR, unread=True)
    assert reader.asked == 1


def test_no_time_lasts_longer_than_the_mask_allows() -> None:
    one = book(Said((Span(NOON, NOON + 1e9),)), longest="2h")
    one.refresh(NOON)
    assert [lasts(one, NOON + t * HOUR) for t in (1.9, 2.1)] == [True, False]


def test_the_version_moves_only_when_another_answer_is_possible() -> None:
    one = book(Said((LASTING,)))
    one.refresh(NOON)
    before = one.version
    one.refresh(NOON + 100)
    assert one.version == before


def test_lasting_counts_what_lasts() -> None:
    one = book(Said((LASTING, Span(NOON - 10, NOON - 5))))
    one.refresh(NOON)
    assert one.lasting(NOON) == {"am": 1}
