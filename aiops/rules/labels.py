"""The labels and annotations that a rule gives to its alerts: templates, of which those of `$labels` are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

NAME = "__name__"
_ACTION = re.compile(r"\{\{(?P<left>- )?(?P<inside>.*?)(?P<right> -)?\}\}", re.S)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([a-zA-Z_][a-zA-Z0-9_]*)")
_VALUE = re.compile(r"\$value|\.Value")
_SPACE = " \t\r\n"


class UnsupportedTemplate(ValueError):
    """A template that does more than name a label or the value."""


@dataclass(frozen=True, slots=True)
class Template:
    """A label's value in parts: (`text`, plain text), (`label`, the name of one) or (`value`, nothing)."""

    parts: tuple[tuple[str, str], ...]

    @property
    def tells_value(self) -> bool:
        """Whether it names the value, which nobody knows before the alert fires."""
        return any(kind == "value" for kind, _ in self.parts)

    def filled(self, labels: Mapping[str, str]) -> str:
        """The text for a series; a label that is not there is empty, and so is the value."""
        return "".join(text if kind == "text" else labels.get(text, "") for kind, text in self.parts)


def template(text: str) -> Template:
    """The template that is written. Raises UnsupportedTemplate for all but `{{ $labels.x }}` and `{{ $value }}`.

    >>> template("tank {{ $labels.tank }}").filled({"tank": "t1"})
    'tank t1'
    """
    parts: list[tuple[str, str]] = []
    at, trim = 0, False
    for action in _ACTION.finditer(text):
        before = text[at : action.start()]
        before = before.lstrip(_SPACE) if trim else before
        parts.append(("text", before.rstrip(_SPACE) if action["left"] else before))
        parts.append(_part(action["inside"].strip(_SPACE), action[0]))
        at, trim = action.end(), bool(action["right"])
    rest = text[at:]
    if "{{" in rest:
        raise UnsupportedTemplate(f"{rest!r}: a template is not closed")
    parts.append(("text", rest.lstrip(_SPACE) if trim else rest))
    return Template(tuple(parts))


def _part(inside: str, action: str) -> tuple[str, str]:
    label = _LABEL.fullmatch(inside)
    if label:
        return "label", label[1]
    if _VALUE.fullmatch(inside):
        return "value", ""
    raise UnsupportedTemplate(f"{action}: only $labels.<name> and $value are filled in")
