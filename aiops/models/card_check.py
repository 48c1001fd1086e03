"""What the schema of a card cannot say: its query, the parameters of its models, the series of its tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from aiops import plugins
from aiops.config.counters import raw_counter
from aiops.config.fields import at
from aiops.config.promql import mistake_in
from aiops.config.yaml_file import Document, mistakes_of
from aiops.core.errors import AiopsError, Mistake
from aiops.models.card_limit import queries_of
from aiops.models.card_series import expand, parse_labels


def mistakes_in(document: Document) -> Iterator[Mistake]:
    """Every such mistake in a card's file, whether or not the rest of it is right."""
    data = document.data
    if isinstance(data.get("query"), str):
        yield from _query(document, ("query",), data["query"])
    for side, query in queries_of(at(data, "forecast", "limit")):
        yield from _query(document, ("forecast", "limit", side), query)
    for key, group in (("forecast", "forecasters"), ("detect", "detectors")):
        if isinstance(data.get(key), dict):
            yield from _params(document, (key,), group, data[key])
        tried = data["challenger"].get(key) if isinstance(data.get("challenger"), dict) else None
        if isinstance(tried, dict):
            yield from _params(document, ("challenger", key), group, tried)
    if "alerts" in data:
        yield from _params(document, (), "forecasters", {"params": data.get("params", {})})
    for i, test in enumerate(data["tests"] if isinstance(data.get("tests"), list) else ()):
        for key in ("series", "limits"):
            series = at(test, key)
            for labels, values in series.items() if isinstance(series, dict) else ():
                yield from _series(document, ("tests", i, key, labels), labels, values)


def _query(document: Document, loc: tuple[str, ...], query: str) -> Iterator[Mistake]:
    found = mistake_in(query)
    if found is None and (raw := raw_counter(query)) is not None:
        found = raw.offset, raw.message
    if found is not None:
        offset, why = found
        line, column = document.inside(loc, offset)
        yield Mistake(document.path, line, column, ".".join(loc), why)


def _params(document: Document, where: tuple[str, ...], group: str, rule: dict[str, Any]) -> Iterator[Mistake]:
    name, params = rule.get("model"), rule.get("params", {})
    if name is None:
        name = {"forecasters": "exhaustion", "detectors": "seasonal"}[group]
    if not isinstance(name, str) or not isinstance(params, dict):
        return
    try:
        model = plugins.load(group, name).Params
    except AiopsError as e:
        yield document.mistake((*where, "model"), str(e))
        return
    except (ImportError, AttributeError) as e:
        yield document.mistake((*where, "model"), f"the plug-in {name!r} cannot be loaded: {e}")
        return
    try:
        model.model_validate(params)
    except ValidationError as e:
        yield from mistakes_of(document, model, e, (*where, "params"))


def _series(document: Document, loc: tuple[str | int, ...], labels: str, values: Any) -> Iterator[Mistake]:
    for parse, text in ((parse_labels, labels), (expand, values)):
        if isinstance(text, str):
            try:
                parse(text)
            except ValueError as e:
                yield document.mistake(loc, str(e))
