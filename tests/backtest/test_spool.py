"""Lines of several parts become one file in time order."""

from __future__ import annotations

from pathlib import Path

from aiops.backtest.spool import Spool, merge


def spool(path: Path, entities: list[str], lines: list[tuple[int, str, bytes]]) -> Path:
    found = Spool(path, entities)
    for line in lines:
        found.add(*line)
    found.close()
    assert len(found) == len(lines)
    return path


def test_lines_stand_by_time_then_entity_and_within_one_as_they_came(tmp_path: Path) -> None:
    parts = [
        spool(tmp_path / "0.part", ["b", "d"], [(1, "d", b"d1"), (5, "b", b"b5"), (2, "d", b"d2"), (5, "b", b"a second")]),
        spool(tmp_path / "1.part", ["c", "a"], [(5, "c", b"c5"), (5, "a", b"a5"), (7, "c", b"")]),
    ]
    assert merge(parts, tmp_path / "out") == 7
    assert (tmp_path / "out").read_bytes() == b"d1\nd2\na5\nb5\na second\nc5\n\n"


def test_parts_without_lines_are_no_trouble(tmp_path: Path) -> None:
    parts = [spool(tmp_path / "0.part", ["a"], []), spool(tmp_path / "1.part", ["b"], [(1, "b", b"x")])]
    assert merge(parts, tmp_path / "out") == 1
    assert merge(parts[:1], tmp_path / "none") == 0
    assert (tmp_path / "none").read_bytes() == b""
