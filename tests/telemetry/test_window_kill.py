"""The window store after a kill, and with damaged files: nothing stale, nothing invented, never a crash."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import StoreError
from aiops.core.records import Ints
from aiops.telemetry.window import Window
from tests.telemetry.test_window import filled, grid, holds, labels_of, truth

T0 = 1_700_000_000 // 7200 * 7200


def visible_is_true(window: Window, step: int) -> None:
    """Nothing that a window shows is anything but the truth."""
    names = np.array([int(labels["i"]) for labels in window.labels], np.int64)
    if not window.n or window.end_s == 0:
        return

    def values_at(times: Ints) -> np.ndarray:
        known = (times >= np.maximum(window.first_s[: window.n], T0)[:, None]) & (times <= window.end_s)
        return np.where(known, truth(names, times), np.nan)

    history = window.history(None, window.end_s)
    for resolution in (history.fine, history.mid, history.long):
        holds(window, resolution, values_at, history.offset, exact=False)


def lives(step: int, window: Window) -> Iterator[None]:
    """A window's life with growth, saves and turns, each step of it a moment to be killed in."""
    filled(window, step, 2, 0, 50)
    yield
    window.save()
    yield
    for k in range(4):
        filled(window, step, 99 if k == 3 else 3 + 30 * k, 50 + 5 * k, 5)
        yield
        window.history(None, window.end_s)
        if k == 2:
            window.rows_for(labels_of(99))  # known, and without a sample when it is described
            window.save()
            yield
            window.append(
                np.array([98]), grid(step, 64, 1), truth(np.array([98]), grid(step, 64, 1))
            )  # late, and its first
    filled(window, step, 100, 70, 4)
    yield
    window.close()


@pytest.mark.parametrize("step", [60, 7200])
def test_after_a_kill_between_two_steps_nothing_stale_is_visible(tmp_path: Path, step: int) -> None:
    window = Window.open(tmp_path / "live", step, capacity=2)
    for moment, _ in enumerate(lives(step, window)):
        copy = tmp_path / f"copy{moment}"
        shutil.copytree(tmp_path / "live", copy)
        revived_is_right(copy, step)


def revived_is_right(folder: Path, step: int) -> None:
    revived = Window.open(folder, step, capacity=2)
    assert revived.rebuilt in ("", "new")
    visible_is_true(revived, step)
    end = int(grid(step, 90, 1)[0])
    missing = revived.missing("s", end, 90 * step, None)
    assert missing is not None
    times = np.arange(missing[0], missing[1] + 1, step, dtype=np.int64)
    order = labels_of(100)[::-1]  # re-added with other numbers and offsets
    names = np.array([int(one["i"]) for one in order], np.int64)
    rows = revived.rows_for(order)
    revived.append(rows, times, truth(names, times))
    for first, last in revived.progress["s"].todo if "s" in revived.progress else ():  # a slot was lost in the midst of a write
        lost = np.arange(first, last + 1, step, dtype=np.int64)
        revived.fill(rows, lost, truth(names, lost))
    visible_is_true(revived, step)
    assert np.isfinite(revived.latest(end)).sum() == np.isfinite(truth(names, np.array([end]))).sum()


STORE = ("window.py", "window_base.py", "ring.py", "window_file.py")


