"""The kill switch: one row that every replica reads before it begins anything, and one file that stops this machine even when the
store cannot be reached."""

from __future__ import annotations

from pathlib import Path

from aiops.core.errors import StoreError
from aiops.core.text import visible
from aiops.store.responses import Responses

FILE = "kill-switch"


def turn(runs: Responses, data_dir: Path, on: bool, who: str, why: str, now_s: float) -> bool:
    """Turn it; whether that changed anything. On: the file first, so that a store that fails does not hinder it.

    Raises OSError, and StoreError after the file was written.
    """
    path = data_dir / FILE
    there = path.exists()
    if on:
        path.write_text(f"{visible(who)}: {visible(why)}\n")
    changed = runs.switch(on, who, why, now_s)
    if not on:
        path.unlink(missing_ok=True)
    return changed or there != on


def why_on(runs: Responses, data_dir: Path | None) -> str:
    """Why nothing is begun, empty while it is off. A store that cannot be read is no reason to begin anything."""
    try:
        by = runs.killed()
    except StoreError as e:
        return f"whether the kill switch is on cannot be read: {e}"
    if by is not None:
        return f"{by['who']}: {by['why']}"
    there = data_dir is not None and (data_dir / FILE).exists()
    return f"there is a file {FILE} in the data directory" if there else ""
