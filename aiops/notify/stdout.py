"""The terminal, or the log of whatever runs the daemon, as a receiver."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from aiops.core.durations import rfc3339
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.params import Params
from aiops.notify.interface import Notifier

MARKS = {"opened": "EARLY WARNING", "worsened": "WORSENED", "spread": "SPREAD", "closed": "ENDED", "judged": "JUDGED"}


class StdoutParams(Params):
    """`StdoutNotifier` has no parameters."""


class StdoutNotifier(Notifier[StdoutParams]):
    """Prints each message as a block of lines, the first with time, kind and title; shadow warnings are marked unproven.

    It never leaves this machine, so shadow warnings are told here too. What the encoding of stdout cannot say is escaped.
    Raises NotifyError when whoever read stdout is gone, RetryLater when it cannot be written now (a full disk).

    Source: twelve-factor app, XI: logs as event streams.

    >>> StdoutNotifier("out", StdoutParams()).local
    True
    """

    Params = StdoutParams
    local: ClassVar[bool] = True

    def __init__(self, name: str, params: StdoutParams) -> None:
        super().__init__(name, params)
        self._gone = ""

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Print one message."""
        if self._gone:
            raise NotifyError(self._gone)
        try:
            print(_encodable(block(message), sys.stdout.encoding), flush=True)
        except (BrokenPipeError, ValueError) as e:
            self._gone = f"stdout: {e}"
            if isinstance(e, BrokenPipeError):
                _to_nowhere(sys.stdout.fileno())
            raise NotifyError(self._gone) from e
        except OSError as e:
            raise RetryLater(f"stdout: {e.strerror}") from e


def block(message: Mapping[str, Any]) -> str:
    """A message as lines: what happened, then the text, indented."""
    event = str(message["event"])
    unproven = " [shadow: unproven]" if message["warning"]["stage"] == "shadow" else ""
    lines = [f"{rfc3339(message['at_s'])} {MARKS.get(event, event.upper())}{unproven} {message['title']}"]
    return "\n".join([*lines, *(f"    {line}" for line in str(message["text"]).splitlines())])


def _to_nowhere(fd: int) -> None:
    """What is left in the buffer would fail again when the process ends.

    Source: Python's documentation of signal, note on SIGPIPE.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)


def _encodable(shown: str, encoding: str | None) -> str:
    return shown.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
