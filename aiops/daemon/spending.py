"""What the daemon itself uses: CPU of its processes, shared out to cards by their turns, and how many series that was for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aiops.core.errors import StoreError
from aiops.core.labels import fingerprint
from aiops.models.second_tier import pool as pools
from aiops.pipeline.report import spent_statement
from aiops.store import Store


def cpu_s() -> float:
    """CPU seconds of this process and of the workers of slow fits, since they began."""
    return time.process_time() + pools.shared().counts.cpu_s


class Spending:
    """Stretches of the daemon's life, each with what it used. `used`: CPU seconds so far, which only grow. Thread-safe."""

    def __init__(self, now_s: float, used: Callable[[], float] = cpu_s) -> None:
        self._used, self._from_s, self._cpu_s = used, now_s, used()
        self._turns: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
        self._lock = threading.Lock()

    def turned(self, card: str, watch: str, seconds: float, active: int) -> None:
        """A turn of a card's watch took so long over so many active series."""
        with self._lock:
            self._turns[card, watch].append((max(0.0, seconds), active))

    def keep(self, store: Store, now_s: float) -> None:
        """Write what the stretch up to now used, and begin the next; a store that refuses makes it longer.

        After a clock that was set back it has no length and is left out.
        """
        used, began = self._used(), self._from_s
        with self._lock:
            turns, self._turns = self._turns, defaultdict(list)
        if now_s > began:
            try:
                with store.transaction() as tx:
                    name = fingerprint("spent", repr(began), repr(now_s))
                    tx.put_statement(spent_statement(name, now_s, _facts(turns, used - self._cpu_s, now_s - began)))
            except StoreError:  # what is wrong with it is told by those who cannot do without
                with self._lock:
                    for name_of, found in turns.items():
                        self._turns[name_of].extend(found)
                return
        self._from_s, self._cpu_s = now_s, used


def _facts(turns: Mapping[tuple[str, str], list[tuple[float, int]]], spent_s: float, span_s: float) -> dict[str, Any]:
    """CPU and span in seconds; of each card the time of its turns, and the mean number of active series, over all its watches."""
    took, series = defaultdict[str, float](float), defaultdict[str, float](float)
    for (card, _), found in turns.items():
        took[card] += sum(seconds for seconds, _ in found)
        series[card] += sum(active for _, active in found) / len(found)
    shares = {"turn_s": {card: round(one, 4) for card, one in took.items()}, "series": dict(series)}
    return {"cpu_s": round(max(0.0, spent_s), 3), "span_s": round(span_s, 3), **shares}
