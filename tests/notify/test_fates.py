"""What became of those a warning spoke for, counted and in words."""

from __future__ import annotations

import pytest

from aiops.notify.fates import CARDS_AT_MOST, NAMED_AT_MOST, Fate, leading, lines, tally, title_of
from aiops.notify.message import Audience, News, key_of, outbox_rows, payload_of
from tests.notify.samples import HOSTILE, OPENED_S, closed, outcome, route

MANY = tuple({"id": f"m{i}", "entity": {"cluster": "eu", "instance": f"db{i}"}, "opened_s": OPENED_S} for i in range(15))
CAUSE = closed(OPENED_S + 60, entity={"cluster": "eu"}, members=MANY)


def fates(*verdicts: str | None) -> list[Fate]:
    return [Fate(f"m{i}", "disk_full", verdict) for i, verdict in enumerate(verdicts)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "counts", "word"),
    [
        ((), {}, ""), (("false", "hit", "false"), {"hit": 1, "false": 2}, "hit"),
        (("hit", None), {"hit": 1, "pending": 1}, "pending"), (("false", "averted"), {"averted": 1, "false": 1}, "averted"),
        (("expired", "unjudgeable"), {"unjudgeable": 1, "expired": 1}, "unjudgeable"),
    ],
)  # fmt: skip
def test_what_matters_most_leads_and_nothing_does_while_one_waits(
    verdicts: tuple[str | None, ...], counts: dict[str, int], word: str
) -> None:
    found = tally(fates(*verdicts))
    assert (found, list(found), leading(fates(*verdicts))) == (counts, list(counts), word)


def test_entities_are_named_by_what_became_of_them_as_many_as_a_line_holds() -> None:
    said = list(lines(CAUSE, fates("hit", *["false"] * 13, None)))
    names = ", ".join(f"db{i}" for i in range(1, NAMED_AT_MOST + 1))
    assert said == [
        "Verdict: came true on 1: db0", f"Verdict: was wrong on 13: {names} and 3 more", "Not judged yet on 1: db14",
    ]  # fmt: skip
    assert title_of(fates("hit", *["false"] * 13, None)) == "came true on 1, was wrong on 13, 1 not judged yet"


def test_names_from_outside_stay_on_their_line() -> None:
    (line,) = lines(closed(OPENED_S, members=({"id": "m0", "entity": HOSTILE, "opened_s": OPENED_S},)), fates("hit"))
    assert line.isprintable()


def test_what_was_told_with_another_is_named_by_its_card_alone() -> None:
    some = [Fate(str(i), f"card_{i % 7}", "false") for i in range(21)]
    (line,) = lines(closed(OPENED_S), some)
    assert line.startswith("With it: card 0 was wrong (3 times); card 1 was wrong (3 times)")
    assert line.endswith(f"; and {7 - CARDS_AT_MOST} more")
    assert list(lines(closed(OPENED_S), [])) == []


def test_a_message_counts_them_and_is_another_one_once_they_are_judged() -> None:
    before, after = fates("hit", None), fates("hit", "false")
    payload = payload_of(News("closed", CAUSE, OPENED_S + 60, 60, fates=before))
    assert (payload["verdict"], payload["verdicts"]) == ("pending", {"hit": 1, "pending": 1})
    (row,) = outbox_rows(News("judged", CAUSE, OPENED_S + 99, 60, fates=after), Audience([route("am")]))
    assert (row.payload["verdict"], row.payload["if_told"]) == ("hit", True)
    own = outcome(CAUSE)
    judged = {key_of(News("judged", CAUSE, OPENED_S, 60, outcome=own, fates=some)) for some in ([], after)}
    keys = {key_of(News("closed", CAUSE, OPENED_S, 60)), *judged}
    assert len(keys) == 3
    assert all(key.startswith(f"{CAUSE.id}:") for key in keys)
