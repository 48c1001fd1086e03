from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiops.rules.compiler import compile_rule
from aiops.rules.judge import REASONS

FORECAST = """
tank_level_litres > 90
tank_level_litres <= 10
tank_level_litres == 0
pumps_running_count == 0
sum(pump_up) == 0
rate(strokes_total[5m]) == 0
rate(strokes_total[5m]) > 0.1
increase(leaks_total[1h]) > 5
valve_closed_ratio > 0.9
filter_expires_timestamp_seconds - time() < 3600
time() - last_pumped_timestamp_seconds > 600
water_temperature_celsius > 0
clock_offset_seconds > 0
pumps_wanted - pumps_there > 0
pumps_there < pumps_wanted
deriv(tank_level_litres[1h]) > 3
count(pump_level < 3) > 2
quantile_over_time(0.9, flow[5m]) > 4
predict_linear(tank_free_bytes[1h], 3600) < 0
memory_pressure > 0.9
histogram_quantile(0.9, rate(valve_seconds_bucket[5m])) > 0.5
avg(pump_up) < 0.5
valve_state{state="stuck"} > 20
count(count by (version) (pump_info)) > 1
filter_expires_timestamp_seconds <= time() + 3600
time() >= filter_expires_timestamp_seconds
tank_level_litres >= scalar(tank_limit_litres)
scalar(tank_limit_litres) <= tank_level_litres
last_pumped_timestamp_seconds - time() > 60
pump_uptime_seconds > 8640000
(tank_level_litres > bool 90) == 1
(tank_level_litres > bool 90) > 0.5
sgn(tank_level_litres - 90) > 0
tank_level_litres > tank_level_litres @ 1600000000
1 - tank_free_ratio > 0.9
100 * (1 - avg(pump_up)) > 50
rate(strokes_total[5m]) > 0.01
ln(tank_level_litres) > 3
max(tank_level_litres) - min(tank_level_litres) > 5
avg_over_time((tank_level_litres > bool 90)[1h:1m]) > 0.5
tank_level_litres > 3 or on () vector(1) > 2
tank_level_litres > 3 and on () vector(1)
(tank_level_litres > 3) * on (zone) group_left (owner) pump_info
pump_info * on (zone) group_right () (tank_level_litres > 3)
quantile(0.5, tank_level_litres > 3)
clamp_max(tank_level_litres > 3, 9)
(tank_level_litres > 90 and pump_seen) > 0
increase(valve_open_seconds_total[5m]) > 0.2
pump_age_seconds > 900
count(pump_level < 3) > 0
count(tank_level_litres > 90) >= 1
sum(tank_level_litres > bool 90) > 0.5
time() - last_failure_timestamp_seconds > 900
tank_level_litres > 90 and time() - pump_start_time_seconds > 600
"""
REFUSED = """
binary          pump_up == 0
binary          pump_up < 1
binary          min by (zone) (pump_up) == 0
binary          valve_is_open == 1
binary          valve_last_reload_successful != 1
binary          valve_state < 3
binary          (pump_up > bool 0) == 1
equality        valve_state == 3
equality        tank_level_litres != 7
equality        tank_a_litres == tank_b_litres
equality        (pumps_wanted != pumps_there) > 0
equality        count(pump_level) == 0
equality        last_pumped_timestamp_seconds == 0
equality        count(voters) % 2 == 0
equality        delta(level[5m]) == 0
event_counter   leaks_total > 0
event_counter   increase(leaks_total[5m]) > 0
event_counter   increase(leaks_total[5m]) >= 1
event_counter   rate(leaks_total[5m]) > 0
event_counter   sum(rate(leaks_total[5m])) / sum(rate(strokes_total[5m])) > 0
event_counter   changes(pump_start_seconds[1h]) > 3
event_counter   resets(strokes_total[1h]) > 2
event_counter   pumps_broken > 0
event_counter   delta(level[5m]) < 0
event_counter   leaks_total - leaks_total offset 10m >= 1
event_counter   sum(pump_failed) > 0
event_counter   pump_uptime_seconds < 60
event_counter   time() - pump_start_time_seconds < 300
event_counter   time() - 60 < pump_start_time_seconds
event_counter   pump_start_time_seconds > time() - 300
event_counter   sysUpTime / 100 < 300
event_counter   (time() - min(pump_start_time_seconds)) / 60 <= 5
event_counter   leaks_total > leaks_total offset 5m
event_counter   increase(leaks_total[1h]) > vector(0)
event_counter   increase(leaks_total[1h]) > on () group_left () vector(0)
event_counter   increase(leaks_total[1h]) > scalar(vector(0))
event_counter   vector(0) < on () group_right () increase(leaks_total[1h])
event_counter   -increase(leaks_total[1h]) < 0
event_counter   0 - increase(leaks_total[1h]) < 0
event_counter   increase(leaks_total[1h]) - 1 >= 0
event_counter   max(increase(leaks_total[1h])) - min(increase(leaks_total[1h])) > 0
event_counter   ln(increase(leaks_total[1h])) >= 0
event_counter   sqrt(increase(leaks_total[1h])) > 0
event_counter   increase(leaks_total[1h]) * 60 > 30
event_counter   idelta(leaks_total[5m]) >= 1
event_counter   rate(leaks_total[5m]) > 1e-9
event_counter   sum(rate(leaks_total[5m])) * 300 > 0.9
event_counter   sum(pump_up == bool 0) > 0
event_counter   count(pump_up == 0) > 0
event_counter   count(pump_up == 0) >= 1
event_counter   last_failed_time - last_done_time > 1
event_counter   max(last_failure_timestamp_seconds) > max(last_success_timestamp_seconds)
event_counter   last_success_timestamp_seconds < last_failure_timestamp_seconds
event_counter   sum(rate(leaks_total[5m])) * 300 >= 1
event_counter   (leaks_total > bool 0) == 1
event_counter   sgn(leaks_total) > 0
event_counter   (rate(leaks_total[5m]) > 0) > 0
event_counter   sum(clock_skew_errors) > 0
event_counter   sum(clock_skew_errors_total) > 0
event_counter   pump_age_seconds < 60
event_counter   rate(valve_seconds_count[5m]) > 0.001
event_counter   pump_uptime_seconds < 600 and pump_uptime_seconds offset 10m > 600
event_counter   time() - pump_start_time_seconds < 600 and on (zone) time() - tank_seen_timestamp_seconds > 600
binary          1 - pump_up > 0
binary          pump_up - 1 < 0
binary          100 * pump_up < 50
binary          (1 - pump_up) * 100 > 50
binary          pump_success * 1 < 1
binary          -pump_up >= 0
binary          pump_up * 1 == 0
binary          1 - avg(pump_up) > 0
binary          (tank_level_litres > bool 90) == 0
binary          hour() > 9 and on () pump_up == 0
presence        present_over_time(pump_up[5m]) > 0
presence        ALERTS{alertname="PumpDown"} > 0
presence        ALERTS == 1
presence        group(pump_seen) >= 1
presence        pump_info{model="old"} == 1
presence        pump_info{model="old"} > 0
presence        tank_level_litres >= 0
presence        pump_seen unless pump_known
presence        pump_seen and on (zone) pump_known
absent          absent(pump_up)
absent          absent(pump_up{zone="a"}) == 1
absent          absent_over_time(pump_up[5m])
absent          vector(1) unless on () pump_seen
absent          vector(1) unless on () tank_level_litres > 5
infinite        tank_level_litres > Inf
infinite        tank_level_litres > 1 / 0
always_fires    vector(1)
always_fires    1
always_fires    tank_level_litres > bool 5
always_fires    hour() > 9
always_fires    vector(1) > 0
always_fires    tank_level_litres > 5 or vector(1)
always_fires    tank_level_litres > 5 or on () vector(1)
always_fires    sum(tank_level_litres > 3) or vector(0)
always_fires    count(pump_up == 1) or vector(0)
always_fires    tank_level_litres @ 1600000000 > 90
always_fires    tank_level_litres @ 1600000000 > tank_limit_litres @ 1600000000
name_collision  {__name__=~"tank_.+"} > 5
name_collision  last_over_time({zone="a"}[5m]) > 5
name_collision  tank_a > on (__name__) tank_b
no_comparison   tank_level_litres
no_comparison   sum by (zone) (tank_level_litres)
no_comparison   tank_level_litres - tank_free_litres
no_comparison   abs(tank_level_litres)
not_equivalent  (pump_up == 0) * on (zone) tank_level_litres
not_equivalent  topk(3, tank_level_litres > 5)
not_equivalent  (tank_level_litres > 5) + (tank_free_litres > 5)
not_equivalent  (tank_level_litres > 5) * on (zone) group_right (owner) pump_info
not_equivalent  count_over_time((tank_level_litres > 5)[1h:1m])
unsupported_syntax  mad_over_time(tank_level_litres[1h]) > 5
unsupported_syntax  limitk(3, tank_level_litres) > 5
unsupported_syntax  limit_ratio(0.5, tank_level_litres) > 5
"""
CASES = [line.split(None, 1) for line in REFUSED.strip().splitlines()]


@pytest.mark.parametrize("expr", FORECAST.strip().splitlines())
def test_an_ordered_comparison_of_what_takes_many_values_can_be_anticipated(expr: str) -> None:
    found = compile_rule(expr)
    assert found.reason is None
    assert found.margin is not None


@pytest.mark.parametrize(("reason", "expr"), CASES)
def test_what_cannot_be_anticipated_is_refused_for_its_reason(reason: str, expr: str) -> None:
    found = compile_rule(expr)
    assert (found.reason, found.margin, found.target) == (reason, None, None)


def test_every_reason_of_the_list_has_a_case() -> None:
    assert {reason for reason, _ in CASES} == set(REASONS)


PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
DEFINED = dict(re.findall(r"^\| `(\w+)` \| .+ \| `(.+)` \|$", PAGE, re.M))
MARGINS = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| forecast ", PAGE, re.M))


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_defined_in_the_documentation_with_an_example(reason: str) -> None:
    assert compile_rule(DEFINED[reason]).reason == reason


@pytest.mark.parametrize("expr", MARGINS)
def test_margins_in_the_documentation_are_those_of_the_compiler(expr: str) -> None:
    assert compile_rule(expr).margin == MARGINS[expr]
