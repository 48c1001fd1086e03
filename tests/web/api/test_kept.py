"""An answer is made once for all who ask, and never outlives what it tells of."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from aiops.web.api import kept
from aiops.web.api.kept import Kept


def over(revision: int = 1, now: float = 5.0) -> Any:
    return SimpleNamespace(store=SimpleNamespace(revision=revision), clock=lambda: daemon_now[0] or now)


daemon_now = [0.0]


def test_many_who_ask_at_once_are_answered_by_one_making() -> None:
    made: list[int] = []
    gate = threading.Event()

    def make() -> int:
        gate.wait(30)
        made.append(1)
        return len(made)

    async def ask() -> list[int]:
        one = Kept(over())
        waiting = [asyncio.create_task(one.get("k", make)) for _ in range(20)]
        await asyncio.sleep(0)
        gate.set()
        return [*await asyncio.gather(*waiting), await one.get("k", make)]

    assert asyncio.run(ask()) == [1] * 21


def test_a_write_or_a_second_makes_it_anew() -> None:
    daemon, made = over(), iter(range(9))

    async def ask() -> list[int]:
        one, found = Kept(daemon), []
        for revision, now in ((1, 5.0), (1, 5.9), (2, 5.9), (2, 6.0), (2, 5.0)):
            daemon.store.revision, daemon_now[0] = revision, now
            found.append(await one.get("k", lambda: next(made)))
        return found

    assert asyncio.run(ask()) == [0, 0, 1, 2, 3]


def test_what_fails_is_not_kept_and_other_keys_are_others() -> None:
    async def ask() -> list[str]:
        one = Kept(over())
        with pytest.raises(ZeroDivisionError):
            await one.get("a", lambda: 1 // 0)
        return [await one.get("a", lambda: "a"), await one.get("b", lambda: "b")]

    assert asyncio.run(ask()) == ["a", "b"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_AT_MOST", 2)

    async def ask() -> list[int]:
        one, made = Kept(over()), iter(range(9))
        for key in "abca":
            last = await one.get(key, lambda: next(made))
        return [last, await one.get("c", lambda: next(made))]

    assert asyncio.run(ask()) == [0, 3]
