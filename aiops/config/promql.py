"""PromQL in files: parsed where it is written, with the place of a mistake inside the text."""

from __future__ import annotations

import json
import re

MAX_OPERATORS = 1000
"""The parser recurses into operators and brackets: far more of them than anybody writes would overflow its stack."""
_OPERATOR = re.compile(r"[-+*/%^<>=(\[{]|\b(?:and|or|unless|atan2)\b")
_NAMED = re.compile(r"'([^']+)'|for (\S+)$|: (\S+)$")
_STRINGS = re.compile(r"""#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?P<raw>[^`]*)`""")
_CLOSES = {")": "(", "]": "[", "}": "{"}


def mistake_in(query: str) -> tuple[int, str] | None:
    """(offset of the mistake in `query`, what and what to do); None when it is PromQL."""
    import promql_parser

    many = len(_OPERATOR.findall(query))
    if many > MAX_OPERATORS:
        return 0, f"has {many} operators and brackets, more than {MAX_OPERATORS}; split it"
    try:
        promql_parser.parse(plain_strings(query))
    except ValueError as e:
        return where_in(query, str(e)), f"is no PromQL: {e}; correct it here"
    return None


def plain_strings(query: str) -> str:
    """The same query with each `raw` string in double quotes: the parser looks for escapes inside raw strings too.

    >>> print(plain_strings("a{b=~`\\\\d+`} # `c"))
    a{b=~"\\\\d+"} # `c
    """
    return _STRINGS.sub(lambda m: json.dumps(m["raw"], ensure_ascii=False) if m["raw"] is not None else m[0], query)


def where_in(query: str, message: str) -> int:
    """The offset in `query` that a message of the parser is about; 0 where that cannot be told.

    >>> where_in("sum(rate(a[5m])", "unclosed left parenthesis")
    3
    """
    open_at = _brackets(query)
    if open_at is not None:
        return open_at
    for found in _NAMED.finditer(message):
        word = next(group for group in found.groups() if group)
        if word in query:
            return query.index(word)
    return 0


def _brackets(query: str) -> int | None:
    """Where brackets go wrong: the first that closes nothing, or the last that is never closed."""
    stack: list[tuple[str, int]] = []
    quote = ""
    skip = False
    for i, c in enumerate(query):
        if skip:
            skip = False
        elif quote:
            skip, quote = c == "\\" and quote != "`", "" if c == quote else quote
        elif c in "\"'`":
            quote = c
        elif c in "([{":
            stack.append((c, i))
        elif c in _CLOSES and (not stack or stack.pop()[0] != _CLOSES[c]):
            return i
    return stack[-1][1] if stack else None
