"""What a watch keeps on disk between two lives, and how it takes it up again.

Decisions live in the store and windows on disk; learnt state is saved now and then and caught up from the window. Whatever
is missing or damaged is learnt anew: nothing here is needed for correctness, only for not starting from nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.labels import key
from aiops.core.records import EarlyWarning, State
from aiops.models.state_files import StateLoss, read_state, save_state, saved_at
from aiops.pipeline.beyond import follow
from aiops.pipeline.mask import masked_at
from aiops.pipeline.watch import Pending, Watch
from aiops.store import Store

SEEN_AT_MOST = 5000
"""Newest warnings of a card that are looked through after a start, to know which failures were warned of."""


def save(watch: Watch, data_dir: Path) -> None:
    """Save the window and the learnt state of a watch; each file is replaced in one step.

    The window goes first: state that is older than it is caught up, state that were newer would learn twice.
    """
    watch.window.save()
    folder = _folder(watch, data_dir)
    meta = _meta(watch) | {"end_s": watch.window.end_s}
    for name, state in _states(watch).items():
        save_state(folder, name, state, meta)


def restore(watch: Watch, store: Store, data_dir: Path | None) -> None:
    """Take up open and unsettled warnings from the store, and learnt state from disk, caught up from the window."""
    card = watch.card.name
    for warning in _own(watch, store.open_warnings(card)):
        watch.open[warning.fingerprint] = warning
    for warning in _own(watch, store.unsettled(card)):
        watch.pending[warning.id] = Pending(warning, tuple(_limits(warning.symptoms)))
    for warning in _own(watch, store.warnings(card=card, limit=SEEN_AT_MOST)):
        if warning.kind == "exhaustion":
            name = key(warning.entity)
            watch.horizon_seen[name] = max(warning.updated_s, watch.horizon_seen.get(name, 0))
    watch.judged_s = store.last_turn(card, watch.source_name)
    if data_dir is not None and watch.n:
        _learnt(watch, _folder(watch, data_dir))
    _reopen_gates(watch)


def _own(watch: Watch, warnings: Iterable[EarlyWarning]) -> Iterator[EarlyWarning]:
    """Those that came from this watch's source."""
    return (w for w in warnings if w.symptoms and w.symptoms[0].lineage.source == watch.source_name)


def _learnt(watch: Watch, folder: Path) -> None:
    """Load each state that fits; the detector and the limits' state then see what the window holds and they do not."""
    behind = {"detector": 0, "beyond": 0}
    for name, state in _states(watch).items():
        found = read_state(folder, name, _meta(watch))
        if isinstance(found, StateLoss):
            watch.losses[name] = str(found)
            continue
        rows = {len(array) for array in found.values()}
        fits = {k: v.shape[1:] for k, v in found.items()} == {k: v.shape[1:] for k, v in state.items()}
        if not fits or len(rows) != 1 or (count := rows.pop()) > len(next(iter(state.values()))):
            watch.losses[name] = "made for other series"
            continue
        for part, array in found.items():
            state[part][:count] = array
        if name in behind:
            behind[name] = saved_at(folder, name)
    _catch_up(watch, behind)


def _catch_up(watch: Watch, behind: Mapping[str, int]) -> None:
    window = watch.window
    for name, end_s in behind.items():
        columns = min((window.end_s - end_s) // watch.step_s, window.fine_count)
        if columns <= 0:
            continue
        time_s, values = window.newest(columns)
        if name == "detector" and watch.detector is not None:
            at = time_s[None, :] + window.shift_s[: watch.n, None]
            watch.detector.score(watch.detector_state, np.where(masked_at(watch, time_s), np.nan, values), at)
        elif name == "beyond" and watch.forecaster is not None:
            for _ in follow(watch, values):
                pass


def _reopen_gates(watch: Watch) -> None:
    """Active is what has an open warning, whatever the saved gate says: a restart neither ends an episode nor begins one."""
    for gate in watch.gates.values():
        gate["bits"][gate["active"]], gate["active"][:] = 0, False
    watch.resuming = {key(s.labels): s for warning in watch.open.values() for s in warning.symptoms}
    watch.resume()


def _limits(symptoms: tuple[Any, ...]) -> list[float]:
    limits = [s.evidence.get("limit") for s in symptoms]
    return [np.nan if limit is None else float(limit) for limit in limits]


def _states(watch: Watch) -> dict[str, State]:
    states = {"detector": watch.detector_state, "forecaster": watch.forecaster_state, "beyond": watch.beyond}
    states |= {f"gate-{kind}": state for kind, state in watch.gates.items()}
    return {name: state for name, state in states.items() if state}


def _meta(watch: Watch) -> dict[str, Any]:
    return {"card": watch.card.name, "sha": watch.card.sha, "step_s": watch.step_s}


def _folder(watch: Watch, data_dir: Path) -> Path:
    return data_dir / "state" / watch.name
