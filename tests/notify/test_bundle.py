"""Several messages as one: the most urgent first, only the last word on each."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.core.records import Crossing
from aiops.notify.bundle import LATE_S, SHOWN_AT_MOST, as_of, bundled
from tests.notify.samples import OPENED_S, anomaly, closed, message, warning


def about(number: int, left_s: float = 3600.0, **changes: Any) -> dict[str, Any]:
    at = OPENED_S + left_s
    one = warning(id=f"id{number}", crossing=Crossing(at - 60, at, at + 60), **changes)
    return message("opened", one) | {"bundle": {"env": "prod"}}


def test_one_message_stays_itself() -> None:
    assert bundled([about(1)], OPENED_S) == about(1)


def test_many_are_one_with_the_most_urgent_first() -> None:
    found = bundled([about(1, 7200), about(2, 3600), about(3, 9000, severity="critical")], OPENED_S)
    assert [one["warning_id"] for one in found["messages"]] == ["id3", "id2", "id1"]
    assert found["event"] == "bundle"
    assert found["title"].startswith("3 early warnings of prod: disk full on db1 /var in 2h30m")
    assert [line.split()[0] for line in found["text"].splitlines()] == ["-", "Act", "Wrong:"] * 3
    assert found["warning"]["id"] == "id3"


def test_what_is_over_comes_last_and_is_counted() -> None:
    over = message("closed", closed(OPENED_S + 60, id="id0", verdict="false")) | {"bundle": {}}
    found = bundled([over, about(1) | {"bundle": {}}], OPENED_S)
    assert [one["event"] for one in found["messages"]] == ["opened", "closed"]
    assert found["title"].startswith("2 early warnings, 1 of them over: ")


def test_only_the_last_word_on_a_warning_counts() -> None:
    over = message("closed", closed(OPENED_S + 60, id="id1", verdict="false")) | {"bundle": {}}
    found = bundled([about(1), over], OPENED_S)
    assert [one["event"] for one in found["messages"]] == ["closed"]
    assert "was wrong" in found["title"]


def test_warnings_that_tell_no_time_come_after_those_that_do() -> None:
    found = bundled([message("opened", anomaly(id="id9")), about(1)], OPENED_S)
    assert [one["warning_id"] for one in found["messages"]] == ["id1", "id9"]


def test_every_warning_says_until_when_to_act_and_how_to_call_it_wrong() -> None:
    linked = about(2) | {"episode_url": "https://a.example/warnings/id2", "wrong_url": "https://a.example/feedback/id2?key=k"}
    lines = bundled([about(1), linked], OPENED_S)["text"].splitlines()
    assert lines[1] == "  Act before: 2026-03-02 13:40 UTC (in 5h30m)"
    assert lines[2] == "  Wrong: aiops warnings feedback id1 noise"
    assert lines[5] == "  Wrong: https://a.example/feedback/id2?key=k"


def test_what_waited_says_how_old_it_is() -> None:
    over = message("closed", closed(OPENED_S + 60, id="id0", verdict="false")) | {"bundle": {}}
    late = bundled([over, about(1)], OPENED_S + 8 * 3600)
    first, second = (line for line in late["text"].splitlines() if line.startswith("- "))
    assert late["title"].startswith("2 early warnings of prod, 1 of them over: as of 8h ago: disk full on db1 /var in 1h")
    assert first.startswith("- as of 8h ago: disk full")
    assert second.startswith("- disk full")  # what is over stays over
    alone = as_of(about(1), OPENED_S + 3600)
    assert alone["title"].startswith("as of 1h ago: disk full on db1 /var in 1h")
    assert alone["text"].splitlines()[0] == "Late: this is what was known 1h ago, look whether it still holds"
    assert as_of(about(1), OPENED_S + LATE_S - 1) == about(1)


def test_what_is_over_asks_for_nothing() -> None:
    over = message("closed", closed(OPENED_S + 60, id="id1"))
    judged = message("judged", closed(OPENED_S + 60, id="id2", verdict="averted"))
    assert all(line.startswith("- ") for line in bundled([over, judged], OPENED_S)["text"].splitlines())


@pytest.mark.parametrize("long", [1, 200])
def test_a_flood_stays_short(long: int) -> None:
    found = bundled([about(i) | {"wrong_url": "https://a.example/" + "k" * long} for i in range(500)], OPENED_S)
    lines = found["text"].splitlines()
    shown = sum(line.startswith("- ") for line in lines)
    assert 10 < shown <= SHOWN_AT_MOST
    assert lines[-1] == f"and {500 - shown} more: aiops warnings list"
    assert len(found["text"]) < 6000
    assert len(found["messages"]) == 500


def test_labels_say_nothing_of_their_own() -> None:
    found = bundled([about(1) | {"bundle": {"env": "a\nb"}}, about(2) | {"bundle": {"env": "a\nb"}}], OPENED_S)
    assert "\n" not in found["title"]
