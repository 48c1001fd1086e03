"""Logs: lines for people on a terminal, JSON elsewhere; always on stderr, one event a line whatever a value holds."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

from aiops.core.text import visible

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
SELDOM_S, KINDS_AT_MOST = 60.0, 100


def configure(level: str) -> None:
    """Set up structlog, and what libraries log through `logging`, to come out alike."""
    people = sys.stderr is not None and sys.stderr.isatty()
    render: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if people:  # plainly: a traceback with local variables would show secrets
        render = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _one_line,
    ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stderr())
    before = [structlog.stdlib.add_logger_name, *shared]
    after = [ProcessorFormatter.remove_processors_meta, *render]
    handler.addFilter(_Seldom())
    handler.setFormatter(ProcessorFormatter(foreign_pre_chain=before, processors=after))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))


class _Seldom(logging.Filter):
    """Lets one error of a kind of asyncio through in a while: without file descriptors it has thousands of them a second."""

    def __init__(self) -> None:
        super().__init__()
        self._told_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is told; every other library's is."""
        if record.name != "asyncio":
            return True
        kind, now = str(record.msg).partition("\n")[0][:80], time.monotonic()
        if now - self._told_s.get(kind, -SELDOM_S) < SELDOM_S:
            return False
        self._told_s = {kind: now} if len(self._told_s) > KINDS_AT_MOST else self._told_s | {kind: now}
        return True


class _Stderr:
    """Standard error as it is at the moment; a full disk or a closed pipe loses a line and stops nobody's turn."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()


def _one_line(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Text from outside cannot start a line of its own."""
    return {k: visible(v, 1000) if isinstance(v, str) and k != "timestamp" else v for k, v in event.items()}
