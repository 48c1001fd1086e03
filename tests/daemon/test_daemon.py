"""The daemon: turns, what goes wrong in one, what is kept over restarts, reload and a clean end."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from aiops.core.errors import SourceError
from aiops.daemon.daemon import Daemon
from aiops.pipeline import Watch
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling


def warned(rig: Rig, **more: Any) -> Daemon:
    """A daemon with one open warning."""
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    daemon = rig.start(card(**more), anomaly_card())
    rig.until_warned()
    return daemon


def only_open(daemon: Daemon) -> Any:
    (found,) = daemon.store.open_warnings()
    return found


@contextmanager
def keeping_nothing(database: Path) -> Iterator[None]:
    """The database answers and keeps nothing new."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("CREATE TRIGGER refuse BEFORE INSERT ON turns BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    try:
        yield
    finally:
        other.execute("DROP TRIGGER refuse")
        other.close()


def test_a_turn_reads_decides_keeps_and_tells_the_board(rig: Rig) -> None:
    daemon = warned(rig)
    warning = only_open(daemon)
    assert (warning.card, dict(warning.entity), warning.stage) == ("disk", {"instance": "a"}, "shadow")
    assert daemon.store.last_turn("strange", "made") == int(rig.clock.now)
    assert daemon.board.ready() == (True, {"ready": True, "failing": {}, "waiting": []})


def test_a_dry_run_tells_nobody_and_leaves_nothing_to_be_told_later(rig: Rig) -> None:
    rig.dry_run = True
    daemon = warned(rig)
    assert only_open(daemon).state == "open"
    assert not [name for name in daemon.store.counts() if name.startswith("outbox")]


def test_told_is_what_opens(rig: Rig) -> None:
    daemon = warned(rig)
    assert daemon.store.counts()["outbox.queued"] == 1


