"""What a watch keeps on disk between two lives, and how it takes it up again.

Decisions live in the store and windows on disk; learnt state is saved now and then and caught up from the window. Whatever
is missing or damaged is learnt anew: nothing here is needed for correctness, only for not starting from nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.labels import key
from aiops.models.state_files import load_state, save_state
from aiops.pipeline.watch import Pending, Watch
from aiops.store import Store


def save(watch: Watch, data_dir: Path) -> None:
    """Save the learnt state and the window of a watch; each file is replaced in one step."""
    folder = _folder(watch, data_dir)
    meta = _meta(watch) | {"end_s": watch.window.end_s}
    for name, state in _states(watch).items():
        save_state(folder, name, state, meta)
    watch.window.save()


def restore(watch: Watch, store: Store, data_dir: Path | None) -> None:
    """Take up open and unsettled warnings from the store, and learnt state from disk as far as it fits the window."""
    for warning in store.open_warnings(card=watch.card.name):
        if warning.symptoms and warning.symptoms[0].lineage.source == watch.source_name:
            watch.open[warning.fingerprint] = warning
    for warning in store.unsettled(watch.card.name):
        if warning.symptoms and warning.symptoms[0].lineage.source == watch.source_name:
            watch.pending[warning.id] = Pending(warning, tuple(_limits(warning.symptoms)))
            watch.horizon_seen[key(warning.entity)] = warning.updated_s
    if data_dir is None or not watch.n:
        return
    watch.started_s = watch.window.end_s or None
    folder = _folder(watch, data_dir)
    for name, state in _states(watch).items():
        loaded = load_state(folder, name, _meta(watch))
        if loaded is not None and {k: v.shape for k, v in loaded.items()} == {k: v.shape for k, v in state.items()}:
            for part, array in loaded.items():
                state[part][...] = array
    _reopen_gates(watch)


def _reopen_gates(watch: Watch) -> None:
    """A row whose warning is open is active, whatever the saved gate says: a restart ends no episode."""
    if "exhaustion" not in watch.gates:
        return
    for kind in ("exhaustion", "anomaly"):
        for number in watch.open_entities("exhaustion" if kind == "exhaustion" else "anomaly"):
            rows = watch.rows_of(number) if kind == "exhaustion" else np.array([number])
            gate = watch.gates[kind]
            gate["active"][rows] = True
            gate["bits"][rows] |= np.uint32(1)


def _limits(symptoms: tuple[Any, ...]) -> list[float]:
    return [float(s.evidence.get("limit") or np.nan) for s in symptoms]


def _states(watch: Watch) -> dict[str, dict[str, np.ndarray]]:  # type: ignore[type-arg]
    states = {"detector": watch.detector_state, "forecaster": watch.forecaster_state, "beyond": watch.beyond}
    states |= {f"gate-{kind}": state for kind, state in watch.gates.items()}
    return {name: state for name, state in states.items() if state}


def _meta(watch: Watch) -> dict[str, Any]:
    return {"card": watch.card.name, "sha": watch.card.sha, "step_s": watch.step_s}


def _folder(watch: Watch, data_dir: Path) -> Path:
    return data_dir / "state" / watch.name
