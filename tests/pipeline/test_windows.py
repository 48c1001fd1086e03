"""Windows that runbooks name: masks, as they last for one warning now."""

from __future__ import annotations

import pytest

from aiops.config.masks import MaskSettings
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.pipeline.mask_book import Mask, MaskBook
from aiops.pipeline.windows import lasts, masked_by

NOON_S = 1_750_075_200.0
PROD, STAGE = {"env": "prod"}, {"env": "stage"}


def book(**rule: object) -> MaskBook:
    return MaskBook({"freeze": Mask("freeze", MaskSettings.model_validate(rule))})


def test_of_a_name_that_nobody_defined_nothing_is_known() -> None:
    assert lasts(MaskBook(), "freeze", "disk", PROD, NOON_S) is None


@pytest.mark.parametrize(("after_s", "wanted"), [(-1, False), (0, True), (3599, True), (3600, False)])
def test_one_that_recurs_lasts_from_its_minute_for_as_long_as_it_says(after_s: int, wanted: bool) -> None:
    one = book(kind="cron", cron="0 12 * * *", **{"for": "1h"}, match=['env="prod"'])
    assert lasts(one, "freeze", "disk", PROD, NOON_S + after_s) is wanted
    assert lasts(one, "freeze", "disk", STAGE, NOON_S + after_s) is False


def test_one_of_other_cards_does_not_last() -> None:
    one = book(kind="cron", cron="* * * * *", **{"for": "1h"}, cards=["memory"])
    assert lasts(one, "freeze", "disk", PROD, NOON_S) is False


def test_one_that_was_read_lasts_for_what_matches() -> None:
    one = book(kind="silences", url="http://am")
    one.masks["freeze"].spans = (Span(NOON_S - 60, NOON_S + 60, (Matcher.parse('env="prod"'),)),)
    one.masks["freeze"].read_s = NOON_S - 10
    assert lasts(one, "freeze", "disk", PROD, NOON_S) is True
    assert lasts(one, "freeze", "disk", STAGE, NOON_S) is False
    assert lasts(one, "freeze", "disk", PROD, NOON_S + 60) is False


@pytest.mark.parametrize("read_s", [None, NOON_S - 7 * 3600])
def test_what_cannot_be_read_may_be_a_freeze(read_s: float | None) -> None:
    one = book(kind="silences", url="http://am")
    one.masks["freeze"].read_s = read_s
    assert lasts(one, "freeze", "disk", PROD, NOON_S) is True


def test_the_mask_that_lasts_is_named_whatever_it_is_called() -> None:
    one = book(kind="cron", cron="0 12 * * *", **{"for": "1h"}, match=['env="prod"'])
    assert masked_by(one, "disk", PROD, NOON_S) == "freeze"
    assert masked_by(one, "disk", STAGE, NOON_S) == ""
    assert masked_by(MaskBook(), "disk", PROD, NOON_S) == ""
