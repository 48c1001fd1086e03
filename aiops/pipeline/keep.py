"""What a watch keeps on disk between two lives, and how it takes it up again.

Decisions live in the store, each turn's as it is made; windows and learnt state are saved now and then, so after a kill they
are older. The turns in between are lived again (`pipeline.again`): what is known then is what was known when the last turn was
kept. State that is missing or damaged is learnt anew from the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.labels import key
from aiops.core.records import FORETELLING, TIMED, Crossings, EarlyWarning, State
from aiops.early_warnings.cause import cause_fingerprints
from aiops.early_warnings.episode import Rules
from aiops.models.second_tier import kept as second
from aiops.models.second_tier.pool import shared
from aiops.models.state_files import StateLoss, read_state, save_state, saved_at
from aiops.pipeline import silences
from aiops.pipeline.beyond import follow
from aiops.pipeline.mask import masked_at
from aiops.pipeline.pending import Pending
from aiops.pipeline.read import again
from aiops.pipeline.watch import LAST, Watch
from aiops.store import Store
from aiops.telemetry.intake import Intake, LabelsOf

SAVE_EVERY_S = 300.0
"""How often a running daemon saves a watch."""
LOOKS = ("crossings", "held")
"""What a watch remembers of the forecaster's last look: it stands until the next."""
SEEN_AT_MOST = 5000
"""Newest warnings of a card that are looked through after a start, to know which failures were warned of."""


def save(watch: Watch, data_dir: Path) -> None:
    """Save the learnt state and the window of a watch; each is replaced in one step. What turns take in is kept from then on.

    The state goes first: what the window then lacks stands in the intake and is not learnt twice, for the state says how far it
    came. Raises OSError.
    """
    parts = {f"{part}.{name}": array for part, state in _states(watch).items() for name, array in state.items()}
    if watch.lived_s is not None:
        _put_reasons(watch, parts)
        if any("asked_s" in state for state in _states(watch).values()):
            parts |= second.put(shared(), _states(watch).values())
        save_state(_folder(watch, data_dir), "learnt", parts, watch.identity | {"end_s": watch.lived_s})
    watch.window.save()
    if watch.intake is not None and watch.lived_s is not None:
        watch.intake.begin(watch.identity, watch.n)


def due(watch: Watch, since_s: float) -> bool:
    """Whether to save a watch that was saved `since_s` ago: it is time, or rows were numbered anew and no file knows it yet."""
    return since_s >= SAVE_EVERY_S or (watch.intake is not None and not watch.intake.begun_for(watch.identity))


def restore(watch: Watch, store: Store, data_dir: Path | None) -> None:
    """Take up open and unsettled warnings from the store, and learnt state from disk."""
    card = watch.card.name
    kept = store.open_warnings(card)
    watch.causes |= {w.fingerprint: w for w in kept if w.members and _speaks_here(watch, w)}
    watch.open |= {w.fingerprint: w for w in _own(watch, kept) if not w.members}
    for warning in _own(watch, store.unsettled(card)):
        if warning.kind in FORETELLING and not warning.members:
            watch.pending[warning.id] = Pending(warning, tuple(_limits(warning.symptoms)))
    for warning in _own(watch, store.warnings(card=card, limit=SEEN_AT_MOST)):
        if warning.kind in TIMED and not warning.members:
            name = key(warning.entity)
            watch.stood[name] = max((warning.opened_s, warning.updated_s), watch.stood.get(name, (0, 0)))
    watch.judged_s = store.last_turn(card, watch.source_name)
    if data_dir is not None:
        _take_up(watch, data_dir)
    if data_dir is not None and watch.n:
        watch.lived_s = _learnt(watch, _folder(watch, data_dir))
        if "learnt" in watch.losses:  # what is read again is to be learnt then
            watch.seen_s[:] = 0 if watch.window.begun_anew else watch.lived_s
    if watch.judged_s is None or watch.lived_s is None or watch.lived_s >= watch.judged_s:
        open_gates(watch, whole=watch.lived_s is not None and "learnt" not in watch.losses)


def _take_up(watch: Watch, data_dir: Path) -> None:
    watch.intake = Intake(_folder(watch, data_dir) / "intake")
    try:
        watch.again = watch.intake.take_up(watch.identity, watch.judged_s, watch.n)
    except OSError as e:
        watch.losses["intake"] = f"cannot be written: {e.strerror}"


def _own(watch: Watch, warnings: Iterable[EarlyWarning]) -> Iterator[EarlyWarning]:
    """Those that came from this watch's source."""
    names = {feed.name for feed in watch.feeds}
    return (w for w in warnings if w.symptoms and not names.isdisjoint(w.symptoms[0].lineage.source.split("+")))


