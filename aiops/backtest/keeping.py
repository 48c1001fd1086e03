"""Where a backtest keeps what it has read and done, and whether what is there is of the same question."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from aiops import __version__
from aiops.backtest.question import BadQuestion, Question, cards_of, moments, settings_of
from aiops.backtest.workers import stoppable
from aiops.core.errors import FileError, Mistake, SourceError
from aiops.core.folders import write_whole
from aiops.telemetry.recording import RecordingParams, RecordingSource
from aiops.telemetry.source import ReadLimits

USUAL_SPAN = "30d"
NAME = "question.json"


@contextmanager
def kept_in(folder: Path | None) -> Iterator[Path]:
    """The folder that outlives this process, or one that does not. Raises FileError when it cannot be written."""
    with stoppable():
        yield from _kept_in(folder)


def _kept_in(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="aiops-backtest-") as made:
            yield Path(made)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FileError([Mistake(str(folder), 1, 1, "", f"cannot be written: {e.strerror}")]) from e
    yield folder


def resolved(asked: Question, span: tuple[str, str], now_s: float, folder: Path) -> Question:
    """The question with its first and last instant; one that was begun in `folder` keeps those it had.

    Raises BadQuestion when `folder` holds another one, SourceError when a recording cannot be read, FileError for a file.
    """
    facts = _facts(asked, span)
    path = folder / NAME
    if path.exists():
        found = _begun(path)
        if found["asked"] != facts:
            by = found["asked"].get("version")
            more = "" if by == __version__ else f", which aiops {by} began and this is {__version__}"
            raise BadQuestion(f"{folder} holds another backtest{more}; give another folder, or empty it")
        return replace(asked, since_s=found["since_s"], until_s=found["until_s"])
    since, until = span
    if asked.data is not None:
        begins, ends = span_of(asked.data)
        first, last = moments(since, until, ends)
        first = begins if first is None else first
    else:
        first, last = moments(since or USUAL_SPAN, until, now_s)
    assert first is not None
    answered = replace(asked, since_s=int(first), until_s=int(last))
    write_whole(path, orjson.dumps({"asked": facts, "since_s": answered.since_s, "until_s": answered.until_s}))
    return answered


def span_of(data: Path) -> tuple[int, int]:
    """(first, last) instant of a recording. Raises SourceError."""
    if not data.is_dir():
        raise SourceError("recording", "bad_data", f"{data}: no such folder")
    return RecordingSource("recording", RecordingParams(path=data), ReadLimits()).span()


def _begun(path: Path) -> dict[str, Any]:
    """The question that was begun in a folder. Raises BadQuestion where that cannot be read."""
    try:
        found = orjson.loads(path.read_bytes())
        return {"asked": dict(found["asked"]), "since_s": int(found["since_s"]), "until_s": int(found["until_s"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadQuestion(f"{path} is not whole, so nothing can go on there; give another folder, or empty it") from None


def _hashed(path: Path | None) -> str:
    """The hash of a file; empty without one. Raises FileError."""
    try:
        return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise FileError([Mistake(str(path), 1, 1, "", f"cannot be read: {e.strerror}")]) from e


def _facts(asked: Question, span: tuple[str, str]) -> dict[str, Any]:
    """What makes two questions the same: the same cards of the same sources over the same time, asked of the same code."""
    settings = settings_of(asked)
    files = sorted(asked.data.rglob("*")) if asked.data is not None else []
    data = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files if path.is_file()]
    return {
        "version": __version__, "config": _hashed(asked.config), "incidents": _hashed(asked.incidents),
        "data": hashlib.sha256("\n".join(data).encode()).hexdigest(), "span": list(span),
        "cards": {card.name: card.sha for card in cards_of(asked, settings)},
    }  # fmt: skip
