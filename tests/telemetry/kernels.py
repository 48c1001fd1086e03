"""The compiled kernels, compiled once for all processes of a run of tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiops.core import compiled

folder: Path | None = None
"""Where what was compiled is kept as long as the tests run; `tests/conftest.py` says where."""


def loaded(name: str = "telemetry.fast_json") -> Any:
    """A module of kernels; None where there are none. The first process that asks compiles them all."""
    compiled.warm(folder)
    return compiled.module(f"aiops.{name}", 0)
