"""Services out of a software catalogue: Backstage's `catalog-info.yaml`, whose components become services of the configuration.

Source: Backstage, descriptor format of catalog entities: several YAML documents a file, references `[kind:][namespace/]name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiops.config.pilots import ServiceSettings
from aiops.config.yaml_file import Document, mistakes_of, parsed, yaml_files
from aiops.config.yaml_strict import read
from aiops.core.errors import FileError, Mistake

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
LIFECYCLES = {"deprecated": "decline"}
"""What a component is to become, by its lifecycle; any other is kept as it is."""
ANNOTATIONS = ("tier", "posture")
"""What the catalogue has no word of its own for: `aiops/tier`, `aiops/posture` among the annotations."""
_BETWEEN = re.compile(r"^(?:---|\.\.\.)(?:[ \t].*)?$", re.M)


def with_catalog(services: Mapping[str, ServiceSettings], paths: Iterable[Path]) -> dict[str, ServiceSettings]:
    """The services of the configuration, then those of catalogue files and folders; what the configuration says of one stands.

    Raises FileError with every mistake in all files.
    """
    found = _components(paths)
    out = {}
    for name, own in services.items():
        there = found.pop(name, own)
        out[name] = there.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
    return out | found


def _components(paths: Iterable[Path]) -> dict[str, ServiceSettings]:
    found: dict[str, ServiceSettings] = {}
    mistakes: list[Mistake] = []
    for path in yaml_files(paths):
        try:
            for document in _documents(path):
                mistakes += document.mistakes
                mistakes += _take(document, found)
        except FileError as e:
            mistakes += e.mistakes
    if mistakes:
        raise FileError(mistakes)
    return found


def _documents(path: Path) -> Iterator[Document]:
    """Each document of a file, where it stands in it: what comes before it is empty lines."""
    text, begin = read(path), 0
    for mark in [*_BETWEEN.finditer(text), None]:
        end = len(text) if mark is None else mark.start()
        document = parsed(str(path), "\n" * text.count("\n", 0, begin) + text[begin:end])
        if document.data is not None:
            yield document
        begin = len(text) if mark is None else mark.end()


def _take(document: Document, found: dict[str, ServiceSettings]) -> list[Mistake]:
    """Put the component of a document, if it is one, among those that were found."""
    entity = document.data
    if not isinstance(entity, dict) or not str(entity.get("apiVersion", "")).startswith("backstage.io/"):
        return [document.mistake((), "is no entity of a Backstage catalogue; it begins with apiVersion: backstage.io/…")]
    if entity.get("kind") != "Component":
        return []
    name = _part(entity, "metadata").get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return [document.mistake(("metadata", "name"), "must be a name of letters, digits, `_`, `.` and `-`, at most 63 of them")]
    if name in found:
        return [document.mistake(("metadata", "name"), f"{name} is described twice; a service has one owner")]
    try:
        found[name] = ServiceSettings.model_validate(_said(entity))
    except ValidationError as e:
        notes = ("metadata", "annotations")
        return [
            document.mistake((*notes, f"aiops/{one.field}") if one.field in ANNOTATIONS else ("spec",), one.message)
            for one in mistakes_of(document, ServiceSettings, e)
        ]
    return []


def _said(entity: dict[str, Any]) -> dict[str, Any]:
    """What an entity says of a service, in the words of the configuration."""
    spec, notes = _part(entity, "spec"), _part(_part(entity, "metadata"), "annotations")
    owner, lifecycle = str(spec.get("owner") or ""), str(spec.get("lifecycle") or "")
    out: dict[str, Any] = {"owner": re.split("[:/]", owner)[-1]}
    if lifecycle in LIFECYCLES:
        out["posture"] = LIFECYCLES[lifecycle]
    said = {key: notes[f"aiops/{key}"] for key in ANNOTATIONS if f"aiops/{key}" in notes}
    if str(said.get("tier", "")).isdecimal():  # annotations are text
        said["tier"] = int(said["tier"])
    return out | said


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}
