"""A breaker: what failed is asked ever more rarely, by one at a time, and is told at once to everybody else."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from aiops.core.errors import SourceError, said

RESTS_AT_MOST_S = 300.0
QUICK_S = 45.0
"""At most so long where nothing answers: to ask costs nobody anything, and within a minute of its return it is back."""


class Resting(SourceError):
    """Nobody was asked: the last answer was an error, and its time to be tried again has not come."""


class Breaker:
    """Closed while all is well. After a failure it rests: max(`pause_s`, what the failure took), doubled with each further one,
    at most RESTS_AT_MOST_S, or QUICK_S where nothing answers; another kind of error begins anew, for a server that starts says
    so. What was asked before the last failure and fails as well is no further one. Then one caller tries; until that is known
    everybody else still gets the old error. Thread-safe.

    Source: Nygard, Release It! (circuit breaker).
    """

    def __init__(self, clock: Callable[[], float], pause_s: float = 1.0) -> None:
        self._clock, self._pause_s = clock, pause_s
        self._lock = threading.Lock()
        self._failures, self._rests_until, self._trying = 0, -math.inf, False
        self._failed_at = -math.inf
        self.error: SourceError | None = None

    def enter(self) -> float:
        """Before asking; the instant, for `failed`. Raises Resting."""
        with self._lock:
            now = self._clock()
            if self.error is not None:
                if self._trying or 0 < self._rests_until - now <= RESTS_AT_MOST_S:  # more: the clock was set back
                    raise Resting(self.error.source, self.error.kind, self.error.message)
                self._trying = True
            return now

    def failed(self, error: SourceError, entered: float) -> bool:
        """After asking in vain; True when it was well before."""
        with self._lock:
            now = self._clock()
            began = self.error is None
            if not began and entered < self._failed_at <= now:
                return False
            self._failed_at = now
            self._failures = self._failures + 1 if self.error is not None and self.error.kind == error.kind else 1
            least = max(self._pause_s, now - entered)
            most = max(least, QUICK_S) if error.kind == "unreachable" else RESTS_AT_MOST_S
            self._rests_until = now + min(least * 2 ** min(self._failures - 1, 10), most, RESTS_AT_MOST_S)
            self.error, self._trying = said(error), False
            return began

    def well(self) -> bool:
        """After a good answer; True when it had failed before."""
        with self._lock:
            ended = self.error is not None
            self._failures, self.error, self._trying = 0, None, False
            return ended

    def let_go(self) -> None:
        """The try came to nothing that says anything of the source: the next caller may try."""
        with self._lock:
            self._trying = False
