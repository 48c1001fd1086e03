"""The compiled kernels, loaded once for all tests of a process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from aiops.core import compiled


def loaded(name: str = "fast_json") -> Any:
    """The module of kernels, compiled by the first who asks; what is kept of it is thrown away at once."""
    with tempfile.TemporaryDirectory() as folder:
        compiled.warm(Path(folder) / "compiled")
    return compiled.module(f"aiops.telemetry.{name}", 0)
