"""On a real Prometheus: a margin is above 0 exactly where its rule fires, for every construct."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aiops.rules.compiler import Compiled, Leaf, compile_rule
from aiops.rules.files import read_rules
from tests.rules.engine import Verdict, judged, prove
from tests.rules.invented import invented
from tests.rules.odd import odd
from tests.rules.scene import examples

RULES = """
tank_level_litres > 90
tank_level_litres >= 90
tank_level_litres < 10
tank_level_litres <= 10
90 < tank_level_litres
tank_level_litres > -3.5
tank_used / tank_size > 0.9
tank_used / tank_size >= on(instance) tank_limit
tank_used >= tank_size
tank_used{pump=~"a|b"} > on(instance) tank_soft_limit
tank_used{pump=~"a|b"} <= ignoring(pump) tank_soft_limit
tank_used > on(instance) tank_soft_limit
tank_used < ignoring(kind) tank_soft_limit{kind="soft"}
tank_used{pump=~"a|b"} > on(instance) group_left(zone) tank_soft_limit
tank_soft_limit < on(instance) group_right(zone) tank_used{pump=~"a|b"}
pipe_flow_litres == 0
pipe_flow_litres <= 0
tank_used / tank_size > 0.9 and tank_size > 0
tank_used > 5 and tank_temp < 3
tank_used > 5 and on(instance) tank_temp{pump=~"a|b"} < 3
tank_used > 5 and ignoring(pump) tank_temp{pump=~"a|b"} < 3
tank_used > 5 and tank_temp < 3 and tank_load > 0.5
tank_used > 5 or tank_temp < 3
tank_used > 5 or on(instance) tank_temp{pump=~"a|b"} < 3
tank_used > 5 unless tank_temp < 3
tank_used > 5 unless on(instance) tank_temp{pump=~"a|b"} < 3
tank_used > 5 unless ignoring(pump) tank_temp{pump=~"a|b"} < 3
tank_used > 5 unless on(instance) tank_spare
tank_size > 0 and tank_used > 5
tank_size > 0 and on(instance) tank_used{pump=~"a|b"} > 5
tank_used > 5 or tank_ready == 0
tank_used > 5 or on(instance) tank_ready == 0
(tank_used > 2) > 5
3 <= tank_used < 7
sum by (zone) (tank_used > 1) > 6
count by (zone) (tank_used > 1) > 1
max by (zone) (tank_used > 5)
sum(rate(pump_strokes_total[2m])) by (zone) > 3
avg without (pump) (tank_used) < 5
increase(pump_strokes_total[2m]) > 30
histogram_quantile(0.9, sum by (le, zone) (rate(valve_seconds_bucket[2m]))) > 0.5
quantile_over_time(0.9, tank_used[5m]) > 4
time() - last_pumped_timestamp_seconds > 600
filter_expires_seconds - time() < 3600
max_over_time(tank_used[5m:1m]) > 4
tank_used - (tank_used offset 10m) > 3
tank_used > 1.5 * tank_used offset 5m
tank_used > tank_size @ 1600003000
predict_linear(tank_free[10m], 3600) < 0
predict_linear(tank_free[10m:1m], 600) < 5 and tank_free > 2
(tank_used > 3 and tank_temp > 1) or (tank_size < 2 unless on(instance) tank_ready == 1)
rate(a_sent[2m]) == 0 and rate(b_sent[2m]) > 0
(tank_used > tank_size) * 100
-(tank_used > 3)
abs(tank_used > 3)
label_replace(tank_used > 3, "place", "$1", "instance", "(.*)")
tank_used > 5 and on() hour() >= 0
clamp_max(tank_used / tank_size, 5) >= tank_ratio
tank_used > scalar(sum(tank_other))
tank_used{zone=~`[a-c]\\d+`} > 3
(max without (w) (l:5m{w="5m"} > (14.4 * 0.1)) and max without (w) (l:1h{w="1h"} > (14.4 * 0.1))) or max without (w) (l:6h > 0.6)
tank_quota{kind="used"} / ignoring(kind) (tank_quota{kind="hard"} > 0) > 0.9
sum by (zone) (rate(waits_total[2m])) / on (zone) group_left sum by (zone) (rate(turns_total[2m])) > (25 / 100)
tank_free / tank_size < 0.9 and tank_used > 0 unless on (instance) tank_kept{why="test"} == 1
min_over_time(predict_linear(tank_free[10m], 600)[10m:1m]) < 5
topk(2, tank_load) > 3
abs((load_t > 0) - on (zone) group_left avg by (zone) (load_t > 0)) / on (zone) group_left avg by (zone) (load_t > 0) > 0.3
0 <= round((last_over_time(filter_expires_seconds[10m]) - time()) / 60, 0.1) < 30
max_over_time((sum by (zone) (rate(strokes_total[2m])) / sum by (zone) (rate(turns_total[2m])))[10m:2m]) > 0.9
tank_used > on (instance) group_left (team) (0.9 * tank_size * on (instance) group_left (team) tank_owner)
(tank_load > 1.5 and deriv(tank_load[5m]) >= 0) or (tank_load < -1.5 and deriv(tank_load[5m]) <= 0)
1 - (sum by (zone) (rate(valve_seconds_bucket{le="0.5"}[2m])) / sum by (zone) (rate(valve_seconds_count[2m]))) > 0.05
filter_expires_seconds <= time() + 3600
time() - 600 >= last_pumped_timestamp_seconds
tank_used >= scalar(tank_limit{pump="a"})
scalar(sum(tank_other)) <= tank_used
label_replace(tank_used{pump=~"a|b"} > 3, "pump", "all", "", "")
label_replace(tank_used{pump=~"a1|a2"} < 3, "pump", "$1", "pump", "(.).*")
label_join(tank_used{pump=~"a|b"} >= 3, "pump", "-", "zone", "zone")
tank_used{pump=~"a|b"} > on(instance) group_left(pump) tank_soft_limit{pump="c"}
tank_soft_limit{pump="c"} > on(instance) group_right(pump) tank_used{pump=~"a|b"}
tank_used{pump=~"a|b"} <= ignoring(pump) group_left(pump) tank_soft_limit
(tank_used > bool 3) == 1
100 * (tank_used <= bool on(instance) tank_soft_limit) > 50
sgn(tank_used - 3) > 0
sgn(tank_used - tank_size) == -1
max_over_time(tank_used[5m:1m] @ end()) > 4
tank_used > tank_size @ start() offset 2m
tank_used > 5 or tank_temp < 3 or tank_load > 4
tank_used > 5 or on(instance) tank_temp{pump=~"a|b"} < 3 or tank_ready == 0 or on(instance) tank_size > 4
tank_used > 1 and tank_temp < 3 and tank_load > 0.5 and tank_size > 0.7 and tank_spare < 9
tank_used > 1 unless tank_temp < 0.3 unless tank_load > 5 unless tank_size > 9
tank_used > 2 and on(instance) tank_temp{pump=~"a|b"} < 3 and on(instance) tank_load > 0.5 unless on(instance) tank_size > 5
tank_ready == 0 and on(instance) tank_used > 2 and on(instance) tank_temp < 3 unless tank_load > 5
(tank_used > 5 or tank_temp < 3 or tank_load > 4) and (tank_size > 3 or tank_spare < 2) unless (tank_other > 5 and tank_more > 2)
tank_used > 5 or (tank_temp < 3 and tank_load > 4) or (tank_size > 3 unless tank_spare < 2)
sum by (instance) (predict_linear(tank_free[10m], 600) < 1)
predict_linear(tank_free[10m], 600) < 0 or predict_linear(tank_other[10m], 600) < 1
predict_linear(tank_free[10m], 600) - tank_free > 3
sum_over_time((tank_used > bool 3)[10m:1m]) > 4
(tank_used > 3) * on(instance) group_left(zone) tank_info
(tank_used{pump=~"a|b"} >= 3) / ignoring(pump) tank_info
tank_info{pump=~"a|b"} * on(instance) group_left() (tank_used > 3)
((tank_used > 3) * on(instance) group_left(zone) tank_info) and on(instance) tank_load > 1
sum by (instance) ((tank_used > 3) + tank_info)
quantile by (zone) (0.5, tank_used < 3)
clamp_min(tank_used > 3, 5)
sum by (zone) (tank_used > bool 1) > 1
(tank_used > 3 and tank_size) > 0
count by (zone) (tank_used > 3) > 0
count(tank_used / tank_size < 0.5 and tank_size > 2) >= 1
sum by (zone) (tank_used > bool 3) >= 1
sum(tank_used{pump=~"a|b"} > bool on(instance) group_left() tank_size) > 0
(tank_used > 3) >= 3
(tank_used >= 3) > 3
4 > (tank_used < 3 unless on(instance) tank_temp > 4)
""".strip().splitlines()
SHARED = Path(__file__).parents[3] / "shared" / "rules"


def prove_all(folder: Path, rules: list[str], seeds: tuple[int, ...], length: int = 500) -> dict[str, Verdict]:
    total = {rule: Verdict() for rule in rules}
    for seed in seeds:
        for begin in range(0, len(rules), 60):
            batch = {str(i): rules[i] for i in range(begin, min(begin + 60, len(rules)))}
            for tag, verdict in prove(folder / f"{seed}-{begin}", batch, seed, length).items():
                total[batch[tag]].add(verdict)
    return total


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    return prove_all(tmp_path_factory.mktemp("prometheus"), RULES, (1, 2))


@pytest.mark.parametrize("rule", RULES)
def test_the_margin_says_what_the_rule_says(rule: str, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[rule]
    assert verdict.wrong == []
    assert verdict.undecided == 0
    assert verdict.proven, f"{verdict.firing} times firing, {verdict.silent} silent"


def test_the_engine_refused_some_instants_on_both_sides(verdicts: dict[str, Verdict]) -> None:
    assert sum(v.failed for v in verdicts.values()) > 0, "no two partners were ever tried"


def compiled(op: str = ">", leaves: int = 1) -> Compiled:
    found = compile_rule(f"a {op} 5" + " and b > 3" * (leaves - 1))
    assert all(isinstance(leaf, Leaf) for leaf in found.leaves)
    return found


@pytest.mark.parametrize(
    ("margin", "fires", "op", "right"),
    [
        (1.0, True, ">", True), (1.0, False, ">", False), (-1.0, True, ">", False), (-1.0, False, ">", True),
        (0.0, False, ">", True), (0.0, True, ">", False), (0.0, True, ">=", True), (0.0, False, ">=", False),
        (math.nan, False, ">", True), (math.nan, True, ">", False), (math.inf, True, ">", True), (None, True, ">", False),
    ],
)  # fmt: skip
def test_one_wrong_instant_is_seen(margin: float | None, fires: bool, op: str, right: bool) -> None:
    margins = {} if margin is None else {7: {"x": margin}}
    verdict = judged(margins, {7: {"x": 1.0}} if fires else {}, compiled(op), [7])
    assert (verdict.wrong == []) is right


def test_zero_is_undecided_for_a_compound_rule() -> None:
    assert judged({7: {"x": 0.0}}, {7: {"x": 1.0}}, compiled(leaves=2), [7]) == Verdict(undecided=1)


@pytest.mark.parametrize("pattern", ["a|b", "v[0-9]+", ".*x.*", "(?:5..|failed)", r"\d\d", "(a|b)-c?", "x{2}"])
def test_examples_are_taken_by_their_pattern(pattern: str) -> None:
    import re

    assert all(re.fullmatch(pattern, text) for text in examples(pattern))


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_no_margin_of_invented_rules_is_ever_wrong(tmp_path: Path, seed: int) -> None:
    total = prove_all(tmp_path, invented(seed, 120), (0, 3), 300)
    assert {rule: v.wrong[:1] for rule, v in total.items() if v.wrong} == {}
    assert sum(v.undecided for v in total.values()) == 0
    assert sum(v.proven for v in total.values()) > 0.6 * len(total)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_no_margin_of_an_odd_rule_is_ever_wrong(tmp_path: Path, seed: int) -> None:
    total = prove_all(tmp_path, odd(seed, 200), (0, 3), 300)
    assert {rule: v.wrong[:1] for rule, v in total.items() if v.wrong} == {}
    assert sum(v.undecided for v in total.values()) == 0
    assert sum(v.proven for v in total.values()) > 0.5 * len(total)


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_dir(), reason="no collection of rules beside the project")
def test_no_margin_of_a_collection_is_ever_wrong(tmp_path: Path) -> None:
    rules = [rule.expr for path in sorted(SHARED.rglob("*.yml")) for rule in read_rules(path).rules]
    claimed = [expr for expr in dict.fromkeys(rules) if compile_rule(expr).forecastable]
    total = prove_all(tmp_path, claimed, (0, 3))
    assert {expr: v.wrong[:1] for expr, v in total.items() if v.wrong} == {}
    assert sum(v.undecided for v in total.values()) == 0
    assert sum(v.proven for v in total.values()) > 0.9 * len(claimed)
