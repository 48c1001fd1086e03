"""Types that several YAML files share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from aiops.core.durations import seconds
from aiops.core.labels import Matcher

PLACED = "placed"
"""The type of an error that a part's own `mistakes` found."""
EMPTY = "is empty; write a value, or remove the key"
Found: TypeAlias = Iterator[tuple[tuple[str | int, ...], str]]
"""Mistakes as (where, below the part that is judged; what and what to do)."""


class Strict(BaseModel):
    """A part of a file: unknown keys are refused, nothing is coerced, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """What no field alone can say. `raw` is the part as it is written: any key may be absent or of another type."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """The errors of fields and those of `mistakes` together, each at its own place."""
        found = list(cls.mistakes(value)) if isinstance(value, dict) else []
        if isinstance(value, dict) and (info.context or {}).get("from_file"):
            found += [((key,), EMPTY) for key, one in value.items() if one is None]
        try:
            made = handler(value)
        except ValidationError as e:
            if not found:
                raise
            told = list(_again(e))
            places = {one["loc"] for one in told}
            more = [_placed(loc, text, value) for loc, text in found if loc not in places]
            raise ValidationError.from_exception_data(cls.__name__, told + more) from e
        if found:
            raise ValidationError.from_exception_data(cls.__name__, [_placed(loc, text, value) for loc, text in found])
        return made


def login_mistakes(raw: Mapping[str, Any]) -> Found:
    """Half a login, or two of them, in a part that names how to log in somewhere."""
    if bool(raw.get("username")) != bool(raw.get("password_file")):
        yield ("username",), "username and password_file belong together: write both or neither"
    if raw.get("username") and raw.get("bearer_token_file"):
        yield ("bearer_token_file",), "username and bearer_token_file exclude each other: remove one"


class WholeFile(Strict):
    """What one file holds."""

    _sha: str = PrivateAttr("")
    _path: str = PrivateAttr("")

    @property
    def sha(self) -> str:
        """First 12 hex digits of the file's SHA-256; empty for what was made in code."""
        return self._sha

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    def came_of(self, path: str, sha: str) -> None:
        """Remember the file."""
        self._path, self._sha = path, sha


def _placed(loc: tuple[str | int, ...], text: str, value: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(PLACED, "{text}", {"text": text}), loc=loc, input=value)


def _again(error: ValidationError) -> Iterator[InitErrorDetails]:
    """The errors of `error`, fit to be raised once more."""
    for one in error.errors(include_url=False):
        if one["type"] == PLACED:
            yield _placed(one["loc"], one["ctx"]["text"], one["input"])
        else:
            yield InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"], ctx=one.get("ctx", {}))


class _FileSchema(GenerateJsonSchema):
    """As pydantic's own, but an optional key is one that may be absent: a key without a value is refused in a file."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def schema_of_file(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema 2020-12 of a file that people write."""
    found = model.model_json_schema(by_alias=True, schema_generator=_FileSchema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def either(first: dict[str, Any], key: str, second: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a file that has one of two forms: the second where `key` is written, else the first."""
    defs = {**first.get("$defs", {}), **second.get("$defs", {})}
    forms = [{k: v for k, v in one.items() if k not in ("$schema", "$defs")} for one in (first, second)]
    return {"$schema": first["$schema"], "$defs": defs, "if": {"required": [key]}, "then": forms[1], "else": forms[0]}


def at(raw: Any, *path: str | int) -> Any:
    """What stands at `path` in data as it is written; None where there is nothing.

    >>> at({"a": [{"b": 1}]}, "a", 0, "b"), at({"a": 1}, "a", "b")
    (1, None)
    """
    for part in path:
        if isinstance(part, str):
            raw = raw.get(part) if isinstance(raw, dict) else None
        else:
            raw = raw[part] if isinstance(raw, list) and part < len(raw) else None
    return raw


def items(raw: Any, key: str) -> list[Any]:
    """The list under `key`; empty when there is none."""
    found = at(raw, key)
    return found if isinstance(found, list) else []


def span(raw: Any, *path: str | int) -> float | None:
    """The duration at `path` in seconds; None when there is none, or none that can be read."""
    text = at(raw, *path)
    try:
        return seconds(text) if isinstance(text, str) else None
    except ValueError:
        return None


def repeated(values: list[Any]) -> Iterator[tuple[int, int]]:
    """(index, index of the first equal one) of every text that stands more than once."""
    first: dict[str, int] = {}
    for i, value in enumerate(values):
        if isinstance(value, str) and first.setdefault(value, i) != i:
            yield i, first[value]


def _duration(value: Any, info: ValidationInfo) -> float:
    """Code may give seconds; a file must name the unit."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and value >= 0 and (value == 0 or not (info.context or {}).get("from_file")):
        return float(value)
    if number:
        raise ValueError(f"{value} is no duration; write a unit, for example {abs(value)}s")
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 5m or 1h30m")
    return seconds(value)


def _matcher(value: Any) -> Matcher:
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise ValueError('must be a matcher such as env="prod"')
    return Matcher.parse(value)


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"}, {"const": 0}],
            "description": "for example 30s or 1h30m",
        }
    ),
]
"""A Prometheus duration in a file, seconds in the code."""


def is_duration(field: FieldInfo | None) -> bool:
    """Whether a field holds a Duration."""
    validators = () if field is None else field.metadata
    return any(isinstance(one, BeforeValidator) and one.func is _duration for one in validators)


def _whole(value: float) -> float:
    if value < 1 or value != int(value):
        raise ValueError("must be one or more whole seconds, for example 5s")
    return value


Step = Annotated[
    Duration,
    AfterValidator(_whole),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$", "description": "for example 5s or 1m"}),
]
"""The time between two samples: whole seconds."""

FileName = Annotated[Path, Field(strict=False)]
"""A file or a folder, written as text."""
MatcherText = Annotated[
    Matcher,
    BeforeValidator(_matcher),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r'^\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(=~|!~|!=|=)\s*("([^"\\]|\\.)*"|[^"\s]+)\s*$',
            "description": 'an Alertmanager matcher, for example env=~"prod|stage"',
        }
    ),
]
"""An Alertmanager matcher."""
