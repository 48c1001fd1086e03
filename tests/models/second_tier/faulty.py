"""Jobs that go wrong, for the tests of the pool; they run inside workers."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np


def doubled(values: np.ndarray) -> np.ndarray:
    return 2.0 * values.astype(np.float64)


def process_id(values: np.ndarray, label: int = 0) -> np.ndarray:
    return np.array([os.getpid()])


def threads(values: np.ndarray) -> np.ndarray:
    return np.array([int(os.environ["OMP_NUM_THREADS"]), os.nice(0)])


def crash(values: np.ndarray) -> Any:
    os._exit(13)


def crash_at_first(values: np.ndarray, mark: str) -> np.ndarray:
    if not os.path.exists(mark):
        os.close(os.open(mark, os.O_CREAT))
        os.kill(os.getpid(), 9)
    return 2.0 * values.astype(np.float64)


def hang(values: np.ndarray, seconds: float) -> Any:
    time.sleep(seconds)
    return values


def stuck(values: np.ndarray, kind: str, season: int, step_s: int) -> Any:
    time.sleep(3600)
    return values


def burn(values: np.ndarray, seconds: float, label: int = 0) -> np.ndarray:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return values


def devour(values: np.ndarray) -> np.ndarray:
    kept = [np.ones(1 << 24) for _ in range(200)]
    return np.array([len(kept)])


def refuse(values: np.ndarray) -> Any:
    raise ValueError("no")
