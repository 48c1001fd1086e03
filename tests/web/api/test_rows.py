"""Rows of a list are made once for each state of a warning, and for each who sees something else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from aiops.core.records import EarlyWarning
from aiops.web.api import rows
from aiops.web.api.rows import Rows
from tests.notify.samples import warning


class Seeing:
    """A caller who sees a warning with another card's name, or none at all."""

    def __init__(self, card: str) -> None:
        self.card, self.asked = card, 0

    @property
    def same(self) -> tuple[str]:
        return (self.card,)

    def warning(self, one: EarlyWarning) -> EarlyWarning | None:
        self.asked += 1
        return one.having(card=self.card) if self.card else None


def daemon() -> Any:
    return SimpleNamespace(rooms=object())


def test_a_row_is_made_once_for_as_long_as_the_warning_is_the_same_object() -> None:
    made, sight, one = Rows(daemon()), Seeing("a"), warning()
    first = made.of(sight)(one)  # type: ignore[arg-type]
    assert first is not None
    assert (orjson.loads(first.body)["card"], first.facts["card"]) == ("a", "a")
    assert made.of(sight)(one) is first  # type: ignore[arg-type]
    later = made.of(sight)(one.having(severity="critical"))  # type: ignore[arg-type]
    assert later is not None
    assert (orjson.loads(later.body)["severity"], sight.asked) == ("critical", 2)


def test_nobody_gets_the_row_of_who_sees_something_else() -> None:
    made, one = Rows(daemon()), warning()
    told = [made.of(Seeing(card))(one) for card in ("a", "b", "")]  # type: ignore[arg-type]
    assert [None if row is None else row.facts["card"] for row in told] == ["a", "b", None]


def test_other_files_of_the_daemon_make_all_rows_anew() -> None:
    home, sight, one = daemon(), Seeing("a"), warning()
    made = Rows(home)
    made.of(sight)(one)  # type: ignore[arg-type]
    home.rooms = object()
    made.of(sight)(one)  # type: ignore[arg-type]
    assert sight.asked == 2


def test_so_many_rows_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_AT_MOST", 2)
    made, sight = Rows(daemon()), Seeing("a")
    for number in "aabbabcca":
        made.of(sight)(known[number])  # type: ignore[arg-type]
    assert sight.asked == 4  # `c` did not fit, so all were forgotten, and `a` was made again


known = {number: warning(id=number) for number in "abc"}
