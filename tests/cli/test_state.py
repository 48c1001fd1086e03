"""`aiops state`: what is kept is shown, looked through, and taken elsewhere and back whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.config.settings import Settings
from aiops.daemon.daemon import Daemon
from aiops.daemon.witness import Witness
from aiops.models.state_files import save_state
from aiops.store import Store
from tests.postgres import Server
from tests.postgres import postgres as postgres
from tests.store.samples import outcome, warning

HOLDER = """
import sys, pathlib
from aiops.store import Store
store = Store.open(sys.argv[2], pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


def aiops(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["state", *map(str, arguments)])


def told(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in aiops(*arguments, "-o", "json").stdout.splitlines()]


@contextmanager
def held(folder: Path, url: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that has the store open, as a daemon has."""
    command = [sys.executable, "-c", HOLDER, str(folder), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a daemon that watched this host for some turns."""
    folder = tmp_path_factory.mktemp("lived") / "data"
    daemon = Daemon(Settings(data_dir=folder))
    for watch in daemon.rooms.watches:
        daemon.tick(watch.name)
    daemon.stop()
    with closing(Store.open("", folder)) as store:
        with store.transaction() as tx:
            tx.put_warning(warning(1), warning(2))
            tx.put_outcome(outcome(1))
            tx.record("daemon", "x", "y", {"n": 1}, time.time())
        Witness(store, folder).look(time.time() + 400)
        save_state(folder / "evidence", "0000000000000001", {"values": np.arange(3.0)}, {"kind": "score"})
    (folder / "masks").mkdir()
    (folder / "masks" / "night.json").write_text("{}")
    (folder / "kill-switch").write_text("ann: maintenance\n")
    return folder


@pytest.fixture
def data(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "data"))


def test_what_is_kept_is_shown_while_somebody_is_at_it(data: Path) -> None:
    with held(data) as process:
        parts = told("show", "--data-dir", data)
        text = aiops("show", "--data-dir", data)
    store, watches = parts[0], [one for one in parts if one["what"] == "watch"]
    assert (store["what"], store["facts"]["rows"]["warnings"], store["ok"]) == ("store", 2, True)
    assert store["facts"]["holder"] == f"pid {process.pid}"
    assert {one["name"] for one in watches} >= {"disk_full@host", "memory_exhaustion@host"}
    disks = next(one for one in watches if one["name"] == "disk_full@host")
    assert disks["facts"]["series"] >= 1
    assert disks["facts"]["learnt_s"] == disks["facts"]["window_s"] == disks["at_s"]
    assert disks["bytes"] > 100_000
    assert parts[-1]["facts"] == {"warnings": 1}
    assert (text.exit_code, len(text.stdout.splitlines())) == (0, len(parts))
    assert f"in use by pid {process.pid}" in text.stdout
    assert told("show", "--data-dir", data)[0]["facts"]["holder"] == ""


def test_all_that_is_whole_is_verified(data: Path) -> None:
    done = aiops("verify", "--data-dir", data)
    assert done.exit_code == 0, done.output
    assert "rows, unchanged; the first" in done.stdout
    assert "NOT WHOLE" not in done.stdout
    assert all(one["ok"] for one in told("verify", "--data-dir", data))


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_every_part_that_is_not_whole_is_named(data: Path) -> None:
    _spoil(next((data / "state" / "disk_full@host").glob("learnt.*.npz")))
    (data / "state" / "memory_exhaustion@host" / "learnt.json").write_text("{")
    _spoil(data / "windows" / "load_anomaly@host" / "window.state")
    _spoil(next((data / "evidence").glob("*.npz")))
    with closing(sqlite3.connect(data / "aiops.db")) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("UPDATE ledger SET actor = 'x' WHERE seq = 2")
        connection.execute("""UPDATE outcomes SET body = '{"told": null}'""")
        connection.commit()
    checkpoints = data / "checkpoints.ndjson"
    last = json.loads(checkpoints.read_text().splitlines()[-1])
    checkpoints.write_text(json.dumps({**last, "time": 1.0}))
    done = aiops("verify", "--data-dir", data, "-o", "json")
    bad = {(one["what"], one["name"]): one["why"] for one in map(json.loads, done.stdout.splitlines()) if not one["ok"]}
    assert done.exit_code == 1
    assert {name for _, name in bad} == {
        "aiops.db", "checkpoints.ndjson", "disk_full@host", "memory_exhaustion@host", "load_anomaly@host", "0000000000000001",
    }  # fmt: skip
    assert "its content was changed" in bad["ledger", "aiops.db"]
    assert "outcomes: row 1 cannot be read" in bad["store", "aiops.db"]
    assert "digest" in bad["watch", "disk_full@host"]
    assert "description is damaged" in bad["watch", "load_anomaly@host"]
    assert aiops("verify", "--data-dir", data).stdout.count("NOT WHOLE") == 7
    assert aiops("show", "--data-dir", data).exit_code == 0


def test_a_copy_made_beside_a_running_daemon_is_a_data_directory(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with held(data):
        (done,) = told("export", copy, "--data-dir", data)
    assert (done["ok"], done["tables"]["warnings"]) == (True, 2)
    assert sorted(p.name for p in copy.iterdir()) == [
        "aiops.db", "checkpoints.ndjson", "evidence", "kill-switch", "ledger.pub", "masks",
    ]  # fmt: skip
    assert copy.stat().st_mode & 0o777 == 0o700
    assert aiops("verify", "--data-dir", copy).exit_code == 0
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(done))
    held_to = CliRunner().invoke(app, ["audit", "verify", "--data-dir", str(data), "--against", str(kept)])
    assert (held_to.exit_code, "are those of" in held_to.stdout) == (0, True)
    again = aiops("export", copy, "--data-dir", data)
    assert (again.exit_code, again.stdout, "is there already; name a new folder" in again.stderr) == (1, "", True)
    with_keys = tmp_path / "deep" / "down"
    assert aiops("export", with_keys, "--keys", "--data-dir", data).exit_code == 0
    for name in ("ledger.key", "mask.key"):
        assert (with_keys / name).read_bytes() == (data / name).read_bytes()
        assert (with_keys / name).stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "data", "deep", "kept.json"]