def killed_at(line: int, work: Callable[[], Any], files: tuple[str, ...] = STORE) -> bool:
    """Run `work` in a child that is killed when it executes its `line`-th line of these files; False if it ended before."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(files):
            return None
        if event == "line":
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        sys.settrace(trace)
        work()
    finally:
        os._exit(0)


def killed_everywhere(folder: Path, stride: int) -> int:
    """Kill a life and two restarts at every `stride`-th line, and look at each after; how many kills there were."""

    def work(inside: Path) -> None:
        for _ in lives(60, Window.open(inside, 60, capacity=2)):
            pass
        silent = Window.open(inside, 60, capacity=2)
        silent.newest_s[[0, 5, 50]] = 0
        silent.save()
        Window.open(inside, 60, capacity=2).close()

    for kills, line in enumerate(range(3, 10**6, stride)):
        inside = folder / str(line)
        if not killed_at(line, functools.partial(work, inside)):
            return kills
        revived_is_right(inside, 60)
        shutil.rmtree(inside)
    raise AssertionError("it never ends")


def test_killed_at_many_lines_nothing_stale_is_visible_and_the_rest_is_read_again(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, 331) > 15


def test_killed_at_any_line_of_its_writing_the_description_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        window = Window.open(folder, 60, capacity=2)
        for k in range(2):
            filled(window, 60, 3, 10 * k, 10)
            window.save()

    for line in itertools.count(1):
        folder = tmp_path / str(line)
        killed = killed_at(line, functools.partial(work, folder), ("window_file.py",))
        if not killed:
            break
        found = Window.open(folder, 60)
        assert found.rebuilt in ("", "new")
        assert found.end_s in [0, *(int(grid(60, 10 * k + 9, 1)[0]) for k in range(2))]
    assert line > 30


@pytest.mark.long
def test_killed_at_any_line_nothing_stale_is_visible_and_the_rest_is_read_again(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, 7) > 500


@pytest.mark.parametrize("how", ["flip", "truncate", "empty", "remove", "garbage"])
@pytest.mark.parametrize("clean", [True, False])
def test_damaged_files_are_rebuilt_and_never_a_crash(tmp_path: Path, how: str, clean: bool) -> None:
    whole = tmp_path / "whole"
    window = Window.open(whole, 60)
    end = filled(window, 60, 5, 0, 400)
    before = window.history(None, end)
    window.close() if clean else window.save()
    rng = np.random.default_rng(3)
    for file in sorted(p.name for p in whole.iterdir()):
        for k in range(12 if how in ("flip", "truncate") else 1):
            folder = tmp_path / f"{file}{k}"
            shutil.copytree(whole, folder)
            damage(folder / file, how, rng)
            again = Window.open(folder, 60)
            if again.rebuilt:
                assert again.missing("s", end, 400 * 60, None) == (end - 400 * 60, end)
                assert again.n == 0
                if k == 0:
                    filled(again, 60, 5, 0, 400)
                    visible_is_true(again, 60)
            else:  # single slots: what is shown is right, what is not is asked for again
                fine = again.history(None, end).fine.mean
                gaps = np.isnan(fine) & ~np.isnan(before.fine.mean)
                np.testing.assert_array_equal(np.where(gaps, np.nan, before.fine.mean), fine)
                lost = end - 60 * (fine.shape[1] - 1 - np.flatnonzero(gaps.any(axis=0)))
                late = again.missing("s", end, 400 * 60, None)  # where a whole ring is gone
                ranges = [*again.progress["s"].todo, *([late] if late else [])]
                asked = {t for first, last in ranges for t in range(first, last + 1, 60)}
                assert set(lost.tolist()) <= asked
            shutil.rmtree(folder)


def damage(file: Path, how: str, rng: np.random.Generator) -> None:
    content = bytearray(file.read_bytes())
    if how == "remove":
        file.unlink()
    elif how == "flip":
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(content)
    else:
        cut = content[: int(rng.integers(len(content)))]
        file.write_bytes({"truncate": cut, "empty": b"", "garbage": rng.bytes(5000)}[how])


@pytest.mark.parametrize("file", ["fine.ring", "window.state"])
def test_a_folder_in_the_place_of_a_file_is_a_store_error(tmp_path: Path, file: str) -> None:
    (tmp_path / file).mkdir()
    with pytest.raises(StoreError):
        Window.open(tmp_path, 60)


def test_another_query_is_another_window(tmp_path: Path) -> None:
    filled(window := Window.open(tmp_path, 60, query="up"), 60, 2, 0, 10)
    window.close()
    assert Window.open(tmp_path, 60, query="up").rebuilt == ""
    assert Window.open(tmp_path, 60, query="down").rebuilt == "written for another query"


@pytest.mark.parametrize(("step", "again_s"), [(30, 6 * 3600), (120, 6 * 3600), (600, 864 * 600)])
def test_at_another_step_only_what_the_coarse_resolutions_do_not_hold_is_asked_for_again(
    tmp_path: Path, step: int, again_s: int
) -> None:
    window = Window.open(tmp_path, 60)
    end = filled(window, 60, 3, 0, 20 * 24 * 60)
    before = window.history(None, end)
    window.close()
    other = Window.open(tmp_path, step)
    assert (other.rebuilt, other.n) == ("", 3)
    missing = other.missing("s", end, 35 * 86400, None)
    assert missing is not None
    assert abs(end - missing[0] - again_s) <= 3600
    np.testing.assert_array_equal(other.history(None, end).long.mean, before.long.mean)
    if step < 600:
        np.testing.assert_array_equal(other.history(None, end).mid.mean, before.mid.mean)
    times = np.arange(missing[0], missing[1] + 1, step, dtype=np.int64)
    other.fill(np.arange(3), times, truth(np.arange(3), times))
    visible_is_true_from(other, missing[0])


def visible_is_true_from(window: Window, start: int) -> None:
    """The finest resolution holds the truth from `start` on."""
    times = np.arange(start, window.end_s + 1, window.step_s, dtype=np.int64)
    held = times > window.end_s - window.fine_count * window.step_s
    rows = np.arange(window.n)
    np.testing.assert_allclose(window.value_at(rows, times[held]), truth(rows, times[held]), rtol=1e-6)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("bits", [6, pytest.param(200, marks=pytest.mark.long)])
def test_every_flipped_bit_is_noticed_and_what_it_hit_is_read_again(tmp_path: Path, clean: bool, bits: int) -> None:
    whole = tmp_path / "whole"
    window = Window.open(whole, 60, capacity=1)
    end = filled(window, 60, 2, 0, 5000)
    before = window.history(None, end)
    window.close() if clean else window.save()
    rng = np.random.default_rng(5)
    for ring in ("fine.ring", "mid.ring", "long.ring"):
        size = (whole / ring).stat().st_size
        for bit in rng.integers(0, 8 * size, bits).tolist():
            shutil.copytree(whole, tmp_path / "one", dirs_exist_ok=True)
            content = bytearray((whole / ring).read_bytes())
            content[bit // 8] ^= 1 << bit % 8
            (tmp_path / "one" / ring).write_bytes(content)
            again = Window.open(tmp_path / "one", 60)
            history = again.history(None, end)
            for name in ("fine", "mid", "long"):
                for part in ("mean", "low", "high"):
                    was, now = getattr(getattr(before, name), part), getattr(getattr(history, name), part)
                    assert (np.isnan(now) | (now == was)).all(), (ring, bit, name, part)
            if again.rebuilt:
                continue
            for first, last in again.progress["s"].todo:
                times = np.arange(first, last + 1, 60, dtype=np.int64)
                again.fill(np.arange(2), times, truth(np.arange(2), times))
            visible_is_true(again, 60)
            fine = again.history(None, end).fine.mean
            if clean:
                np.testing.assert_array_equal(np.isnan(fine), np.isnan(before.fine.mean))


def test_rows_that_are_let_go_of_give_their_room_back_and_the_rest_stays(tmp_path: Path) -> None:
    window = Window.open(tmp_path, 60)
    end = filled(window, 60, 50, 0, 500)
    before, size = window.history(np.arange(0, 50, 5), end), (tmp_path / "mid.ring").stat().st_size
    window.keep_only(np.arange(0, 50, 5))
    assert [one["i"] for one in window.labels] == [str(i) for i in range(0, 50, 5)]
    assert sum(p.stat().st_size for p in tmp_path.glob("mid*.ring")) < size / 3
    for name in ("fine", "mid", "long"):
        np.testing.assert_array_equal(getattr(window.history(None, end), name).mean, getattr(before, name).mean)
    rows = window.rows_for(labels_of(7))
    window.append(rows, grid(60, 500, 1), truth(np.arange(7), grid(60, 500, 1)))
    window.close()
    assert Window.open(tmp_path, 60).rebuilt == ""


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Window.open(tmp_path / "file" / "window", 60)


def test_no_space_is_a_store_error_and_the_window_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    window = Window.open(tmp_path, 60)
    end = filled(window, 60, 3, 0, 50)
    before = window.history(None, end).fine.mean
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limit[1]))
        with pytest.raises(StoreError, match="no room"):
            window.rows_for(labels_of(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, previous)
    assert window.n == 3
    np.testing.assert_array_equal(window.history(None, end).fine.mean, before)
    filled(window, 60, 200, 50, 5)
    visible_is_true(window, 60)


@pytest.mark.parametrize("turns", [1, 7, 30, 200])
def test_a_kill_between_two_saves_leaves_every_bucket_whole_that_was_closed_before(turns: int, tmp_path: Path) -> None:
    """Turns after the save took the oldest slots of the finest ring: the buckets made of them are not made again of the rest."""
    step, count = 30, 1600
    want, killed = Window.open(None, step), Window.open(tmp_path, step)
    for window in (want, killed):
        filled(window, step, 3, 0, count)
    killed.save()
    filled(killed, step, 3, count, turns)
    del killed
    again = Window.open(tmp_path, step)
    assert again.rebuilt == ""
    for window in (want, again):  # the turns are lived again
        filled(window, step, 3, count, turns)
    got, whole = (window.history(None, window.end_s) for window in (again, want))
    for name in ("fine", "mid", "long"):
        for part in ("mean", "low", "high"):
            np.testing.assert_array_equal(*(getattr(getattr(one, name), part) for one in (got, whole)), f"{name} {part}")
