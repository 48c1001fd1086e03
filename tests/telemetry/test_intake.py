"""What turns took in, on disk: whole up to where the file ends or is damaged, and never a turn that was not decided."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.labels import Labels
from aiops.core.records import Ints, Lineage, Remark
from aiops.telemetry import intake as module
from aiops.telemetry.intake import Got, Intake, LabelsOf, Taken
from aiops.telemetry.link import Piece

ABOUT = {"card": "c", "window": "w"}
STEP = 60


class Rows:
    """The numbers of label sets, as a window gives them."""

    def __init__(self) -> None:
        self.labels: list[Labels] = []

    def __call__(self, labels: tuple[Labels, ...]) -> Ints:
        self.labels += [one for one in labels if one not in self.labels]
        return np.array([self.labels.index(one) for one in labels], np.int64)


def piece(names: str, *times: int, copies: bool = False, partial: tuple[str, ...] = ()) -> Piece:
    labels = tuple({"name": name} for name in names)
    values = np.random.default_rng(times[0]).normal(size=(len(names), len(times)))
    values[0] = np.nan
    layers: tuple[Any, ...] = ((None, values),)
    if copies:
        layers = ((np.array([len(names) - 1, 0]), values[:2]), (np.array([0]), values[:1].astype(np.float32)))
    lineage = Lineage("made", "q", times[0], times[-1], residency=("eu",), partial=partial)
    return Piece(labels, np.array(times, np.int64), layers, lineage, partial)


def turns() -> list[Taken]:
    notes = ("it said so", Remark("we say so"))
    got = [
        (Got(0, [piece("abc", 60)]),),
        (Got(0, [piece("cab", 120, 180, copies=True)], (0, 60), piece("b", 60)), Got(1, [piece("d", 180, partial=notes)])),
        (),
        (Got(1, [piece("xdca", 300)]),),
    ]
    return [Taken(60 * (i + 1), 60 * i or None, one, (0, 1)) for i, one in enumerate(got)]


def written(path: Path, taken: list[Taken]) -> Rows:
    file, rows = Intake(path), Rows()
    file.begin(ABOUT, 0)
    for one in taken:
        file.append(one, ABOUT, rows.labels, rows)
    file.close()
    return rows


def read(path: Path, until_s: int | None = 10_000, about: dict[str, str] = ABOUT) -> list[Taken | None]:
    rows, file = Rows(), Intake(path)
    out, labels = [], LabelsOf(rows.labels)
    for kept in file.take_up(about, until_s, 0):
        rows(kept.new)
        out.append(kept.taken(labels))
    file.close()
    return out


def same(a: Any, b: Any) -> bool:
    """Whether two records are the same in every part and every type."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(same(*pair) for pair in zip(a, b, strict=True))
    if hasattr(a, "__slots__") and not isinstance(a, str):
        return type(a) is type(b) and all(same(getattr(a, name), getattr(b, name)) for name in a.__slots__)
    return type(a) is type(b) and a == b


def test_what_was_taken_in_comes_back_to_the_bit(tmp_path: Path) -> None:
    written(tmp_path / "f", turns())
    found = read(tmp_path / "f")
    assert len(found) == 4
    for one, wanted in zip(found, turns(), strict=True):
        assert same(one, wanted)


def test_limits_come_back_to_the_bit_and_their_series_are_no_rows(tmp_path: Path) -> None:
    got = Got(0, [piece("ab", 60)], final=piece("a", 60), limit=piece("pq", 60, copies=True, partial=(Remark("we say so"),)))
    taken = [Taken(60, None, (got,), (0,))]
    rows = written(tmp_path / "f", taken)
    assert rows.labels == [{"name": "a"}, {"name": "b"}]
    assert same(read(tmp_path / "f"), taken)


