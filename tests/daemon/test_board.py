"""The board: rest and backoff, what is ready, what is told of a source and of the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiops.core.errors import SourceError
from aiops.core.records import Outcome
from aiops.daemon.board import WAITS_AT_MOST_S, Board, WatchState
from aiops.pipeline import Event, TurnResult
from aiops.telemetry.breaker import Resting


def board(*names: str, every_s: float = 5.0) -> Board:
    found = Board(0.0)
    found.enter({name: state(name, every_s) for name in names})
    return found


def state(name: str, every_s: float = 5.0) -> WatchState:
    card, _, source = name.partition("@")
    return WatchState(card, source, tuple(source.split("+")), every_s, "shadow", 0.0)


def result(name: str, error: str = "", **more: Any) -> TurnResult:
    """A turn of a watch; an error that is none of ours is that of its only source."""
    kind, _, message = error.partition(":")
    source = name.partition("@")[2]
    failed = SourceError(source, kind, message) if error else None
    if failed is not None and kind != "internal":
        more.setdefault("failed", {source: failed})
    return TurnResult(name, 0, 0.1, {"active": 1}, (), error=failed, **more)


def test_nothing_is_ready_before_the_first_turn_of_every_source() -> None:
    found = board("a@x", "b@x", "a@y")
    assert found.ready() == (False, {"ready": False, "failing": {}, "waiting": ["x", "y"]})
    found.turned(result("a@x"), 1.0, 1.0)
    assert not found.ready()[0]
    found.turned(result("a@y"), 1.0, 1.0)
    assert found.ready() == (True, {"ready": True, "failing": {}, "waiting": []})


def test_one_failing_source_of_two_is_named_and_does_not_end_being_ready() -> None:
    found = board("a@x", "a@y")
    found.turned(result("a@x", "timeout:no answer within 10 s"), 1.0, 1.0)
    found.turned(result("a@y"), 1.0, 1.0)
    ok, body = found.ready()
    assert ok
    assert body["failing"] == {"x": "timeout: no answer within 10 s"}


def test_when_all_sources_fail_it_is_not_ready() -> None:
    found = board("a@x", "a@y")
    for name in ("a@x", "a@y"):
        found.turned(result(name, "unreachable:refused"), 1.0, 1.0)
    assert not found.ready()[0]


def test_a_failing_card_on_a_source_that_others_read_is_named() -> None:
    found = board("a@x", "b@x")
    found.turned(result("a@x", "bad_query:what is this"), 1.0, 1.0)
    found.turned(result("b@x"), 1.0, 1.0)
    ok, body = found.ready()
    assert ok
    assert body["failing"] == {}
    assert body["failing_cards"] == {"a@x": "bad_query: what is this"}


def test_a_failing_store_is_not_ready_and_heals_when_every_complaint_is_taken_back() -> None:
    found = board("a@x", "b@x")
    for name in ("a@x", "b@x"):
        found.turned(result(name), 1.0, 1.0)
    assert found.store_said("a@x", "store: read-only")
    assert not found.store_said("b@x", "store: read-only")
    ok, body = found.ready()
    assert not ok
    assert body["store"] == "store: read-only"
    assert not found.store_said("a@x", "")
    assert not found.ready()[0]
    assert found.store_said("b@x", "")
    assert found.ready()[0]


def test_a_watch_that_fails_for_no_sources_fault_rests_ever_longer_and_at_most_so_long() -> None:
    found = board("a@x")
    rests = []
    for _ in range(12):
        found.turned(result("a@x", "internal:"), 100.0, 0.0)
        rests.append(found.watches["a@x"].rests_until_s - 100.0)
    assert rests[:4] == [0.0, 5.0, 15.0, 35.0]
    assert rests == sorted(rests)
    assert rests[-1] == WAITS_AT_MOST_S


def test_one_good_turn_ends_the_rest() -> None:
    found = board("a@x")
    for _ in range(5):
        found.turned(result("a@x", "internal:"), 100.0, 0.0)
    found.turned(result("a@x"), 200.0, 0.0)
    watch = found.watches["a@x"]
    assert (watch.failures, watch.rests_until_s, watch.last_success_s) == (0, 0.0, 200.0)


def test_a_watch_is_overdue_from_the_second_turn_it_owes() -> None:
    watch = state("a@x", 5.0)
    assert [watch.overdue_s(t) for t in (0.0, 10.0, 13.0)] == [0.0, 0.0, 3.0]
    watch.last_success_s = 100.0
    assert [watch.overdue_s(t) for t in (104.0, 110.0, 125.0)] == [0.0, 0.0, 15.0]


def test_failed_reads_are_counted_by_source_and_kind_and_events_by_card() -> None:
    found = board("a@x")
    found.turned(result("a@x", "timeout:"), 1.0, 0.0)
    verdict = Outcome("w", "a", {}, "hit", 1, 0, 1, 1.0, None, None)
    events = (Event("opened", 0), Event("updated", 0), Event("outcome", 0, None, verdict))
    found.turned(TurnResult("a@x", 0, 0.1, {}, events), 2.0, 0.0)
    assert dict(found.counters) == {
        ("source_errors", "x", "timeout"): 1,
        ("events", "a", "opened", ""): 1,
        ("events", "a", "outcome", "hit"): 1,
    }


def away(name: str, source: str, error: str = "") -> TurnResult:
    """A turn that went without one of its sources."""
    kind, _, message = error.partition(":")
    return TurnResult(name, 0, 0.1, {}, (), failed={source: SourceError(source, kind, message)} if error else {})


def test_a_source_that_fails_beside_others_is_named_though_the_card_goes_on() -> None:
    found = board("a@x+y", "b@x+y")
    for name in ("a@x+y", "b@x+y"):
        found.turned(away(name, "y", "timeout:slow"), 1.0, 1.0)
    ok, body = found.ready()
    assert ok
    assert body["failing"] == {"y": "timeout: slow"}
    assert "failing_cards" not in body


def test_an_outage_is_told_once_for_all_cards_and_once_when_it_is_over() -> None:
    found = board("a@x+y", "b@x+y", "c@x+y")
    names = ("a@x+y", "b@x+y", "c@x+y")
    told = [new for name in names for new in found.turned(away(name, "y", "unreachable:refused"), 1.0, 1.0)]
    assert [(name, error and error.kind) for name, error in told] == [("y", "unreachable")]
    back = [new for name in names for new in found.turned(away(name, "y"), 2.0, 1.0)]
    assert back == [("y", None)]


def test_sources_that_fail_together_are_one_outage() -> None:
    found = board()
    found.enter({"a@x+y+z": state("a@x+y+z")}, {"x": "dc1", "y": "dc1", "z": "z"})
    error = SourceError("s", "timeout", "slow")
    told = found.turned(TurnResult("a@x+y+z", 0, 0.1, {}, (), error=error, failed=dict.fromkeys("xyz", error)), 1.0, 1.0)
    assert [name for name, _ in told] == ["x", "z"]
    assert [name for name, _ in found.turned(away("a@x+y+z", "y", "timeout:slow"), 2.0, 1.0)] == ["z"]
    assert [name for name, _ in found.turned(away("a@x+y+z", "y"), 3.0, 1.0)] == ["y"]


def test_how_much_older_history_has_been_read_is_counted_over_all_cards() -> None:
    found = board("a@x", "b@x")
    assert found.backfilled() == 1.0
    found.turned(result("a@x", behind_s=300), 1.0, 1.0)
    found.turned(result("b@x", behind_s=100), 1.0, 1.0)
    assert found.backfilled() == 0.0
    found.turned(result("a@x", behind_s=100), 2.0, 1.0)
    assert found.backfilled() == 0.5
    found.turned(result("a@x", "timeout:slow"), 3.0, 1.0)
    assert found.backfilled() == 0.5, "a turn that failed read nothing and lost nothing"


def test_what_only_rests_is_no_new_failure() -> None:
    found = board("a@x", "b@x")
    found.turned(result("a@x", "timeout:slow"), 1.0, 1.0)
    resting = Resting("x", "timeout", "slow")
    found.turned(result("b@x", "timeout:slow", failed={"x": resting}), 1.0, 1.0)
    assert found.counters["source_errors", "x", "timeout"] == 1


def test_a_query_that_one_source_cannot_answer_is_told_for_that_card() -> None:
    found = board("a@x", "b@x")
    told = [found.turned(result(name, "bad_query:what"), 1.0, 1.0) for name in ("a@x", "b@x", "a@x")]
    assert [[name for name, _ in one] for one in told] == [["x"], ["x"], []]
    assert found.turned(result("a@x"), 2.0, 1.0) == [("x", None)]


def test_a_reload_keeps_what_is_known_of_the_watches_that_stay() -> None:
    found = board("a@x", "b@x")
    found.turned(result("a@x"), 7.0, 1.0)
    found.enter({"a@x": state("a@x"), "c@x": state("c@x")})
    assert set(found.watches) == {"a@x", "c@x"}
    assert (found.watches["a@x"].last_turn_s, found.watches["a@x"].states) == (7.0, {"active": 1})
    assert found.watches["c@x"].last_turn_s is None


def test_a_reload_does_not_make_a_failing_source_look_well() -> None:
    found = board("a@x")
    found.turned(result("a@x", "timeout:slow"), 7.0, 1.0)
    found.enter({"a@x": state("a@x")})
    assert found.sources() == {"x": "timeout: slow"}


def test_a_turn_that_was_done_before_a_restart_counts_as_the_first_one() -> None:
    found = board("a@x")
    found.nothing_new("a@x", 3.0)
    assert found.ready()[0]
    found.nothing_new("a@x", 9.0)
    assert found.watches["a@x"].last_success_s == 3.0


def test_a_refused_reload_says_why_and_the_time_of_the_last_good_one_stays() -> None:
    found = board()
    found.reloaded(5.0, "")
    found.reloaded(9.0, "aiops.yaml:1:1: what is this")
    assert (found.reload_ok, found.reload_error, found.reloaded_s) == (False, "aiops.yaml:1:1: what is this", 5.0)


def test_what_is_kept_of_an_error_is_what_it_says_and_nothing_that_it_held() -> None:
    found = board("a@x")
    try:
        try:
            raise ValueError("an answer of 64 MB")
        except ValueError as cause:
            raise SourceError("x", "too_many_bytes", "larger than the cap") from cause
    except SourceError as error:
        found.turned(replace(result("a@x"), error=error), 1.0, 1.0)
    kept = found.watches["a@x"].error
    assert kept is not None
    assert (kept.kind, kept.message) == ("too_many_bytes", "larger than the cap")
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
