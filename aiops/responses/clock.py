"""Whether the clock can be believed: it is held against one that nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable


class ClockWatch:
    """Compares how far the wall clock moved with how far time went. After a jump it is believed again once two looks agree."""

    def __init__(self, most_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most_s, self._monotonic = most_s, monotonic
        self._last: tuple[float, float] | None = None
        self.jumped_s = 0.0

    def believed(self, now_s: float) -> bool:
        """Whether `now_s` is where time led since the last look; the first look believes it."""
        at, last = self._monotonic(), self._last
        self._last = now_s, at
        self.jumped_s = 0.0 if last is None else (now_s - last[0]) - (at - last[1])
        return abs(self.jumped_s) <= self._most_s
