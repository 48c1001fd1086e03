"""`${{ }}` look-ups, CEL conditions and `{$target}` queries: checked when a file is loaded, evaluated in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

LOOK_UP = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_PATH = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*")
_QUOTED = re.compile(r"""("(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*')""")
_WHOLE = re.compile(r"(?<![\w.\[])\d+(?![\w.])")
ROOTS = ("symptom", "steps", "secrets", "target")
SYMPTOM_FIELDS = (
    "labels",
    "kind",
    "signal",
    "lead_time",
    "confidence",
    "severity",
    "card",
    "expected_at",
    "value",
    "limit",
)


class NotKnown(Exception):
    """A look-up whose value exists only once an earlier step has run."""


def texts(value: Any) -> Iterator[str]:
    """Every text inside a JSON-like value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def look_ups(value: Any, step_ids: Collection[str], target_by: Collection[str]) -> None:
    """Check every look-up in `value`. Raises ValueError naming the first that cannot be resolved."""
    for text in texts(value):
        for found in LOOK_UP.finditer(text):
            _check_path(found[1], step_ids)


def _check_path(path: str, step_ids: Collection[str]) -> None:
    if not _PATH.fullmatch(path):
        raise ValueError(f"${{{{ {path} }}}} is no look-up; only names joined by dots are allowed")
    parts = path.split(".")
    if parts[0] not in ROOTS:
        raise ValueError(f"${{{{ {path} }}}}: unknown name {parts[0]}; known: {', '.join(ROOTS)}")
    if parts[0] == "symptom" and (len(parts) < 2 or parts[1] not in SYMPTOM_FIELDS):
        raise ValueError(f"${{{{ {path} }}}}: a symptom has {', '.join(SYMPTOM_FIELDS)}")
    if parts[0] == "steps" and (len(parts) < 3 or parts[1] not in step_ids):
        raise ValueError(
            f"${{{{ {path} }}}}: no step {parts[1] if len(parts) > 1 else ''!r}; known: {', '.join(sorted(step_ids))}"
        )


def resolve(path: str, context: Mapping[str, Any]) -> Any:
    """The value at a dotted path. Raises NotKnown when a step's output is not there yet; an absent label is empty."""
    current: Any = context
    parts = path.split(".")
    if parts[0] == "secrets":
        raise NotKnown(f"secret {parts[-1]}")
    for i, part in enumerate(parts):
        if isinstance(current, Mapping) and part in current:
            current = current[part]
        elif parts[:2] == ["symptom", "labels"] and i == 2:
            return ""
        else:
            raise NotKnown(f"from {parts[1]}" if parts[0] == "steps" else path)
    return current


def render(value: Any, context: Mapping[str, Any], convert: Callable[[str], str] = str) -> Any:
    """`value` with its look-ups replaced, in one pass: what comes out is never looked at again.

    A text that is one look-up keeps the type of what it finds. What is not known yet is shown as `<from step>`.
    """
    if isinstance(value, Mapping):
        return {k: render(v, context, convert) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [render(v, context, convert) for v in value]
    if not isinstance(value, str):
        return value
    whole = LOOK_UP.fullmatch(value)
    try:
        if whole and convert is str:
            return resolve(whole[1], context)
    except NotKnown as e:
        return f"<{e}>"

    def one(found: re.Match[str]) -> str:
        try:
            return convert(_text(resolve(found[1], context)))
        except NotKnown as e:
            return f"<{e}>"

    return LOOK_UP.sub(one, value)


def _text(value: Any) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def compile_cel(text: str) -> Any:
    """A CEL program. Raises ValueError with the position when it is none."""
    import cel

    try:
        return cel.compile(_double_literals(text))
    except ValueError as e:
        raise ValueError(f"{text!r} is no CEL: {str(e).splitlines()[0]}") from e


def _double_literals(text: str) -> str:
    """Whole numbers as doubles, outside of quotes and indexes: every number in the context is a double."""
    parts = _QUOTED.split(text)
    return "".join(part if i % 2 else _WHOLE.sub(r"\g<0>.0", part) for i, part in enumerate(parts))


def evaluate_cel(text: str, context: Mapping[str, Any]) -> Any:
    """The value of a CEL expression; whole numbers are made doubles, since CEL does not mix them."""
    return compile_cel(text).execute(_doubles(dict(context)))


def _doubles(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, Mapping):
        return {k: _doubles(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_doubles(v) for v in value]
    return value


def check_promql(text: str) -> str:
    """`text` again, when it is PromQL once `{$target}` stands for a selector. Raises ValueError when not."""
    import promql_parser

    try:
        promql_parser.parse(text.replace("$target", 'target="x"'))
    except ValueError as e:
        raise ValueError(f"{text!r} is no PromQL: {e}") from e
    return text
