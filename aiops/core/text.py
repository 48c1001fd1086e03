"""Text from outside, made fit to be shown."""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson

SHOWN = 200
codecs.lookup("unicode_escape")  # its module is read now: where no file can be opened any more a log line needs it


def visible(value: str, shown: int = SHOWN) -> str:
    """Text for display on one line: control and direction characters escaped, overlong text cut with a mark.

    >>> visible("a\\nb")
    'a\\\\nb'
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value[: 2 * shown])
    return escaped if len(escaped) <= shown and len(value) <= 2 * shown else escaped[: shown - 1] + "…"


def cut(text: str, most: int) -> str:
    """At most so many characters, the last one a mark where something is missing; what no encoding can say becomes `?`.

    >>> cut("abcdef", 4), cut("abc", 4)
    ('abc…', 'abc')
    """
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def json_of(value: Any, indent: bool = False) -> bytes:
    """JSON, on one line, or with `indent` over several. Half of a surrogate pair, which text of others may hold, is written as an
    escape.

    >>> json_of({"a": "\\ud800"})
    b'{"a": "\\\\ud800"}'
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0)
    except orjson.JSONEncodeError:
        return json.dumps(value, indent=2 if indent else None).encode()


def several(count: int, what: str) -> str:
    """How many of something, in words.

    >>> several(1, "run"), several(3, "run")
    ('1 run', '3 runs')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def times(count: int) -> str:
    """How often, in words.

    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"
