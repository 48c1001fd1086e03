"""AIOPS_… variables: which there are, which are mistyped, and their values with the type the setting has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from aiops.config.messages import model_in
from aiops.core.errors import Mistake

PREFIX = "AIOPS_"
WHERE = "(environment)"
_WHOLE = re.compile(r"[+-]?\d{1,18}")
Loc = tuple[str | int, ...]


def variables(model: type[BaseModel], prefix: str = PREFIX) -> dict[str, str]:
    """Every variable by name with what it sets; <NAME> stands for a name that people choose.

    A list or a whole mapping is given as JSON.
    """
    out: dict[str, str] = {}
    for name, field in model.model_fields.items():
        variable, inner = f"{prefix}{name.upper()}", model_in(field.annotation)
        if name == "params":
            out[f"{prefix}<PARAMETER>"] = field.description or ""
        elif _is(field.annotation, dict):
            below = {} if inner is None else variables(inner, f"{variable}__<NAME>__")
            out |= below or {f"{variable}__<NAME>": field.description or ""}
        elif inner is not None and not _is(field.annotation, list):
            out |= variables(inner, f"{variable}__")
        else:
            out[variable] = field.description or ""
    return out


def _is(annotation: Any, kind: type) -> bool:
    return getattr(annotation, "__origin__", None) is kind or annotation is kind


def unknown_variables(names: Iterable[str], model: type[BaseModel]) -> list[Mistake]:
    """AIOPS_… variables that name no setting: pydantic-settings would ignore them. The nearest known one is named."""
    known = {name.removeprefix(PREFIX): name for name in variables(model)}
    out = []
    for name in sorted(names):
        own = name.upper().removeprefix(PREFIX)
        if name.upper().startswith(PREFIX) and not _names_something(model, own.split("__")):
            near = difflib.get_close_matches(own, known, 1)
            nearest = known[(near or difflib.get_close_matches(own, known, 1, 0.0))[0]]
            hint = f"did you mean {nearest}?" if near else f"the nearest known one is {nearest}"
            out.append(Mistake(WHERE, 1, 1, name, f"unknown variable; {hint}"))
    return out


def _names_something(model: type[BaseModel], parts: list[str]) -> bool:
    field = next((f for n, f in model.model_fields.items() if n.upper() == parts[0]), None)
    if field is None:
        return False
    if len(parts) == 1:
        return True
    if _is(field.annotation, dict):
        return all(parts)
    inner = model_in(field.annotation)
    return inner is not None and not _is(field.annotation, list) and _names_something(inner, parts[1:])


def variable_of(loc: Loc, environ: Mapping[str, str]) -> str | None:
    """The variable that gave the value at `loc`; None when none did."""
    here = {name.upper(): name for name in environ}
    for end in range(len(loc), 0, -1):
        name = here.get(PREFIX + "__".join(str(p).upper() for p in loc[:end]))
        if name is not None:
            return name
    return None


def typed(value: Any, annotation: Any) -> Any:
    """`value` as it came from a variable: whole numbers, true and false as `annotation` asks; settings refuse text there."""
    inner = model_in(annotation)
    if isinstance(value, dict) and inner is not None:
        if _is(annotation, dict):
            return {name: typed(one, inner) for name, one in value.items()}
        fields = inner.model_fields
        return {name: typed(one, fields[name].annotation) if name in fields else one for name, one in value.items()}
    if annotation is int and isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if annotation is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