def test_what_was_copied_is_taken_in_whole_and_the_next_daemon_goes_on(data: Path, tmp_path: Path) -> None:
    aiops("export", tmp_path / "copy", "--keys", "--data-dir", data)
    new = tmp_path / "new"
    (done,) = told("import", tmp_path / "copy", "--data-dir", new, "--by", "ann")
    assert (done["ok"], done["tables"]["warnings"]) == (True, 2)
    for path in [p for p in (tmp_path / "copy").rglob("*") if p.is_file() and p.name != "aiops.db"]:
        assert (new / path.relative_to(tmp_path / "copy")).read_bytes() == path.read_bytes()
    with closing(Store.reading("", new)) as store:
        last = store.ledger_rows(1)[0]
    assert (last.actor, last.action, last.detail) == ("ann", "state.imported", {"rows": done["rows"], "head": done["head"]})
    daemon = Daemon(Settings(data_dir=new))
    daemon.witness.look(time.time() + 800)
    assert daemon.witness.holds
    daemon.stop()
    assert aiops("verify", "--data-dir", new).exit_code == 0
    again = aiops("import", tmp_path / "copy", "--data-dir", new)
    assert (again.exit_code, "is a store already" in again.stderr) == (1, True)


def test_a_store_moves_to_postgresql_and_back(data: Path, tmp_path: Path, postgres: Server) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text(f'store: {{url: "{postgres.database()}"}}\n')
    before = told("show", "--data-dir", data)[0]["facts"]["rows"]
    with held(data):
        done = aiops("import", data, "--config", config, "--data-dir", data)
        assert (done.exit_code, "in use by pid" in done.stderr) == (1, True)
        done = aiops("import", data, "--config", config, "--data-dir", tmp_path / "other")  # it would go on over there
        assert (done.exit_code, "in use by pid" in done.stderr) == (1, True)
    done = aiops("import", data, "--config", config, "--data-dir", data)
    assert (done.exit_code, "ledger of" in done.stdout) == (0, True), done.output
    with held(tmp_path / "elsewhere", json.loads(config.read_text().partition("url: ")[2].partition("}")[0])) as process:
        watched = told("show", "--config", config, "--data-dir", data)[0]
    assert watched["facts"]["holder"].startswith("aiops ")
    assert watched["facts"]["holder"].endswith(f":{process.pid}")
    after = told("show", "--config", config, "--data-dir", data)[0]
    assert after["facts"]["holder"] == ""
    assert after["name"].startswith("postgresql+psycopg://aiops@")
    assert after["facts"]["rows"] == {**before, "ledger": before["ledger"] + 1}
    assert aiops("verify", "--config", config, "--data-dir", data).exit_code == 0
    assert aiops("export", tmp_path / "back", "--config", config, "--data-dir", data).exit_code == 0
    assert told("show", "--data-dir", tmp_path / "back")[0]["facts"]["rows"] == after["facts"]["rows"]
    done = aiops("import", tmp_path / "back", "--config", config, "--data-dir", tmp_path / "third")
    assert (done.exit_code, "holds rows already" in done.stderr) == (1, True)
    assert not (tmp_path / "third" / "kill-switch").exists()  # nothing was taken in


