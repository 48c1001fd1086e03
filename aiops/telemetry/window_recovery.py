"""What an earlier life kept of a window, taken up again: after a clean end, a kill, damage, or with another step.

Single slots that are damaged become gaps that are to be read again. What was written at another step keeps its coarse
resolutions; the finest begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiops.core.labels import key
from aiops.core.records import Ints
from aiops.telemetry.ring import Ring
from aiops.telemetry.window_base import Progress, WindowBase, rings_of
from aiops.telemetry.window_file import Description

MOST_LOST = 0.1
"""Share of a ring's slots that may be damaged: more, and the ring is begun anew."""


def take_up(window: WindowBase, found: Description) -> str:
    """Make an empty window what was described; why that is not possible, "" when it is."""
    if found.query != window.query:
        return "written for another query"
    n = len(found.labels)
    lost: list[tuple[Ring, Ints]] = []
    fresh: list[Ring] = []
    for ring, name, was in zip(window._rings, found.rings, rings_of(None, found.step_s), strict=True):
        assert window.folder is not None
        ring.path = window.folder / name
        gone = None
        if found.end_s and (ring.step_s, ring.size) == (was.step_s, was.size):
            end_s = found.end_s // window.step_s * window.step_s
            gone = ring.attach(n, end_s // ring.step_s, found.clean and end_s == found.end_s)
        if gone is None or len(gone) > ring.size * MOST_LOST:
            ring.anew(n)
            fresh.append(ring)
        else:
            lost.append((ring, gone))
    if found.end_s and fresh and fresh[-1] is window._coarse[-1]:
        return "written for another step" if found.step_s != window.step_s else "a ring is missing, too short or damaged"
    window.begun_anew = bool(found.end_s) and window._fine in fresh
    window.id, window.labels = found.id, list(found.labels)
    window._row = {key(labels): i for i, labels in enumerate(window.labels)}
    window.end_s, window.begin_s = found.end_s // window.step_s * window.step_s, found.begin_s
    for name, values in found.rows.items():
        setattr(window, name, values)
    window.progress = {feed: Progress(read_s, todo) for feed, (read_s, todo) in found.progress.items()}
    window._reserve(max(ring.capacity for ring in window._rings))
    unborn = np.flatnonzero(window.first_s[:n] < 0)  # their offsets were not described yet
    for ring in window._rings:
        ring.empty_rows(np.concatenate([unborn, np.arange(n, ring.capacity)]))
    if found.end_s and fresh:
        _read_again(window, fresh)
    _mend(window, lost, whole=found.clean)
    return ""


def _read_again(window: WindowBase, fresh: Sequence[Ring]) -> None:
    """What rings of another step span is to be read again."""
    step, begin = window.step_s, window.end_s - max(ring.size * ring.step_s for ring in fresh)
    for ring in fresh:
        ring.begin(window.end_s // ring.step_s)
    for progress in window.progress.values():
        progress.read_s = min(progress.read_s, max(begin, window.begin_s - 1)) // step * step
        aligned = ((-(-first // step) * step, last // step * step) for first, last in progress.todo)
        progress.todo = [(first, last) for first, last in aligned if first <= last]


def _mend(window: WindowBase, lost: Sequence[tuple[Ring, Ints]], whole: bool) -> None:
    """Make coarse buckets again from the finest ring where it reaches back, unless all is `whole`; the rest is read again."""
    step, reach = window.step_s, window.end_s - window._fine.size * window.step_s
    holes = []
    for ring, gone in lost:
        buckets = gone[gone * ring.step_s > window.begin_s - ring.step_s]
        if ring is not window._fine:
            buckets = buckets[(buckets - 1) * ring.step_s < reach]
        first = np.maximum(((buckets - 1) * ring.step_s // step + 1) * step, window.begin_s)
        holes += list(zip(first.tolist(), (buckets * ring.step_s // step * step).tolist(), strict=True))
    ranges = _united(holes, step)
    for progress in window.progress.values():
        progress.todo += [hole for hole in ranges if hole not in progress.todo]
    if not window.begun_anew and (not whole or any(len(gone) for _, gone in lost)):
        gone_of = {id(ring): gone for ring, gone in lost}
        holes_s = gone_of.get(id(window._fine), np.zeros(0, np.int64)) * step
        for ring in window._coarse:
            without = set((-(-holes_s // ring.step_s)).tolist()) - set(gone_of.get(id(ring), holes_s[:0]).tolist())
            whole_s = -(-max(reach, window._fine.overtaken * step) // ring.step_s) * ring.step_s
            window._close(ring, whole_s, window.end_s, without)  # those know of samples that the finest ring has lost


def _united(ranges: Sequence[tuple[int, int]], step_s: int) -> list[tuple[int, int]]:
    """Ranges (first, last instant) in order, those that touch or overlap as one."""
    united: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if united and first <= united[-1][1] + step_s:
            united[-1] = united[-1][0], max(united[-1][1], last)
        else:
            united.append((first, last))
    return united
