"""YAML 1.2 files that people write: strict, small, and every mistake with line and column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aiops.config.messages import message_of
from aiops.config.yaml_strict import (
    DOCUMENT,
    FILE,
    MAX_BYTES,
    PARSER_ERRORS,
    Loc,
    composed,
    dotted,
    mended,
    read,
    yaml_mistake,
)
from aiops.core.errors import FileError, Mistake

M = TypeVar("M", bound=BaseModel)
FROM_FILE = {"from_file": True}
"""Validation context of what a person wrote: durations then need a unit."""
_OF_PYDANTIC = re.compile(r"\[key\]|function-[a-z]+\[.*\]")
"""Parts of a place that pydantic adds and no file has."""


class _Plain(SafeConstructor):
    """Dates, `=` and `<<` stay text, as in YAML 1.2's core schema."""


for _tag in ("timestamp", "value", "merge"):
    _Plain.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_yaml_str)


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded file: plain `data`, its `text`, and where each part of it stands.

    `mistakes` are those of its YAML alone (a key twice, a key that is no text): `data` is without them, and `refuse` adds
    them to the others.
    """

    path: str
    text: str
    data: Any
    _node: Node | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def sha(self) -> str:
        """First 12 hex digits of the text's SHA-256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def where(self, loc: Loc) -> tuple[int, int]:
        """(line, column), from 1, of the key or item at `loc`, or of the nearest part above it that exists."""
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

    def inside(self, loc: Loc, offset: int) -> tuple[int, int]:
        """(line, column) of character `offset` of the text at `loc`; of the value's first where it is written with escapes.

        The characters of a plain or folded text that are no white space stand in the file in the same order.
        """
        node = self._node
        for part in loc:
            found = _child(node, part)
            if found is None:
                return self.where(loc)
            _, node = found
        if not isinstance(node, ScalarNode):
            return self.where(loc)
        begin = _first_character(self.text, node)
        value, raw = str(node.value), self.text[begin : node.end_mark.index]
        before = len("".join(value[: max(0, offset)].split()))
        if not "".join(raw.split()).startswith("".join(value.split())):
            before = 0
        at = begin
        for at in range(begin, node.end_mark.index):
            if not self.text[at].isspace():
                before -= 1
            if before < 0:
                break
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def mistake(self, loc: Loc, message: str) -> Mistake:
        """A mistake at `loc`."""
        return Mistake(self.path, *self.where(loc), dotted(loc), message)

    def refuse(self, mistakes: Iterable[Mistake]) -> None:
        """Raise FileError with these mistakes and the file's own, if there is any; one place is told of once."""
        found = {m.field for m in self.mistakes}
        every = [*self.mistakes, *(m for m in mistakes if m.field == DOCUMENT or m.field not in found)]
        if every:
            raise FileError(dict.fromkeys(every))


def _first_character(text: str, node: ScalarNode) -> int:
    begin: int = node.start_mark.index
    if node.style in ("|", ">"):
        return text.find("\n", begin) + 1
    return begin + (node.style in ("'", '"'))


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
    return parsed(str(path), read(path))


def parsed(name: str, text: str) -> Document:
    """As `load`, of a text that stands nowhere, at most as long as a file; `name` is what mistakes call it."""
    if len(text) > MAX_BYTES:
        raise FileError([Mistake(name, 1, 1, FILE, f"has more than {MAX_BYTES} characters")])
    try:
        node = composed(name, text)
        mistakes = mended(name, node)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Plain
        data = None if node is None else yaml.constructor.construct_document(node)
    except PARSER_ERRORS as e:
        raise FileError([yaml_mistake(name, text, e)]) from e
    return Document(name, text, data, node, tuple(mistakes))


def validate(document: Document, model: type[M], more: Iterable[Mistake] = ()) -> M:
    """The file's data as `model`. Raises FileError with every mistake and `more`, an unknown key with the nearest known one."""
    if not isinstance(document.data, dict):
        raise FileError([*document.mistakes, document.mistake((), "must be a mapping of keys to values")])
    try:
        made = model.model_validate(document.data, context=FROM_FILE)
    except ValidationError as e:
        document.refuse([*more, *mistakes_of(document, model, e)])
        raise
    document.refuse(more)
    return made


def mistakes_of(document: Document, model: type[BaseModel], error: ValidationError, above: Loc = ()) -> list[Mistake]:
    """Each of pydantic's errors on the part of the file at `above`, where it stands."""
    out = []
    for one in error.errors(include_url=False):
        loc = tuple(p for p in one["loc"] if not (isinstance(p, str) and _OF_PYDANTIC.fullmatch(p)))
        out.append(document.mistake((*above, *loc), message_of(one, model, loc)))
    return out


def yaml_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the .yaml and .yml files directly inside folders, sorted; hidden ones are left out."""
    out: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = [*path.glob("*.yaml"), *path.glob("*.yml")]
            out += sorted(p for p in found if not p.name.startswith("."))
        else:
            out.append(path)
    return out


class Named(Protocol):
    """What a file of its own holds, known by its name."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """Its file."""


N = TypeVar("N", bound=Named)


def load_named(paths: Iterable[Path], load_one: Callable[[Path], tuple[N, Document]]) -> list[N]:
    """What the files and folders hold, by name. Raises FileError with every mistake in all of them, a name twice included."""
    found: dict[str, N] = {}
    mistakes: list[Mistake] = []
    for path in yaml_files(paths):
        try:
            one, document = load_one(path)
        except FileError as e:
            mistakes += e.mistakes
            continue
        if one.name in found:
            message = f"{one.name} is also in {found[one.name].path}; rename one of them"
            mistakes.append(document.mistake(("name",), message))
        found[one.name] = one
    if mistakes:
        raise FileError(mistakes)
    return [found[name] for name in sorted(found)]
