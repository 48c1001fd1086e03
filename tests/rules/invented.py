"""Rules nobody wrote: comparisons of random quantities under random set operators, matchings and aggregations."""

from __future__ import annotations

import random

from aiops.rules.compiler import compile_rule

SERIES = ("tank_used", "tank_temp", "tank_load", 'tank_size{pump=~"a|b"}', 'tank_spare{pump="a"}', 'flow{zone!="z"}')
MATCHING = ("", "on(instance) ", "ignoring(pump) ", "on(instance, pump) ")
GROUPING = ("by (instance)", "without (pump)", "by (instance, pump)")


def invented(seed: int, count: int) -> list[str]:
    """So many rules that have a margin, most of them of several comparisons."""
    maker, found = _Maker(seed), list[str]()
    while len(found) < count:
        rule = maker.rule(maker.random.choice([1, 2, 2, 3]))
        compiled = compile_rule(rule)
        if compiled.forecastable and (len(compiled.leaves) > 1 or maker.random.random() < 0.1):
            found.append(rule)
    return found


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def rule(self, depth: int) -> str:
        choose, pick = self.random.choice, self.random.random()
        if depth == 0 or pick < 0.25:
            return self.comparison()
        below = f"({self.rule(depth - 1)})"
        if pick < 0.85:
            matching = choose([*MATCHING, "on() ", "ignoring() "])
            return f"{below} {choose(['and', 'or', 'unless'])} {matching}({self.rule(depth - 1)})"
        if pick < 0.92:
            return f"{choose(['sum', 'max', 'count', 'min'])} {choose(GROUPING)} {below}"
        return f"{below} * 2" if pick < 0.96 else f"-{below}"

    def comparison(self) -> str:
        choose, pick = self.random.choice, self.random.random()
        op = choose([">", "<", ">=", "<="])
        if pick < 0.6:
            return f"{self.quantity()} {op} {choose([1, 2, 5, 0.5, -1, 3])}"
        if pick < 0.7:
            return f"{choose([1, 2, 5])} {op} {self.quantity()}"
        if pick < 0.85:
            return f"{self.quantity()} {op} {choose(MATCHING)}{self.quantity()}"
        if pick < 0.9:
            return f"{choose(SERIES)} {choose(['==', '!='])} {choose([0, 1])}"
        return "slots_free == 0" if pick < 0.95 else choose(SERIES)

    def quantity(self) -> str:
        choose, pick = self.random.choice, self.random.random()
        one = choose(SERIES)
        if pick < 0.4:
            return one
        if pick < 0.55:
            return f"({one} {choose('+-*/%')} {choose(MATCHING)}{choose(SERIES)})"
        if pick < 0.65:
            return f"{choose(['sum', 'avg', 'max', 'min', 'count'])} {choose(GROUPING)} ({one})"
        if pick < 0.8:
            return f"{choose(['max_over_time', 'avg_over_time', 'last_over_time'])}({one}[2m])"
        if pick < 0.9:
            return f"({one} > {choose([0, 1, 2, 3])})"
        return choose([f"-{one}", f"abs({one})", f"ceil({one})"])
