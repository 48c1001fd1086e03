"""Which rows are masked, by a card's `exclude` or by the configuration's `masks`: they neither open a warning, nor teach, nor
count as missed while it lasts; what is open stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aiops.core.labels import Labels, key, matches_all
from aiops.core.records import Bools, Ints
from aiops.pipeline.mask_rows import own_labels
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Watch


def may_mask(watch: Watch) -> bool:
    """Whether there is anything that could mask a row."""
    return bool(watch.mask.scopes(watch.card))


def masked(watch: Watch, now_s: int) -> Bools:
    """(n,) whether each row is masked at the shared instant `now_s`; asked anew each minute, or when rows or masks are new."""
    mask, there = watch.mask, may_mask(watch)
    if len(mask.now) == watch.n and (mask.minute == now_s // 60 or (not there and not mask.now.any())):
        return mask.now
    mask.now, mask.minute = masked_at(watch, np.array([now_s], np.int64))[:, 0], now_s // 60
    return mask.now


def masked_at(watch: Watch, time_s: Ints) -> Bools:
    """(n, m) whether each row is masked at each shared instant of `time_s` (m,); rows may live on clocks of their own."""
    out, scopes = np.zeros((watch.n, len(time_s)), bool), watch.mask.scopes(watch.card)
    if not scopes or not out.size:
        return out
    labels = watch.window.labels[: watch.n]
    shifts, clock_of = np.unique(watch.window.shift_s[: watch.n], return_inverse=True)
    for scope in scopes:
        lasting = np.stack([scope.lasts(time_s + shift) for shift in shifts.tolist()])
        if lasting.any():
            mine = np.flatnonzero(watch.mask.matching(scope.match, labels, watch.card))
            out[mine] |= lasting[clock_of[mine]]
    return out


def masked_labels(watch: Watch, labels: Sequence[Labels], at_s: int) -> Bools:
    """(k,) whether what has each of these labels, an alert or an incident, is masked at an instant."""
    at, own = np.array([at_s], np.int64), own_labels(watch.card)
    lasting = [scope for scope in watch.mask.scopes(watch.card) if scope.lasts(at)[0]]
    return np.array([any(matches_all(scope.match, {**own, **one}) for scope in lasting) for one in labels], bool)


def not_masked(watch: RulesWatch, fired: Mapping[int, int]) -> dict[int, int]:
    """Alerts that began to fire (number to instant) without those that are masked then and that nobody warned of."""
    if not fired or not may_mask(watch):
        return dict(fired)
    warned = {pending.name for pending in watch.pending.values()}
    return {
        number: at for number, at in fired.items()
        if key(watch.entities[number]) in warned or not masked_labels(watch, [watch.entities[number]], at)[0]
    }  # fmt: skip


def note_failing(watch: Watch, rooms: Rooms) -> None:
    """Say which entities are beyond a limit, or have an alert that fires, for masks that last as long as that."""
    if not rooms.masks.asks_what_fails or not watch.n:
        return
    if isinstance(watch, RulesWatch):
        numbers = np.flatnonzero(watch.fires)
    else:
        over = watch.beyond["beyond"]
        numbers = np.unique(watch.entity_of[over[: len(watch.entity_of)]])
    rooms.failing[watch.name] = frozenset(key(watch.entities[number]) for number in numbers.tolist())
