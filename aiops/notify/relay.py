"""From the outbox to the receivers: at least once, in order for each episode; what fails is tried again, later and later."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from aiops.core.errors import NotifyError, RetryLater
from aiops.core.labels import fingerprint
from aiops.notify.interface import Notifier
from aiops.store import OutboxRow, Store

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
GIVES_UP_AFTER_S = 86400.0
RUN_FOR_S = 20.0
log = structlog.get_logger()


@dataclass(slots=True)
class RelayResult:
    """What one run came to: messages sent, to be tried again, given up, and renewals that had become untrue."""

    sent: int = 0
    retried: int = 0
    dead: int = 0
    superseded: int = 0


class Relay:
    """Sends what is due. A message is marked sent after it was sent, never before: a crash in between sends it twice, with
    the same key, and loses nothing.

    A receiver that fails is left alone for the rest of a run, so that it holds up nobody. Waits grow from 1 s to 5 min, with a
    jitter that depends on the message alone; after a day, or when refused for good, it is dead: logged, and in the ledger.
    """

    def __init__(self, store: Store, notifiers: Mapping[str, Notifier[Any]], dry_run: bool = False) -> None:
        self._store, self._notifiers, self._dry_run = store, dict(notifiers), dry_run

    def run_once(self, now_s: float) -> RelayResult:
        """Send what is due at `now_s`, for at most RUN_FOR_S. Raises StoreError when the store cannot be read or written."""
        result, failing, began = RelayResult(), set[str](), time.monotonic()
        while not self._dry_run and time.monotonic() - began < RUN_FOR_S:
            rows = [row for row in self._store.due(now_s) if row.receiver not in failing]
            if not rows:
                break
            for row in rows:
                if row.receiver not in failing and not self._one(row, now_s, result):
                    failing.add(row.receiver)
        return result

    def close(self) -> None:
        """Let go of the receivers' connections."""
        for notifier in self._notifiers.values():
            notifier.close()

    def _one(self, row: OutboxRow, now_s: float, result: RelayResult) -> bool:
        """Whether the receiver can be asked for more."""
        notifier = self._notifiers.get(row.receiver)
        if notifier is None:
            self._give_up(row, f"no receiver {row.receiver!r} in the configuration", now_s, result)
            return True
        renewal = row.payload.get("event") == "updated"
        if renewal and row.payload.get("ends_at_s", 0) < now_s:  # what it says is no longer true; a newer one follows
            self._store.forget(row.seq)
            result.superseded += 1
            return True
        try:
            notifier.send(row.payload, row.dedup_key, now_s)
        except NotifyError as e:
            self._give_up(row, str(e), now_s, result)
            return True
        except RetryLater as e:
            self._later(row, e, now_s, result)
            return False
        if renewal:
            self._store.forget(row.seq)
        else:
            self._store.mark_sent(row.seq, now_s)
        result.sent += 1
        return True

    def _later(self, row: OutboxRow, error: RetryLater, now_s: float, result: RelayResult) -> None:
        if now_s - row.created_s > GIVES_UP_AFTER_S:
            self._give_up(row, f"given up after a day: {error}", now_s, result)
            return
        wait = max(backoff_s(row.dedup_key, row.attempts), error.after_s or 0.0)
        self._store.mark_retry(row.seq, row.attempts + 1, now_s + wait, str(error), now_s)
        log.warning("a receiver cannot be reached", receiver=row.receiver, error=str(error), again_in_s=round(wait, 1))
        result.retried += 1

    def _give_up(self, row: OutboxRow, why: str, now_s: float, result: RelayResult) -> None:
        self._store.mark_dead(row.seq, why, now_s)
        log.error("a message was given up", receiver=row.receiver, key=row.dedup_key, error=why)
        result.dead += 1


def backoff_s(key: str, attempts: int) -> float:
    """Seconds to wait after `attempts` failures: 1, 2, 4 … 300, less up to a half that depends on the key alone.

    Source: exponential backoff with jitter (Brooker 2015, AWS Architecture Blog).
    """
    full: float = min(FIRST_WAIT_S * 2.0 ** min(attempts, 20), LONGEST_WAIT_S)
    return full * (1.0 - 0.5 * int(fingerprint(key, str(attempts))[:8], 16) / 2**32)