def test_jobs_run_on_the_real_schedule(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    rig.world.begins_s = int(time.time()) - 600
    rig.clock = time.time  # type: ignore[assignment]
    rig.sources = {"made": {"kind": "made", "step": "1s"}}
    daemon = rig.start(card())
    daemon.start()
    end = time.monotonic() + 30
    while len({end_s for _, _, end_s, _ in rig.world.asked}) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    rig.stop()
    starts = [asked[1] for asked in rig.world.asked]
    assert len(starts) >= 3
    assert starts[2] > starts[1], "what was read is not read again"
    assert ("jobs", "turn disk@made", "ok") in daemon.board.counters


def test_a_failing_source_costs_its_cards_their_samples_and_ends_no_warning(rig: Rig) -> None:
    daemon = warned(rig)
    before = only_open(daemon)
    rig.world.error = SourceError("made", "unreachable", "connection refused")
    rig.clock.now += 300
    with structlog.testing.capture_logs() as logs:
        rig.turn()
    stale = only_open(daemon)
    assert stale == before.having(stale_since_s=int(rig.clock.now))
    ok, body = daemon.board.ready()
    assert (ok, body["failing"]) == (False, {"made": "unreachable: connection refused"})
    assert [(one["event"], one["source"], one["kind"]) for one in logs] == [("source failed", "made", "unreachable")]
    rig.world.error = None
    rig.clock.now += 300
    with structlog.testing.capture_logs() as logs:
        rig.turn()
    assert {one["event"] for one in logs} == {"source is well again"}
    assert daemon.board.ready()[0]
    assert only_open(daemon).updated_s == int(rig.clock.now)


def test_an_outage_that_lasts_is_told_once(rig: Rig) -> None:
    warned(rig)
    rig.world.error = SourceError("made", "timeout", "no answer")
    with structlog.testing.capture_logs() as logs:
        for _ in range(6):
            rig.clock.now += 300
            rig.turn("disk@made")
    assert len([one for one in logs if one["event"] == "source failed"]) == 1


def test_a_partial_answer_is_told(rig: Rig) -> None:
    warned(rig)
    rig.world.partial = ("2 of 3 stores did not answer",)
    rig.clock.now += 300
    with structlog.testing.capture_logs() as logs:
        rig.turn("disk@made")
    assert [(one["event"], one["said"]) for one in logs] == [("partial answer", "2 of 3 stores did not answer")]


def test_a_turn_that_raises_costs_that_watch_that_turn_and_nothing_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = warned(rig)
    watch, before = rig.watch("disk@made"), only_open(daemon)
    monkeypatch.setattr(watch.forecaster, "crossings", lambda *_: 1 / 0)
    rig.clock.now += 300
    with structlog.testing.capture_logs() as logs:
        rig.turn()
    assert [(one["event"], one["watch"]) for one in logs if one["log_level"] == "error"] == [("a turn failed", "disk@made")]
    assert daemon.board.ready()[1]["failing_cards"] == {"disk@made": "internal: ZeroDivisionError: division by zero"}
    assert daemon.store.last_turn("strange", "made") == int(rig.clock.now)
    assert only_open(daemon) == before
    rig.clock.now += 300
    rig.turn()
    assert rig.watch("disk@made") is not watch, "it is what the store and the disk know"
    after = only_open(daemon)
    assert (after.id, after.updated_s) == (before.id, int(rig.clock.now))
    assert daemon.board.ready() == (True, {"ready": True, "failing": {}, "waiting": []})


def test_a_watch_left_in_pieces_by_a_failed_turn_is_still_told_of(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = warned(rig)

    def half(self: Watch) -> None:
        self.entity_of = self.entity_of[:0]
        raise MemoryError

    grow = Watch.grow
    monkeypatch.setattr(Watch, "grow", half)
    rig.clock.now += 300
    rig.turn("disk@made")
    assert daemon.board.ready()[1]["failing_cards"] == {"disk@made": "internal: MemoryError: "}
    monkeypatch.setattr(Watch, "grow", grow)
    rig.clock.now += 300
    rig.turn("disk@made")
    assert only_open(daemon).updated_s == int(rig.clock.now)


def test_a_store_that_refuses_is_told_as_such_and_heals_without_a_restart(rig: Rig) -> None:
    daemon = warned(rig)
    before = only_open(daemon)
    rig.clock.now += 300
    with keeping_nothing(rig.data_dir / "aiops.db"), structlog.testing.capture_logs() as logs:
        rig.turn()
        daemon.send()
        ok, body = daemon.board.ready()
        assert not ok
        assert body["failing"] == {}, "no source is to blame"
        assert "disk is full" in str(body["store"])
        assert only_open(daemon) == before
        rig.clock.now += 300
        rig.turn()
    assert [one["event"] for one in logs] == ["the store fails"], "told once"
    rig.clock.now += 300
    with structlog.testing.capture_logs() as logs:
        rig.turn()
    assert [one["event"] for one in logs] == ["the store is well again"]
    assert daemon.board.ready()[0]
    assert (only_open(daemon).id, only_open(daemon).updated_s) == (before.id, int(rig.clock.now))


def test_a_verdict_that_was_not_kept_is_not_counted_into_the_record(rig: Rig) -> None:
    daemon = warned(rig)
    rig.at(13 * 3600)  # it has crossed
    with keeping_nothing(rig.data_dir / "aiops.db"):
        rig.turn("disk@made")
    assert daemon.store.outcomes() == []
    rig.clock.now += 300
    rig.turn("disk@made")
    assert [o.verdict for o in daemon.store.outcomes()] == ["hit"]
    assert daemon.rooms.record_of("disk")["settled"] == 1


def test_a_restart_takes_up_what_was_and_reads_only_what_it_missed(rig: Rig) -> None:
    before = only_open(warned(rig))
    rig.stop()
    asked, stopped = len(rig.world.asked), int(rig.clock.now)
    rig.clock.now += 900
    daemon = rig.start()
    rig.turn()
    after = only_open(daemon)
    assert (after.id, after.opened_s, after.updated_s) == (before.id, before.opened_s, stopped + 900)
    assert after.crossing is not None
    assert {a[1] for a in rig.world.asked[asked:]} == {stopped + 300}


def test_a_restart_within_one_step_does_not_take_the_turn_twice(rig: Rig) -> None:
    before = only_open(warned(rig))
    rig.stop()
    rig.clock.now += 10
    daemon = rig.start()
    assert not daemon.board.ready()[0]
    rig.turn()
    assert daemon.board.ready()[0]
    assert only_open(daemon) == before


def test_a_restart_without_its_windows_keeps_the_warning_open(rig: Rig) -> None:
    before = only_open(warned(rig, guards={"persistence": "1/4"}))  # the forecaster wants to see it more than once again
    rig.stop()
    shutil.rmtree(rig.data_dir / "windows")
    rig.clock.now += 300
    daemon = rig.start()
    rig.turn()
    assert (only_open(daemon).id, only_open(daemon).updated_s) == (before.id, int(rig.clock.now))


def test_damaged_state_is_told_and_learnt_anew(rig: Rig) -> None:
    warned(rig)
    rig.stop()
    for file in (rig.data_dir / "state").rglob("*.npz"):
        file.write_bytes(b"not what it was")
    for file in (rig.data_dir / "windows" / "strange@made").iterdir():
        file.write_bytes(b"nor this")
    daemon = rig.start()
    with structlog.testing.capture_logs() as logs:
        daemon.start()
    rig.stop()
    said = {(one["event"], one.get("watch")) for one in logs if one["log_level"] == "warning"}
    assert ("learnt state is learnt anew", "disk@made") in said
    assert ("history is read anew", "strange@made") in said


def test_what_cannot_be_kept_is_counted_and_told(rig: Rig) -> None:
    daemon = warned(rig)
    shutil.rmtree(rig.data_dir / "state")
    (rig.data_dir / "state").write_text("a file where a folder belongs")
    with structlog.testing.capture_logs() as logs:
        rig.stop()
    assert daemon.board.counters["saves_failed", "disk"] == 1
    assert "learnt state could not be kept" in {one["event"] for one in logs}


def test_learnt_state_is_kept_now_and_then(rig: Rig) -> None:
    rig.world.add("load", {"instance": "a"}, calm())
    rig.start(anomaly_card())
    rig.at(3600)
    rig.turn()
    for _ in range(2):
        kept = list((rig.data_dir / "state" / "strange@made").glob("*.json"))
        assert kept
        shutil.rmtree(rig.data_dir / "state")
        rig.clock.now += 300
        rig.turn()
