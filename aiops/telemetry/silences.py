"""The silences of an Alertmanager, as times in which what they match is not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from aiops.core.errors import SourceError
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.core.text import visible

PATH = "/api/v2/silences"
AT_MOST = 10_000
NOTES_AT_MOST = 5
_OPS = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}


@dataclass(frozen=True, slots=True)
class Silences:
    """Spans, and what of the answer could not be used, in words."""

    spans: tuple[Span, ...]
    notes: tuple[str, ...] = ()


def silences_in(name: str, body: bytes) -> Silences:
    """The silences of an answer of Alertmanager's API, active, pending and expired alike: each masks from its start to its end.

    One whose matchers cannot be read here masks nothing and is noted. Raises SourceError when it is no such answer.
    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), gettableSilence.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise SourceError(name, "bad_data", f"its answer is no JSON: {e}") from e
    if not isinstance(found, list) or len(found) > AT_MOST:
        raise SourceError(name, "bad_data", f"its answer is no list of at most {AT_MOST} silences")
    spans, notes = [], []
    for one in found:
        try:
            spans.append(_span(one))
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            which = one.get("id", "") if isinstance(one, Mapping) else ""
            notes.append(f"silence {visible(str(which), 40)} masks nothing: {visible(str(e), 120)}")
    return Silences(tuple(spans), tuple(notes[:NOTES_AT_MOST]))


def _span(one: Mapping[str, Any]) -> Span:
    match = tuple(_matchers(one["matchers"]))
    if not match:
        raise ValueError("it has no matchers")
    said = visible(str(one.get("comment", "")), 120)
    who = visible(str(one.get("createdBy", "")), 40)
    why = f"silence {visible(str(one['id']), 40)} by {who}" + (f": {said}" if said else "")
    return Span(_time(one["startsAt"]), _time(one["endsAt"]), match, why)


def _matchers(found: list[Mapping[str, Any]]) -> Iterator[Matcher]:
    for one in found:
        op = _OPS[bool(one["isRegex"]), bool(one.get("isEqual", True))]
        yield Matcher.make(str(one["name"]), op, str(one["value"]))


def _time(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
