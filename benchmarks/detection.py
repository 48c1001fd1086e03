"""How quickly and quietly labelled incidents are seen: `aiops backtest` beside named peers, judged by the same scorer.

Usage: python benchmarks/detection.py [--data ../shared/data] [--bench ../shared/bench] [--sets smd asd nab] [--work DIR]

Ours is the command itself with `--score-floor`, its file read as anybody would. The peers are a few lines of numpy each,
causal, on the same samples, entity score = mean of the three largest log(1 + z) of its metrics (stronger than the usual
maximum):

rolling z       |x - mean| / standard deviation of the day before
holt-winters    additive Holt-Winters (level, trend, a season of one day; alpha 0.1, beta 0.001, gamma 0.1), one-step residual
                over its exponentially weighted standard deviation of 3 d

For each set, and for all with ONE threshold: area = mean recall over budgets of 0.05 to 2 false warnings an entity-week;
recall, share warned within 10 min, median delay at 1 an entity-week; what chance would reach. Also how many are told later
than that, and in how many of these nothing was farther out in the first 10 min than before; and the finished warnings of the
default budget of 1 a week, whose controller sees no label: recall and real rate.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import types

import numpy as np
import pyarrow.parquet as pq

DAY = 86400
FLOOR = 0.8
SOON, HIGHER = 600, 0.1
"""Soon is so many seconds after a label begins; a score so much higher than others is more than their scatter."""


def read(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """(t,) instants and (t, metrics) values of an entity, in time order."""
    table = pq.read_table(path)
    time_s = table["time"].to_numpy()
    values = np.stack([table[n].to_numpy().astype(float) for n in table.column_names if n != "time"], axis=1)
    time_s, first = np.unique(time_s, return_index=True)
    return time_s, values[first]


def filled(x: np.ndarray) -> np.ndarray:
    """Gaps filled with the value before them."""
    last = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(len(x))[:, None], 0), axis=0)
    return np.nan_to_num(np.take_along_axis(x, last, axis=0))


def least(x: np.ndarray, day: int) -> np.ndarray:
    """The smallest scale: 5 % of the standard deviation of the first two days, which are before the first line."""
    return 0.05 * x[: 2 * day].std(axis=0) + 1e-12


def rolling_z(x: np.ndarray, step: float) -> np.ndarray:
    """(t, m) |x - mean| / std over the day before each point."""
    count = max(int(DAY / step), 8)
    x = filled(x)
    x = x - x[0]
    total = np.vstack([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    squares = np.vstack([np.zeros((1, x.shape[1])), np.cumsum(x * x, axis=0)])
    end = np.arange(len(x))
    begin = np.maximum(end - count, 0)
    n = np.maximum(end - begin, 1)[:, None]
    mean = (total[end] - total[begin]) / n
    std = np.sqrt(np.maximum((squares[end] - squares[begin]) / n - mean**2, 0))
    z = np.abs(x - mean) / np.maximum(std, least(x, count))
    z[: count // 4] = 0
    return z


def holt_winters(x: np.ndarray, step: float) -> np.ndarray:
    """(t, m) one-step residual of additive Holt-Winters over its own spread."""
    season, slow = max(int(DAY / step), 1), 1 - np.exp(-step / (3 * DAY))
    x = filled(x)
    level, trend, seasonal = x[0].copy(), np.zeros(x.shape[1]), np.zeros((season, x.shape[1]))
    square, z = np.zeros(x.shape[1]), np.zeros_like(x)
    floor = least(x, season)
    for i in range(1, len(x)):
        slot = i % season
        residual = x[i] - (level + trend + seasonal[slot])
        z[i] = np.abs(residual) / np.maximum(np.sqrt(square), floor)
        square += max(slow, 1 / (i + 1)) * (residual**2 - square)
        before = level
        level = 0.1 * (x[i] - seasonal[slot]) + 0.9 * (level + trend)
        trend = 0.001 * (level - before) + 0.999 * trend
        seasonal[slot] = 0.1 * (x[i] - level) + 0.9 * seasonal[slot] if i >= season else x[i] - level
    z[: season // 4] = 0
    return z


PEERS = {"rolling z": rolling_z, "holt-winters": holt_winters}


def peer(data: pathlib.Path, out: pathlib.Path, method) -> None:
    """The peer's lines, as our command writes them, the lowest scores left away."""
    labels = json.loads((data / "labels.json").read_text())["entities"]
    with out.open("w") as f:
        for path in sorted((data / "series").iterdir()):
            time_s, x = read(path)
            step = float(np.median(np.diff(time_s)))
            score = np.sort(np.log1p(method(x, step)), axis=1)[:, -3:].mean(axis=1)
            kept = time_s >= labels[path.stem]["train_end"]
            kept &= score >= np.quantile(score, 0.9)  # far below any threshold that meets a budget
            for at, s in zip(time_s[kept].tolist(), score[kept].tolist(), strict=True):
                f.write(json.dumps({"entity": path.stem, "kind": "anomaly", "at": at, "end": at + step, "score": s}) + "\n")


