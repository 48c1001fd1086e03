"""Rules as hardly anybody writes them: arithmetic around what is compared, truths and signs, relabelled series, long chains."""

from __future__ import annotations

import contextlib
import random

from aiops.rules.compiler import compile_rule
from aiops.rules.parse import NotPromQL

SERIES = (
    "tank_used", "tank_temp", "tank_load", 'tank_size{pump=~"a|b"}', 'tank_used{pump=~"a1|a2"}', 'tank_spare{zone="z"}',
    "flow_litres", "tank_used offset 2m", "tank_temp @ start()", "tank_load @ 1600003000",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "5", "0.5", "-1", "3", "1e2 / 50", "2 ^ 2", "-(1 - 2)", "1_0 / 5", "10 % 4")
MATCHING = ("", "", "on(instance) ", "ignoring(pump) ", "on(instance, pump) ", "on() ", "ignoring(zone) ")
GROUPED = (
    "on(instance) group_left(pump) ", "on(instance) group_left() ", "ignoring(pump) group_left(pump) ",
    "on(instance) group_right(zone) ",
)  # fmt: skip
GROUPING = ("by (instance)", "without (pump)", "by (instance, pump)", "by ()")
RELABELLED = (
    'label_replace({}, "pump", "$1", "pump", "(.).*")', 'label_replace({}, "instance", "all", "", "")',
    'label_replace({}, "place", "$1", "instance", "(.*)")', 'label_join({}, "pump", "-", "instance", "zone")',
    'label_replace({}, "pump", "", "pump", "b")',
)  # fmt: skip
AROUND = (
    "-{}", "{} * 2", "abs({})", "0 - {}", "sort({})", "{} / -3", "clamp_min({}, 1)", "{} * tank_used",
    "{} * on(instance) group_left(zone) tank_info", "{} + on(instance) tank_info", "tank_info - ignoring(pump) group_right() {}",
)  # fmt: skip
GATES = ("tank_ready == 1", "tank_up == 0", "tank_spare", "hour() >= 0", "absent(tank_gone)", "vector(1) > 2")
SCALED = ("1 - {}", "{} * -2", "{} / 3", "-{}", "{} + 1", "100 * {}", "{} ^ 2", "5 - {} * 2", "{} % 3", "2 / {}")
FUNCTIONS = ("abs({})", "ceil({})", "clamp({}, 0, 4)", "ln({})", "sqrt({})", "round({}, 0.5)", "exp({} / 5)")
TIMED = ("seen_seconds {1} time() - {0}", "time() - {0} {1} seen_seconds", "time() - seen_seconds {1} {0}")
TRUTHS = ("{} == 1", "{} > 0.5", "1 <= {}", "100 * {} > 50", "1 - {} < 1", "-{} < 0")
SIGNS = ("sgn({}) > 0", "sgn({}) == -1", "sgn({}) >= 0", "0 > sgn({})", "-sgn({}) > 0")
ORDERED = (">", "<", ">=", "<=")


def odd(seed: int, count: int) -> list[str]:
    """So many different rules that have a margin."""
    maker, found = _Maker(seed), dict[str, None]()
    while len(found) < count:
        rule = maker.rule(maker.random.choice([0, 1, 1, 2]))
        with contextlib.suppress(NotPromQL):  # matching with a number, mostly
            if compile_rule(rule).forecastable:
                found[rule] = None
    return list(found)


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def rule(self, depth: int) -> str:
        choose, pick = self.random.choice, self.random.random()
        if depth == 0 or pick < 0.15:
            return self.comparison()
        if pick < 0.65:
            return self.chain(depth)
        below = f"({self.rule(depth - 1)})"
        if pick < 0.8:
            return choose(RELABELLED).format(below)
        if pick < 0.88:
            return f"{choose(['sum', 'max', 'count', 'min', 'group'])} {choose(GROUPING)} {below}"
        return choose(AROUND).format(below)

    def chain(self, depth: int) -> str:
        """Two to six parts."""
        choose = self.random.choice
        operators = choose([("or",), ("and",), ("unless",), ("and", "unless"), ("and", "or", "unless")])
        matchings = choose([("",), MATCHING, ("on(instance) ",), ("", "on(instance) ")])
        out = self.part(depth)
        for _ in range(choose([1, 1, 2, 3, 5])):
            out = f"{out} {choose(operators)} {choose(matchings)}{self.part(depth)}"
        return out

    def part(self, depth: int) -> str:
        pick = self.random.random()
        if pick < 0.12:
            return self.random.choice(GATES)
        return self.comparison() if pick < 0.8 else f"({self.rule(depth - 1)})"

    def comparison(self) -> str:
        choose, pick = self.random.choice, self.random.random()
        op, number, one = choose(ORDERED), choose(NUMBERS), self.quantity(2)
        if pick < 0.35:
            return f"{one} {op} {number}" if self.random.random() < 0.7 else f"{number} {op} {one}"
        if pick < 0.5:
            return f"{one} {op} {choose(MATCHING)}{self.quantity(1)}"
        if pick < 0.6:
            return f"{one} {op} {choose(GROUPED)}{choose(SERIES)}"
        if pick < 0.68:
            return choose(["{} {} scalar(sum(tank_other))", "scalar(sum(tank_other)) {1} {0}"]).format(one, op)
        if pick < 0.76:
            return choose(TIMED).format(choose(["60", "600", "3600"]), op)
        if pick < 0.84:
            truth = f"({one} {op} bool {choose(MATCHING)}{choose([number, 'tank_load'])})"
            return choose(TRUTHS).format(truth)
        if pick < 0.9:
            return choose(SIGNS).format(f"{one} - {number}")
        if pick < 0.95:
            return f"predict_linear(tank_free[10m], 600) {op} {choose([number, 'tank_load', 'tank_free'])}"
        return f"{one} {op} on() group_left() vector({number})"

    def quantity(self, depth: int) -> str:
        choose, pick = self.random.choice, self.random.random()
        one = choose(SERIES) if depth == 0 or pick < 0.3 else f"({self.quantity(depth - 1)})"
        if pick < 0.4:
            return one
        if pick < 0.6:
            return choose(SCALED).format(one)
        if pick < 0.7:
            return choose(FUNCTIONS).format(one)
        if pick < 0.78:
            return f"{choose(['sum', 'avg', 'max', 'min', 'count', 'stddev'])} {choose(GROUPING)} ({one})"
        if pick < 0.84:
            return f"{choose(['max', 'avg', 'last', 'min'])}_over_time(({one})[5m:1m])"
        if pick < 0.9:
            return choose(RELABELLED).format(one)
        if pick < 0.95:
            return f"{one} {choose('+-*/')} {choose(MATCHING)}{choose(SERIES)}"
        return choose(["({} > 1)", "({} or tank_load)", "({} and tank_load > 1)", "({} > bool 1)"]).format(one)
