"""Templates of labels and annotations as Prometheus parses them when it loads a file: Go's text/template, read but not run."""

from __future__ import annotations

import re
from collections.abc import Iterator


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTIONS = _set(
    """and call html index slice js len not or print printf println urlquery eq ge gt le lt ne
    query first label value sortByLabel strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink
    humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp pathPrefix externalURL parseDuration stripPort
    stripDomain toTime toDuration now urlQueryEscape tmpl"""
)
"""Those of Go and of Prometheus, up to its newest release: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/"""
_WORDS = _set("true false nil")
_OPENING = _set("if range with define block")
_VARIABLES = _set("$ $labels $externalLabels $externalURL $value")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*')|(?P<number>[+-]?\.?\d[\w.+-]*)|(?P<variable>\$\w*)"""
    r"""|(?P<field>\.\w*)|(?P<name>\w+)|(?P<sign>:=|[=|(),])|(?P<other>\S)""",
    re.S,
)
_BEGIN = re.compile(r"\{\{(?P<comment>(?:- )?\s*/\*)?")
_END = re.compile(r"""\}\}|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'""")
Wrong = tuple[int, str]


def template_mistake(text: str) -> Wrong | None:
    """(offset in `text`, what is wrong) of the first part for which Prometheus would not load the file; None when it would.

    >>> template_mistake("{{ humanise $value }}")
    (3, "no template function is called 'humanise'")
    >>> template_mistake("{{ if gt $value 5.0 }}high")
    (0, 'a template block is not closed; end it with {{ end }}')
    """
    opened: list[tuple[int, str]] = []
    known = set(_VARIABLES)
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        end = _closed(text, begin)
        if end is None:
            return begin.start(), "a template is not closed; close it with }}"
        if not begin["comment"]:
            wrong = _action(text, begin.end(), end[0], opened, known)
            if wrong is not None:
                return wrong
        at = end[1]
    return (opened[-1][0], "a template block is not closed; end it with {{ end }}") if opened else None


def _closed(text: str, begin: re.Match[str]) -> tuple[int, int] | None:
    """Where what is inside ends, and where the text goes on."""
    if begin["comment"]:
        end = re.compile(r"\*/(?: -)?\}\}").search(text, begin.end())
        return None if end is None else end.span()
    for found in _END.finditer(text, begin.end()):
        if found[0] == "}}":
            return found.span()
    return None


def _action(text: str, start: int, end: int, opened: list[tuple[int, str]], known: set[str]) -> Wrong | None:
    """What is wrong in one action; blocks that it opens or closes are kept in `opened`, variables that it declares in `known`."""
    inside = re.sub(r"^-(?=\s)|(?<=\s)-$", " ", text[start:end])
    tokens = list(_TOKEN.finditer(inside))
    if not tokens:
        return start, "an empty template action; write what to fill in"
    first = tokens[0][0] if tokens[0]["name"] else ""
    if first in ("end", "else"):
        if not opened or (first == "else" and opened[-1][1] == "else"):
            return start, f"{{{{ {first} }}}} closes nothing"
        begun = opened.pop()
        if first == "else":
            opened.append((begun[0], "else" if len(tokens) == 1 else begun[1]))
    elif first in _OPENING:
        opened.append((start - 2, first))
    keyword = first in (*_OPENING, "end", "else", "template", "break", "continue")
    known |= {name for name in _declared(tokens)}
    return next(_wrong(tokens[keyword:], start, known), None)


def _declared(tokens: list[re.Match[str]]) -> Iterator[str]:
    """The variables left of `:=`."""
    for i, token in enumerate(tokens):
        if token[0] == ":=":
            before = i - 1
            while before >= 0 and (tokens[before]["variable"] or tokens[before][0] == ","):
                yield tokens[before][0]
                before -= 1


def _wrong(tokens: list[re.Match[str]], start: int, known: set[str]) -> Iterator[Wrong]:
    depth, piped = 0, False
    for i, token in enumerate(tokens):
        at, word = start + token.start(), token[0]
        if token["name"] and word not in _FUNCTIONS | _WORDS and not (i == 0 and word in ("if", "with")):
            yield at, f"no template function is called {word!r}"
        if token["variable"] and word not in known:
            yield at, f"the template variable {word} is not declared"
        if piped and (token["string"] or token["number"]):
            yield at, f"{word} takes nothing from what stands left of |"
        if token["other"]:
            yield at, f"{word!r} is not expected in a template"
        depth += (word == "(") - (word == ")")
        if depth < 0:
            yield at, "this bracket closes nothing"
        piped = word == "|"
    if depth > 0:
        yield start, "a bracket is not closed"
