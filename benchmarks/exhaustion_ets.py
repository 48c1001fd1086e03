"""MSTL + ETS as an exhaustion forecaster: what a statistics library gives off the shelf, as an opponent for `exhaustion.py`.

Usage: python benchmarks/exhaustion_ets.py ROOT OUT.jsonl [--every 21600]

Hourly means of the last 21 d; seasons of 24 h (from two days of history on) and 168 h (two weeks); on the rest an additive
ETS with a damped trend; 72 h ahead, 80 % interval. A row fires when the path reaches the limit on two looks in a row and it
stands inside it now; the ends of the interval are where its edges do. A fit every `--every` seconds: it costs about 100 ms.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.seasonal import MSTL

HOUR, AHEAD, PAST, LEAST = 3600, 72, 504, 50
Array = np.ndarray[Any, Any]


def hourly(time_s: Array, values: Array, now: float) -> Array:
    """Means of whole hours that end at `now`, gaps bridged; at most PAST, from the first sample on."""
    age = np.floor((now - time_s) / HOUR).astype(int)
    inside = (age >= 0) & (age < PAST) & np.isfinite(values)
    if not inside.any():
        return np.zeros(0)
    n = int(age[inside].max()) + 1
    count = np.bincount(age[inside], minlength=n)
    total = np.bincount(age[inside], weights=values[inside], minlength=n)
    at = np.arange(n)
    means = np.interp(at, at[count > 0], (total / np.maximum(count, 1))[count > 0])
    return np.asarray(means[::-1])


def forecast(past: Array) -> tuple[Array, Array, Array]:
    """(mean, lower, upper) of the next AHEAD hours."""
    season = np.zeros(AHEAD)
    rest = past
    periods = [p for p in (24, 168) if len(past) > 2 * p]
    if periods:
        found = MSTL(past, periods=periods).fit()
        parts = np.asarray(found.seasonal).reshape(len(past), -1)
        rest = past - parts.sum(axis=1)
        for i, period in enumerate(periods):
            season += parts[-period:, i][np.arange(AHEAD) % period]
    fit = ETSModel(pd.Series(rest), error="add", trend="add", damped_trend=True).fit(disp=False, maxiter=60)
    frame = fit.get_prediction(start=len(rest), end=len(rest) + AHEAD - 1).summary_frame(alpha=0.2)
    return tuple(season + np.asarray(frame[name]) for name in ("mean", "pi_lower", "pi_upper"))  # type: ignore[return-value]


def first(path: Array, top: float) -> float | None:
    """Hours until a path first reaches `top`."""
    over = path >= top
    return float(np.argmax(over)) + 0.5 if over.any() else None


def run(time_s: Array, values: Array, limit: dict[str, Any], every: int) -> Iterator[dict[str, Any]]:
    sign = 1.0 if "above" in limit else -1.0
    steps = limit.get("steps") or [[time_s[0], limit.get("above", limit.get("below"))]]
    again = False
    for now in np.arange(time_s[0] + LEAST * HOUR, time_s[-1], every):
        top = sign * [v for s, v in steps if s <= now][-1]
        past = sign * hourly(time_s, values, now)
        scale = float(np.ptp(past)) if len(past) >= LEAST else 0.0
        said = None
        if scale > 0 and past[-1] < top and past[-1] - past.min() > 0.02 * (top - past[-1]):
            mean, lower, upper = forecast((past - past[0]) / scale)
            said = [first(path, (top - past[0]) / scale) for path in (upper, mean, lower)]
        if said is not None and said[1] is not None:
            early, expected, late = said[0] or said[1], said[1], said[2] or float(AHEAD)
            if again:
                times = {"earliest": early, "expected_at": expected, "latest": late}
                yield {"at": int(now), "end": int(now + every), **{k: now + HOUR * v for k, v in times.items()}}
        again = said is not None and said[1] is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=21600)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    limits = json.loads((args.root / "limits.json").read_text())
    with args.out.open("w") as out:
        for entity, metrics in limits.items():
            table = pq.read_table(args.root / "series" / f"{entity}.parquet")
            time_s = table["time"].to_numpy().astype(float)
            for metric, limit in metrics.items():
                for line in run(time_s, table[metric].to_numpy().astype(float), limit, args.every):
                    out.write(json.dumps({"entity": entity, "metric": metric, "kind": "exhaustion", **line}) + "\n")


if __name__ == "__main__":
    main()
