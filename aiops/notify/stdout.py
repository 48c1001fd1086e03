"""The terminal, or the log of whatever runs the daemon, as a receiver."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from aiops.core.durations import rfc3339
from aiops.core.errors import RetryLater
from aiops.core.params import Params
from aiops.notify.interface import Notifier

MARKS = {"opened": "EARLY WARNING", "worsened": "WORSENED", "closed": "ENDED"}


class StdoutParams(Params):
    """`StdoutNotifier` has no parameters."""


class StdoutNotifier(Notifier[StdoutParams]):
    """Prints each message as a block of lines, the first with time, kind and title; shadow warnings are marked unproven.

    It never leaves this machine, so shadow warnings are told here too. Raises RetryLater when stdout cannot be written.

    Source: twelve-factor app, XI: logs as event streams.

    >>> StdoutNotifier("out", StdoutParams()).local
    True
    """

    Params = StdoutParams
    local: ClassVar[bool] = True

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Print one message."""
        warning = message["warning"]
        mark = MARKS.get(str(message["event"]), str(message["event"]).upper())
        unproven = " [shadow: unproven]" if warning["stage"] == "shadow" else ""
        lines = [f"{rfc3339(message['at_s'])} {mark}{unproven} {message['title']}"]
        lines += [f"    {line}" for line in str(message["text"]).splitlines()]
        try:
            print("\n".join(lines), flush=True)
        except (OSError, ValueError) as e:
            if isinstance(e, BrokenPipeError):
                sys.stdout = sys.__stderr__
            raise RetryLater(f"stdout: {e}") from e
