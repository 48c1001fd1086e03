"""Champion and challenger: which of two records is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from aiops.core.records import Outcome
from aiops.outcomes.challenge import LEAST, Share, between, compare
from tests.store.samples import outcome

HOUR = 3600
NOW = 1_750_000_000


def record(words: Sequence[str], first: int = 0, **more: Any) -> list[Outcome]:
    """Verdicts an hour apart, the newest last, on failures of the same instants in every record."""
    out = []
    for i, word in enumerate(words):
        at = NOW - HOUR * (len(words) - i)
        failed = at if word in ("hit", "late", "missed") else None
        lead = 3600.0 if word == "hit" else None
        nobody = word == "missed"
        told = {"warning_id": "" if nobody else f"{first + i:016x}", "opened_s": None if nobody else at - HOUR}
        out.append(outcome(first + i, word, settled_s=at, failed_s=failed, lead_s=lead, **{**told, **more}))
    return out


def compared(champion: Sequence[str], challenger: Sequence[str]):  # type: ignore[no-untyped-def]
    found = compare(record(champion), record(challenger, 1000), 0, NOW)
    assert found is not None
    return found


def test_fewer_false_ones_are_better() -> None:
    found = compared(["hit", "false"] * 20, ["hit", "unjudgeable"] * 20)
    assert found.answer == "better"
    assert found.why == ("of what it tells, more comes true",)
    assert (found.champion.precision, found.challenger.precision) == (Share(20, 40), Share(20, 20))
    assert found.precision[1] > 0.3


def test_more_failures_foretold_are_better() -> None:
    found = compared(["hit", "missed"] * 20, ["hit", "hit"] * 20)
    assert (found.answer, found.why) == ("better", ("it foretells more of the failures",))
    assert (found.champion.recall, found.challenger.recall) == (Share(20, 40), Share(40, 40))


def test_the_other_way_round_it_is_worse() -> None:
    assert compared(["hit", "hit"] * 20, ["hit", "false"] * 20).answer == "worse"


def test_more_foretold_and_more_false_is_neither() -> None:
    found = compared(["hit", "missed"] * 30, ["hit", "hit"] * 30 + ["false"] * 60)
    assert (found.answer, len(found.why)) == ("mixed", 2)


def test_what_may_be_chance_is_open_and_says_how_many_more_it_takes() -> None:
    found = compared(["hit"] * 8 + ["false"] * 2, ["hit"] * 9 + ["false"])
    assert found.answer == "open"
    assert found.more is not None
    assert found.more > 10
    times = (10 + found.more) // 10 + 1
    later = compared((["hit"] * 8 + ["false"] * 2) * times, (["hit"] * 9 + ["false"]) * times)
    assert later.answer == "better"


def test_with_a_handful_nothing_is_said() -> None:
    few = LEAST - 1
    assert compared(["false"] * few, ["hit"] * few).answer == "open"
    assert compared(["false"] * 20, ["hit"] * 20).answer == "better"


def test_only_the_time_in_which_both_were_judged_counts() -> None:
    champion = record(["false"] * 100 + ["hit"] * 20)
    found = compare(champion, record(["hit"] * 20, 1000), 0, NOW)
    assert found is not None
    assert found.champion.precision == Share(20, 20)
    assert found.answer == "open"
    assert found.since_s == NOW - 20 * HOUR


def test_what_is_older_than_a_record_reaches_counts_where_it_was_asked_for() -> None:
    """Shares, leads and false ones are of one and the same time, however far back that begins."""
    words, later_s = ["hit", "false"] * 20, 200 * 86400
    found = compare(record(words), record(["hit", "hit"] * 20, 1000), 0, NOW + later_s)
    assert found is not None
    assert (found.champion.precision, found.challenger.precision) == (Share(20, 40), Share(40, 40))
    assert (found.champion.recall, found.challenger.recall) == (Share(20, 20), Share(40, 40))
    assert found.champion.record.median_lead_s == 3600.0
    assert found.champion.record.false_per_week > 0 == found.challenger.record.false_per_week
    assert found.answer == "better"


def test_without_a_verdict_there_is_nothing_to_compare() -> None:
    assert compare(record(["hit"] * 9), [], 0, NOW) is None
    assert compare(record(["hit"] * 9), record(["hit"] * 9), NOW, NOW) is None


@pytest.mark.parametrize(("one", "other"), [(Share(0, 0), Share(5, 9)), (Share(5, 9), Share(0, 0))])
def test_a_share_of_nothing_differs_from_nothing(one: Share, other: Share) -> None:
    assert between(one, other) == (0.0, -1.0, 1.0)


def test_the_interval_of_a_difference_is_that_of_the_source() -> None:
    """Newcombe 1998, table II: 56/70 against 48/80 at 95 % by method 10 is 0.0524 to 0.3339; here at 90 %."""
    d, low, high = between(Share(48, 80), Share(56, 70))
    assert d == pytest.approx(0.2)
    assert 0.0524 < low < d < high < 0.3339
