"""From a folder of recordings (`series/`, `limits.json`, `labels.json`) to lanes. Bad input names file and place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from aiops.backtest.replay import Lane, on_grid
from aiops.core.errors import FileError, Mistake
from aiops.telemetry.recording import Recording

BEFORE_ALL = -(2**62)


def load_lanes(folder: Path) -> list[Lane]:
    """All entities of a recording. Raises FileError naming the file when the folder is not one."""
    if not (folder / "series").is_dir():
        raise FileError([Mistake(str(folder), 1, 1, "", "no folder series/ in it; --data takes a recording folder")])
    limits = _json(folder / "limits.json")
    labels = _json(folder / "labels.json").get("entities", {})
    lanes = []
    for name, time_s, metrics, values in Recording.load(folder).tables():
        if not len(time_s):
            continue
        step = int(np.median(np.diff(time_s))) if len(time_s) > 1 else 60
        start, grid = on_grid(time_s, values, max(step, 1))
        emit = labels.get(name, {}).get("train_end", BEFORE_ALL)
        lanes.append(Lane(name, tuple(metrics), start, max(step, 1), grid, int(emit), limits.get(name, {})))
    if not lanes:
        raise FileError([Mistake(str(folder / "series"), 1, 1, "", "no series in it")])
    return lanes


def _json(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as e:
        raise FileError([Mistake(str(path), e.lineno, e.colno, "", f"no JSON: {e.msg}")]) from e
    if not isinstance(found, dict):
        raise FileError([Mistake(str(path), 1, 1, "", "must be a JSON object")])
    return found
