"""The compiled kernels, compiled once for all processes of a run of tests."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from aiops.core import compiled

Load = Callable[[Path | None], dict[str, ModuleType]]

folder: Path | None = None
"""Where what was compiled is kept as long as the tests run; `tests/conftest.py` says where."""


def loaded(name: str = "telemetry.fast_json") -> Any:
    """A module of kernels; None where there are none. The first process that asks compiles them all."""
    compiled.warm(folder)
    return compiled.module(f"aiops.{name}", 0)


def shared(load: Load) -> Load:
    """`load` with the folder of all, one process at a time: the second one takes what the first compiled."""

    def one_at_a_time(_own: Path | None) -> dict[str, ModuleType]:
        assert folder is not None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return load(folder)

    return one_at_a_time
