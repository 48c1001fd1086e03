"""What models say of every series, written to a server of metrics: its score, its band, when it is expected to cross its limit.

Never into the future: a sample stands at the turn that it is of. A server that is away loses what was said meanwhile; warnings,
their record and what a picture shows stand in the store and the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import structlog

from aiops.config.remote_write import RemoteWrite
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.labels import Labels
from aiops.core.records import Floats
from aiops.core.text import visible
from aiops.notify.names import label_name
from aiops.notify.post import Post, PostParams
from aiops.pipeline import Rooms, Watch
from aiops.telemetry.remote_write import HEADERS, series, write_request

NAME = "remote_write"
"""What the data policy calls this place."""
NAMES = (
    "aiops_series_score", "aiops_series_expected", "aiops_series_lower", "aiops_series_upper",
    "aiops_series_crossing_timestamp_seconds",
)  # fmt: skip
AT_ONCE = 2000
Sample = tuple[bytes, float, int]
Encoded = tuple[Labels | None, tuple[bytes, ...] | None]
NOTHING: Encoded = (None, None)
log = structlog.get_logger()


class Writing:
    """Writes each turn of each watch once. `still`: while it is held the watch of this name takes no turn."""

    def __init__(
        self, settings: RemoteWrite, rooms: Rooms, clock: Callable[[], float],
        still: Callable[[str], AbstractContextManager[object]] = lambda name: nullcontext(),
    ) -> None:  # fmt: skip
        login = {name: getattr(settings, name) for name in PostParams.model_fields}
        self._to, self._settings, self._rooms, self._clock = Post(PostParams(**login)), settings, rooms, clock
        self._still = still
        self._written: dict[str, int] = {}
        self._encoded: dict[str, list[Encoded]] = {}
        self._trouble = ""

    def write(self) -> int:
        """Write what is new; how many samples. What cannot be written is told once, until it can be again."""
        now, count, trouble = self._clock(), 0, ""
        for watch in list(self._rooms.watches):
            with self._still(watch.name):
                at = watch.judged_s
                if at is None or at > now or self._written.get(watch.name, 0) >= at:
                    continue
                samples = list(self._samples(watch, at))
            try:
                self._send(samples, now)
            except (NotifyError, RetryLater) as e:
                trouble = visible(str(e))
                break
            self._written[watch.name], count = at, count + len(samples)
        if trouble and not self._trouble:
            log.error("what models say cannot be written", why=trouble)
        if self._trouble and not trouble and count:
            log.info("what models say is written again")
        self._trouble = trouble or ("" if count else self._trouble)
        return count

    def _send(self, samples: Sequence[Sample], now_s: float) -> None:
        for first in range(0, len(samples), AT_ONCE):
            self._to.send(self._settings.url, write_request(samples[first : first + AT_ONCE]), HEADERS, now_s)

    def _samples(self, watch: Watch, at_s: int) -> Iterator[Sample]:
        """What is said of the rows that were judged in the last turn, and may be told where it goes."""
        columns, n = _columns(watch), watch.n
        fresh = np.flatnonzero((watch.seen_s[:n] >= at_s) & np.isfinite(columns).any(axis=0)).tolist()
        for row in fresh:
            labels = self._labels_of(watch, row)
            if labels is not None:
                said = columns[:, row]
                yield from ((labels[i], float(said[i]), at_s * 1000) for i in range(len(NAMES)) if np.isfinite(said[i]))

    def _labels_of(self, watch: Watch, row: int) -> tuple[bytes, ...] | None:
        """The encoded labels of a row under each name, made once for each set of labels; None: they may not be told there."""
        known, labels = self._encoded.setdefault(watch.name, []), watch.window.labels[row]
        known.extend([NOTHING] * (row + 1 - len(known)))
        if known[row][0] is not labels:
            known[row] = labels, self._encode(watch, row)
        return known[row][1]

    def _encode(self, watch: Watch, row: int) -> tuple[bytes, ...] | None:
        gate = self._rooms.gate
        labels = gate.labels(watch.window.labels[row], [watch.lineage_of(row)], "export", gate.location(NAME))
        if labels is None:
            return None
        whole = own_labels(labels, watch.card.name, watch.source_name) | self._settings.labels
        return tuple(series(name, whole) for name in NAMES)


def own_labels(labels: Labels, card: str, source: str) -> dict[str, str]:
    """Labels of a written series: its own, mended to what a server takes, and which card of which source says it.

    >>> own_labels({"host.name": "a", "card": "x", "__name__": "up"}, "disk", "prod")
    {'host_name': 'a', 'exported_card': 'x', 'card': 'disk', 'source': 'prod'}
    """
    own = {label_name(name): value for name, value in labels.items() if name != "__name__"}
    return {f"exported_{k}" if k in ("card", "source") else k: v for k, v in own.items()} | {"card": card, "source": source}


def _columns(watch: Watch) -> Floats:
    """(5, n): score as -log10 p, expected, lower, upper, expected crossing in epoch seconds; NaN where nothing is said."""
    n = watch.n
    out = np.full((len(NAMES), n), np.nan)
    judged = min(n, len(watch.last_p))
    with np.errstate(divide="ignore", invalid="ignore"):
        out[0, :judged] = -np.log10(np.maximum(watch.last_p[:judged], 1e-300))
    for i, last in enumerate((watch.last_expected, watch.last_lower, watch.last_upper), 1):
        out[i, : min(n, len(last))] = last[:n]
    if watch.crossings is not None:
        times = watch.crossings.time_s[:n, 1]
        out[4, : len(times)] = times
    return out
