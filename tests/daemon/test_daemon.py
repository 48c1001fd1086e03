"""The daemon: turns, what goes wrong in one, what is kept over restarts, reload and a clean end."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from aiops.config.settings import load_settings
from aiops.core.errors import AiopsError, FileError, SourceError, StoreError
from aiops.daemon.daemon import Daemon, load_all
from aiops.pipeline import Watch, assemble
from tests.daemon.rig import START_S, WORLDS, Rig, anomaly_card, calm, card, falling


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
    assert only_open(daemon) == before
    ok, body = daemon.board.ready()
    assert (ok, body["failing"]) == (False, {"made": "unreachable: connection refused"})
    assert {(one["event"], one["source"], one["watch"]) for one in logs} == {
        ("source failed", "made", "disk@made"), ("source failed", "made", "strange@made"),
    }  # fmt: skip
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
    said = {(one["event"], one["watch"]) for one in logs if one["log_level"] == "warning"}
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


def test_a_reload_takes_up_new_cards_and_keeps_windows_and_warnings(rig: Rig) -> None:
    daemon = warned(rig)
    before, token = only_open(daemon), daemon.token
    asked = len(rig.world.asked)
    rig.world.add("inodes", {"instance": "a"}, calm())
    rig.write(card(), anomaly_card(), card("inode", "inodes"))
    rig.clock.now += 300
    assert daemon.reload() == ""
    rig.turn()
    assert {w.name for w in daemon.rooms.watches} == {"disk@made", "strange@made", "inode@made"}
    assert (only_open(daemon).id, only_open(daemon).updated_s) == (before.id, int(rig.clock.now))
    assert daemon.token == token
    old = [a for a in rig.world.asked[asked:] if a[0] == "free"]
    assert old, "the old card goes on"
    assert {a[1] for a in old} == {int(rig.clock.now)}, "and reads no history again"
    assert daemon.board.reload_ok


def test_a_reload_lets_go_of_cards_that_are_gone(rig: Rig) -> None:
    daemon = warned(rig)
    rig.write(anomaly_card())
    assert daemon.reload() == ""
    assert set(daemon.board.watches) == {"strange@made"}
    assert daemon.store.open_warnings(), "its warning stays to be seen"


def test_a_reload_takes_up_a_new_source_and_lets_go_of_an_old_one(rig: Rig) -> None:
    daemon = warned(rig)
    rig.sources = {"second": {"kind": "made", "world": "other"}}
    rig.write(card())
    assert daemon.reload() == ""
    WORLDS["other"].add("free", {"instance": "b"}, calm())
    rig.clock.now += 300
    rig.turn()
    assert WORLDS["other"].asked
    assert daemon.board.sources() == {"second": ""}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("sources: {made: {kind: made}}\nlimits: {series: many}\n", "aiops.yaml:2:"),
        ("sources: [\n", "aiops.yaml:"),
        ("sources: {made: {kind: unknown}}\n", "no kind 'unknown'"),
        ("sources: {made: {kind: made}}\ncards: [missing]\n", "missing"),
    ],
)
def test_a_bad_file_leaves_everything_as_it_was(rig: Rig, broken: str, said: str) -> None:
    daemon = warned(rig)
    before, rooms, at = only_open(daemon), daemon.rooms, daemon.board.reloaded_s
    rig.config.write_text(broken)
    rig.clock.now += 300
    error = daemon.reload()
    assert said in error
    assert (daemon.board.reload_ok, daemon.board.reload_error, daemon.board.reloaded_s) == (False, error, at)
    assert daemon.rooms is rooms
    rig.turn()
    assert (only_open(daemon).id, only_open(daemon).updated_s) == (before.id, int(rig.clock.now))
    rig.write(card(), anomaly_card())
    assert daemon.reload() == ""
    assert daemon.board.reload_ok


def test_mistakes_in_cards_are_told_with_their_places_all_at_once(rig: Rig) -> None:
    daemon = warned(rig)
    for name in ("disk", "strange"):
        (rig.folder / "cards" / f"{name}.yaml").write_text(json.dumps(card(name) | {"unit": ""}))
    error = daemon.reload()
    assert len(error.splitlines()) == 2
    for line, name in zip(error.splitlines(), ("disk", "strange"), strict=True):
        assert f"{name}.yaml:1:" in line


def test_a_disk_that_fails_in_the_middle_of_a_reload_costs_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = warned(rig)
    rooms = daemon.rooms

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aiops.daemon.daemon.assemble", full)
    rig.clock.now += 300
    assert "No space left" in daemon.reload()
    monkeypatch.setattr("aiops.daemon.daemon.assemble", assemble)
    assert daemon.rooms is rooms
    rig.turn()
    assert only_open(daemon).updated_s == int(rig.clock.now)


def test_where_the_data_lives_cannot_change_while_it_runs(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    rig.more = {"data_dir": "data", "web": {"listen": "127.0.0.1:9"}}
    rig.write(card())
    load = lambda: load_settings(rig.config)  # noqa: E731
    daemon = rig.daemon = Daemon(load(), load, clock=rig.clock)
    rig.more = {"data_dir": "elsewhere", "web": {"listen": "127.0.0.1:10"}}
    rig.write(card())
    assert daemon.reload() == "data_dir, web cannot change while the daemon runs; start it again"
    assert not (rig.folder / "elsewhere").exists()
    assert daemon.settings.data_dir == rig.folder / "data"


def test_an_argument_stands_above_the_file_at_a_reload_too(rig: Rig) -> None:
    daemon = warned(rig)
    rig.more = {"data_dir": "elsewhere"}
    rig.write(card())
    assert daemon.reload() == ""
    assert daemon.settings.data_dir == rig.data_dir


def test_nothing_is_reloaded_once_it_stops(rig: Rig) -> None:
    daemon = warned(rig)
    daemon.stop()
    assert daemon.reload() == "it is stopping"
    daemon.stop()


def test_stopping_waits_for_the_turn_that_runs_and_lets_go_of_the_folder(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    inside, release = threading.Event(), threading.Event()

    def slow(times: Any) -> Any:
        inside.set()
        release.wait(20)
        return calm()(times)

    rig.world.add("free", {"instance": "b"}, slow)
    rig.at(600)
    daemon = rig.start(card())
    daemon.start()
    assert inside.wait(20)
    stopper = threading.Thread(target=daemon.stop)
    stopper.start()
    time.sleep(0.1)
    assert stopper.is_alive()
    release.set()
    stopper.join(20)
    again = rig.start()
    assert again.store.last_turn("disk", "made") == START_S + 600


def test_two_daemons_do_not_share_a_folder(rig: Rig) -> None:
    warned(rig)
    load = lambda: load_settings(rig.config, data_dir=rig.data_dir)  # noqa: E731
    with pytest.raises(StoreError, match=r"in use by pid \d+; stop it or give another --data-dir"):
        Daemon(load())


def test_a_daemon_that_cannot_begin_lets_go_of_the_folder(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.write(card())

    def broken(*_: object) -> None:
        raise AiopsError("not today")

    monkeypatch.setattr("aiops.daemon.daemon.assemble", broken)
    with pytest.raises(AiopsError, match="not today"):
        rig.start()
    monkeypatch.setattr("aiops.daemon.daemon.assemble", assemble)
    rig.start()


def test_mistakes_in_cards_and_in_runbooks_are_told_together(rig: Rig) -> None:
    (rig.folder / "bad.yaml").write_text("kind: Runbook\n")
    rig.more = {"runbooks": ["bad.yaml"]}
    rig.write(card() | {"unit": ""})
    with pytest.raises(FileError) as found:
        load_all(load_settings(rig.config, data_dir=rig.data_dir))
    assert {Path(m.path).name for m in found.value.mistakes} == {"disk.yaml", "bad.yaml"}


def test_the_daemon_imports_no_heavy_library() -> None:
    import subprocess
    import sys
    import tempfile

    program = (
        "import sys, pathlib; from aiops.config.settings import load_settings; from aiops.web import serve\n"
        "serve.configure('error'); d = serve.Daemon(load_settings(None, data_dir=pathlib.Path(sys.argv[1]))); serve.make_app(d)\n"
        "[d.tick(w.name) for w in d.rooms.watches]; d.stop()\n"
        "print(*sorted(m for m in ('sklearn', 'scipy', 'statsmodels', 'pandas', 'pyarrow', 'numba', 'alembic',"
        " 'prometheus_api_client', 'matplotlib') if m in sys.modules))"
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
