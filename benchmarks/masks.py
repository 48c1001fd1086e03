"""What masks cost a turn: `python -m benchmarks.masks [--series 10000] [--silences 1000]`.

Prints, in ms: the first matching of silences that are new, which rows are masked (asked once a minute), and what taking a nightly
mask out of the history of 512 rows costs a look.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aiops.backtest.card_tests import GivenSource
from aiops.config.masks import MaskSettings
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.mask import masked
from aiops.pipeline.mask_book import Mask, MaskBook
from aiops.pipeline.mask_history import Unmasked
from aiops.pipeline.watch import Watch
from aiops.telemetry.link import Link

NOW, DAYS, LOOKED = 1_780_000_200, 35, 512
NIGHT = {"cron": "0 3 * * *", "for": "40m", "match": ['mountpoint=~"/m1.*"']}


def watch_of(series: int, **more: object) -> Watch:
    """A card over so many filesystems of a fifth as many machines."""
    card = {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "disk_full", "owner": {"team": "t"}, "query": "free",
        "summary": "A filesystem will run out of space.", "entity": ["instance", "mountpoint"],
        "forecast": {"limit": {"below": 0.05}}, **more,
    }  # fmt: skip
    watch = make_watch(ModelCard.model_validate(card), [Link(GivenSource({"{}": "1"}, 60))], 60, None)
    machines = max(1, series // 5)
    labels = [{"instance": f"i{i % machines}", "mountpoint": f"/m{i}"} for i in range(series)]
    watch.window.rows_for(labels, np.zeros(series, np.int64))
    watch.grow()
    return watch


def book(silences: int) -> MaskBook:
    """Silences that all last, each of two machines."""
    spans = tuple(
        Span(NOW - 3600, NOW + 36_000, (Matcher.make("instance", "=~", f"i{i}|i{i + 1}"), Matcher.make("mountpoint", "!=", "/x")))
        for i in range(silences)
    )
    rule = MaskSettings.model_validate({"kind": "silences", "url": "http://127.0.0.1:9093"})
    return MaskBook({"silences": Mask("silences", rule, spans=spans, read_s=NOW)}, version=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--silences", type=int, default=1_000)
    asked = parser.parse_args()
    watch = watch_of(asked.series)
    watch.mask.book = book(asked.silences)
    took = []
    for minute in range(6):
        began = time.perf_counter()
        masked(watch, NOW + 60 * minute)
        took.append(1000 * (time.perf_counter() - began))
    of = f"{asked.silences} silences over {asked.series} series"
    print(f"{of}: first {took[0]:.0f} ms, then {np.median(took[1:]):.0f} ms a minute")

    watch = watch_of(2048, exclude=[NIGHT])
    for first in range(0, DAYS * 1440, 5000):
        times = NOW - 60 * np.arange(DAYS * 1440 - 1, -1, -1, dtype=np.int64)[first : first + 5000]
        watch.window.append(np.arange(watch.n), times, np.ones((watch.n, len(times))))
    rows, looked = np.arange(LOOKED), []
    for _ in range(5):
        history = watch.window.history(rows, NOW)
        began = time.perf_counter()
        Unmasked(watch).history(rows, history)
        looked.append(1000 * (time.perf_counter() - began))
    print(f"a nightly mask out of the history of {LOOKED} rows: {np.median(looked):.0f} ms")


if __name__ == "__main__":
    main()
