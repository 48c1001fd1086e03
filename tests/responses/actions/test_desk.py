"""What programs leave on disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from aiops.responses.actions.desk import ROOM, Desk, sweep

DAY_S = 86400.0


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    one, other = Desk(tmp_path, "k"), Desk(tmp_path, "k")
    with one.alone() as held:
        assert held is not None
        assert other.take() is None
        assert other.quiet(0.0) is False
        with Desk(tmp_path, "l").alone() as another_step:
            assert another_step is not None
    assert other.quiet(0.0) is True


def test_the_fence_only_rises(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "k")
    assert [desk.raise_fence(epoch) for epoch in (3, 2, 10, 9)] == [3, 3, 10, 10]
    assert Desk(tmp_path, "k").raise_fence(0) == 10


def test_the_fence_is_the_highest_of_many_at_once(tmp_path: Path) -> None:
    threads = [threading.Thread(target=Desk(tmp_path, "k").raise_fence, args=(epoch,)) for epoch in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Desk(tmp_path, "k").raise_fence(0) == 39


def test_any_key_is_one_file_name(tmp_path: Path) -> None:
    for key in ("../../etc/x", "a/b", "\ud800", "x" * 5000, ""):
        Desk(tmp_path, key).finish({"key": repr(key)})
        assert Desk(tmp_path, key).result() == {"key": repr(key)}
    assert {p.parent for p in tmp_path.rglob("*")} == {tmp_path}


def test_a_new_beginning_forgets_the_result(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "k")
    assert desk.result() is None
    desk.finish({"rc": 1})
    desk.begin("")
    assert desk.result() is None


def test_old_files_are_swept(tmp_path: Path) -> None:
    for key, age_s in (("old", 40 * DAY_S), ("new", DAY_S)):
        desk = Desk(tmp_path, key)
        desk.raise_fence(1)
        (tmp_path / f"{ROOM}{key}").mkdir()
        desk.begin(str(tmp_path / f"{ROOM}{key}"))
        desk.finish({"rc": 0})
        for path in tmp_path.iterdir():
            if path.stat().st_mtime > 100 * DAY_S:
                os.utime(path, (100 * DAY_S - age_s,) * 2)
    sweep(tmp_path, 30 * DAY_S, 100 * DAY_S)
    assert Desk(tmp_path, "old").result() is None
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [f"{ROOM}new"]
    assert Desk(tmp_path, "new").result() == {"rc": 0}
    assert Desk(tmp_path, "new").raise_fence(0) == 1
