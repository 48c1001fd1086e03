"""A copy of a store that is killed at any moment: nothing of it counts, what it was made of is whole, and the next one is too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from aiops.store import Store

ROWS = 20_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    with closing(Store.open("", folder)) as store, store.transaction() as tx:
        for n in range(ROWS):
            tx.record("daemon", "x", f"row-{n}", {"n": n, "padding": "x" * 100}, 60.0 + n)
    (folder / "kill-switch").write_text("ann: no more\n")
    return folder


def begun(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "aiops", "state", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def killed(process: subprocess.Popen[bytes], begins: Path, mark: str, after_s: float) -> bool:
    """Kill it so long after a file of this form is there; whether it still ran."""
    while process.poll() is None and not list(begins.glob(mark)):
        time.sleep(0.005)
    time.sleep(after_s)
    ran = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return ran


def test_an_import_that_is_killed_is_none_and_the_next_one_is_whole(data: Path, tmp_path: Path) -> None:
    new, cut = tmp_path / "new", 0
    for after_s in (0.0, 0.05, 0.15, 0.3):
        ran = killed(begun("import", data, "--data-dir", new), new, "aiops.db.part", after_s)
        cut += ran
        if (new / "aiops.db").exists():  # it was quicker: then it is whole
            break
        assert ran
    assert cut >= 1
    if not (new / "aiops.db").exists():
        process = begun("import", data, "--data-dir", new)
        assert (process.communicate()[1], process.returncode) == (b"", 0)
    with closing(Store.reading("", new)) as store:
        check = store.verify_ledger()
    assert check.ok
    assert check.rows >= ROWS + 1
    assert (new / "kill-switch").read_text() == "ann: no more\n"
    with closing(Store.reading("", data)) as store:
        assert store.verify_ledger().rows == ROWS + 1


def test_an_export_that_is_killed_leaves_no_folder_of_that_name(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for after_s in (0.0, 0.1, 0.2):
        if killed(begun("export", copy, "--data-dir", data), tmp_path, ".copy-*/aiops.db.part", after_s):
            assert not copy.exists() or (copy / "aiops.db").exists()
        if copy.exists():
            break
    if not copy.exists():
        process = begun("export", copy, "--data-dir", data)
        assert (process.communicate()[1], process.returncode) == (b"", 0)
    with closing(Store.reading("", copy)) as store:
        assert store.verify_ledger().ok
