"""From the outbox to the receivers: at least once, in order for each episode; what fails is tried again, later and later."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from aiops.core.errors import NotifyError, RetryLater
from aiops.core.labels import fingerprint
from aiops.core.text import visible
from aiops.notify.bundle import as_of, bundled
from aiops.notify.interface import Notifier
from aiops.notify.pulse import Pulse
from aiops.store import OutboxRow, Store
from aiops.store.about import told, told_end

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
GIVES_UP_AFTER_S = 86400.0
RUN_FOR_S, PATIENCE_S = 20.0, 2.0
AT_ONCE, LOOKS_EVERY_S = 500, 0.5
"""How many messages are taken up at a time; how often, while they leave, it is looked for others that have come meanwhile."""
log = structlog.get_logger()


@dataclass(slots=True)
class RelayResult:
    """What one run came to: messages sent, to be tried again, given up, slow, and renewals that had become untrue."""

    sent: int = 0
    retried: int = 0
    dead: int = 0
    late: int = 0
    superseded: int = 0


@dataclass(slots=True)
class _Sending:
    """One message on its way, in a thread of its own: a receiver that hangs costs nobody but itself.

    `others`: rows that the message speaks for as well; `ended`: where it puts itself when it is over; `late`: nobody waits for it
    any more.
    """

    row: OutboxRow
    notifier: Notifier[Any]
    now_s: float
    message: Mapping[str, Any]
    others: Sequence[OutboxRow]
    ended: SimpleQueue[_Sending]
    began_s: float = field(default_factory=time.monotonic)
    late: bool = False
    error: BaseException | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"notify {self.row.receiver}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.notifier.send(self.message, self.row.dedup_key, self.now_s)
        except BaseException as e:  # noqa: BLE001  whatever a plug-in comes up with is judged in the relay's own thread
            self.error = e
        finally:
            self.ended.put(self)

    @property
    def away(self) -> bool:
        """Whether the receiver could not take it now."""
        return isinstance(self.error, RetryLater | OSError)


class Relay:
    """Sends what is due. A message is marked sent after it was sent, never before: a crash in between sends it twice, with
    the same key, and loses nothing.

    To each receiver one message is on its way at a time, to all of them at once, so that none waits for another; while the next
    one leaves, the last one is marked. A receiver that cannot take a message rests: 1 s, then longer and longer up to 1 min, or
    as long as it asks for; one that takes longer than PATIENCE_S is left to itself until it answers. What is refused for good,
    or for a day, is dead: logged, in the ledger, and told to the receiver's fallback, if it has one. A renewal leaves no trace,
    for the next turn brings another. What is bundled waits for its time, then goes as one message, whose rows are sealed first:
    a retry sends the same. `dry_run`: nothing is sent and nothing marked.
    """

    def __init__(
        self, store: Store, notifiers: Mapping[str, Notifier[Any]], dry_run: bool = False, patience_s: float = PATIENCE_S,
        fallbacks: Mapping[str, str] | None = None, pulse: Pulse | None = None,
    ) -> None:  # fmt: skip
        self._fallbacks, self._pulse = dict(fallbacks or {}), pulse
        self._store, self._notifiers, self._dry_run, self._patience_s = store, dict(notifiers), dry_run, patience_s
        self._flying: dict[str, _Sending] = {}
        self._over: SimpleQueue[_Sending] = SimpleQueue()
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}
        self._refuses: set[str] = set()

    def run_once(self, now_s: float) -> RelayResult:
        """Send what is due at `now_s`, for at most RUN_FOR_S. Raises StoreError when the store cannot be read or written."""
        result, until = RelayResult(), time.monotonic() + RUN_FOR_S
        if self._dry_run:
            return result
        if self._pulse is not None:
            self._pulse.beat(now_s)
        lanes: dict[str, deque[OutboxRow]] = {}
        look_again, found = 0.0, True
        while time.monotonic() < until:
            found = self._land(lanes, now_s, result, 0.0) or found
            if (found and not lanes) or time.monotonic() > look_again:
                began, found = time.monotonic(), self._look(lanes, now_s)
                ended = time.monotonic()
                look_again = ended + max(LOOKS_EVERY_S, 10 * (ended - began))  # a long backlog takes long to look through
            for receiver in [one for one in lanes if one not in self._flying]:
                self._begin(receiver, lanes, now_s, result)
            waited = [one for one in self._flying.values() if not one.late]
            if waited:
                found = self._land(lanes, now_s, result, min(self._patience_s, LOOKS_EVERY_S)) or found
            elif not lanes and not found:
                break
        return result

    def close(self) -> None:
        """Give what is on its way a moment, then let go of the receivers' connections."""
        end = time.monotonic() + self._patience_s
        while self._flying and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                self._flying.pop(self._over.get(timeout=left).row.receiver, None)
        for notifier in self._notifiers.values():
            notifier.close()

    def _look(self, lanes: dict[str, deque[OutboxRow]], now_s: float) -> bool:
        """Whether there is anything due for receivers that have nothing to do; it is put into their lanes."""
        resting = {receiver for receiver, until in self._rests_until.items() if until > now_s}
        rows = self._store.due(now_s, AT_ONCE, without=resting | set(lanes) | set(self._flying))
        for row in rows:
            lanes.setdefault(row.receiver, deque()).append(row)
        return bool(rows)

    def _land(self, lanes: dict[str, deque[OutboxRow]], now_s: float, result: RelayResult, wait_s: float) -> bool:
        """Take what has ended, waiting for it at most so long; what takes too long is left to itself. Whether its receiver has
        nothing more to do."""
        try:
            sending = self._over.get(timeout=wait_s) if wait_s else self._over.get_nowait()
        except Empty:
            self._lose_patience(lanes, result)
            return False
        receiver = sending.row.receiver
        del self._flying[receiver]
        if sending.away:
            lanes.pop(receiver, None)
        elif receiver in lanes:
            self._begin(receiver, lanes, now_s, result)  # it leaves while the last one is marked
        self._ended(sending, now_s, result)
        return not sending.away and receiver not in self._flying

    def _lose_patience(self, lanes: dict[str, deque[OutboxRow]], result: RelayResult) -> None:
        for receiver, sending in self._flying.items():
            if not sending.late and time.monotonic() - sending.began_s >= self._patience_s:
                sending.late = True
                result.late += 1
                lanes.pop(receiver, None)  # what waits behind it waits in the store
                log.warning("a receiver is slow", receiver=receiver, key=sending.row.dedup_key, waited_s=self._patience_s)

    def _begin(self, receiver: str, lanes: dict[str, deque[OutboxRow]], now_s: float, result: RelayResult) -> None:
        """Let the first message of a lane leave that is to be sent at all."""
        lane = lanes[receiver]
        while lane:
            sending = self._sending(lane.popleft(), now_s, result)
            if sending is not None:
                self._flying[receiver] = sending
                sending.start()
                break
        if not lane:
            del lanes[receiver]

    def _sending(self, row: OutboxRow, now_s: float, result: RelayResult) -> _Sending | None:
        """The message of a row; None for one that nobody is to get."""
        notifier = self._notifiers.get(row.receiver)
        if notifier is None:
            self._give_up(row, f"no receiver {row.receiver!r} in the configuration", now_s, result)
            return None
        if self._is_idle(row, now_s, result):
            return None
        together = "bundle" in row.payload and not notifier.renewed  # who is renewed puts together by itself
        if together and (later := self._interval_ends_s(row)) > now_s:
            self._store.put_off(row.seq, later)
            return None
        others = self._store.seal(row)[1:] if together else []
        others = [one for one in others if not self._is_idle(one, now_s, result)]
        message = bundled([one.payload for one in (row, *others)], now_s) if others else as_of(row.payload, now_s)
        return _Sending(row, notifier, now_s, message, others, self._over)

    def _interval_ends_s(self, row: OutboxRow) -> float:
        """When the next message of a bundle's group may go; what is sealed has waited already."""
        interval = float(row.payload.get("interval_s", 0.0))
        last = self._store.last_bundle_s(row.receiver, row.group) if interval and "#" not in row.group else None
        return 0.0 if last is None else last + interval

    def _is_idle(self, row: OutboxRow, now_s: float, result: RelayResult) -> bool:
        """Whether a row tells its receiver nothing: a renewal that a newer one follows, the end of what was never announced here,
        a verdict that was told before. Then it is forgotten; where the beginning went to the fallback, so does the end."""
        payload, about = row.payload, str(row.payload["warning"]["id"])
        of = about, str(row.payload["warning"].get("thread", ""))  # or of the one in whose place it goes on
        idle = _is_renewal(row) and payload.get("ends_at_s", 0) < now_s
        if payload.get("if_told") and not told(self._store, row.receiver, *of):
            fallback = self._fallbacks.get(row.receiver, "")
            if fallback and told(self._store, fallback, *of):
                self._store.mark_dead(row.seq, "its beginning was refused here", now_s, fallback)
                return True
            idle = True
        if payload["event"] == "judged":
            end = payload["verdict"], payload.get("verdicts", {})
            idle = idle or told_end(self._store, row.receiver, about, row.seq) == end
        if idle:
            self._store.forget(row.seq)
            result.superseded += 1
        return idle

    def _ended(self, sending: _Sending, now_s: float, result: RelayResult) -> None:
        row, error = sending.row, sending.error
        if isinstance(error, RetryLater | OSError):
            self._later(row, error, now_s, result)
            return
        self._failures.pop(row.receiver, None)
        self._rests_until.pop(row.receiver, None)
        if error is not None:
            why = str(error) if isinstance(error, NotifyError) else f"the notifier failed: {type(error).__name__}: {error}"
            for one in (row, *sending.others):
                self._give_up(one, visible(why), now_s, result)
            return
        self._refuses.discard(row.receiver)
        for one in (row, *sending.others):
            if _is_renewal(one):
                self._store.forget(one.seq)
            else:
                self._store.mark_sent(one.seq, now_s)
        result.sent += 1

    def _later(self, row: OutboxRow, error: Exception, now_s: float, result: RelayResult) -> None:
        if now_s - row.created_s > GIVES_UP_AFTER_S:
            self._give_up(row, f"given up after a day: {visible(str(error))}", now_s, result)
            return
        failures = self._failures.get(row.receiver, 0)
        asked = error.after_s if isinstance(error, RetryLater) else None
        wait = max(backoff_s(row.dedup_key, max(failures, row.attempts)), asked or 0.0)
        self._failures[row.receiver], self._rests_until[row.receiver] = failures + 1, now_s + wait
        self._store.mark_retry(row.seq, row.attempts + 1, now_s + wait, visible(str(error)), now_s)
        log.warning("a receiver cannot be reached", receiver=row.receiver, error=visible(str(error)), again_in_s=round(wait, 1))
        result.retried += 1

    def _give_up(self, row: OutboxRow, why: str, now_s: float, result: RelayResult) -> None:
        if _is_renewal(row):
            self._store.forget(row.seq)
        else:
            self._store.mark_dead(row.seq, why, now_s, self._fallbacks.get(row.receiver, ""))
        if not _is_renewal(row) or row.receiver not in self._refuses:  # renewals come every turn: told once
            log.error("a message was given up", receiver=row.receiver, key=row.dedup_key, error=why)
        self._refuses.add(row.receiver)
        result.dead += 1


def _is_renewal(row: OutboxRow) -> bool:
    return row.payload.get("event") == "updated"


def backoff_s(key: str, attempts: int) -> float:
    """Seconds to wait after `attempts` failures: 1, 2, 4 … 60, less up to a half that depends on the key alone.

    Source: exponential backoff with jitter (Brooker 2015, AWS Architecture Blog).
    """
    full: float = min(FIRST_WAIT_S * 2.0 ** min(attempts, 20), LONGEST_WAIT_S)
    return full * (1.0 - 0.5 * int(fingerprint(key, str(attempts))[:8], 16) / 2**32)
