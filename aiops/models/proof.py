"""What a warning rested on when it opened, as far as it takes to compute it again: its row's history, what the model knew of it
before, the limit; or its entity's last points and what the detector knew before them.

Rows never influence each other, so what is computed again of one row alone must be the same to the bit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aiops import __version__, plugins
from aiops.core.records import FIRST_PERIOD, Crossings, Floats, History, Ints, Limit, Resolution, Scores, State
from aiops.models.budget import comparable
from aiops.models.entity import EntityIndex
from aiops.models.state_files import StateLoss, read_meta, read_state, save_state

EVIDENCE = "evidence"
"""The folder of the data directory that holds what warnings rest on."""
AT_MOST = 64
"""Rows, and entities, of which something is held at once: in a storm the first of them."""
FOUND = ("time_s", "confidence", "slope", "window_s")
SPANS = ("fine", "mid", "long")
_ID = re.compile(r"[A-Za-z0-9]{1,64}")


class Model(Protocol):
    """A detector or a forecaster: what it was made with."""

    params: Any
    step_s: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Arrays of one row, or of the rows of one entity, and in plain values what they are."""

    arrays: State
    meta: Mapping[str, Any]


@dataclass(slots=True)
class Proofs:
    """What may be needed soon: the last looks and scores of what fires and has no warning yet, by the key of its labels. What of
    it opens a warning goes to `folder`."""

    folder: Path
    looks: dict[str, Proof] = field(default_factory=dict)
    scores: dict[str, Proof] = field(default_factory=dict)

    def keep(self, warning_id: str, name: str, anomaly: bool) -> str:
        """Write what the warning rests on; the SHA-256 of its description, empty where nothing was held. Raises OSError."""
        found = (self.scores if anomaly else self.looks).pop(name, None)
        if found is None:
            return ""
        save_state(self.folder, warning_id, found.arrays, found.meta)
        return digest_of(self.folder, warning_id)


def put(held: dict[str, Proof], name: str, proof: Proof) -> None:
    """Hold a proof in the place of an earlier one; the oldest gives way."""
    held.pop(name, None)
    held[name] = proof
    while len(held) > AT_MOST:
        held.pop(next(iter(held)))


def made_by(name: str, model: Model) -> dict[str, Any]:
    """What it takes to make a model again."""
    return {"model": name, "params": model.params.model_dump(mode="json"), "step_s": model.step_s, "code": __version__}


def look_of(
    model: Mapping[str, Any], state: State, history: History, limit: Limit, i: int, horizon_s: float, found: Crossings
) -> Proof | None:
    """The proof of row `i` of a forecaster's answer `found`; `state` is that row's alone, as it was before. None where its limit
    starts anew with a calendar, which is not written down here."""
    if limit.resets[i] >= FIRST_PERIOD:
        return None
    row = slice(i, i + 1)
    arrays = {f"state.{name}": array for name, array in state.items()}
    arrays |= {f"limit.{name}": getattr(limit, name)[row].copy() for name in ("value", "above", "capacity", "resets")}
    arrays |= {f"history.{name}": getattr(history, name)[row].copy() for name in ("offset", "now_s", "first_s")}
    arrays |= {f"found.{name}": getattr(found, name)[row].copy() for name in FOUND}
    spans = {}
    for name in SPANS:
        one: Resolution = getattr(history, name)
        arrays |= {f"{name}.{part}": getattr(one, part)[row].copy() for part in ("mean", "low", "high")}
        spans[name] = [one.step_s, one.end_s]
    meta = {**model, "kind": "look", "horizon_s": horizon_s, "spans": spans, "reason": str(found.reason[i]), "level": found.level}
    return Proof(arrays, meta)


