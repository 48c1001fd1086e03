"""The daemon: reload, a clean end, and what it imports."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import AiopsError, StoreError
from aiops.daemon.daemon import Daemon
from aiops.pipeline import assemble
from tests.daemon.rig import START_S, WORLDS, Rig, anomaly_card, calm, card
from tests.daemon.test_daemon import only_open, warned


def test_a_reload_stands_in_the_ledger_with_who_asked_and_what_came_of_it(rig: Rig) -> None:
    daemon = rig.start(card())
    assert daemon.reload("ann") == ""
    (rig.folder / "cards" / "bad.yaml").write_text("kind: ModelCard\n")
    assert daemon.reload() != ""
    rows = [row for row in daemon.store.ledger_rows() if row.action == "config.reload"]
    assert [(row.actor, row.detail["ok"], "why" in row.detail) for row in rows] == [("daemon", False, True), ("ann", True, False)]


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
@pytest.mark.row("X8")
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
