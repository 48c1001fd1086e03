"""Small recordings for backtests: seeded, of several steps and phases, with gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_767_571_200
DAY = 86400


def write_series(folder: Path, entity: str, time_s: Any, metrics: Mapping[str, Any]) -> Path:
    """One Parquet file of a recording."""
    (folder / "series").mkdir(parents=True, exist_ok=True)
    path = folder / "series" / f"{entity}.parquet"
    pq.write_table(pa.table({"time": time_s} | dict(metrics)), path)
    return path


def write_json(folder: Path, name: str, what: Any) -> Path:
    path = folder / name
    path.write_text(what if isinstance(what, str) else json.dumps(what))
    return path


def noisy(count: int, seed: int) -> np.ndarray:
    """Noise with a burst in it now and then."""
    rng = np.random.default_rng(seed)
    x = 10 + rng.normal(0, 1, count)
    for at in rng.integers(count // 4, count, 4):
        x[at : at + 6] += rng.uniform(10, 60)
    return x


def filling(count: int, seed: int, share: float = 0.8) -> np.ndarray:
    """Flat at first, then a steady rise that is at 1 when `share` of the time is over."""
    rise = np.clip((np.arange(count) / count - 0.25) / (share - 0.25), 0, None)
    return 0.2 + 0.8 * rise + np.random.default_rng(seed).normal(0, 0.002, count)


def mixed(folder: Path) -> Path:
    """Entities of three steps, on different phases, lengths and dates; gaps, duplicates, limits that change; one trains."""
    rng = np.random.default_rng(5)
    limits: dict[str, Any] = {}
    for i, (step, days) in enumerate([(300, 1.0), (300, 0.6), (300, 1.0), (60, 0.4), (60, 0.2), (3600, 10.0), (420, 1.0)]):
        count = int(days * DAY / step)
        time_s = START + 17 * i + 40 * DAY * i + step * np.arange(count)
        kept = rng.random(count) > 0.02
        kept[count // 2 : count // 2 + 9] = False
        kept[0] = True
        name = f"entity-{i}"
        write_series(folder, name, time_s[kept], {"load": noisy(count, i)[kept], "disk": filling(count, i)[kept]})
        middle = int(time_s[count // 3])
        grown = {"above": 9.0, "steps": [[int(time_s[0]), 0.9], [middle, 1.0]]}
        limits[name] = {"disk": grown if i == 2 else {"above": 0.98, "unit": "1"}}
    write_json(folder, "limits.json", limits)
    write_json(folder, "labels.json", {"entities": {"entity-1": {"train_end": START + 40 * DAY + DAY // 4}}})
    return folder


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def first_part(folder: Path, out: Path, share: float) -> dict[str, int]:
    """The first part of every entity's time as a recording of its own; the last instant of each."""
    cuts = {}
    for path in sorted((folder / "series").iterdir()):
        table = pq.read_table(path)
        time_s = table["time"].to_numpy()
        cut = time_s[0] + share * (time_s[-1] - time_s[0])
        early = table.filter(pa.array(time_s <= cut))
        cuts[path.stem] = int(early["time"].to_numpy()[-1])
        write_series(out, path.stem, early["time"], {n: early[n] for n in early.column_names if n != "time"})
    for name in ("limits.json", "labels.json"):
        (out / name).write_text((folder / name).read_text())
    return cuts
