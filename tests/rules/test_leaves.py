"""On a real Prometheus: leaves put together as the daemon does it hold for exactly the label sets that the rule returns."""

from __future__ import annotations

import json
import math
import operator
from pathlib import Path

import numpy as np
import pytest

from aiops.rules.compiler import Condition, Leaf, compile_rule
from aiops.rules.formula import rows_of
from aiops.rules.parse import parse
from aiops.rules.program import program
from aiops.rules.served import as_a_whole
from aiops.rules.tree import write
from tests.rules.engine import asked, server
from tests.rules.odd import odd
from tests.rules.scene import START, scene_of, tagged
from tests.rules.test_equivalence import RULES

HOLDS = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
ELSEWHERE = ("predict_linear", "@ start()", "@ end()")
"""Leaves of these are not the rule's own: what is predicted, and another instant in a range."""


def compared(url: str, expr: str, tag: str, step_s: int) -> tuple[int, list[str]]:
    """How many instants were looked at, and what was wrong; an instant with a leaf that is no finite number is left out."""
    compiled = as_a_whole(expr, compile_rule(expr))
    assert compiled.condition is not None
    span = (START + 60 * step_s, START + 140 * step_s, step_s)
    fires = asked(url, write(tagged(parse(expr), tag)), *span)
    values = {leaf: asked(url, write(tagged(parse(leaf.expr), tag)), *span) for leaf in compiled.leaves}
    if isinstance(fires, str):
        return 0, []
    looked, wrong = 0, []
    for at in range(span[0], span[1] + 1, step_s):
        now = {leaf: found.get(at, {}) for leaf, found in values.items() if not isinstance(found, str)}
        assert len(now) == len(values), f"a leaf fails where its rule does not: {values}"
        if all(plain(leaf, value) for leaf, some in now.items() for value in some.values()):
            looked += 1
            mine = firing(compiled.condition, now)
            wrong += [] if mine == set(fires.get(at, {})) else [f"{at}: {mine ^ set(fires.get(at, {}))}"]
    return looked, wrong


def plain(leaf: Leaf, value: float) -> bool:
    """Whether it is a value that the quantity can have: what runs out (`x == 0`) is taken for never negative."""
    return math.isfinite(value) and not (value < 0 and (leaf.op, leaf.limit) == ("<=", 0))


def firing(condition: Condition, now: dict[Leaf, dict[str, float]]) -> set[str]:
    holds = [HOLDS[leaf.op](value, leaf.limit) for leaf, some in now.items() for value in some.values()]
    numbers = iter(range(len(holds)))
    series = {leaf: [(next(numbers), json.loads(labels)) for labels in some] for leaf, some in now.items()}
    rows = rows_of(condition, lambda leaf: series[leaf])
    held = program([formula for _, formula in rows.values()], len(holds)).holding(np.array(holds, bool))
    return {json.dumps(labels, sort_keys=True) for (labels, _), one in zip(rows.values(), held, strict=True) if one}


def checked(folder: Path, rules: list[str], seed: int) -> dict[str, tuple[int, list[str]]]:
    rules = [rule for rule in rules if not any(word in rule for word in ELSEWHERE)]
    scenes = {rule: scene_of(parse(rule), str(i), seed, 200) for i, rule in enumerate(rules)}
    with server(folder, scenes.values()) as url:
        return {rule: compared(url, rule, str(i), scenes[rule].step_s) for i, rule in enumerate(rules)}


def test_leaves_put_together_hold_where_the_rule_fires(tmp_path: Path) -> None:
    found = checked(tmp_path, RULES, 1)
    assert {rule: wrong[:1] for rule, (_, wrong) in found.items() if wrong} == {}
    assert sum(looked > 20 for looked, _ in found.values()) > 0.7 * len(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_leaves_of_odd_rules_hold_where_they_fire(tmp_path: Path, seed: int) -> None:
    found = checked(tmp_path, odd(seed, 200), seed)
    assert {rule: wrong[:1] for rule, (_, wrong) in found.items() if wrong} == {}
    assert sum(looked > 20 for looked, _ in found.values()) > 0.5 * len(found)
