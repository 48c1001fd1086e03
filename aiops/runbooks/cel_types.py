"""Whether the types in a CEL expression can ever fit: asked of CEL itself, with values of every type for what is not known.

CEL's checker is not part of the library that evaluates it. So each operand of a comparison is evaluated by itself, once for each
type that what it looks at may have; where no two types that come out can be compared, the comparison is a mistake.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiops.core.text import visible

ANY = "anything"
TRUTH, NUMBER, TEXT = "true or false", "a number", "text"
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, TRUTH), (int, NUMBER), (float, NUMBER), (str, TEXT), (bytes, "bytes"), (list, "a list"), (dict, "a map"),
    (datetime, "a time"), (timedelta, "a duration"), (type(None), "null"),
)  # fmt: skip
SAMPLES: tuple[Any, ...] = (1, 1.5, "a", True, [1], ["a"], [{}], {}, None)
"""Of what is not known: one value of each type, lists of the commonest."""
COMBINATIONS = 800
"""With more of what is not known nothing is said."""
_ORDERED = (NUMBER, TEXT, TRUTH, "a time", "a duration", "bytes")
_COMPARISON = re.compile(r"==|!=|<=|>=|<|>|\bin\b")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_NO_FUNCTION = "Undefined variable or function"
_OPEN, _CLOSE = "([{", ")]}"
Evaluate = Callable[[str, Mapping[str, Any]], Any]


def type_mistakes(
    text: str, unknown: Sequence[str], known: Mapping[str, Any], evaluate: Evaluate, truth: bool
) -> Iterator[str]:
    """What can never fit in an expression that is right in form, in words.

    `unknown`: dotted paths that it looks at and of which the type is not known, `known`: a value of its type by each other path.
    `evaluate` raises TypeError where types do not fit. `truth`: the whole must be true or false.
    """
    return _Looked(unknown, known, evaluate).mistakes(text.strip(), truth)


class _Looked:
    """One expression's parts, evaluated with every value that they may have."""

    def __init__(self, unknown: Sequence[str], known: Mapping[str, Any], evaluate: Evaluate) -> None:
        self._unknown, self._known, self._evaluate = unknown, known, evaluate

    def mistakes(self, text: str, truth: bool) -> Iterator[str]:
        """Those of a part, `truth`: that must be true or false."""
        text = _bare(text)
        if (chosen := _ternary(text)) is not None:
            for part, must in zip(chosen, (True, truth, truth), strict=True):
                yield from self.mistakes(part, must)
        elif len(parts := _split(text, ("||", "&&"))) > 1:
            for part in parts:
                yield from self.mistakes(part, True)
        elif text.startswith("!") and not text.startswith("!="):
            yield from self.mistakes(text[1:], True) if _one_operand(text[1:]) else self._of_comparison(text)
        else:
            yield from self._of_comparison(text) if _compared(text) is not None else self._of_value(text, truth)

    def _of_comparison(self, text: str) -> Iterator[str]:
        found = _compared(text)
        if found is None:
            return
        left, sign, right = found
        mistakes = [*self.mistakes(left, False), *self.mistakes(right, False)]
        yield from mistakes
        if mistakes:
            return
        one, other = self._types(left), self._types(right)
        if not any(_fit(a, sign, b) for a, b in itertools.product(one, other)):
            what = "looked for in" if sign == "in" else "compared with"
            yield f"{_named(left)}, which is {_or(one)}, is {what} {_named(right)}, which is {_or(other)}"

    def _of_value(self, text: str, truth: bool) -> Iterator[str]:
        types = self._types(text)
        if not types:
            yield f"{_named(text)} never has a value: there is no such function, or no such operation on these types"
        elif truth and not types & {TRUTH, ANY}:
            yield f"{_named(text)} is {_or(types)}, not true or false"

    def _types(self, text: str) -> frozenset[str]:
        """The types that come out; empty when CEL has no such operation for any of them."""
        here = [path for path in self._unknown if re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", text)]
        if len(SAMPLES) ** len(here) > COMBINATIONS:
            return frozenset({ANY})
        found: set[str] = set()
        for values in itertools.product(SAMPLES, repeat=len(here)):
            try:
                found.add(_type_of(self._evaluate(text, _context([*self._known.items(), *zip(here, values, strict=True)]))))
            except TypeError:
                continue
            except RuntimeError as e:  # of a function that takes no value of this type CEL says that there is none of this name
                found |= set() if str(e).startswith(_NO_FUNCTION) else {ANY}
            except (ValueError, ArithmeticError, LookupError):  # not there, or too large: no matter of types
                found.add(ANY)
        return frozenset(found)


def _type_of(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), ANY)


def _fit(one: str, sign: str, other: str) -> bool:
    if ANY in (one, other):
        return True
    if sign == "in":
        return other in ("a list", "a map")
    return one == other and (sign in ("==", "!=") or one in _ORDERED)


def _context(values: list[tuple[str, Any]]) -> dict[str, Any]:
    """Nested mappings in which each path leads to its value; below what is no mapping there is nothing."""
    root: dict[str, Any] = {}
    for path, value in values:
        *above, last = path.split(".")
        place = root
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                break
        else:
            place[last] = value
    return root


def _named(text: str) -> str:
    return visible(text.strip(), 80)


def _or(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "nothing"


def _depths(text: str) -> Iterator[tuple[int, str, int]]:
    """(place, character, how many brackets are open before it) of what stands outside quotes."""
    depth, start = 0, 0
    for part in (*_QUOTED.finditer(text), None):
        for i in range(start, len(text) if part is None else part.start()):
            depth -= text[i] in _CLOSE
            yield i, text[i], depth
            depth += text[i] in _OPEN
        start = len(text) if part is None else part.end()


def _bare(text: str) -> str:
    """Without brackets around the whole."""
    text = text.strip()
    while text.startswith("(") and next((i for i, c, depth in _depths(text) if c == ")" and depth == 0), -1) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _split(text: str, signs: tuple[str, ...]) -> list[str]:
    """The parts between signs that stand outside of all brackets."""
    parts, start = [], 0
    for i, _, depth in _depths(text):
        sign = next((one for one in signs if text.startswith(one, i)), "")
        if depth == 0 and sign and i >= start:
            parts.append(text[start:i])
            start = i + len(sign)
    return [*parts, text[start:]]


def _ternary(text: str) -> tuple[str, str, str] | None:
    """Condition and both values of `a ? b : c`; the first that is outside of all brackets."""
    marks = [(i, c) for i, c, depth in _depths(text) if depth == 0 and c in "?:"]
    if not marks or marks[0][1] != "?":
        return None
    open_ = 0
    for i, c in marks:
        open_ += 1 if c == "?" else -1
        if open_ == 0:
            return text[: marks[0][0]], text[marks[0][0] + 1 : i], text[i + 1 :]
    return None


def _compared(text: str) -> tuple[str, str, str] | None:
    """(left, sign, right) of the last comparison outside of all brackets: they group from the left."""
    outside = {i for i, _, depth in _depths(text) if depth == 0}
    found = [one for one in _COMPARISON.finditer(text) if one.start() in outside and one.start() > 0]
    if not found:
        return None
    last = found[-1]
    return text[: last.start()], last.group(), text[last.end() :]


def _one_operand(text: str) -> bool:
    """Whether a `!` before it is about all of it."""
    return _compared(text) is None
