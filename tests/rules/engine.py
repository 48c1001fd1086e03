"""Rule and margin side by side on a real Prometheus."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops.rules.compiler import Compiled, compile_rule
from aiops.rules.parse import parse
from aiops.rules.tree import quoted, write
from tests import servers
from tests.rules.scene import START, Scene, scene_of, tagged

ENOUGH = 20
INCLUSIVE = (">=", "<=", "==")
Found = dict[int, dict[str, float]]


@dataclass
class Verdict:
    """How often the rule was seen firing and silent, what was undecided, and where the margin was wrong."""

    firing: int = 0
    silent: int = 0
    undecided: int = 0
    failed: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        return not self.wrong and self.firing >= ENOUGH and self.silent >= ENOUGH

    def add(self, other: Verdict) -> None:
        self.firing, self.silent = self.firing + other.firing, self.silent + other.silent
        self.undecided, self.failed = self.undecided + other.undecided, self.failed + other.failed
        self.wrong += other.wrong


@contextmanager
def server(folder: Path, scenes: Iterable[Scene]) -> Iterator[str]:
    """A Prometheus that holds the samples of all scenes."""
    servers.load(folder, openmetrics(scenes))
    with servers.prometheus(folder) as url:
        yield url


def openmetrics(scenes: Iterable[Scene]) -> str:
    """All samples, grouped by metric."""
    families: dict[str, list[str]] = defaultdict(list)
    for scene in scenes:
        for (name, labels), samples in scene.series.items():
            head = name + "{" + ",".join(f"{k}={quoted(v)}" for k, v in labels) + "}"
            families[name] += [f"{head} {_number(v)} {at}" for at, v in sorted(samples.items())]
    return "\n".join([*(line for lines in families.values() for line in lines), "# EOF\n"])


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)


def compared(url: str, expr: str, scene: Scene, tag: str) -> Verdict:
    """Rule and margin at every instant of the scene, in pieces: one that either side cannot compute is looked at by instants."""
    compiled = compile_rule(expr)
    assert compiled.margin is not None, compiled
    rule, margin = (write(tagged(parse(text), tag)) for text in (expr, compiled.margin))
    verdict, piece = Verdict(), 50 * scene.step_s
    if "@ start()" in rule or "@ end()" in rule:  # a rule is asked at instants, and only there they are the margin's own
        for at in range(START, scene.end, 2 * scene.step_s):
            verdict.add(_piece(url, rule, margin, compiled, (at, at), scene.step_s))
        return verdict
    for begin in range(START, scene.end, piece):
        instants = (begin, min(begin + piece, scene.end) - scene.step_s)
        verdict.add(_piece(url, rule, margin, compiled, instants, scene.step_s))
    return verdict


def _piece(url: str, rule: str, margin: str, compiled: Compiled, span: tuple[int, int], step: int) -> Verdict:
    ours, theirs = (asked(url, query, *span, step) for query in (margin, rule))
    if isinstance(ours, str) or isinstance(theirs, str):
        if span[0] == span[1]:
            wrong = [] if isinstance(theirs, str) else [f"{span[0]}: the margin fails: {ours}"]
            return Verdict(failed=1, wrong=wrong if not isinstance(theirs, str) else [])
        out = Verdict()
        for at in range(span[0], span[1] + 1, 5 * step):
            out.add(_piece(url, rule, margin, compiled, (at, at), step))
        return out
    return judged(ours, theirs, compiled, range(span[0], span[1] + 1, step))


def judged(margins: Found, firings: Found, compiled: Compiled, instants: Iterable[int]) -> Verdict:
    """The rule returns a label set exactly where the margin is above 0; 0 is decided by a lone comparison's operator."""
    alone = len(compiled.leaves) == 1
    inclusive = alone and compiled.leaves[0].op in INCLUSIVE
    out = Verdict()
    for at in instants:
        mine, fires = margins.get(at, {}), firings.get(at, {})
        for labels in mine.keys() | fires.keys():
            value = mine.get(labels, math.nan)
            if value == 0 and not alone:
                out.undecided += 1
                continue
            expected = value > 0 or (value == 0 and inclusive)
            out.firing, out.silent = out.firing + (labels in fires), out.silent + (labels not in fires)
            if expected != (labels in fires):
                out.wrong.append(f"{at} {labels}: margin {value}, the rule {'fires' if labels in fires else 'is silent'}")
        out.silent += not mine and not fires
    return out


def asked(url: str, query: str, begin: int, end: int, step: int) -> Found | str:
    """{instant: {labels without the name: value}}, or the server's error."""
    form = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": step}).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range", form, timeout=60) as answer:
            rows: list[Any] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as e:
        with e:
            return str(json.load(e).get("error"))
    found: Found = defaultdict(dict)
    for row in rows:
        labels = json.dumps({k: v for k, v in row["metric"].items() if k != "__name__"}, sort_keys=True)
        for at, value in row["values"]:
            found[int(at)][labels] = float(value)
    return found


def prove(folder: Path, rules: dict[str, str], seed: int = 1, length: int = 500) -> dict[str, Verdict]:
    """The verdict on each rule (tag to expression) that has a margin."""
    scenes = {tag: scene_of(parse(expr), tag, seed, length) for tag, expr in rules.items()}
    with server(folder, scenes.values()) as url:
        return {tag: compared(url, expr, scenes[tag], tag) for tag, expr in rules.items()}
