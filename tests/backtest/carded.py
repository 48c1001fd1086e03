"""A small recording and a card on it: a disk that fills in time, one that fills suddenly, calm ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.backtest.recordings import DAY, START, filling, write_series

STEP = 300
DAYS = 3


def card(**more: Any) -> dict[str, Any]:
    """A limit above 1 on every disk."""
    return {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "disk", "owner": {"team": "storage"}, "query": "disk",
        "summary": "A disk fills up.", "entity": ["entity"], "step": "5m", "history": "8d",
        "forecast": {"limit": {"above": 1.0}, "horizon": "1d"},
    } | more  # fmt: skip


def write_card(folder: Path, **more: Any) -> Path:
    """The card as a file."""
    path = folder / f"{more.get('name', 'disk')}.yaml"
    path.write_text(json.dumps(card(**more)))
    return path


def calm(count: int, seed: int) -> np.ndarray:
    """A daily course far below the limit."""
    rng = np.random.default_rng(seed)
    return 0.4 + 0.05 * np.sin(2 * np.pi * np.arange(count) * STEP / DAY) + rng.normal(0, 0.004, count)


def sudden(count: int, seed: int) -> np.ndarray:
    """Calm, then beyond the limit from one sample to the next."""
    found = calm(count, seed)
    found[int(0.7 * count) :] += 0.8
    return found


def recorded(folder: Path, more: Mapping[str, np.ndarray] | None = None, days: float = DAYS) -> Path:
    """The recording."""
    count = int(days * DAY) // STEP
    courses = {"full": filling(count, 1, 0.75), "calm": calm(count, 2), "jump": sudden(count, 3), **(more or {})}
    for entity, values in courses.items():
        write_series(folder, entity, START + STEP * np.arange(count), {"disk": values})
    return folder
