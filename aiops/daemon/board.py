"""What the daemon knows of its own doing: written by its jobs, read by health, metrics and pages. Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aiops.core.errors import SourceError, said
from aiops.pipeline import TurnResult
from aiops.telemetry.breaker import Resting
from aiops.telemetry.link import AWAY

WAITS_AT_MOST_S, HANGS_STEPS = 300.0, 5


@dataclass(slots=True)
class WatchState:
    """The last turns of one watch. `source` names it, `sources` are those it reads; `every_s`: how often it is due.

    `failed`: sources that the last turn went without; `failures`: turns in a row that failed for no source's fault.
    `behind_s`: history that is still to be read, at first `behind_first_s`.
    """

    card: str
    source: str
    sources: tuple[str, ...]
    every_s: float
    stage: str
    due_since_s: float
    states: Mapping[str, int] = field(default_factory=dict)
    last_turn_s: float | None = None
    last_success_s: float | None = None
    seconds: float = 0.0
    progress: float = 0.0
    behind_s: int = 0
    behind_first_s: int = 0
    error: SourceError | None = None
    failed: Mapping[str, SourceError] = field(default_factory=dict)
    partial: tuple[str, ...] = ()
    failures: int = 0
    rests_until_s: float = 0.0

    def overdue_s(self, now_s: float) -> float:
        """How long ago the next successful turn should have been done, seconds; 0 while it is on time."""
        since = self.due_since_s if self.last_success_s is None else self.last_success_s
        return max(0.0, now_s - since - 2 * self.every_s)


class Board:
    """All watches' states, counters of everything counted, what the last reload said; `masks`: what is wrong with which."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.watches: dict[str, WatchState] = {}
        self.counters: Counter[tuple[str, ...]] = Counter()
        self.reload_ok, self.reload_error, self.reloaded_s = True, "", started_s
        self.store_errors: dict[str, str] = {}
        self.masks: dict[str, str] = {}
        self._down: dict[str, dict[str, SourceError]] = {}
        self._domains: dict[str, str] = {}
        self._lock = threading.Lock()

    def enter(self, watches: Mapping[str, WatchState], domains: Mapping[str, str] | None = None) -> None:
        """Begin with these watches; those that were there before keep what is known of them. `domains`: source to what it fails
        with, so that one outage is told once."""
        with self._lock:
            self._domains, self._down = dict(domains or {}), {}
            for name, state in watches.items():
                if (old := self.watches.get(name)) is not None:
                    state.last_turn_s, state.last_success_s = old.last_turn_s, old.last_success_s
                    state.states, state.error, state.failed = old.states, old.error, old.failed
            self.watches = dict(watches)
            self.store_errors.clear()

    def turned(self, result: TurnResult, at_s: float, progress: float) -> list[tuple[str, SourceError | None]]:
        """A turn ended, well or not. What is new of the sources: (which, its error when it went away, None when it is back)."""
        with self._lock:
            state = self.watches[result.watch]
            state.last_turn_s, state.seconds, state.states = at_s, result.seconds, result.states
            state.progress, state.error, state.partial = progress, said(result.error), result.partial
            if result.error is None:
                state.behind_s, state.behind_first_s = result.behind_s, max(state.behind_first_s, result.behind_s)
            before, state.failed = state.failed, {name: said(error) for name, error in result.failed.items()}
            if result.error is None:
                state.last_success_s, state.failures, state.rests_until_s = at_s, 0, 0.0
            elif not result.failed:
                state.failures += 1
                wait = min(state.every_s * (2 ** min(state.failures - 1, 10) - 1), WAITS_AT_MOST_S)
                state.rests_until_s = at_s + wait
                self.counters["source_errors", state.source, result.error.kind] += 1
            for event in result.events:
                if event.kind != "updated":
                    verdict = event.outcome.verdict if event.outcome else ""
                    self.counters["events", state.card, event.kind, verdict] += 1
            return [new for name in state.sources for new in self._news(name, result.failed.get(name), before.get(name))]

    def _news(self, name: str, error: SourceError | None, before: SourceError | None) -> Iterator[tuple[str, SourceError | None]]:
        """What a turn says of one source that was not known: an outage is told once for all cards and all that fails with it."""
        if error is not None and not isinstance(error, Resting):
            self.counters["source_errors", name, error.kind] += 1
        down = self._down.setdefault(self._domains.get(name, name), {})
        if error is not None and error.kind in AWAY:
            if not down:
                yield name, error
            down[name] = said(error)
        elif down.pop(name, None) is not None:
            if not down:
                yield name, None
        elif error is not None and (before is None or before.kind != error.kind):
            yield name, error
        elif error is None and before is not None and before.kind not in AWAY:
            yield name, None

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

    def backfilled(self) -> float:
        """0-1: how much of the older history, of all cards, has been read; 1 when there is none to read."""
        watches, _ = self.snapshot()
        whole = sum(w.behind_first_s for w in watches.values())
        return 1.0 - sum(w.behind_s for w in watches.values()) / whole if whole else 1.0

    def sources(self) -> dict[str, str]:
        """Source to what is wrong with it: empty = at least one of its cards was read last time; `first turn …` before."""
        watches, _ = self.snapshot()
        out: dict[str, str] = {}
        for name in sorted({name for w in watches.values() for name in w.sources}):
            done = [w for w in watches.values() if name in w.sources and w.last_turn_s is not None]
            failed = [w.failed.get(name, w.error) for w in done if name in w.failed or w.error is not None]
            if not done:
                out[name] = "the first turn is not done yet"
            elif len(failed) == len(done):
                out[name] = _text(failed[0])
            else:
                out[name] = ""
        return out

    def works(self, now_s: float) -> bool:
        """Whether the daemon does what it is there for: it is ready, and no turn hangs. A source that fails is told elsewhere."""
        watches, _ = self.snapshot()
        hangs = any(w.error is None and w.overdue_s(now_s) > HANGS_STEPS * w.every_s for w in watches.values())
        return self.ready()[0] and not hangs

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether the first turns are done, the store answers and not every source fails, and the body that says why."""
        sources = self.sources()
        waiting = [name for name, why in sources.items() if why.startswith("the first turn")]
        failing = {name: why for name, why in sources.items() if why and name not in waiting}
        ok = not waiting and len(failing) < max(len(sources), 1) and not self.store_errors
        body: dict[str, object] = {"ready": ok, "failing": failing, "waiting": waiting}
        watches, _ = self.snapshot()
        cards = {n: _text(w.error) for n, w in watches.items() if w.error and not set(w.sources) <= set(failing)}
        if cards:
            body["failing_cards"] = cards
        if self.masks:
            body["masks"] = dict(self.masks)
        if store := list(self.store_errors.values()):
            body["store"] = store[0]
        return ok, body


def _text(error: SourceError | None) -> str:
    return "" if error is None else f"{error.kind}: {error.message}"
