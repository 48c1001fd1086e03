"""The heartbeat: a message for as long as the daemon does its work. Its absence is the alarm: nothing is kept or retried."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog

from aiops.core.errors import NotifyError, RetryLater
from aiops.core.text import visible
from aiops.notify.interface import Notifier

UNTIL_BEATS = 3
log = structlog.get_logger()


class Pulse:
    """Beats every `every_s` to one receiver while `works(now_s)`; each beat is true for three.

    A beat runs in a thread of its own, and while one hangs none follows: a receiver that is dead holds up nothing. What comes in
    between, and what fails, is told once until it beats again.
    """

    def __init__(self, notifier: Notifier[Any], instance: str, every_s: float, works: Callable[[float], bool]) -> None:
        self._notifier, self._instance, self._every_s, self._works = notifier, instance, every_s, works
        self._last_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._silent = ""

    def beat(self, now_s: float) -> bool:
        """Beat if it is time and there is reason to; whether it did."""
        if now_s - self._last_s < self._every_s or (self._thread is not None and self._thread.is_alive()):
            return False
        self._last_s = now_s
        if not self._works(now_s):
            self._tell("the daemon does not do its work")
            return False
        self._thread = threading.Thread(target=self._send, args=(now_s,), name="heartbeat", daemon=True)
        self._thread.start()
        return True

    def _send(self, now_s: float) -> None:
        try:
            self._notifier.beat(self._instance, now_s + UNTIL_BEATS * self._every_s, now_s)
        except (NotifyError, RetryLater, OSError) as e:
            self._tell(str(e))
        else:
            self._tell("")

    def _tell(self, why: str) -> None:
        if why and not self._silent:
            log.error("no heartbeat", receiver=self._notifier.name, why=visible(why))
        if not why and self._silent:
            log.info("the heartbeat is back", receiver=self._notifier.name)
        self._silent = why
