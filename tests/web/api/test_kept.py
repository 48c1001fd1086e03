"""An answer is made once for all who ask, and never outlives what it tells of."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aiops.web.api import kept
from aiops.web.api.kept import Head, Kept


class Daemon(SimpleNamespace):
    """As much of a daemon as what is kept depends on."""

    def __init__(self) -> None:
        super().__init__(
            now=5.0,
            store=SimpleNamespace(revision=self.revision),
            rooms=SimpleNamespace(masks=SimpleNamespace(version=0)),
        )
        self.written = {"warnings": 1, "leases": 1}

    def revision(self, *names: str) -> tuple[int, ...]:
        return tuple(self.written[name] for name in names)

    def clock(self) -> float:
        return float(self.now)


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of the ledger's newest row."""
    found = [7]
    monkeypatch.setattr(kept.Pages, "head", lambda pages: found[0])
    return found


def over() -> Any:
    return Daemon()


def kept_of(daemon: Any, by_minute: bool = True) -> Kept:
    return Kept(daemon, Head(daemon), "warnings", by_minute=by_minute)


def test_many_who_ask_at_once_are_answered_by_one_making(head: list[int]) -> None:
    made: list[int] = []
    gate = threading.Event()

    def make() -> int:
        gate.wait(30)
        made.append(1)
        return len(made)

    async def ask() -> list[int]:
        one = kept_of(over())
        waiting = [asyncio.create_task(one.get("k", make)) for _ in range(20)]
        await asyncio.sleep(0)
        gate.set()
        return [*await asyncio.gather(*waiting), await one.get("k", make)]

    assert asyncio.run(ask()) == [1] * 21


def test_a_write_a_reload_a_mask_or_a_minute_makes_it_anew(head: list[int]) -> None:
    daemon, made = over(), iter(range(9))

    async def ask() -> list[int]:
        one, found = kept_of(daemon), []
        changes: list[Callable[[], None]] = [
            lambda: None, lambda: setattr(daemon, "now", 5.9), lambda: daemon.written.update(warnings=2),
            lambda: setattr(daemon, "rooms", SimpleNamespace(masks=daemon.rooms.masks)),
            lambda: setattr(daemon.rooms.masks, "version", 1), lambda: setattr(daemon, "now", 60.0),
        ]  # fmt: skip
        for change in changes:
            change()
            found.append(await one.get("k", lambda: next(made)))
        return found

    assert asyncio.run(ask()) == [0, 0, 1, 2, 3, 4]


def test_what_does_not_depend_on_it_outlives_a_minute_and_a_lease(head: list[int]) -> None:
    daemon, made = over(), iter(range(9))

    async def ask() -> list[int]:
        one, found = kept_of(daemon, by_minute=False), []
        for change in ({}, {"leases": 2}, {"warnings": 2}):
            daemon.written |= change
            daemon.now += 60
            found.append(await one.get("k", lambda: next(made)))
        return found

    assert asyncio.run(ask()) == [0, 0, 1]


def test_few_are_made_at_a_time(head: list[int]) -> None:
    going, most, lock = [0], [0], threading.Lock()

    def make() -> None:
        with lock:
            going[0] += 1
            most[0] = max(most[0], going[0])
        time.sleep(0.01)
        with lock:
            going[0] -= 1

    async def ask() -> None:
        one = kept_of(over())
        await asyncio.gather(*(one.get(key, make) for key in range(20)))

    asyncio.run(ask())
    assert most[0] == kept.AT_ONCE


def test_what_another_process_wrote_is_seen_in_the_next_second(head: list[int]) -> None:
    daemon, made = over(), iter(range(9))

    async def ask() -> list[int]:
        one, found = kept_of(daemon), []
        for seq, now in ((7, 5.0), (8, 5.9), (8, 6.0), (8, 7.0)):
            head[0], daemon.now = seq, now
            found.append(await one.get("k", lambda: next(made)))
        return found

    assert asyncio.run(ask()) == [0, 0, 1, 1]


def test_what_fails_is_not_kept_and_other_keys_are_others(head: list[int]) -> None:
    async def ask() -> list[str]:
        one = kept_of(over())
        with pytest.raises(ZeroDivisionError):
            await one.get("a", lambda: 1 // 0)
        return [await one.get("a", lambda: "a"), await one.get("b", lambda: "b")]

    assert asyncio.run(ask()) == ["a", "b"]


def test_what_is_kept_is_bounded(head: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BYTES_AT_MOST", 60_000)

    async def ask() -> list[bytes]:
        one, made = kept_of(over()), iter(range(99))
        sizes = {"small": 100, "large": 5000, **{str(i): 100 for i in range(40)}}
        for key in ("small", "small", "large", "large", *map(str, range(40)), "small"):
            last = await one.get(key, lambda key=key: (bytes([next(made)]) * sizes[key], {}))  # type: ignore[misc]
        return [last[0], (await one.get("small", lambda: (b"other", {})))[0]]

    last, again = asyncio.run(ask())
    assert last == again == b"\x2b" * 100  # the large one was made twice, the small one was forgotten with all others once
