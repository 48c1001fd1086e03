"""Answers that many ask for: made once, and kept for as long as nothing that they tell of can have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from aiops.daemon.daemon import Daemon

T = TypeVar("T")
KEPT_AT_MOST = 512


class Kept:
    """Until this process writes to the store, or a second of the daemon's clock has passed: what another process wrote, and what
    is told of the present time, is at most so old.

    To be used on one event loop at a time. Who asks while an answer is being made waits for that one.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._as_of: tuple[int, int] = (-1, -1)
        self._made: dict[Hashable, asyncio.Task[object]] = {}

    @property
    def as_of(self) -> tuple[int, int]:
        """What is as it was while this is the same."""
        return self._daemon.store.revision, int(self._daemon.clock())

    async def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, called on a thread where it is not known. Raises what it raises, and keeps nothing then."""
        as_of = self.as_of
        if as_of != self._as_of:
            self._as_of, self._made = as_of, {}
        made = self._made
        task = made.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(run_in_threadpool(make))
            if len(made) < KEPT_AT_MOST:
                made[key] = task
        try:
            found: T = await asyncio.shield(task)  # type: ignore[arg-type]
        except BaseException:
            made.pop(key, None)
            raise
        return found
