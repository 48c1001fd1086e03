"""What a YAML file may not be: too large, too deep, too clever, or ambiguous; every refusal with line and column."""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError

from aiops.core.errors import FileError, Mistake

MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_DIGITS = 256 * 1024, 50, 10_000, 400
DOCUMENT, FILE, FOLDER = "document", "file", "folder"
"""What stands in the place of a field: of all that a file holds, of a file that cannot be read, of a folder without files."""
Loc = tuple[str | int, ...]
_TEXT, _INT = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"
_HINTS = {
    "expected": "; close what was opened, and put text with { } [ ] , in quotes",
    "mapping values are not allowed": "; put text with `: ` in quotes, and indent keys alike",
    "cannot start any token": "; put the text in quotes, and indent with spaces",
    "could not determine a constructor": "; put the text in quotes",
    "unexpected end of stream": "; close the quotes",
}
_SURROGATE = re.compile("[\ud800-\udfff]")


def dotted(loc: Loc) -> str:
    """`("steps", 0, "with")` as `steps[0].with`, no place as DOCUMENT; on one line, whatever keys hold.

    >>> dotted(("steps", 0, "with")), dotted(()), dotted(("a\\nb",))
    ('steps[0].with', 'document', 'a\\\\nb')
    """
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else str(part))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in out) or DOCUMENT


