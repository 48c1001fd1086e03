"""The tree of a PromQL expression as plain values: comparable, rebuildable, and written back as PromQL."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
SET_OPERATORS = ("and", "or", "unless")
_STRENGTH = {
    "or": 1, "and": 2, "unless": 2, **dict.fromkeys(COMPARISONS, 3), "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "atan2": 5, "^": 7,
}  # fmt: skip
_UNARY, _ATOM = 6, 9


@dataclass(frozen=True, slots=True)
class Number:
    """A number, ±Inf and NaN included."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string argument."""

    value: str


@dataclass(frozen=True, slots=True)
class When:
    """`offset` in milliseconds and `@` (epoch milliseconds, `start` or `end`) of a selector or subquery."""

    offset_ms: int = 0
    at: int | str | None = None

    def __str__(self) -> str:
        at = "" if self.at is None else f" @ {self.at}()" if isinstance(self.at, str) else f" @ {self.at / 1000:.3f}"
        sign = "-" if self.offset_ms < 0 else ""
        return at + (f" offset {sign}{duration(abs(self.offset_ms))}" if self.offset_ms else "")


NOW = When()


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by name and matchers (label, operator, value); with `range_ms` their samples of that span."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    when: When = NOW
    range_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """`of`, evaluated every `step_ms` (None: the server's own interval) over `range_ms`."""

    of: Node
    range_ms: int
    step_ms: int | None = None
    when: When = NOW


@dataclass(frozen=True, slots=True)
class Negative:
    """`-of`."""

    of: Node


@dataclass(frozen=True, slots=True)
class Matching:
    """How the sides find each other: on or ignoring `labels`; `group` is "left", "right" or "", and carries `include`."""

    on: bool = False
    labels: tuple[str, ...] = ()
    group: str = ""
    include: tuple[str, ...] = ()

    @property
    def default(self) -> bool:
        """Whether nothing needs to be written."""
        return self == Matching()

    def __str__(self) -> str:
        if self.default:
            return ""
        group = f" group_{self.group} ({', '.join(self.include)})" if self.group else ""
        return f" {'on' if self.on else 'ignoring'} ({', '.join(self.labels)}){group}"

    def swapped(self) -> Matching:
        """The same with the sides exchanged."""
        return Matching(self.on, self.labels, {"left": "right", "right": "left", "": ""}[self.group], self.include)


DEFAULT = Matching()


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`; `to_bool` is the modifier `bool`."""

    op: str
    left: Node
    right: Node
    matching: Matching = DEFAULT
    to_bool: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`op by (labels) (param, of)`; by False: without. Neither written: by ()."""

    op: str
    of: Node
    by: bool = True
    labels: tuple[str, ...] = ()
    param: Node | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    args: tuple[Node, ...] = ()


Node = Number | Text | Selector | Subquery | Negative | Binary | Aggregate | Call


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    if isinstance(node, Binary):
        return node.left, node.right
    if isinstance(node, Aggregate):
        return (node.of,) if node.param is None else (node.param, node.of)
    if isinstance(node, Call):
        return node.args
    return (node.of,) if isinstance(node, Subquery | Negative) else ()


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with each of its children changed."""
    if isinstance(node, Binary):
        return replace(node, left=change(node.left), right=change(node.right))
    if isinstance(node, Aggregate):
        return replace(node, of=change(node.of), param=None if node.param is None else change(node.param))
    if isinstance(node, Call):
        return replace(node, args=tuple(map(change, node.args)))
    return replace(node, of=change(node.of)) if isinstance(node, Subquery | Negative) else node


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before its children."""
    todo = [node]
    while todo:
        one = todo.pop()
        yield one
        todo += reversed(children(one))


def is_scalar(node: Node) -> bool:
    """Whether it is one number without labels.

    >>> is_scalar(Binary("*", Number(2), Call("time")))
    True
    """
    if isinstance(node, Call):
        return node.name in ("time", "scalar", "pi")
    if isinstance(node, Binary):
        return is_scalar(node.left) and is_scalar(node.right)
    return is_scalar(node.of) if isinstance(node, Negative) else isinstance(node, Number)


def duration(ms: int) -> str:
    """A span of milliseconds as PromQL writes it.

    >>> duration(90_000), duration(0)
    ('1m30s', '0s')
    """
    out = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        n, ms = divmod(ms, size)
        out += f"{n}{unit}" if n else ""
    return out or "0s"


def number(value: float) -> str:
    """A number as PromQL writes it, exactly.

    >>> number(1e9), number(0.1), number(math.inf)
    ('1000000000', '0.1', 'Inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def quoted(value: str) -> str:
    """A string in double quotes, as Go and PromQL read it."""
    return json.dumps(value, ensure_ascii=False)


def write(node: Node) -> str:
    """The tree as PromQL, with the brackets it needs.

    >>> write(Binary("-", Number(1), Binary("-", Selector("a"), Selector("b"))))
    '1 - (a - b)'
    """
    if isinstance(node, Number):
        return number(node.value)
    if isinstance(node, Text):
        return quoted(node.value)
    if isinstance(node, Selector):
        return _selector(node)
    if isinstance(node, Subquery):
        step = "" if node.step_ms is None else duration(node.step_ms)
        return f"{_inside(node.of, _ATOM)}[{duration(node.range_ms)}:{step}]{node.when}"
    if isinstance(node, Negative):
        return f"-{_inside(node.of, _UNARY + 1)}"
    if isinstance(node, Binary):
        return _binary(node)
    if isinstance(node, Aggregate):
        grouping = "" if node.by and not node.labels else f" {'by' if node.by else 'without'} ({', '.join(node.labels)}) "
        return f"{node.op}{grouping}({', '.join(map(write, children(node)))})"
    return f"{node.name}({', '.join(map(write, node.args))})"


def _selector(node: Selector) -> str:
    inside = ",".join(f"{label}{op}{quoted(value)}" for label, op, value in node.matchers)
    span = "" if node.range_ms is None else f"[{duration(node.range_ms)}]"
    return f"{node.name}{'{' + inside + '}' if inside or not node.name else ''}{span}{node.when}"


def _binary(node: Binary) -> str:
    own = _STRENGTH[node.op]
    right_first = node.op == "^"
    left = _inside(node.left, own + right_first)
    right = _inside(node.right, own + (not right_first))
    return f"{left} {node.op}{' bool' if node.to_bool else ''}{node.matching} {right}"


def _inside(node: Node, at_least: int) -> str:
    return write(node) if _strength(node) >= at_least else f"({write(node)})"


def _strength(node: Node) -> int:
    if isinstance(node, Binary):
        return _STRENGTH[node.op]
    negative = isinstance(node, Negative) or (isinstance(node, Number) and (node.value < 0 or math.copysign(1, node.value) < 0))
    return _UNARY if negative else _ATOM
