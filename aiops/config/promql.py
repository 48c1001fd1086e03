"""PromQL in files: parsed where it is written, with the place of a mistake inside the text."""

from __future__ import annotations

import itertools
import json
import re

MAX_OPERATORS = 1000
"""The parser recurses into operators and brackets: far more of them than anybody writes would overflow its stack."""
MANY_TOKENS = 400
"""So many are tried one by one when a mistake is looked for."""
_OPERATOR = re.compile(r"[-+*/%^<>=(\[{]|\b(?:and|or|unless|atan2)\b")
_NAMED = re.compile(r"'([^']+)'|for (\S+)$|: (\S+)$")
SMOOTHING, OLD_SMOOTHING = "double_exponential_smoothing", "holt_winters"
"""One function under its two names: servers before 3.0 know the second."""
_STRING = r"""#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?P<raw>[^`]*)`"""
_WRITTEN = re.compile(rf"{_STRING}|(?<![\w:.])(?P<number>\.?\d[\w.]*)")
_OLD = re.compile(rf"{_STRING}|(?<![\w:]){OLD_SMOOTHING}(?=\s*\()")
_TOKEN = re.compile(rf"{_STRING}|[\w:.]+|==|!=|>=|<=|=~|!~|\S")
_SYNTAX = "invalid promql query"
_NOT_READ = (_SYNTAX, "unclosed", "unexpected", "unterminated", "bad ")
_CONTINUED = (
    "", "x", "(x)", "(x) x", "(x) (x)", "x) x", "x) (x)", "5m", "5", '="b"', '"b"', ") x", ") (x)", "x[5m]", "x, x", "()",
)  # fmt: skip
"""What may follow a text that is cut off somewhere, but for the brackets that are open then."""
_OPENS = {"(": ")", "[": "]", "{": "}"}
_CLOSES = {closing: opening for opening, closing in _OPENS.items()}


def mistake_in(query: str) -> tuple[int, str] | None:
    """(offset of the mistake in `query`, what and what to do); None when it is PromQL."""
    many = len(_OPERATOR.findall(query))
    if many > MAX_OPERATORS:
        return 0, f"has {many} operators and brackets, more than {MAX_OPERATORS}; split it"
    message = _complaint(query)
    if message is None:
        return None
    if message != _SYNTAX:
        at = where_in(query, message)
        return _first_with(query, message) if at is None else at, f"is no PromQL: {message}; correct it here"
    found = _unexpected(query)
    if found is None:
        return max(0, len(query.rstrip()) - 1), "is no PromQL: it ends too early; complete it"
    return found.start(), f"is no PromQL: {found[0]!r} is not expected here; correct it"


def _complaint(query: str) -> str | None:
    """What the parser says against it; None when it is PromQL."""
    import promql_parser

    try:
        promql_parser.parse(parsable(query))
    except ValueError as e:
        return str(e)
    return None


def parsable(query: str) -> str:
    """The same query as the parser reads it: plain_strings, and the function that it knows under its new name alone."""
    return _OLD.sub(lambda found: SMOOTHING if found[0] == OLD_SMOOTHING else found[0], plain_strings(query))


def plain_strings(query: str) -> str:
    """The same query with each `raw` string in double quotes, and numbers without `_`.

    The parser looks for escapes inside raw strings too, and does not know `1_000`, which servers read since 3.0.

    >>> print(plain_strings("a{b=~`\\\\d+`} > 1_000 # `c"))
    a{b=~"\\\\d+"} > 1000 # `c
    """
    return _WRITTEN.sub(_plain, query)


def _plain(found: re.Match[str]) -> str:
    if found["raw"] is not None:
        return json.dumps(found["raw"], ensure_ascii=False)
    return found[0] if found["number"] is None else re.sub("(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])", "", found[0])


def _first_with(query: str, message: str) -> int:
    """Where the token stands with which the parser begins to say so; 0 where none does, or there are very many."""
    for token in itertools.islice(_TOKEN.finditer(query), MANY_TOKENS):
        begun = query[: token.end()]
        if _complaint(begun + _closing(begun)) == message:
            return token.start()
    return 0


def _unexpected(query: str) -> re.Match[str] | None:
    """The first token after which no continuation is PromQL; None when every one of them has one."""
    tokens = [one for one in _TOKEN.finditer(query) if one[0][0] != "#"]
    good, bad = 0, len(tokens) + 1  # so many tokens can be continued, so many cannot
    while bad - good > 1:
        middle = (good + bad) // 2
        if _continues(query[: tokens[middle - 1].end()]):
            good = middle
        else:
            bad = middle
    return tokens[bad - 1] if bad <= len(tokens) else None


def _continues(begun: str) -> bool:
    """Whether a text that begins so may be PromQL, whatever its types."""
    for rest in _CONTINUED:
        text = f"{begun} {rest}"
        message = _complaint(text + _closing(text))
        if message is None or not message.startswith(_NOT_READ):
            return True
    return False


def _closing(text: str) -> str:
    """The brackets that are open at its end, closed."""
    opened = list[str]()
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENS:
            opened.append(_OPENS[token[0]])
        elif opened and token[0] == opened[-1]:
            opened.pop()
    return "".join(reversed(opened))


def where_in(query: str, message: str) -> int | None:
    """The offset in `query` that a message of the parser is about; None where that cannot be told.

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
    return None


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
