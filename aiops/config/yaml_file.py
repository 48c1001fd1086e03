"""YAML 1.2 files that people write: strict, small, and every mistake with line and column."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from aiops.core.errors import FileError, Mistake

M = TypeVar("M", bound=BaseModel)
MAX_BYTES, MAX_DEPTH, MAX_NODES = 256 * 1024, 50, 10_000
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded file: plain `data`, its `text`, and where each part of it stands."""

    path: str
    text: str
    data: Any
    _node: Node | None

    def where(self, loc: Loc) -> tuple[int, int]:
        """(line, column), from 1, of the value at `loc`, or of the nearest part above it that exists."""
        node, at = self._node, (1, 1)
        if node is None:
            return at
        at = _mark(node)
        for part in loc:
            found = _child(node, part)
            if found is None:
                break
            at, node = found
        return at

    def mistake(self, loc: Loc, message: str, column_offset: int = 0) -> Mistake:
        """A mistake at `loc`."""
        line, column = self.where(loc)
        return Mistake(self.path, line, column + column_offset, dotted(loc), message)


def dotted(loc: Loc) -> str:
    """`("steps", 0, "with")` as `steps[0].with`."""
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else str(part))
    return out


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _child(node: Node | None, part: str | int) -> tuple[tuple[int, int], Node | None] | None:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == str(part):
                return _mark(name), value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return _mark(node.value[part]), node.value[part]
    return None


def load(path: Path) -> Document:
    """Read one YAML file. Raises FileError for anything but one plain document of moderate size in UTF-8."""
    text = _read(path)
    name = str(path)
    _refuse_hostile(name, text)
    try:
        node = YAML(typ="rt", pure=True).compose(text)
        data = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as e:
        raise FileError([_yaml_mistake(name, e)]) from e
    return Document(name, text, data, node)


def _read(path: Path) -> str:
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise FileError([Mistake(str(path), 1, 1, "", "is no regular file")])
        if path.is_symlink() and path.parent.resolve() not in path.resolve().parents:
            raise FileError([Mistake(str(path), 1, 1, "", "is a link that leads out of its folder")])
        if info.st_size > MAX_BYTES:
            raise FileError([Mistake(str(path), 1, 1, "", f"has {info.st_size} bytes; at most {MAX_BYTES} are read")])
        return path.read_bytes().decode("utf-8")
    except OSError as e:
        raise FileError([Mistake(str(path), 1, 1, "", f"cannot be read: {e.strerror}")]) from e
    except UnicodeDecodeError as e:
        raise FileError([Mistake(str(path), 1, 1, "", f"is not UTF-8: byte {e.start}")]) from e


def _refuse_hostile(name: str, text: str) -> None:
    depth = nodes = documents = 0
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            why = None
            documents += isinstance(event, DocumentStartEvent)
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                why = "anchors and aliases are not allowed; write the value out"
            elif getattr(event, "tag", None) and not str(event.tag).startswith("tag:yaml.org,2002:"):
                why = f"the tag {event.tag} is not allowed"
            if isinstance(event, CollectionStartEvent):
                depth += 1
            depth -= isinstance(event, CollectionEndEvent)
            nodes += isinstance(event, CollectionStartEvent | ScalarEvent)
            if depth > MAX_DEPTH:
                why = f"is nested more than {MAX_DEPTH} deep"
            elif nodes > MAX_NODES:
                why = f"has more than {MAX_NODES} values"
            elif documents > 1:
                why = "holds more than one document; use one file each"
            if why:
                mark = event.start_mark
                raise FileError([Mistake(name, mark.line + 1, mark.column + 1, "", why)])
    except (YAMLError, RecursionError) as e:
        raise FileError([_yaml_mistake(name, e)]) from e


def _yaml_mistake(name: str, error: Exception) -> Mistake:
    mark = None
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = (error.problem or error.context or "no YAML").split("\n")[0]
        if "duplicate key" in message:
            message = (
                message.split(" with value")[0].replace("found duplicate key", "duplicate key") + "; keep one of them"
            )
    else:
        message = str(error).split("\n")[0] or type(error).__name__
    return Mistake(name, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, "", message)


def validate(document: Document, model: type[M]) -> M:
    """The file's data as `model`. Raises FileError with every mistake, an unknown key with the nearest known one."""
    if not isinstance(document.data, dict):
        raise FileError([document.mistake((), "must be a mapping of keys to values")])
    try:
        return model.model_validate(document.data)
    except ValidationError as e:
        raise FileError(mistakes_of(document, model, e)) from e


def mistakes_of(document: Document, model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    """Each pydantic error where it stands in the file."""
    out = []
    for one in error.errors():
        loc = tuple(p for p in one["loc"] if not (isinstance(p, str) and ("[" in p or p.startswith("function-"))))
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = f"unknown key{_did_you_mean(str(loc[-1]), known_keys(model, loc[:-1]))}"
        elif one["type"] == "missing":
            message = "is missing"
        out.append(document.mistake(loc, message[0].lower() + message[1:]))
    return out


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that `model` knows at `loc`, for suggestions; empty where that cannot be told."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        field = next((f for n, f in fields.items() if part in (n, f.alias)), None)
        current = None if field is None else _model_in(field.annotation)
    return [f.alias or n for n, f in getattr(current, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def yaml_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the *.yaml files directly inside folders, sorted."""
    out: list[Path] = []
    for path in paths:
        out += sorted(path.glob("*.yaml")) + sorted(path.glob("*.yml")) if path.is_dir() else [path]
    return out
