"""What a person reads about a value that does not fit: what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aiops.config.fields import EMPTY, PLACED, is_duration
from aiops.core.durations import text

Loc = tuple[str | int, ...]
_PLAIN = {
    "string_type": 'must be text; put it in quotes: "{got}"',
    "int_type": "must be a whole number, not {got!r}",
    "int_from_float": "must be a whole number, not {got!r}",
    "int_parsing": "must be a whole number, not {got!r}",
    "float_type": "must be a number, not {got!r}",
    "float_parsing": "must be a number, not {got!r}",
    "finite_number": "must be a finite number, not {got!r}",
    "bool_type": "must be true or false, not {got!r}",
    "list_type": "must be a list: [one, two], or one item a line after `- `",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "path_type": "must be a path",
    "greater_than": "must be greater than {gt}, not {got!r}",
    "greater_than_equal": "must be at least {ge}, not {got!r}",
    "less_than": "must be less than {lt}, not {got!r}",
    "less_than_equal": "must be at most {le}, not {got!r}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "{got!r} does not have the form {pattern} ({about})",
}
_CHOICES = ("literal_error", "enum")


def message_of(error: Any, model: type[BaseModel], loc: Loc) -> str:
    """The text for one of pydantic's errors on a file of kind `model`."""
    kind, context = error["type"], dict(error.get("ctx") or {})
    if kind == PLACED:
        return str(context["text"])
    if kind == "extra_forbidden":
        return f"unknown key{did_you_mean(str(loc[-1]), known_keys(model, loc[:-1]))}"
    field = field_at(model, loc)
    about = field.description if field is not None else ""
    if kind == "missing":
        return f"is missing; write {loc[-1]}: {about}" if about else "is missing"
    if error["input"] is None and (kind in _PLAIN or kind in _CHOICES):
        return f"{EMPTY} ({about})" if about else EMPTY
    if kind in _CHOICES:
        allowed = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
        if allowed == "True":
            return "can only be true; remove it where it is not so"
        near = difflib.get_close_matches(str(error["input"]), allowed.split(", "), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"must be {'one of ' if ', ' in allowed else ''}{allowed}, not {_short(error['input'])!r}{hint}"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return f"must have at {'least' if kind == 'too_short' else 'most'} {bound} item{'' if bound == 1 else 's'}"
    form = _PLAIN.get(kind)
    if form is not None:
        show = in_words if is_duration(field) else _number
        return form.format(got=show(_short(error["input"])), about=about, **{key: show(one) for key, one in context.items()})
    said = str(error["msg"]).removeprefix("Value error, ")
    return said[:1].lower() + said[1:] if said.startswith("Input ") else said


def in_words(value: Any) -> Any:
    """Seconds as a duration; anything else as it is."""
    return Shown(text(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Shown(str):
    """Text that stands in a message as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _short(value: Any) -> Any:
    if isinstance(value, int | float | bool) or value is None:
        return value
    shown = str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint at the nearest known word, or at all of them."""
    near = difflib.get_close_matches(word, known, 1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else "; remove it"


def field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    """The field that `model` has at `loc`; None where that cannot be told, as for a name that people choose."""
    return _walk(model, loc)[0]


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that `model` knows at `loc`, for suggestions; empty where that cannot be told."""
    return [f.alias or n for n, f in getattr(_walk(model, loc)[1], "model_fields", {}).items()]


def _walk(model: type[BaseModel], loc: Loc) -> tuple[FieldInfo | None, Any]:
    """(the field at `loc`, the model that stands there); a mapping with names that people choose has neither."""
    field: FieldInfo | None = None
    current: Any = model
    chosen: Any = None
    for name in (p for p in loc if isinstance(p, str)):
        if chosen is not None:
            field, current, chosen = None, chosen, None
            continue
        fields = getattr(current, "model_fields", {})
        field = next((f for n, f in fields.items() if name in (n, f.alias)), None)
        if field is None:
            return None, None
        inner = model_in(field.annotation)
        current, chosen = (None, inner) if _is_dict(field.annotation) else (inner, None)
    return field, current


def _is_dict(annotation: Any) -> bool:
    parts = getattr(annotation, "__args__", ())
    return getattr(annotation, "__origin__", None) is dict or any(_is_dict(p) for p in parts)


def model_in(annotation: Any) -> Any:
    """The first pydantic model inside a type such as `list[Model] | None`; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = model_in(part)
        if found is not None:
            return found
    return None
