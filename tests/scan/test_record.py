"""What warnings were worth: hits, false ones, lead, and the words for it."""

from __future__ import annotations

import numpy as np

from aiops.scan.record import Judged, Record, judged, merged, starts, unfired, unserved

LOOKS = np.arange(0, 100_000, 600)


def told(*spans: tuple[int, int, float]) -> np.ndarray:
    """Latest times told: (first look, last look, latest)."""
    out = np.full(len(LOOKS), np.nan)
    for first, last, latest in spans:
        out[(first <= LOOKS) & (last >= LOOKS)] = latest
    return out


def test_a_warning_is_a_hit_when_it_fires_before_its_latest_time() -> None:
    assert judged(LOOKS, told((6000, 12000, 20000.0)), [15000.0]) == Judged(1, 1, 0, (9000.0,))


def test_it_is_false_when_that_time_passed_or_the_firing_came_before_it() -> None:
    assert judged(LOOKS, told((6000, 12000, 20000.0)), [5000.0, 20001.0]) == Judged(1, 0, 1)


def test_it_is_open_while_its_latest_time_is_to_come() -> None:
    assert judged(LOOKS, told((90000, 99600, 200000.0)), []) == Judged(1, 0, 0)


def test_warnings_ahead_of_one_firing_are_one_and_the_first_counts() -> None:
    found = judged(LOOKS, told((6000, 7200, 30000.0), (18000, 19200, 30000.0)), [25000.0])
    assert found == Judged(1, 1, 0, (19000.0,))


def test_a_short_silence_does_not_end_a_warning_and_a_long_one_does() -> None:
    assert judged(LOOKS, told((6000, 7200, 30000.0), (9000, 9600, 30000.0)), []).warned == 1
    assert judged(LOOKS, told((6000, 7200, 30000.0), (9600, 10200, 30000.0)), []).warned == 2


def test_nothing_told_is_nothing_judged() -> None:
    assert judged(LOOKS, told(), [15000.0]) == Judged(0, 0, 0)


def test_what_fires_from_the_first_instant_on_began_before() -> None:
    firing = np.array([True, True, False, True, True, False, True])
    assert starts(firing, np.arange(7) * 300) == [900.0, 1800.0]
    assert merged([firing, ~firing]).all()


def test_the_words_for_a_record() -> None:
    record = Record(Judged(3, 2, 1, (3600.0, 8400.0)), Judged(9, 2, 7), 4)
    assert record.sentence() == (
        "in the last 14 days it fired 4 times; it would have warned 3 times: 2 hits, 1 false, median 1h40m ahead; "
        "predict_linear: 9 times, 2 hits"
    )
    found = record.as_json()
    assert (found["computed"], found["warned"], found["hits"], found["false"], found["median_lead_s"]) == (True, 3, 2, 1, 6000.0)
    assert found["predict_linear"] == {"warned": 9, "hits": 2, "false": 7}
    assert record.telling


def test_one_that_was_not_computed_says_so() -> None:
    assert Record().sentence() == "not computed; --full"
    assert Record().as_json()["computed"] is False
    assert not Record().telling
    assert "1 open" in Record(Judged(1, 0, 0), Judged(0, 0, 0)).sentence()


def test_a_condition_that_held_long_without_an_alert_shows_that_the_rule_was_not_there() -> None:
    true = np.zeros(60, bool)
    fired = np.zeros(60, bool)
    true[10:30] = True
    true[40:60] = True
    fired[42:60] = True
    assert unserved(true, fired, 600.0) == 29
    assert unserved(true, fired | true, 600.0) == -1
    assert unserved(true, fired, 6000.0) == -1  # it never held for so long
    assert unserved(np.zeros(60, bool), fired, 0.0) == -1


def test_a_condition_that_held_briefly_without_an_alert_leaves_in_doubt_whether_the_rule_was_there() -> None:
    true = np.zeros(60, bool)
    for first, last in ((0, 2), (5, 12), (20, 23), (30, 31), (58, 60)):
        true[first:last] = True
    never = np.zeros(60, bool)
    assert unfired(true, never, 0, 0.0) == 3  # neither what held before the first instant nor what still holds
    assert unfired(true, never, 0, 600.0) == 2
    assert unfired(true, never, 11, 600.0) == 1
    assert unfired(true, never | (np.arange(60) == 59), 0, 0.0) == 0  # what fired once tells it by that
    said = Record(Judged(2, 0, 2), Judged(0, 0, 0), unfired=2)
    assert "it did not fire, though its condition held 2 times: perhaps it is newer than that; it would" in said.sentence()
    assert said.as_json()["held_unfired"] == 2
    assert Record(Judged(0, 0, 0), Judged(0, 0, 0), unfired=2).telling


def test_warnings_from_before_are_left_out() -> None:
    look_s = np.arange(0, 6000, 600)
    latest = np.where((look_s == 600) | (look_s == 4200), look_s + 1000.0, np.nan)
    assert judged(look_s, latest, []).false == 2
    assert judged(look_s, latest, [], since_s=1000.0) == Judged(1, 0, 1)