def test_cut_at_any_byte_it_ends_with_the_last_whole_turn(tmp_path: Path) -> None:
    ends = []
    for n in range(5):
        written(tmp_path / "f", turns()[:n])
        ends.append((tmp_path / "f").stat().st_size)
    content = (tmp_path / "f").read_bytes()
    for length in range(0, len(content), 17):
        (tmp_path / "f").write_bytes(content[:length])
        assert len(read(tmp_path / "f")) == max(0, sum(end <= length for end in ends) - 1)


def test_a_flipped_bit_anywhere_ends_it_and_raises_nothing(tmp_path: Path) -> None:
    written(tmp_path / "f", turns())
    content = (tmp_path / "f").read_bytes()
    for at in range(0, len(content), 23):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        (tmp_path / "f").write_bytes(damaged)
        found = read(tmp_path / "f")
        assert len(found) < 4
        assert all(same(one, wanted) for one, wanted in zip(found, turns(), strict=False))


def test_turns_that_were_not_decided_are_cut_off_before_more_is_kept(tmp_path: Path) -> None:
    rows = written(tmp_path / "f", turns())
    file = Intake(tmp_path / "f")
    assert [one.now_s for one in file.take_up(ABOUT, 120, 0)] == [60, 120]
    file.append(Taken(240, 120, (), (0,)), ABOUT, rows.labels[:4], rows)
    file.close()
    assert [one.now_s for one in read(tmp_path / "f") if one is not None] == [60, 120, 240]


@pytest.mark.parametrize(("until_s", "about"), [(None, ABOUT), (900, {**ABOUT, "window": "other"}), (900, {"card": "c"})])
def test_one_begun_for_something_else_is_not_taken_up(tmp_path: Path, until_s: int | None, about: dict[str, str]) -> None:
    written(tmp_path / "f", turns())
    assert read(tmp_path / "f", until_s, about) == []


def test_nothing_is_kept_before_it_is_begun_or_for_other_rows(tmp_path: Path) -> None:
    file, rows = Intake(tmp_path / "f"), Rows()
    file.append(turns()[0], ABOUT, rows.labels, rows)
    assert not (tmp_path / "f").exists()
    file.begin(ABOUT, 0)
    size = (tmp_path / "f").stat().st_size
    file.append(turns()[0], {**ABOUT, "window": "renumbered"}, rows.labels, rows)
    assert (tmp_path / "f").stat().st_size == size
    assert file.begun_for(ABOUT)
    assert not file.begun_for({**ABOUT, "window": "renumbered"})


def test_a_turn_that_took_in_very_much_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORD_BYTES", 60)
    written(tmp_path / "f", turns())
    assert [one.now_s for one in read(tmp_path / "f") if one is not None] == [60, 180, 240]


def test_when_the_disk_refuses_nothing_is_kept_until_the_next_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, rows = Intake(tmp_path / "f"), Rows()
    file.begin(ABOUT, 0)
    file.append(turns()[0], ABOUT, rows.labels, rows)
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        if len(data) < 40:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data[: len(data) // 2])

    with monkeypatch.context() as m:
        m.setattr(os, "write", half)
        file.append(turns()[1], ABOUT, rows.labels, rows)
    file.append(turns()[2], ABOUT, rows.labels, rows)
    assert not file.open
    assert len(read(tmp_path / "f")) == 1
    file.begin(ABOUT, 0)
    assert file.open


def test_every_turn_is_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, rows, done = Intake(tmp_path / "f"), Rows(), list[str]()
    file.begin(ABOUT, 0)
    for name in ("write", "fsync"):
        monkeypatch.setattr(os, name, _noting(done, name, getattr(os, name)))
    for one in turns():
        file.append(one, ABOUT, rows.labels, rows)
    assert done == ["write", "fsync"] * 4


def _noting(done: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*args: Any) -> Any:
        done.append(name)
        return function(*args)

    return noted


def test_a_row_that_nobody_knows_makes_it_none(tmp_path: Path) -> None:
    written(tmp_path / "f", turns()[:1])
    file = Intake(tmp_path / "f")
    (kept,) = file.take_up(ABOUT, 900, 0)
    assert kept.taken(LabelsOf([{"name": "a"}])) is None
    file.close()
