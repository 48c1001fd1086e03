"""The cases of `benchmarks/forecast.py`: hourly means of recorded series, cut at rolling origins, hosts split into two halves."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

HOUR, SEASON = 3600, 24
LONGEST, SHORTEST = 840, 96
"""Hours of history a method gets at most, and at least: what the daemon keeps of an hour's means is 35 d."""
FAR = 72
APART = 7 * 24 + 5
"""Hours between two origins of a series: a week, and at another hour of the day each time."""


@dataclass(frozen=True)
class Case:
    """One series at one origin: `past` (t,) hourly means with gaps as NaN, `future` (24 or 72,), its host's place in the set."""

    data: str
    host: int
    name: str
    past: np.ndarray
    future: np.ndarray
    origin_h: int

    @property
    def scale(self) -> float:
        """Mean absolute difference to the hour before and to the day before, the larger one: the unit of errors."""
        x = filled(self.past)
        return float(max(np.abs(np.diff(x)).mean(), np.abs(x[SEASON:] - x[:-SEASON]).mean()))


def filled(x: np.ndarray) -> np.ndarray:
    """Gaps filled by straight lines, for methods that take none."""
    known = np.isfinite(x)
    return np.interp(np.arange(len(x)), np.flatnonzero(known), x[known])


def hourly(time_s: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, int]:
    """((hours, metrics) means of each hour, the first hour since the epoch); NaN where there is no sample."""
    hour = time_s // HOUR
    first = int(hour[0])
    place, count = hour - first, int(hour[-1]) - first + 1
    total, known = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    finite = np.isfinite(values)
    np.add.at(total, place, np.where(finite, values, 0.0))
    np.add.at(known, place, finite)
    with np.errstate(invalid="ignore"):
        return total / np.where(known > 0, known, np.nan), first


def read(path: pathlib.Path) -> tuple[np.ndarray, list[str], np.ndarray]:
    """(t,) instants in order, names, (t, metrics) values."""
    table = pq.read_table(path)
    names = [n for n in table.column_names if n != "time"]
    time_s, first = np.unique(table["time"].to_numpy(), return_index=True)
    values = np.stack([table[n].to_numpy().astype(float) for n in names], axis=1)
    return time_s, names, values[first]


def cases(root: pathlib.Path, sets: list[str], half: int, most: int, origins: int) -> list[Case]:
    """Cases of every second host (`half` 0 or 1, by place in the sorted list), at most `most` series a set, evenly taken."""
    found: list[Case] = []
    for data in sets:
        series: list[tuple[int, str, np.ndarray, int]] = []
        for host, path in enumerate(sorted((root / data / "series").glob("*.parquet"))):
            if host % 2 == half:
                time_s, names, values = read(path)
                x, first = hourly(time_s, values)
                series += [(host, f"{path.stem}/{name}", x[:, j], first) for j, name in enumerate(names)]
        chosen = [series[i] for i in np.unique(np.linspace(0, len(series) - 1, min(most, len(series))).astype(int))]
        for host, name, x, first in chosen:
            found += _cut(data, host, name, x, first, origins)
    return found


def _cut(data: str, host: int, name: str, x: np.ndarray, first: int, origins: int) -> list[Case]:
    ahead = FAR if len(x) - FAR >= SHORTEST + SEASON else SEASON
    out = []
    for k in range(origins):
        end = len(x) - ahead - k * APART
        if end < SHORTEST:
            break
        case = Case(data, host, name, x[max(0, end - LONGEST) : end], x[end : end + ahead], first + end)
        varied = np.isfinite(case.past).mean() > 0.8 and np.isfinite(case.past[-SEASON:]).all()
        if varied and np.isfinite(case.future).all() and case.scale > 1e-9 * max(1.0, np.abs(filled(case.past)).max()):
            out.append(case)
    return out
