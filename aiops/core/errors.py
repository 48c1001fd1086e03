"""Errors that may cross from one room to another; each says what, where and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import overload


class AiopsError(Exception):
    """Base of every error that crosses a room."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in a file a person wrote; prints as `path:line:column: field.path: what and what to do`."""

    path: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class FileError(AiopsError):
    """One or more mistakes in files; all of them, not the first."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(str(m) for m in self.mistakes))


SOURCE_ERROR_KINDS = (
    "unreachable",
    "timeout",
    "auth",
    "bad_query",
    "unsupported",
    "too_many_points",
    "too_many_series",
    "too_many_bytes",
    "not_prometheus",
    "server_error",
    "bad_data",
    "policy",
    "internal",
)


class SourceError(AiopsError):
    """A source could not answer; `kind` is one of SOURCE_ERROR_KINDS, so callers can count and decide on it.

    Raises ValueError for any other kind.
    """

    def __init__(self, source: str, kind: str, message: str) -> None:
        if kind not in SOURCE_ERROR_KINDS:
            raise ValueError(f"{kind!r} is no kind of SourceError; known: {', '.join(SOURCE_ERROR_KINDS)}")
        self.source, self.kind, self.message = source, kind, message
        super().__init__(f"source {source}: {kind}: {message}")


@overload
def said(error: SourceError) -> SourceError: ...


@overload
def said(error: None) -> None: ...


def said(error: SourceError | None) -> SourceError | None:
    """The same error without its traceback: that would keep everything the failed read had in its hands, an answer included."""
    return None if error is None else SourceError(error.source, error.kind, error.message)


class StoreError(AiopsError):
    """The store cannot be opened or written; the message says why and what to do."""


class NotifyError(AiopsError):
    """A receiver refused for good (4xx): no retry helps."""


class RetryLater(AiopsError):
    """A receiver could not take a notification now; `after_s` is its own wish, if it said one."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        self.after_s = after_s
        super().__init__(message)