def _speaks_here(watch: Watch, cause: EarlyWarning) -> bool:
    """Whether what speaks for many began in this watch: what it lists may have come from others."""
    rules = Rules(watch.card.name, watch.card.signal, cause.stage, source=watch.source_name)
    return cause.fingerprint in cause_fingerprints(cause.entity, cause.kind, rules)


def _learnt(watch: Watch, folder: Path) -> int:
    """Load the state, or learn it from the window; the instant up to which the watch has lived."""
    found = read_state(folder, "learnt", watch.identity)
    if isinstance(found, StateLoss):
        why = str(found)
    else:
        lived = saved_at(folder, "learnt")
        _bring_up(watch, lived)
        why = _load(watch, found)
        if not why:
            return lived
    watch.losses["learnt"] = why
    time_s, values = watch.window.newest(watch.window.fine_count)
    if watch.detector is not None:
        at = time_s[None, :] + watch.window.shift_s[: watch.n, None]
        watch.detector.score(watch.detector_state, np.where(masked_at(watch, time_s), np.nan, values), at)
    silences.learn(watch, watch.silence, np.arange(watch.n), time_s, values)
    if watch.forecaster is not None:
        for _ in follow(watch, values):
            pass
    return watch.window.end_s


def _bring_up(watch: Watch, lived: int) -> None:
    """Put what the state has seen and the window has not kept into the window: rows that only the state knows are found again."""
    labels = LabelsOf(watch.window.labels)
    behind = min((progress.read_s for progress in watch.window.progress.values()), default=0)
    for kept in watch.again:
        if behind < kept.now_s <= lived:
            again(watch, kept, labels)


def _load(watch: Watch, found: State) -> str:
    """Put what was found into the first rows of each array; why it does not fit, then nothing is changed."""
    table, codes = found.pop("reasons", None), {name: found.pop(f"{name}.reason", None) for name in LOOKS}
    asked = {name: found.pop(name) for name in second.NAMES if name in found}
    if "refusal.last" in found and not watch.refusal:
        watch.refusal |= {"last": np.full(watch.n, np.nan), "until_s": np.zeros(watch.n, np.int64)}
    into = {f"{part}.{name}": array for part, state in _states(watch).items() for name, array in state.items()}
    if set(into) != set(found) or any(found[k].shape[1:] != array.shape[1:] for k, array in into.items()):
        return "made by another model"
    for name, array in into.items():
        rows = min(len(array), len(found[name]))  # rows that the window did not keep any more are seen anew
        array[:rows] = found[name][:rows]
    for name, code in codes.items():
        if table is not None and code is not None:
            rows = min(watch.n, len(code))
            getattr(watch, name).reason[:rows] = table.astype(object)[code[:rows]]
    if asked:
        second.take_up(shared(), asked)
    return ""


def _looks(watch: Watch) -> tuple[str, ...]:
    return () if watch.crossings is None or watch.held is None else LOOKS


def _put_reasons(watch: Watch, parts: State) -> None:
    """The reasons of the last look as numbers of a table: a state holds no objects."""
    table: dict[str, int] = {}
    for name in _looks(watch):
        reasons = getattr(watch, name).reason.tolist()
        parts[f"{name}.reason"] = np.array([table.setdefault(one, len(table)) for one in reasons], np.int32)
    if table:
        parts["reasons"] = np.array(list(table), np.str_)


def open_gates(watch: Watch, whole: bool) -> None:
    """What has an open warning is active, whatever the gates say: a restart ends no episode. Unless the state is `whole` (as
    of the last turn that was kept), nothing else is: a restart begins no episode either."""
    if not whole:
        for gate in watch.gates.values():
            gate["bits"][gate["active"]], gate["active"][:] = 0, False
    watch.resuming = {key(s.labels): s for warning in watch.open.values() for s in warning.symptoms}
    watch.resume()


def _limits(symptoms: tuple[Any, ...]) -> list[float]:
    limits = [s.evidence.get("limit") for s in symptoms]
    return [np.nan if limit is None else float(limit) for limit in limits]


def _states(watch: Watch) -> dict[str, State]:
    states = {"detector": watch.detector_state, "forecaster": watch.forecaster_state, "beyond": watch.beyond}
    states |= {"opinion": watch.opinion_state}
    states |= {"budget": watch.budget_state, "dispute": watch.dispute, "refusal": watch.refusal, "silence": watch.silence}
    states["limits"] = watch.limits
    states["row"] = {name: getattr(watch, name) for name in (*LAST, "evaluated", "seen_s")}
    for look in _looks(watch):
        one: Crossings = getattr(watch, look)
        states[look] = {"time_s": one.time_s, "confidence": one.confidence, "slope": one.slope, "window_s": one.window_s}
    states |= {f"gate-{kind}": state for kind, state in watch.gates.items()}
    return {name: state for name, state in states.items() if state}


def _folder(watch: Watch, data_dir: Path) -> Path:
    return data_dir / "state" / watch.name
