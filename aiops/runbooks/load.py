"""Runbooks from files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiops.config.fields import schema_of_file
from aiops.config.yaml_file import Document, load, load_named, validate
from aiops.runbooks.schema import Runbook


def load_runbook(path: Path) -> Runbook:
    """One runbook. Raises FileError with every mistake in it."""
    return _load(path)[0]


def _load(path: Path) -> tuple[Runbook, Document]:
    document = load(path)
    runbook = validate(document, Runbook)
    runbook.came_of(document.path, document.sha)
    return runbook, document


def load_runbooks(paths: Iterable[Path]) -> list[Runbook]:
    """Runbooks of files and folders, by name. Raises FileError with every mistake in all of them."""
    return load_named(paths, _load)


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a runbook file."""
    return schema_of_file(Runbook)
