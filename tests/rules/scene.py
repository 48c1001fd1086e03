"""Samples made from a rule: values around and on its limits, each side absent, NaN, Inf, zero, counters, buckets, partners."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from aiops.rules.constants import constant
from aiops.rules.quantity import name_of
from aiops.rules.tree import COMPARISONS, Aggregate, Binary, Call, Node, Selector, Subquery, children, rebuilt, walk

START, ENTITIES, LOOKBACK_S = 1_600_000_000, 3, 300
COUNTING = ("rate", "irate", "increase", "delta", "idelta", "deriv")
PARTNERS = 12
MOODS = ("free", "free", "free", "free", "low", "high", "zero")
TOGETHER = ("", "", "", "", "", "", "zero", "gone")
TOPS = {"free": 5, "high": 5, "low": 1, "zero": 0, "gone": 0}
PARTS = ({"part": "p0"}, {"part": "p1"})
BUCKETS = (0.25, 0.5, 1.0, 1.5, 3.0)
Labels = tuple[tuple[str, str], ...]


@dataclass
class Scene:
    """What the rule is tried on: series (name, labels) with their samples, and the instants to look at."""

    step_s: int
    length: int
    series: dict[tuple[str, Labels], dict[int, float]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return START + self.length * self.step_s


def tagged(node: Node, tag: str) -> Node:
    """The same expression on the series of one rule alone: their names carry its tag."""
    if isinstance(node, Selector):
        named = tuple((n, op, f"{v}_{tag}" if n == "__name__" and op == "=" else v) for n, op, v in node.matchers)
        return replace(node, name=f"{node.name}_{tag}" if node.name else "", matchers=named)
    return rebuilt(node, lambda below: tagged(below, tag))


def scene_of(rule: Node, tag: str, seed: int, length: int = 500) -> Scene:
    """The samples for one rule; the seed also says which labels series carry that the rule does not ask of them."""
    ranges = [n.range_ms for n in walk(rule) if isinstance(n, Selector | Subquery) and n.range_ms]
    scene = Scene(max(5, min([60, *(r // 4000 for r in ranges)])), length)
    maker = _Maker(rule, scene, seed, tag)
    counting, buckets = _roles(rule)
    known: dict[Selector, list[int]] = {}
    for one in walk(rule):
        if isinstance(one, Selector):
            known.setdefault(_bare([one]).pop(), []).append(one.when.offset_ms // 1000)
    for selector, offsets in known.items():
        spans = sorted({START - offset for offset in [0, *offsets]})
        for labels in maker.label_sets(selector):
            kind = "bucket" if selector in buckets else "counter" if selector in counting else "gauge"
            maker.fill(selector, labels, spans, kind)
    return scene


def _bare(nodes: Iterable[Node]) -> set[Selector]:
    """The selectors among them, by name and matchers alone."""
    return {Selector(name_of(n) or "anything_at_all", n.matchers) for n in nodes if isinstance(n, Selector)}


def _roles(rule: Node) -> tuple[set[Selector], set[Selector]]:
    counting, buckets = set(), set()

    def mark(node: Node, counter: bool, bucket: bool) -> None:
        if isinstance(node, Selector):
            (buckets if bucket else counting if counter else set()).update(_bare([node]))
        if isinstance(node, Call):
            counter = counter or node.name in COUNTING
            bucket = bucket or node.name == "histogram_quantile"
        for below in children(node):
            mark(below, counter, bucket)

    mark(rule, False, False)
    return counting, buckets


class _Maker:
    def __init__(self, rule: Node, scene: Scene, seed: int, tag: str) -> None:
        self.scene, self.tag, self.seed = scene, tag, seed
        self.random = random.Random(f"{seed} {tag}")
        self.limits = _limits(rule)
        self.wanted = _labels_of(rule)
        self.summed = _bare(n for a in walk(rule) if isinstance(a, Aggregate) for n in walk(a.of))
        self.right = _bare(n for b in walk(rule) if isinstance(b, Binary) for n in walk(b.right))
        self.instants = _bare(n for b in walk(rule) if isinstance(b, Binary) and b.op == "-" and _timed(b) for n in walk(b))
        self.names = {name_of(n): n for n in walk(rule) if isinstance(n, Selector) and n.matchers}
        counts = any(isinstance(n, Aggregate) and n.op in ("count", "group", "count_values") for n in walk(rule))
        self.gone = 0.3 if counts or any(isinstance(n, Call) and n.name.startswith("absent") for n in walk(rule)) else 0.04
        self.parts: tuple[dict[str, str], ...] = PARTS if seed % 2 == 0 else ({},)
        self.carry = seed % 4 in (0, 1)
        free = sorted(self.wanted.free)
        self.same = _all_but_one(free, _dropped(rule), seed // 4) if seed % 4 == 3 else set[str]()
        self.dropped = _dropped(rule) if seed % 2 else set[str]()
        self.entities = 1 if seed % 6 == 5 else ENTITIES  # what matches on nothing has one partner only then
        self.bare = seed % 6 == 5 and not free
        self.named = seed % 6 == 4
        self.old = seed % 3 == 2
        self.edges = _compared(rule) or [x for x in self.limits if x > 0] or [1.0]
        self.moods: dict[tuple[str, int], str] = {}

    def label_sets(self, selector: Selector) -> Iterator[Labels]:
        """Label sets that the selector takes, for a few entities."""
        own = [m for m in selector.matchers if m[0] != "__name__"]
        choices = {name: _values(name, own) for name in dict.fromkeys(m[0] for m in own)}
        for entity in range(self.entities):
            labels = self._common(entity, selector in self.summed)
            for name, values in choices.items():
                labels[name] = labels[name] if labels.get(name) in values else values[entity % len(values)]
            for part in self.parts if selector in self.summed else ({},):
                yield _labels({**labels, **part})
            if any(len(v) > 1 for v in choices.values()):
                yield _labels(labels | {name: values[(entity + 1) % len(values)] for name, values in choices.items()})
            rest = {name for name in self.wanted.fixed if name not in choices}
            if rest and selector.name in self.names and self.names[selector.name].matchers != selector.matchers:
                yield _labels(labels | dict.fromkeys(rest, "another"))

    def _common(self, entity: int, summed: bool) -> dict[str, str]:
        """What the series of an entity carry whatever their selector asks for."""
        if self.bare:
            return {}
        labels = {"instance": f"i{entity}"} if self.carry or not (self.wanted.free or self.wanted.fixed) else {}
        labels |= {name: "v0" if name in self.same else f"v{entity}" for name in self.wanted.free}
        if not summed:
            labels = {name: value for name, value in labels.items() if name not in self.dropped}
        for name, values in self.wanted.fixed.items():
            if self.carry or name in self.wanted.free:
                labels[name] = values[entity % len(values)]
        return labels | ({"host": f"h{entity}"} if self.named else {})

    def fill(self, selector: Selector, labels: Labels, spans: list[int], kind: str) -> None:
        name = f"{selector.name}_{self.tag}"
        if kind == "bucket":
            self._histogram(name, labels, spans)
            return
        samples = self.scene.series.setdefault((name, labels), {})
        for begin in spans:
            values = self._counter(name, begin) if kind == "counter" else self._gauge(name, begin, selector in self.instants)
            for i, value in enumerate(itertools.islice(values, self.scene.length)):
                if value is not None:
                    samples.setdefault(begin + i * self.scene.step_s, value)
        if selector in self.right and kind == "gauge":
            self._twin(name, labels)

    def _twin(self, name: str, labels: Labels) -> None:
        """A second partner for the matching, at the end of the scene."""
        begin = self.scene.end - PARTNERS * self.scene.step_s
        samples = {at: value for at, value in self.scene.series[name, labels].items() if at >= begin}
        self.scene.series[name, tuple(sorted((*labels, ("twin", "2"))))] = samples

    def _holds(self) -> Iterator[tuple[int, bool]]:
        """(steps, whether absent), for ever."""
        gone = LOOKBACK_S // self.scene.step_s + 6
        while True:
            absent = self.random.random() < self.gone * (0.3 if self.gone > 0.1 else 1)
            yield (self.random.randint(gone, 3 * gone) if absent else self.random.choice([1, 2, 4, 8, 16])), absent

    def _mood(self, name: str, at: int) -> str:
        """What all series of a name do for a while."""
        block = at // (24 * self.scene.step_s)
        shared = self.moods.setdefault(("", block), self.random.choice(TOGETHER))
        return shared or self.moods.setdefault((name, block), self.random.choice(MOODS))

    def _gauge(self, name: str, begin: int, instant: bool) -> Iterator[float | None]:
        at = begin
        for steps, absent in self._holds():
            value = self._instant(at) if instant and self.random.random() < 0.8 else self._value(name, at)
            slope = self.random.choice([0.0, 0.0, value / 50])
            absent = absent or (self.gone > 0.1 and self._mood(name, at) == "gone")
            for i in range(steps):
                yield None if absent else value + slope * i if math.isfinite(value + slope * i) else value
            at += steps * self.scene.step_s

    def _instant(self, at: int) -> float:
        side, shares = (-1, [1.2, 3, 30]) if self.old else (self.random.choice([-1, 1]), [0, 0.3, 0.9, 1.2, 3])
        unit = self.random.choice([1, 1, 1, 3600])
        return at + side * unit * self.random.choice(self.limits) * self.random.choice(shares)

    def _counter(self, name: str, begin: int) -> Iterator[float | None]:
        total, at = 0.0, begin
        for steps, absent in self._holds():
            rate = abs(self._value(name, at)) * self.random.choice([1, 1, 1 / 60, 1 / self.scene.step_s])
            rate = rate if math.isfinite(rate) else 0.0
            total = 0.0 if self.random.random() < 0.03 else total
            for _ in range(steps):
                total += rate * self.scene.step_s
                yield None if absent else total
            at += steps * self.scene.step_s

    def _histogram(self, name: str, labels: Labels, spans: list[int]) -> None:
        base = self.edges[self.seed % len(self.edges)]
        edges = [base * share for share in BUCKETS]
        names = [f"{edge:g}" for edge in edges] + ["+Inf"]
        for begin in spans:
            totals, at = [0.0] * len(names), begin
            for steps, absent in self._holds():
                top = TOPS[self._mood(name, at)]
                rates = [self.random.choice([0, 0.1, 1, 10]) if i <= top else 0 for i in range(len(names))]
                for _ in range(steps):
                    totals = [t + r * self.scene.step_s for t, r in zip(totals, rates, strict=True)]
                    for le, value in zip(names, itertools.accumulate(totals), strict=True):
                        if not absent:
                            key = (name, _labels(dict(labels) | {"le": le}))
                            self.scene.series.setdefault(key, {}).setdefault(at, value)
                    at += self.scene.step_s
                if at >= begin + self.scene.length * self.scene.step_s:
                    break

    def _value(self, name: str, at: int) -> float:
        pick, choose, mood = self.random.random(), self.random.choice, self._mood(name, at)
        if pick < 0.03:
            return choose([math.nan, math.inf, -math.inf, math.inf, math.nan])
        if mood == "zero":
            return 0.0
        scale = {"low": 1e-3, "high": 1e3}.get(mood, 1.0)
        if pick < 0.25:
            return float(choose([0, 1, 1, 2, 3, 0]))
        if pick < 0.33:
            return choose(self.limits)
        if pick < 0.7:
            return choose(self.limits) * math.exp(self.random.gauss(0, 0.7)) * scale
        if pick < 0.75:
            return -abs(choose(self.limits)) * math.exp(self.random.gauss(0, 0.7))
        return math.exp(self.random.gauss(0, 3)) * scale


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def _timed(node: Node) -> bool:
    return any(isinstance(n, Call) and n.name == "time" for n in walk(node))


def _compared(rule: Node) -> list[float]:
    """The numbers that something is compared with, without their signs; no zeros."""
    sides = [side for n in walk(rule) if isinstance(n, Binary) and n.op in COMPARISONS for side in (n.left, n.right)]
    found = [abs(v) for side in sides if (v := constant(side)) is not None and math.isfinite(v) and v]
    return sorted(set(found), reverse=True)


def _dropped(rule: Node) -> set[str]:
    """Labels that an aggregation takes away: what it is compared with seldom has them."""
    return {name for n in walk(rule) if isinstance(n, Aggregate) and not n.by for name in n.labels}


def _all_but_one(names: list[str], dropped: set[str], turn: int) -> set[str]:
    """All names but the one that tells series of one group apart: one that is taken away, else each in its turn."""
    apart = [name for name in names if name in dropped] or names
    return set(names) - {apart[turn % len(apart)]} if apart else set()


def _limits(rule: Node) -> list[float]:
    """The numbers of a rule, folded where they are computed, and a share of them where they are percentages."""
    found = [v for n in walk(rule) if (v := constant(n)) is not None and math.isfinite(v) and v]
    scales = [1.0, *(v for v in found if v in (100.0, 1000.0, 60.0, 1024.0, 86400.0, 8.0))]
    return sorted({v * s for v in found for s in scales} | {v / s for v in found for s in scales}) or [1.0]


@dataclass
class _Wanted:
    free: set[str] = field(default_factory=set)
    fixed: dict[str, list[str]] = field(default_factory=dict)


def _labels_of(rule: Node) -> _Wanted:
    wanted = _Wanted()
    for node in walk(rule):
        if isinstance(node, Binary):
            wanted.free |= {*node.matching.labels, *node.matching.include}
        if isinstance(node, Aggregate):
            wanted.free |= set(node.labels)
        if isinstance(node, Selector):
            for name in dict.fromkeys(m[0] for m in node.matchers if m[0] not in ("__name__", "le")):
                wanted.fixed.setdefault(name, _values(name, list(node.matchers)))
    wanted.free -= {"__name__", "le", *wanted.fixed}
    return wanted


def _values(name: str, matchers: list[tuple[str, str, str]]) -> list[str]:
    """Up to three values of a label that all matchers on it take; nothing is a value too, where only that fits."""
    own = [(op, value) for label, op, value in matchers if label == name]
    candidates: list[str] = []
    for op, value in own:
        candidates += [value] if op == "=" else examples(value) if op == "=~" else []
    found = [c for c in [*candidates, "x1", "x2", "500", "200", ""] if all(_takes(op, v, c) for op, v in own)]
    return list(dict.fromkeys(found))[:3] or ["none"]


def _takes(op: str, value: str, candidate: str) -> bool:
    if op in ("=", "!="):
        return (candidate == value) == (op == "=")
    return bool(re.fullmatch(value, candidate)) == (op == "=~")


def examples(pattern: str) -> list[str]:
    """A few texts that a regular expression takes."""
    parsed: Any = re._parser.parse(pattern)  # type: ignore[attr-defined]
    return [_example(list(parsed), i) for i in range(3)]


def _example(parts: list[Any], which: int) -> str:
    out = ""
    for op, argument in parts:
        kind = str(op)
        if kind == "LITERAL":
            out += chr(argument)
        elif kind == "ANY":
            out += "x7y"[which]
        elif kind == "IN":
            out += _one_of(argument, which)
        elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inside = argument
            out += _example(list(inside), which) * min(max(low, which % 2), high)
        elif kind == "SUBPATTERN":
            out += _example(list(argument[-1]), which)
        elif kind == "BRANCH":
            out += _example(list(argument[1][which % len(argument[1])]), which)
    return out


def _one_of(items: list[Any], which: int) -> str:
    kind, argument = items[which % len(items)]
    if str(kind) == "LITERAL":
        return chr(argument)
    if str(kind) == "RANGE":
        return chr(min(argument[0] + which, argument[1]))
    return "7" if "DIGIT" in str(argument) else "x"
