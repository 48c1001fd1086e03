"""The lease: who may act, under which epoch, and until when by a clock that nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiops.store.responses import Responses

TTL_S = 15.0
MARGIN_S = 3.0
"""So long before its lease ends a replica stops: what it has begun by then is known to who comes next."""


class Lease:
    """The lease of one replica. `at_once`: it holds the lock of the data directory, so whoever had the lease is dead."""

    def __init__(
        self, runs: Responses, owner: str, at_once: bool = False, ttl_s: float = TTL_S, margin_s: float = MARGIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._runs, self._owner, self._at_once, self._ttl_s, self._margin_s = runs, owner, at_once, ttl_s, margin_s
        self._monotonic = monotonic
        self._until = float("-inf")
        self.epoch = 0

    def keep(self, now_s: float) -> bool:
        """Take or renew it; whether it is held. Raises StoreError. To be called every third of its time."""
        asked = self._monotonic()
        epoch = self._runs.take_lease(self._owner, self._ttl_s, now_s, self._at_once)
        if epoch is None:
            self._until = float("-inf")
            return False
        self.epoch, self._until = epoch, asked + self._ttl_s - self._margin_s
        return True

    def held(self) -> bool:
        """Whether something may still be begun. Measured from before it was asked for, so that a pause in between counts."""
        return self._monotonic() < self._until

    def leave(self) -> None:
        """Let the next one take it at once."""
        self._until = float("-inf")
        self._runs.leave_lease(self._owner)
