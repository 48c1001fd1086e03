"""Logs: lines for people on a terminal, JSON elsewhere; always on stderr, one event a line whatever a value holds."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

from aiops.core.text import visible

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


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
    handler.setFormatter(ProcessorFormatter(foreign_pre_chain=before, processors=after))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))


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
