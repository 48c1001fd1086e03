"""Crash points that discover themselves: whatever a process does that outlives it is counted, and at one count it dies."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import sqlalchemy as sa

from aiops.telemetry.ring import Ring
from aiops.telemetry.window import Window


class Crash:
    """Counts points; at `at` the process kills itself, as hard as can be. `seen` names every point passed."""

    def __init__(self, at: int | None) -> None:
        self.at, self.seen = at, list[str]()
        self._one_at_a_time = threading.Lock()

    def point(self, name: str) -> None:
        """Something that outlives the process is about to happen."""
        with self._one_at_a_time:  # messages are sent from threads
            if len(self.seen) == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.seen.append(name)

    def install(self) -> None:
        """Watch SQL statements and commits, renames, removals, syncs, writes of the intake and into a mapped ring."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._statement)
        sa.event.listen(sa.Engine, "commit", lambda _connection: self.point("sql COMMIT"))
        for name in ("replace", "rename", "unlink", "fsync", "write", "ftruncate"):
            setattr(os, name, self.before(getattr(os, name), f"os.{name}"))
        for owner, name in ((np.memmap, "flush"), (Ring, "claim"), (Ring, "grow"), (Window, "_close")):
            setattr(owner, name, self.before(getattr(owner, name), f"{owner.__name__}.{name}"))

    def before(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """`function` with a point before each call."""

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.point(name)
            return function(*args, **kwargs)

        return counted

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.replace(",", " ").split()
        verb = words[0].upper()
        if verb in ("INSERT", "DELETE"):
            self.point(f"sql {verb} {words[2]}")
        elif verb == "UPDATE":
            self.point(f"sql UPDATE {words[1]}")
        elif verb == "BEGIN" and len(words) > 1:
            self.point("sql BEGIN IMMEDIATE")
