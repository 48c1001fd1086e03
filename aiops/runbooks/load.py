"""Runbooks from files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiops.config.yaml_file import load, validate, yaml_files
from aiops.core.errors import FileError, Mistake
from aiops.runbooks.schema import Runbook


def load_runbook(path: Path) -> Runbook:
    """One runbook. Raises FileError with every mistake in it."""
    document = load(path)
    runbook = validate(document, Runbook)
    if path.stem != runbook.name:
        raise FileError([document.mistake(("name",), f"must be the file's name, {path.stem}")])
    runbook._sha = hashlib.sha256(document.text.encode()).hexdigest()[:12]
    runbook._path = str(path)
    return runbook


def load_runbooks(paths: Iterable[Path]) -> list[Runbook]:
    """Runbooks of files and folders, by name. Raises FileError with every mistake in all of them."""
    found: dict[str, Runbook] = {}
    mistakes: list[Mistake] = []
    for path in yaml_files(paths):
        try:
            runbook = load_runbook(path)
        except FileError as e:
            mistakes += e.mistakes
            continue
        if runbook.name in found:
            mistakes.append(
                Mistake(str(path), 1, 1, "name", f"{runbook.name} is also in {found[runbook.name].path}; rename one")
            )
        found[runbook.name] = runbook
    if mistakes:
        raise FileError(mistakes)
    return [found[name] for name in sorted(found)]


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a runbook file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Runbook.model_json_schema(by_alias=True)}
