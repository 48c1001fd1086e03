"""Answers that many ask for: made once, and kept for as long as nothing that they tell of can have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from aiops.daemon.daemon import Daemon
from aiops.store.paging import Pages

T = TypeVar("T")
AsOf = tuple[Hashable, ...]
BYTES_AT_MOST, EACH = 16 << 20, 2000
"""Of the answers that are kept, and of each beside its body; one that is larger than a twentieth of it all is not."""
AT_ONCE = 2
"""How many are made at a time: with more, the loop that answers everybody else would come to its turn more seldom."""
MINUTE_S = 60


class Head:
    """The number of the ledger's newest row, looked at once in a second of the daemon's clock for all answers that rest on it."""

    def __init__(self, daemon: Daemon) -> None:
        self._clock, self._pages = daemon.clock, Pages(daemon.store)
        self._looked_s, self.seq = -1, 0

    async def look(self) -> None:
        """Look, if nobody has in this second."""
        second = int(self._clock())
        if second != self._looked_s:
            self._looked_s, self.seq = second, await run_in_threadpool(self._pages.head)


class Kept:
    """Until this process writes to the tables that the answers are about or takes up other files or masks, or, `by_minute`, a
    minute of the daemon's clock has passed. For what another process wrote the ledger is looked at each second, as everything
    that is decided or said stands there.

    To be used on one event loop at a time. Who asks while an answer is being made waits for that one.
    """

    def __init__(self, daemon: Daemon, head: Head, *tables: str, by_minute: bool = False) -> None:
        self._daemon, self._head, self._tables, self._by_minute = daemon, head, tables, by_minute
        self._as_of: AsOf = ()
        self._made: dict[Hashable, asyncio.Task[object]] = {}
        self._bytes = 0
        self._at_once = asyncio.Semaphore(AT_ONCE)

    @property
    def as_of(self) -> AsOf:
        """What is as it was while this is the same."""
        daemon = self._daemon
        minute = int(daemon.clock()) // MINUTE_S if self._by_minute else 0
        return *daemon.store.revision(*self._tables), self._head.seq, id(daemon.rooms), daemon.rooms.masks.version, minute

    async def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, called on a thread where it is not known. Raises what it raises, and keeps nothing then."""
        await self._head.look()
        as_of = self.as_of
        if as_of != self._as_of:
            self._as_of, self._made, self._bytes, self._at_once = as_of, {}, 0, asyncio.Semaphore(AT_ONCE)
        made = self._made
        task = made.get(key)
        if task is None:
            task = made[key] = asyncio.get_running_loop().create_task(self._make(make))
            task.add_done_callback(lambda done: self._weigh(made, key, done))
        found: T = await asyncio.shield(task)  # type: ignore[arg-type]
        return found

    async def _make(self, make: Callable[[], T]) -> T:
        async with self._at_once:
            return await run_in_threadpool(make)

    def _weigh(self, made: dict[Hashable, asyncio.Task[object]], key: Hashable, done: asyncio.Task[object]) -> None:
        """Forget what failed, what is too large to be kept, and everything once there is too much of it."""
        failed = done.cancelled() or done.exception() is not None
        size = 0 if failed else EACH + _length(done.result())
        if failed or 20 * size > BYTES_AT_MOST:
            made.pop(key, None)
        elif made is self._made:
            self._bytes += size
            if self._bytes > BYTES_AT_MOST:
                made.clear()
                self._bytes = 0


def _length(answer: object) -> int:
    """The bytes of an answer, whatever stands beside them."""
    body = answer[0] if isinstance(answer, tuple) else answer
    return len(body) if isinstance(body, bytes) else 0