def read(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of a regular file. Raises FileError for anything else: a device, a FIFO, a link out of its folder, no UTF-8.

    Never blocks: what is no regular file is not opened, and what became one in between is opened without waiting.
    """
    try:
        _refuse_kind(path, path.stat())
        if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
            raise _refused(path, "is a link that leads out of its folder; put the file itself there")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _refuse_kind(path, os.fstat(file.fileno()))
            raw = file.read(max_bytes + 1)
    except OSError as e:
        raise _refused(path, f"cannot be read: {e.strerror or e}") from e
    if len(raw) > max_bytes:
        raise _refused(path, f"has more than {max_bytes} bytes; split it")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        column = e.start - raw.rfind(b"\n", 0, e.start)
        raise FileError([Mistake(str(path), line, column, FILE, "is not UTF-8; save the file as UTF-8")]) from e


def _refuse_kind(path: Path, info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise _refused(path, "is no regular file; name a YAML file")


def _refused(path: Path, why: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, FILE, why)])


class _Place:
    """Where in a document a parser is, as far as its events tell."""

    def __init__(self) -> None:
        self._open: list[list[Any]] = []
        """Of each collection that is open: whether it is a mapping, the key or number of its part, whether a value is due."""

    @property
    def loc(self) -> Loc:
        """The part that was begun last."""
        return tuple(part for _, part, _ in self._open if part is not None)

    def pass_by(self, event: Any) -> None:
        """One event further."""
        if isinstance(event, CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, CollectionStartEvent | ScalarEvent | AliasEvent):
            self._begin(event)
            if isinstance(event, CollectionStartEvent):
                self._open.append([isinstance(event, MappingStartEvent), None, False])

    def _begin(self, event: Any) -> None:
        if not self._open:
            return
        top = self._open[-1]
        mapping, part, awaited = top
        if not mapping:
            top[1] = 0 if part is None else part + 1
        elif awaited:
            top[2] = False
        else:
            top[1:] = [event.value if isinstance(event, ScalarEvent) else "?", True]


class _Watched(Parser):
    """A parser whose events are looked at one by one. Raises FileError at the first that is refused."""

    def __init__(self, name: str, place: _Place, loader: Any) -> None:
        super().__init__(loader)
        self._name, self._place = name, place
        self._depth = self._nodes = self._documents = 0

    def get_event(self) -> Any:
        """The next event, which may be built on."""
        event = super().get_event()
        self._place.pass_by(event)
        self._documents += isinstance(event, DocumentStartEvent)
        self._depth += isinstance(event, CollectionStartEvent)
        self._depth -= isinstance(event, CollectionEndEvent)
        self._nodes += isinstance(event, CollectionStartEvent | ScalarEvent)
        why = _hostile(event)
        if self._depth > MAX_DEPTH:
            why = f"is nested more than {MAX_DEPTH} deep; flatten it"
        elif self._nodes > MAX_NODES:
            why = f"has more than {MAX_NODES} values; split the file"
        elif self._documents > 1:
            why = "holds more than one document; use one file each"
        if why:
            mark = event.start_mark
            raise FileError([Mistake(self._name, mark.line + 1, mark.column + 1, dotted(self._place.loc), why)])
        return event


def composed(name: str, text: str) -> Node | None:
    """The tree of the only document of a text, None of an empty one; nothing is built of an event that is refused.

    Raises FileError at the first such event, and where it is no YAML.
    """
    yaml, place = YAML(typ="safe", pure=True), _Place()
    yaml.Parser = functools.partial(_Watched, name, place)
    try:
        node: Node | None = yaml.compose(text)
    except PARSER_ERRORS as e:
        raise FileError([yaml_mistake(name, text, e, place.loc)]) from e
    return node


def _hostile(event: Any) -> str:
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        return "anchors and aliases are not allowed; write the value out"
    if getattr(event, "tag", None):
        return f"the tag {event.tag} is not allowed; write the value without it"
    if isinstance(event, DocumentStartEvent) and (event.tags or event.version not in (None, (1, 2))):
        return "directives are not allowed; files are YAML 1.2"
    return ""


def mended(name: str, root: Node | None) -> list[Mistake]:
    """Every duplicate key, merge key, key that is no text, and number or text that no program can hold.

    Such keys are taken out of the tree, and such numbers become text, so that the rest can be judged too.
    """
    return [] if root is None else list(_mended(name, root, ()))


def _mended(name: str, node: Node, loc: Loc) -> Iterator[Mistake]:
    if isinstance(node, MappingNode):
        seen: dict[str, int] = {}
        good = []
        for key, value in node.value:
            below = (*loc, key.value if isinstance(key, ScalarNode) else "?")
            why = _bad_key(key, seen)
            if why:
                yield Mistake(name, key.start_mark.line + 1, key.start_mark.column + 1, dotted(below), why)
            else:
                seen[key.value] = key.start_mark.line + 1
                good.append((key, value))
            yield from _mended(name, value, below)
        node.value = good
    elif isinstance(node, SequenceNode):
        for i, one in enumerate(node.value):
            yield from _mended(name, one, (*loc, i))
    else:
        why = ""
        if node.tag == _INT and len(node.value) > MAX_DIGITS:
            why = f"is a number of {len(node.value)} digits; no such number is needed here"
            node.tag = _TEXT
        elif _SURROGATE.search(node.value):
            why = "holds half a character (a lone surrogate); remove it"
        if why:
            yield Mistake(name, node.start_mark.line + 1, node.start_mark.column + 1, dotted(loc), why)


def _bad_key(key: Node, seen: dict[str, int]) -> str:
    if not isinstance(key, ScalarNode):
        return "a key must be text, not a list or a mapping"
    if key.tag == "tag:yaml.org,2002:merge":
        return "merge keys (<<) are not allowed; write the keys out"
    if key.tag != _TEXT or _SURROGATE.search(key.value):
        return f'a key must be text; write it in quotes: "{key.value[:60]}"'
    if key.value in seen:
        return f'duplicate key "{key.value}", first on line {seen[key.value]}; keep one of them'
    return ""


def yaml_mistake(name: str, text: str, error: Exception, loc: Loc = ()) -> Mistake:
    """What the parser refused, where it stands; `loc`: the part that it was in, where that is known."""
    line = column = 1
    message = str(error).split("\n")[0] or type(error).__name__
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
        message = (error.problem or error.context or "no YAML").split("\n")[0]
        message += next((hint for begin, hint in _HINTS.items() if begin in message), "")
    elif isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the character {text[error.position : error.position + 1]!r} is not allowed; remove it"
    return Mistake(name, line, column, dotted(loc), message)


PARSER_ERRORS = (YAMLError, ValueError, RecursionError)
"""What ruamel.yaml raises on text that is no YAML."""
