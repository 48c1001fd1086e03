"""Older history in any order, taken up again after a restart, damage and another step: the same as all of it in order."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import Resolution
from aiops.telemetry.window import Window
from aiops.telemetry.window_base import Progress
from tests.telemetry.test_window import grid, labels_of, truth
from tests.telemetry.test_window_kill import killed_at

HOUR_S = 3600


def put(window: Window, step: int, first: int, last: int, n: int = 3) -> int:
    """Append or fill the columns (first, last] of truth, as what comes from a source is put; the last instant."""
    rows, times = window.rows_for(labels_of(n)), grid(step, first + 1, last - first)
    old = times <= window.end_s if window.end_s else np.zeros(len(times), bool)
    values = truth(rows, times)
    if old.any():
        window.fill(rows, times[old], values[:, old])
    if not old.all():
        window.append(rows, times[~old], values[:, ~old])
    return int(times[-1])


def in_order(step: int, last: int, n: int = 3) -> Window:
    """All of it at once, in memory."""
    window = Window.open(None, step)
    put(window, step, 0, last, n)
    return window


def same(got: Window, want: Window, now: int) -> None:
    """Every value of every resolution, to what float32 relative to another offset can say."""
    a, b = got.history(None, now), want.history(None, now)
    np.testing.assert_array_equal(a.first_s, b.first_s)
    pairs: list[tuple[Resolution, Resolution]] = [(a.fine, b.fine), (a.mid, b.mid), (a.long, b.long)]
    for one, other in pairs:
        for part in ("mean", "low", "high"):
            x, y = getattr(one, part) + a.offset[:, None], getattr(other, part) + b.offset[:, None]
            np.testing.assert_allclose(x, y, rtol=0, atol=1e-2, err_msg=f"{one.step_s} {part}")


@settings(max_examples=40, deadline=None)
@given(
    step=st.sampled_from([60, 300, 420]), order=st.permutations(range(8)), newest=st.integers(0, 50), again=st.booleans()
)
def test_chunks_of_whole_buckets_in_any_order_equal_all_in_order(step: int, order: list[int], newest: int, again: bool) -> None:
    """Chunks of 7 h: every bucket that the finest ring does not hold whole is in one chunk."""
    chunk = 7 * HOUR_S // step
    last = 8 * chunk + newest
    window = Window.open(None, step)
    put(window, step, 8 * chunk, last) if newest else None
    for number in order:
        for _ in range(1 + again):
            put(window, step, number * chunk, (number + 1) * chunk)
    same(window, in_order(step, last), int(grid(step, last, 1)[0]))


@pytest.mark.parametrize("cut", [1, 17, 59, 60, 601])
def test_older_history_that_ends_within_a_bucket_is_joined_with_what_is_there(cut: int) -> None:
    """No gaps: then the join is exact."""
    times = grid(60, 1, 3000)
    values = 1000.0 + (np.arange(3000.0)[None, :] * 37) % 1009
    window, want = Window.open(None, 60), Window.open(None, 60)
    rows = window.rows_for(labels_of(1))
    want.append(want.rows_for(labels_of(1)), times, values)
    window.append(rows, times[1800 + cut :], values[:, 1800 + cut :])
    window.fill(rows, times[: 1800 + cut], values[:, : 1800 + cut])
    same(window, want, int(times[-1]))


def test_a_fill_takes_nothing_away_unless_it_is_told_to() -> None:
    window = in_order(60, 2000)
    rows, times = np.array([1]), grid(60, 1, 1980)
    before = window.history(None, window.end_s)
    window.fill(rows, times, np.full((1, len(times)), np.nan), replace=True)
    same_as_before = window.history(None, window.end_s)
    np.testing.assert_array_equal(before.long.mean, same_as_before.long.mean)
    np.testing.assert_array_equal(before.fine.mean, same_as_before.fine.mean)
    window.fill(rows, times, np.full((1, len(times)), 5.0))
    fine = window.value_at(rows, times[-300:])
    was = truth(rows, times[-300:])
    np.testing.assert_array_equal(fine, np.where(np.isnan(was), 5.0, was))
    window.fill(rows, times, np.full((1, len(times)), 5.0), replace=True)
    after = window.history(rows, window.end_s)
    assert (after.long.mean + after.offset[:, None])[0, :33].tolist() == [5.0] * 33
    assert (window.value_at(rows, times[-300:]) == 5.0).all()


def test_value_at_is_missing_where_the_finest_ring_does_not_reach() -> None:
    window = in_order(60, 1000)
    got = window.value_at(np.array([0]), np.concatenate([grid(60, 1, 1), grid(60, 1000, 2)]))
    assert np.isnan(got[0, [0, 2]]).all()
    np.testing.assert_array_equal(got[:, 1:2], truth(np.array([0]), grid(60, 1000, 1)))


def stored(folder: Path, clean: bool = True, n: int = 3) -> int:
    """40 h: the newest 10 h appended, the rest filled in behind them; then the end. Gives the last instant."""
    window = Window.open(folder, 60)
    end = put(window, 60, 1800, 2400, n)
    for first in range(1740, -1, -60):
        put(window, 60, first, first + 60, n)
    window.progress["s"] = Progress(end)
    window.close() if clean else window.save()
    return end


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_filled_in_is_there_after_a_restart(tmp_path: Path, clean: bool) -> None:
    end = stored(tmp_path, clean)
    again = Window.open(tmp_path, 60)
    same(again, in_order(60, 2400), end)
    assert again.progress == {"s": Progress(end)}


def test_a_kill_long_after_the_description_costs_what_came_since_and_no_more(tmp_path: Path) -> None:
    """The finest ring has gone round since then: all of its slots are newer, and none is damaged."""
    end = stored(tmp_path, clean=False)
    window = Window.open(tmp_path, 60)
    put(window, 60, 2400, 2400 + 700)
    del window
    again = Window.open(tmp_path, 60)
    assert (again.rebuilt, again.end_s, again.progress["s"].read_s) == ("", end, end)
    history, want = again.history(None, end), in_order(60, 2400).history(None, end)
    np.testing.assert_allclose(
        history.long.mean[:, :25] + history.offset[:, None], want.long.mean[:, :25] + want.offset[:, None], atol=1e-2
    )
    put(again, 60, 2400, 2400 + 700)
    got, full = again.history(None, again.end_s), in_order(60, 3100).history(None, again.end_s)
    np.testing.assert_allclose(got.fine.mean + got.offset[:, None], full.fine.mean + full.offset[:, None], atol=1e-2)


def read_again(window: Window, step: int, n: int = 3) -> int:
    """Read what the window says it lacks, from truth; how many columns that were."""
    asked, newer = 0, window.missing("s", window.end_s, 10**7, None)
    for first, last in [*window.progress["s"].todo, *([newer] if newer else [])]:
        start = int(first // step - grid(step, 0, 1)[0] // step) - 1
        count = (last - first) // step + 1
        put(window, step, start, start + count, n)
        asked += count
    window.progress["s"].todo.clear()
    return asked


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("ring", ["fine", "mid", "long"])
def test_a_flipped_bit_costs_an_hour_of_reading_at_most_and_all_is_as_it_was(tmp_path: Path, ring: str, clean: bool) -> None:
    whole, want, rng = tmp_path / "whole", in_order(60, 2400), np.random.default_rng(8)
    end = stored(whole, clean)
    size = (whole / f"{ring}.ring").stat().st_size
    n_used = {"fine": 16 * 360 + 3 * 1440, "mid": 16 * 864 + 3 * 10368, "long": 16 * 840 + 3 * 10080}[ring]
    assert n_used <= size
    for number in range(25):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        content = bytearray((folder / f"{ring}.ring").read_bytes())
        content[int(rng.integers(n_used))] ^= 1 << int(rng.integers(8))
        (folder / f"{ring}.ring").write_bytes(content)
        again = Window.open(folder, 60)
        assert again.rebuilt == ""
        assert read_again(again, 60) <= 60
        same(again, want, end)
        shutil.rmtree(folder)


def test_a_finest_ring_that_is_gone_costs_six_hours_and_the_rest_stays(tmp_path: Path) -> None:
    end = stored(tmp_path)
    (tmp_path / "fine.ring").unlink()
    again = Window.open(tmp_path, 60)
    assert (again.rebuilt, again.n) == ("", 3)
    assert read_again(again, 60) == 360
    same(again, in_order(60, 2400), end)


@pytest.mark.parametrize("step", [30, 300, 7])
def test_another_step_keeps_the_coarse_history_and_reads_only_the_finest_again(tmp_path: Path, step: int) -> None:
    end = stored(tmp_path)
    before = Window.open(None, 60)
    put(before, 60, 0, 2400)
    again = Window.open(tmp_path, step)
    assert (again.rebuilt, again.n) == ("", 3)
    now = end // step * step
    start, stop = again.missing("s", now, 10**7, None) or (0, 0)
    assert stop == now
    assert 0 <= start - (now - again.fine_count * step) <= step
    got, want = again.history(None, now), before.history(None, end)
    np.testing.assert_allclose(
        got.long.mean[:, -34:-8] + got.offset[:, None], want.long.mean[:, -34:-8] + want.offset[:, None], atol=1e-2
    )


def test_a_row_that_is_given_twice_has_its_last_values_and_damages_nothing(tmp_path: Path) -> None:
    window = Window.open(tmp_path, 60)
    rows = window.rows_for(({"a": "1"}, {"a": "2"}, {"a": "1"}))
    window.append(rows, grid(60, 1, 4), np.arange(12.0).reshape(3, 4))
    window.progress["s"] = Progress(window.end_s)
    assert window.value_at(np.array([0, 1]), grid(60, 1, 4)).tolist() == [[8, 9, 10, 11], [4, 5, 6, 7]]
    window.close()
    again = Window.open(tmp_path, 60)
    assert again.progress["s"].todo == []
    assert again.value_at(np.array([0, 1]), grid(60, 1, 4)).tolist() == [[8, 9, 10, 11], [4, 5, 6, 7]]


def test_rows_that_are_let_go_of_give_their_room_back_and_the_others_stay_as_they_were(tmp_path: Path) -> None:
    stored(tmp_path, n=200)
    window = Window.open(tmp_path, 60)
    before, kept = window.history(np.arange(0, 200, 10), window.end_s), np.arange(0, 200, 10)
    room, old = sum(p.stat().st_size for p in tmp_path.glob("*.ring")), window.id
    window.keep_only(kept)
    assert window.id != old
    assert sum(p.stat().st_size for p in tmp_path.glob("*.ring")) < room / 8
    for reopened in (window, None):
        now = reopened or Window.open(tmp_path, 60)
        after = now.history(None, now.end_s)
        assert [one["i"] for one in now.labels] == [str(i) for i in range(0, 200, 10)]
        for name in ("fine", "mid", "long"):
            np.testing.assert_array_equal(getattr(before, name).mean, getattr(after, name).mean)
        assert now.progress["s"].todo == []
        now.close()


def test_a_kill_while_rows_are_let_go_of_leaves_all_of_them_or_only_the_others(tmp_path: Path) -> None:
    stored(tmp_path / "whole", n=20)
    kept = np.arange(0, 20, 4)
    want = Window.open(tmp_path / "whole", 60).history(None, grid(60, 2400, 1)[0]).long.mean
    seen, line = set(), 1
    while True:
        folder = tmp_path / str(line)
        shutil.copytree(tmp_path / "whole", folder)
        window = Window.open(folder, 60)
        killed = killed_at(line, lambda window=window: window.keep_only(kept))  # type: ignore[misc]
        again = Window.open(folder, 60)
        assert again.rebuilt == ""
        left = kept if again.n == len(kept) else np.arange(20)
        assert again.n == len(left)
        np.testing.assert_array_equal(again.history(None, again.end_s).long.mean, want[left])
        assert len(list(folder.glob("*.ring"))) == 3
        seen.add(again.n)
        shutil.rmtree(folder)
        if not killed:
            break
        line += 7
    assert seen == {5, 20}


def test_the_disk_that_a_window_takes_is_at_most_six_bytes_a_slot(tmp_path: Path) -> None:
    n = 3000
    window = Window.open(tmp_path, 60)
    labels = [{"instance": f"host-{i // 50}:9100", "device": f"sd{i % 50}", "job": "node"} for i in range(n)]
    for many in range(500, n + 1, 500):
        window.append(window.rows_for(labels[:many]), grid(60, many, 1), np.ones((many, 1)))
    window.close()
    slots = n * (360 + 3 * 864 + 3 * 840)
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 6 * slots