def ours(data: pathlib.Path, out: pathlib.Path) -> None:
    """All scores to `out`, the finished warnings beside it."""
    command = [sys.executable, "-m", "aiops", "backtest", "--data", data, "--warnings"]
    subprocess.run([*command, out, "--score-floor", str(FLOOR)], check=True, capture_output=True)
    subprocess.run([*command, finished(out)], check=True, capture_output=True)


def finished(out: pathlib.Path) -> pathlib.Path:
    return out.with_suffix(".finished.jsonl")


def row(name: str, r: dict) -> str:
    one = r[1.0]
    delay = "-" if one["delay_min"] is None else f"{one['delay_min']:.0f}"
    recalls = "".join(f" {r[b]['recall']:>6.2f}" for b in (0.5, 1.0, 2.0))
    chance, in_time = one["chance_recall"], one["in_time"]
    return f"{name:<14} {r['area']:>6.3f}{recalls} {chance:>7.2f} {in_time:>8.2f} {delay:>7} {one['theta']:>6.2f}"


def late(found: dict[str, tuple], loaded: dict[str, dict], theta: float, core: types.ModuleType) -> tuple[int, int]:
    """(incidents told later than SOON, those of them in whose first SOON no score was HIGHER than in the hour before)."""
    told, still = 0, 0
    for entity, (delays, *_) in core.judge(core.episodes(found, loaded, theta), loaded).items():
        at, _, score = found[entity]
        for onset in loaded[entity]["s"][delays > SOON]:
            first = score[(at >= onset) & (at <= onset + SOON)].max(initial=FLOOR)
            before = score[(at >= onset - core.H) & (at < onset)].max(initial=FLOOR)
            told, still = told + 1, still + (first <= before + HIGHER)
    return told, still


def judge(methods: dict[str, dict[str, pathlib.Path]], sets: list[pathlib.Path], scorer: types.ModuleType) -> None:
    """A table for each set and one for all of them together."""
    core, none = scorer.S, np.empty(0)
    head = f"{'method':<14} {'area':>6} {'R@.5':>6} {'R@1':>6} {'R@2':>6} {'chance':>7} {'in time':>8} {'delay':>7} {'theta':>6}"
    for group in [[data] for data in sets] + ([sets] if len(sets) > 1 else []):
        truth = {k: v for data in group for k, v in scorer.truth_of(data).items()}
        loaded = core.load_truth({"entities": truth})
        print(f"\n{'+'.join(data.name for data in group)}: {len(truth)} entities")
        print(head)
        for name, files in methods.items():
            found = {k: v for data in group for k, v in scorer.firings_of(data, files[data.name]).items()}
            found = {entity: found.get(entity, (none, none, none)) for entity in truth}
            figures = core.evaluate(found, loaded)
            print(row(name, figures), flush=True)
            if name == "aiops":
                told_late, still = late(found, loaded, figures[1.0]["theta"], core)
                told = {k: v for data in group for k, v in scorer.firings_of(data, finished(files[data.name])).items()}
                told = {entity: told.get(entity, (none, none, none)) for entity in truth}
                held = core.at_threshold(told, loaded, 0.0)
        print(f"aiops: {told_late} told after 10 min; of {still} the scores of the first 10 min were as in the hour before")
        print(f"aiops with a budget of 1 a week, held without labels: recall {held['recall']:.2f} at {held['rate']:.2f} a week")


def main() -> None:
    shared = pathlib.Path(__file__).resolve().parents[2] / "shared"
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=shared / "data", help="the folder of the data sets")
    p.add_argument("--bench", type=pathlib.Path, default=shared / "bench", help="the folder of score_detection.py")
    p.add_argument("--sets", nargs="+", default=["smd", "asd", "nab"])
    p.add_argument("--work", type=pathlib.Path)
    a = p.parse_args()
    sys.path.insert(0, str(a.bench))
    scorer = importlib.import_module("score_detection")
    sets = [a.data / name for name in a.sets]
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        methods: dict[str, dict[str, pathlib.Path]] = {name: {} for name in ("aiops", *PEERS)}
        for data in sets:
            for name, files in methods.items():
                files[data.name] = pathlib.Path(work) / f"{data.name}-{name}.jsonl"
                if name == "aiops":
                    ours(data, files[data.name])
                else:
                    peer(data, files[data.name], PEERS[name])
        judge(methods, sets, scorer)


if __name__ == "__main__":
    main()
