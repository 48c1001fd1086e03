"""The labels of the alert that a rule raises: the series' own, then the rule's, templates of `$labels` and `$value` filled in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

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

    def filled(self, labels: Mapping[str, str], value: float) -> str:
        """The text for one alert; a label that is not there is empty."""
        return "".join(
            text if kind == "text" else labels.get(text, "") if kind == "label" else shown(value) for kind, text in self.parts
        )


def template(text: str) -> Template:
    """The template that is written. Raises UnsupportedTemplate for all but `{{ $labels.x }}` and `{{ $value }}`.

    >>> template("{{ $labels.tank }} at {{ $value }}").filled({"tank": "t1"}, 0.5)
    't1 at 0.5'
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


def alert_labels(alert: str, own: Iterable[tuple[str, str]], series: Mapping[str, str], value: float) -> dict[str, str]:
    """The labels of the alert for one series of the rule's result, as Prometheus sets them.

    `own` are the rule's labels as written; a label that comes out empty is removed; `alertname` is the rule's name whatever
    they say. Raises UnsupportedTemplate.
    """
    found = {name: text for name, text in series.items() if name != NAME}
    for name, text in own:
        found[name] = template(text).filled(series, value)
    found["alertname"] = alert
    return {name: text for name, text in found.items() if text}


def shown(value: float) -> str:
    """A number as Go prints it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.

    >>> shown(1234567.0), shown(0.5), shown(3.0)
    ('1.234567e+06', '0.5', '3')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    negative, digits, last = Decimal(repr(float(value))).normalize().as_tuple()
    assert isinstance(last, int)
    first = len(digits) - 1 + last if any(digits) else 0
    if -4 <= first < 6:
        return f"{Decimal((negative, digits, last)):f}"
    whole, *fraction = map(str, digits)
    mantissa = f"{whole}.{''.join(fraction)}" if fraction else whole
    return f"{'-' * negative}{mantissa}e{'-' if first < 0 else '+'}{abs(first):02d}"
