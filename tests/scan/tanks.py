"""A real Prometheus with rules on tanks: some fill, some rest, some are full, some rules cannot be anticipated."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests import servers
from tests.telemetry.real import victoria_metrics

STEP, DAY, DAYS = 300, 86400, 14
HOSTILE = '[bold]<script>alert(1)</script>"\n\x1b[31m\u202e{{ $value }}'
RULES = """
groups:
- name: tanks
  interval: 1s
  rules:
  - alert: TankFull
    expr: tank_used_ratio > 0.9
    for: 10m
    labels: {severity: page, where: "tank {{ $labels.tank }}"}
  - alert: TankBrimful
    expr: tank_used_ratio > 0.97
  - alert: TankHalf
    expr: tank_used_ratio{tank="twice"} > 0.5
  - alert: TankFullAndOpen
    expr: tank_used_ratio > 0.9 and on (tank) tank_open == 1
  - alert: TankRunsDry
    expr: predict_linear(tank_free_litres[6h], 86400) < 0
  - alert: PumpDown
    expr: pump_up == 0
  - alert: PumpGone
    expr: absent(pump_up)
  - alert: Leaks
    expr: increase(leaks_total[1h]) > 0
  - alert: NoSuchTank
    expr: tank_unknown_litres > 5
"""


@dataclass(frozen=True)
class Tanks:
    """The server, and the last grid instant of its samples that was not in the future when it was filled."""

    url: str
    now_s: int


def ramp(count: int, hours: float, base: float, top: float) -> np.ndarray:
    """`base` with a little noise, then for the last `hours` a line up to `top`."""
    out = base + np.random.default_rng(5).normal(0, 0.002, count)
    n = int(hours * 3600 / STEP)
    out[-n:] = np.linspace(base, top, n)
    return out


def twice(count: int, top: float = 0.95) -> np.ndarray:
    """Filled 9 and 4 days ago, in 16 hours each, emptied an hour after it was full."""
    out = 0.3 + np.random.default_rng(6).normal(0, 0.002, count)
    n, full = 16 * 12, 12
    for days in (9, 4):
        end = count - days * 288
        out[end - n : end] = np.linspace(0.3, top, n)
        out[end : end + full] = top
    return out


def samples(now_s: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[np.ndarray, np.ndarray]]:
    """Name and labels to (time_s, values): two weeks of 5 min, and a quarter of an hour more of the last value."""
    time_s = np.arange(now_s - DAYS * DAY, now_s + 1, STEP)
    n = len(time_s)
    noise = np.random.default_rng(7)
    series = {
        ("tank_used_ratio", (("tank", "filling"),)): ramp(n, 8, 0.2, 0.8),
        ("tank_used_ratio", (("tank", "flat"),)): 0.3 + noise.normal(0, 0.002, n),
        ("tank_used_ratio", (("tank", "full"),)): np.full(n, 0.95),
        ("tank_used_ratio", (("tank", "twice"),)): twice(n),
        ("tank_used_ratio", (("tank", HOSTILE),)): 0.25 + noise.normal(0, 0.002, n),
        ("tank_open", (("tank", "filling"),)): np.zeros(n),
        ("tank_open", (("tank", "full"),)): np.ones(n),
        ("tank_free_litres", (("tank", "filling"),)): 1000 * (1 - ramp(n, 8, 0.2, 0.8)),
        ("pump_up", ()): np.ones(n),
    }
    ahead = time_s[-1] + 60 * np.arange(1, 16)
    out = {name: (np.append(time_s, ahead), np.append(v, np.full(15, v[-1]))) for name, v in series.items()}
    for tank, fired in (("twice", twice(n) > 0.9), ("full", np.ones(n, bool))):
        labels = {"alertname": "TankFull", "alertstate": "firing", "severity": "page", "tank": tank, "where": f"tank {tank}"}
        out["ALERTS", tuple(labels.items())] = time_s[fired], np.ones(int(fired.sum()))
    return out


def openmetrics(series: Mapping[tuple[str, tuple[tuple[str, str], ...]], tuple[np.ndarray, np.ndarray]]) -> str:
    """All samples, grouped by metric."""
    families: dict[str, list[str]] = defaultdict(list)
    for (name, labels), (time_s, values) in series.items():
        head = name + "{" + ",".join(f"{k}={_escaped(v)}" for k, v in labels) + "}"
        families[name] += [f"{head} {v:.6g} {at}" for at, v in zip(time_s.tolist(), values.tolist(), strict=True)]
    return "\n".join([line for lines in families.values() for line in lines] + ["# EOF\n"])


def _escaped(value: str) -> str:
    """As the exposition format has it: no other escapes than these three."""
    return '"' + value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


@contextlib.contextmanager
def tanks(folder: Path) -> Iterator[Tanks]:
    """The server, once its rules have been evaluated."""
    now_s = int(time.time()) // STEP * STEP
    servers.load(folder, openmetrics(samples(now_s)))
    with servers.prometheus(folder, rules=RULES) as url:
        end = time.monotonic() + 30
        while not evaluated(url):
            assert time.monotonic() < end, "the rules are not evaluated"
            time.sleep(0.2)
        yield Tanks(url, now_s)


@contextlib.contextmanager
def tanks_of_victoria(folder: Path) -> Iterator[Tanks]:
    """The same from VictoriaMetrics, whose rules vmalert evaluates and VictoriaMetrics passes on."""
    now_s = int(time.time()) // STEP * STEP
    program = servers.binary("vmalert", "victoria-metrics")
    port = servers.free_port()
    (folder / "rules.yml").write_text(RULES)
    with victoria_metrics(folder, in_ms(openmetrics(samples(now_s))), f"-vmalert.proxyURL=http://127.0.0.1:{port}") as url:
        options = [
            f"-rule={folder}/rules.yml", f"-datasource.url={url}", f"-remoteWrite.url={url}", "-notifier.url=http://127.0.0.1:9",
            f"-httpListenAddr=127.0.0.1:{port}",
        ]  # fmt: skip
        with servers.started([program, *options], f"http://127.0.0.1:{port}", "/health", folder / "vmalert.log"):
            end = time.monotonic() + 30
            while not {"TankFull", "TankRunsDry"} <= {rule["name"] for rule in rules_of(url) if rule.get("alerts")}:
                assert time.monotonic() < end, "the rules are not evaluated"
                time.sleep(0.2)
            yield Tanks(url, now_s)


def in_ms(openmetrics_text: str) -> str:
    """The same with milliseconds, as VictoriaMetrics takes it."""
    lines = (line.rsplit(" ", 1) for line in openmetrics_text.splitlines() if line and not line.startswith("#"))
    return "\n".join(f"{head} {at}000" for head, at in lines) + "\n"


def evaluated(url: str) -> bool:
    """Whether the rule on the full tanks has alerts."""
    rules = {rule["name"]: rule for rule in rules_of(url)}
    return all(rule["health"] == "ok" for rule in rules.values()) and bool(rules["TankBrimful"]["evaluationTime"])


def rules_of(url: str) -> list[dict[str, Any]]:
    """The rules that a server tells of."""
    with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]