def score_of(
    model: Mapping[str, Any], before: State, values: Floats, time_s: Ints, found: Scores, said: Floats | None, score: float,
    threshold: float, own: float,
) -> Proof:  # fmt: skip
    """The proof of an entity's score: `before` what was known of its k rows, `values` (k, 1) at `time_s` (k, 1), `found` of these
    rows, `said` (k,) a second opinion on them, `own` what was taken off it for the entity."""
    recent = found.p if found.recent is None else found.recent
    arrays = {f"state.{name}": array for name, array in before.items()} | {"values": values, "time_s": time_s}
    arrays |= {"found.p": found.p.copy(), "found.recent": recent.copy(), "found.score": np.array([score]), "own": np.array([own])}
    arrays |= {} if said is None else {"said": said.copy()}
    return Proof(arrays, {**model, "kind": "score", "threshold": threshold, "lately": found.recent is not None})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of computing a warning again: `why` it could not be; else what `differs`, and what was found: of a look the
    crossing times, of a score the score. `digest` is that of what was kept."""

    why: str = ""
    differs: tuple[str, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def same(self) -> bool:
        """Whether it was computed again, and is the same to the bit."""
        return not self.why and not self.differs


def replay(folder: Path, warning_id: str) -> Replayed:
    """Compute again what a warning rested on. Never raises for what is on disk."""
    if not _ID.fullmatch(warning_id):
        return Replayed("it has no name that anything is kept under")
    arrays = read_state(folder, warning_id, {})
    if isinstance(arrays, StateLoss):
        return Replayed(f"what it rested on is not kept: {arrays}")
    meta, digest = read_meta(folder, warning_id), digest_of(folder, warning_id)
    try:
        again = _look(arrays, meta) if meta["kind"] == "look" else _score(arrays, meta)
    except (KeyError, TypeError, ValueError, IndexError) as e:
        other = "" if meta.get("code") == __version__ else f"; it was made by aiops {meta.get('code')}, this is {__version__}"
        return Replayed(f"it cannot be computed any more: {type(e).__name__}: {e}{other}", digest=digest)
    differs = [
        name for name, array in again.items() if not np.array_equal(array, arrays[f"found.{name}"], equal_nan=True)
    ]  # fmt: skip
    found = {name: np.asarray(array, np.float64).ravel().tolist() for name, array in again.items()}
    return Replayed("", tuple(differs), found, digest)


def _look(arrays: State, meta: Mapping[str, Any]) -> State:
    kind = plugins.load("forecasters", meta["model"])
    fine, mid, long = (
        Resolution(*meta["spans"][name], *(arrays[f"{name}.{part}"] for part in ("mean", "low", "high"))) for name in SPANS
    )
    history = History(fine, mid, long, arrays["history.offset"], arrays["history.now_s"], arrays["history.first_s"])
    limit = Limit(arrays["limit.value"], arrays["limit.above"], arrays["limit.capacity"], arrays["limit.resets"])
    model = kind(kind.Params.model_validate(meta["params"]), meta["step_s"])
    found = model.crossings(_part(arrays, "state."), history, limit, meta["horizon_s"])
    return {name: getattr(found, name) for name in FOUND}


def _score(arrays: State, meta: Mapping[str, Any]) -> State:
    kind = plugins.load("detectors", meta["model"])
    model = kind(kind.Params.model_validate(meta["params"]), meta["step_s"])
    state = _part(arrays, "state.")
    found = model.score(state, arrays["values"], arrays["time_s"])
    recent = found.p if found.recent is None else found.recent
    index = EntityIndex(np.zeros(len(found.p), np.int64), 1)
    score = index.combine(found.p, recent, model.moves(state))[:, -1]
    if "said" in arrays and model.opinion is not None:
        score = model.opinion.joined(score, index.combine(arrays["said"][:, None])[:, 0])
    return {"p": found.p, "recent": recent, "score": comparable(score, arrays.get("own", np.zeros(1)))}


def _part(arrays: State, prefix: str) -> State:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def digest_of(folder: Path, warning_id: str) -> str:
    """The SHA-256 of the description of what was kept, which holds that of the arrays; empty when there is none."""
    try:
        return hashlib.sha256((folder / f"{warning_id}.json").read_bytes()).hexdigest()
    except OSError:
        return ""


def prune(folder: Path, before_s: float) -> int:
    """Delete what was kept before `before_s` (epoch seconds); how many files. What cannot be deleted stays."""
    count = 0
    for path in folder.glob("*") if folder.is_dir() else ():
        try:
            if path.stat().st_mtime < before_s:
                path.unlink()
                count += 1
        except OSError:  # another process was quicker, or the disk refuses: the next hour tries again
            continue
    return count
