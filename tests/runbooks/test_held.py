"""Which limit holds a run back, by the runs before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.runbooks.held import Ran, held_back
from tests.runbooks.samples import POOL, loaded

HOUR = 3600.0
HERE, ELSEWHERE = {"service": "a"}, {"service": "b"}


def because(folder: Path, *earlier: Ran, guards: bool = True) -> str:
    book = loaded(folder, POOL)
    book = book if guards else book.model_copy(update={"guards": None})
    found = held_back(book, HERE, 0.0, earlier)
    return "" if found is None else found.because


def ran(ago_h: float, target: dict[str, str] = HERE, took_h: float = 0.0, good: bool = False, back: bool = False) -> Ran:
    return Ran(target, -ago_h * HOUR, (took_h - ago_h) * HOUR, good, back)


@pytest.mark.parametrize(
    ("earlier", "limit"),
    [
        ([], ""),
        ([ran(0.5)], "cooldown"),
        ([ran(1.5, took_h=1.0)], "cooldown"),
        ([ran(1.0)], ""),
        ([ran(5), ran(3)], "max_runs"),
        ([ran(25), ran(3)], ""),
        ([ran(5), ran(3, good=True)], ""),
        ([ran(5), ran(3, good=True, back=True)], "max_runs"),
        ([ran(6, good=True), ran(4)], ""),
        ([ran(5, took_h=0.2, good=True), ran(4.9)], "max_runs"),
        ([ran(0.2, ELSEWHERE)], ""),
        ([ran(0.2, {"service": one}) for one in "bcd"], "max_targets"),
        ([ran(0.2, ELSEWHERE) for _ in range(3)], ""),
        ([ran(1.2, {"service": one}) for one in "bcd"], ""),
    ],
)
def test_the_limit_that_holds_it_back(tmp_path: Path, earlier: list[Ran], limit: str) -> None:
    """POOL has a cooldown of an hour, 2 runs a day and 3 targets an hour."""
    assert because(tmp_path, *earlier) == limit
    assert because(tmp_path, *reversed(earlier)) == limit


def test_without_guards_nothing_is_held_back(tmp_path: Path) -> None:
    assert because(tmp_path, ran(0.1), guards=False) == ""


def test_what_is_yet_to_come_does_not_count(tmp_path: Path) -> None:
    assert because(tmp_path, ran(-0.1)) == ""
