"""Logs: lines for people on a terminal, JSON elsewhere; always on stderr, one event a line whatever a value holds."""

from __future__ import annotations

import logging
import sys

import structlog

from aiops.core.text import visible

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str) -> None:
    """Set up structlog and what libraries log through `logging`."""
    people = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(LEVELS[level], logging.WARNING), format="%(name)s: %(message)s", stream=sys.stderr)


def _one_line(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Text from outside cannot start a line of its own."""
    return {k: visible(v, 1000) if isinstance(v, str) and k != "timestamp" else v for k, v in event.items()}
