"""What the daemon knows of its own doing: written by its jobs, read by health, metrics and pages. Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiops.core.errors import SourceError
from aiops.pipeline import TurnResult

WAITS_AT_MOST_S = 300.0


@dataclass(slots=True)
class WatchState:
    """The last turns of one watch. `every_s`: how often it is due; `failures`: failed turns in a row."""

    card: str
    source: str
    every_s: float
    stage: str
    due_since_s: float
    states: Mapping[str, int] = field(default_factory=dict)
    last_turn_s: float | None = None
    last_success_s: float | None = None
    seconds: float = 0.0
    progress: float = 0.0
    error: SourceError | None = None
    partial: tuple[str, ...] = ()
    failures: int = 0
    rests_until_s: float = 0.0

    def overdue_s(self, now_s: float) -> float:
        """How long ago the next successful turn should have been done, seconds; 0 while it is on time."""
        since = self.due_since_s if self.last_success_s is None else self.last_success_s
        return max(0.0, now_s - since - 2 * self.every_s)


class Board:
    """All watches' states, counters of everything counted, and what the last reload said."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.watches: dict[str, WatchState] = {}
        self.counters: Counter[tuple[str, ...]] = Counter()
        self.reload_ok, self.reload_error, self.reloaded_s = True, "", started_s
        self.store_errors: dict[str, str] = {}
        self._lock = threading.Lock()

    def enter(self, watches: Mapping[str, WatchState]) -> None:
        """Begin with these watches; those that were there before keep what is known of them."""
        with self._lock:
            for name, state in watches.items():
                if (old := self.watches.get(name)) is not None:
                    state.last_turn_s, state.last_success_s = old.last_turn_s, old.last_success_s
                    state.states, state.error = old.states, old.error
            self.watches = dict(watches)
            self.store_errors.clear()

    def turned(self, result: TurnResult, at_s: float, progress: float) -> None:
        """A turn ended, well or not. A watch whose source fails rests ever longer, so that others get their turns."""
        with self._lock:
            state = self.watches[result.watch]
            state.last_turn_s, state.seconds, state.states = at_s, result.seconds, result.states
            state.progress, state.error, state.partial = progress, _said(result.error), result.partial
            if result.error is None:
                state.last_success_s, state.failures, state.rests_until_s = at_s, 0, 0.0
            else:
                state.failures += 1
                wait = min(state.every_s * (2 ** min(state.failures - 1, 10) - 1), WAITS_AT_MOST_S)
                state.rests_until_s = at_s + wait
                self.counters["source_errors", state.source, result.error.kind] += 1
            for event in result.events:
                if event.kind != "updated":
                    verdict = event.outcome.verdict if event.outcome else ""
                    self.counters["events", state.card, event.kind, verdict] += 1

    def nothing_new(self, name: str, at_s: float) -> None:
        """A watch was asked for a turn that is done already, as after a restart within one step."""
        with self._lock:
            state = self.watches[name]
            if state.last_turn_s is None:
                state.last_turn_s = state.last_success_s = at_s

    def store_said(self, who: str, error: str) -> bool:
        """What a watch, or the relay, heard from the store: an error, or empty. True when the store fails or heals by it."""
        with self._lock:
            before = bool(self.store_errors)
            if error:
                self.store_errors[who] = error
            else:
                self.store_errors.pop(who, None)
            return before != bool(self.store_errors)

    def count(self, *name: str, by: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            self.counters[name] += by

    def reloaded(self, now_s: float, error: str) -> None:
        """What the last reload came to; `error` is empty when it was taken up."""
        with self._lock:
            self.reload_ok, self.reload_error = not error, error
            if not error:
                self.reloaded_s = now_s

    def snapshot(self) -> tuple[dict[str, WatchState], Counter[tuple[str, ...]]]:
        """Copies of the states' table and the counters."""
        with self._lock:
            return dict(self.watches), Counter(self.counters)

    def sources(self) -> dict[str, str]:
        """Source to what is wrong with it: empty = at least one of its cards was read last time; `first turn …` before."""
        watches, _ = self.snapshot()
        out: dict[str, str] = {}
        for name in sorted({w.source for w in watches.values()}):
            mine = [w for w in watches.values() if w.source == name]
            done = [w for w in mine if w.last_turn_s is not None]
            failed = [w.error for w in done if w.error is not None]
            if not done:
                out[name] = "the first turn is not done yet"
            elif len(failed) == len(done):
                out[name] = f"{failed[0].kind}: {failed[0].message}"
            else:
                out[name] = ""
        return out

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether the first turns are done, the store answers and not every source fails, and the body that says why."""
        sources = self.sources()
        waiting = [name for name, why in sources.items() if why.startswith("the first turn")]
        failing = {name: why for name, why in sources.items() if why and name not in waiting}
        ok = not waiting and len(failing) < max(len(sources), 1) and not self.store_errors
        body: dict[str, object] = {"ready": ok, "failing": failing, "waiting": waiting}
        watches, _ = self.snapshot()
        cards = {n: f"{w.error.kind}: {w.error.message}" for n, w in watches.items() if w.error and w.source not in failing}
        if cards:
            body["failing_cards"] = cards
        if store := list(self.store_errors.values()):
            body["store"] = store[0]
        return ok, body


def _said(error: SourceError | None) -> SourceError | None:
    """The same error without its traceback: that would keep everything the failed read had in its hands, an answer included."""
    return None if error is None else SourceError(error.source, error.kind, error.message)
