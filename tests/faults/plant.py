"""What the real Prometheus behind the fault proxy holds, and a daemon on it whose clock is moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.labels import escape
from tests.daemon.rig import START_S, Rig, anomaly_card, card
from tests.faults.proxy import Proxy
from tests.servers import load

HOUR_S = 3600
STEP_S = 300
SPAN_S = 33 * HOUR_S
NOW_S = 8 * HOUR_S
"""Where most tests begin, seconds after START_S."""
HOSTILE = '"} or up{x="'


def plant() -> str:
    """OpenMetrics of everything: courses with calm noise, one that falls, counters that are reset, other intervals."""
    rng, minutes = np.random.default_rng(7), np.arange(0, SPAN_S + 1, 60)
    lines: list[str] = []

    def metric(name: str, *series: tuple[dict[str, str], np.ndarray, np.ndarray]) -> None:
        lines.append(f"# TYPE {name} unknown")
        for labels, after_s, values in series:
            inner = ",".join(f'{k}="{escape(v)}"' for k, v in labels.items())
            lines.extend(
                f"{name}{{{inner}}} {v!r} {START_S + t}" for t, v in zip(after_s.tolist(), values.tolist(), strict=True)
            )

    def calm(level: float) -> np.ndarray:
        return np.round(level + 0.01 * np.sin(minutes / 300) + 0.002 * rng.standard_normal(len(minutes)), 6)

    metric("free", *(({"instance": i}, minutes, calm(0.5)) for i in "abcd"))
    metric("falling", ({"instance": "x"}, minutes, 0.8 - 0.001 * minutes / 60), ({"instance": "y"}, minutes, calm(0.6)))
    metric(
        "constant", *(({"instance": i}, minutes, np.full(len(minutes), v)) for i, v in (("zero", 0.0), ("one", 1.0)))
    )
    metric("hostile", ({"instance": HOSTILE}, minutes, calm(0.5)), ({"instance": "other"}, minutes, calm(0.7)))
    hits = np.cumsum(60 + np.round(rng.random(len(minutes)) * 6))
    for reset in (NOW_S + 1200, NOW_S + 1500):  # twice within one rate window of 10 min
        hits = np.where(minutes >= reset, hits - hits[minutes == reset], hits)
    metric("hits_total", ({"instance": "a"}, minutes, hits))
    often = np.concatenate([np.arange(0, NOW_S, 15), np.arange(NOW_S, SPAN_S + 1, 60)])
    metric("slower", ({"instance": "a"}, often, np.round(0.5 + 0.01 * np.sin(often / 300), 6)))
    return "\n".join(lines) + "\n# EOF\n"


def on(rig: Rig, *proxies: Proxy, seconds: float = 5, limits: dict[str, Any] | None = None, **more: Any) -> None:
    """Make the proxies the sources a, b, … of the daemon to be started."""
    rig.sources = {
        name: {"kind": "prometheus", "url": proxy.url, **more} for name, proxy in zip("abcdef", proxies, strict=False)
    }
    rig.more = {"limits": {"seconds": f"{int(seconds * 1000)}ms", **(limits or {})}}


def disk(query: str = "free", **more: Any) -> dict[str, Any]:
    """A card that forecasts a limit."""
    return card(**{"name": "disk", "query": query, **more})


def strange(query: str = "free", **more: Any) -> dict[str, Any]:
    """A card that looks for what is strange."""
    return anomaly_card(**{"name": "strange", "query": query, **more})


def turns(rig: Rig, first: int, last: int) -> None:
    """Turns number `first` to `last`, 5 min apart, counted from NOW_S."""
    for i in range(first, last + 1):
        rig.at(NOW_S + STEP_S * i)
        rig.turn()


def window(rig: Rig, name: str) -> dict[str, np.ndarray]:
    """The newest 50 values of each series of a watch, by its instance."""
    found = rig.watch(name).window
    _, newest = found.newest(50)
    return {one["instance"]: row for one, row in zip(found.labels, newest, strict=True)}


def loaded(folder: Path) -> Path:
    """A folder for a Prometheus that holds the plant."""
    load(folder, plant())
    return folder


def failing(rig: Rig) -> dict[str, str]:
    """Kind of failure by source, as the daemon tells it."""
    assert rig.daemon is not None
    told = rig.daemon.board.ready()[1]["failing"]
    assert isinstance(told, dict)
    return {name: str(why).partition(":")[0] for name, why in told.items()}