def test_files_of_another_life_are_not_mixed_in(data: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "checkpoints.ndjson").write_text("{}\n")
    done = aiops("import", data, "--data-dir", new)
    assert (done.exit_code, "checkpoints.ndjson: is there already, and another one" in done.stderr) == (1, True)
    assert sorted(p.name for p in new.iterdir()) == ["checkpoints.ndjson", "lock"]


def test_a_lone_database_is_taken_in_and_what_is_none_is_told(data: Path, tmp_path: Path) -> None:
    assert aiops("import", data / "aiops.db", "--data-dir", tmp_path / "a").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["aiops.db", "lock"]
    for given, why in ((tmp_path / "none", "is no store"), (data / "token", "not a database"), (tmp_path, "is no store")):
        done = aiops("import", given, "--data-dir", tmp_path / "b")
        assert (done.exit_code, done.stdout, why in done.stderr) == (1, "", True), done.stderr
    for command in (["show"], ["verify"], ["export", tmp_path / "c"]):
        done = aiops(*command, "--data-dir", tmp_path / "nowhere")
        assert (done.exit_code, done.stdout, "holds no aiops.db" in done.stderr) == (1, "", True)
    with closing(sqlite3.connect(data / "aiops.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for command in (["show"], ["verify"], ["export", tmp_path / "c"]):
        done = aiops(*command, "--data-dir", data)
        assert (done.exit_code, done.stdout, "has schema version 9999" in done.stderr) == (1, "", True)
    assert not (tmp_path / "c").exists()


def test_a_disk_that_refuses_leaves_nothing(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = aiops("export", tmp_path / "file" / "copy", "--data-dir", data)
    assert (done.exit_code, done.stdout, "cannot be written or read" in done.stderr) == (1, "", True)


def test_only_what_nobody_needs_is_pruned_and_only_when_it_is_said(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text("sources: {here: {kind: host}}\n")
    for name in ("state/gone@host/learnt.json", "windows/gone@host/window.state", "state/disk_full@host/learnt.new.tmp"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text("x" * 100)
    before = sorted(data.rglob("*"))
    wanted = {"state/gone@host": "there is no card gone", "windows/gone@host": "there is no card gone"}
    wanted["state/disk_full@host/learnt.new.tmp"] = "left behind by a process that was killed"
    found = told("prune", "--data-dir", data)
    assert {one["name"]: one["why"] for one in found} == wanted
    assert [one["deleted"] for one in found] == [False] * 3
    assert "disk_full watches no source host" in aiops("prune", "--config", config, "--data-dir", data).stdout
    assert sorted(data.rglob("*")) == before
    with held(data):
        done = aiops("prune", "--delete", "--data-dir", data)
        assert (done.exit_code, "in use by pid" in done.stderr) == (1, True)
    assert sorted(p for p in data.rglob("*") if "aiops.db-" not in p.name) == before
    assert [one["deleted"] for one in told("prune", "--delete", "--data-dir", data)] == [True] * 3
    assert aiops("prune", "--data-dir", data).stdout == "nothing to delete\n"
    assert aiops("verify", "--data-dir", data).exit_code == 0
    done = aiops("prune", "--data-dir", tmp_path / "nowhere")
    assert (done.exit_code, "is no folder" in done.stderr) == (1, True)
