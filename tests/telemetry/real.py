"""Test data for real servers, and VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aiops.core.labels import escape
from aiops.telemetry.samples import Series
from tests.servers import binary, free_port, post, started


@contextmanager
def victoria_metrics(folder: Path, text: str, *flags: str) -> Iterator[str]:
    """The URL of a VictoriaMetrics that holds `text` (exposition format, times in milliseconds)."""
    program, port = binary("victoria-metrics", "victoria-metrics"), free_port()
    options = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/vm", "-retentionPeriod=100y", *flags]
    with started([program, *options], f"http://127.0.0.1:{port}", "/health", folder / "vm.log") as url:
        post(f"{url}/api/v1/import/prometheus", text.encode())
        post(f"{url}/internal/force_flush")
        yield url


def openmetrics(series: Sequence[Series], unit_s: float = 1.0, typed: bool = True) -> str:
    """OpenMetrics text of (labels with __name__, times in seconds, values); `unit_s` 0.001 and not typed: VictoriaMetrics'."""
    by_name: dict[str, list[str]] = {}
    for labels, times, values in series:
        inner = ",".join(f'{k}="{escape(v)}"' for k, v in labels.items() if k != "__name__")
        stamps = [repr(float(t)) for t in times] if unit_s == 1.0 else [str(round(float(t) / unit_s)) for t in times]
        lines = by_name.setdefault(labels["__name__"], [])
        lines += [
            f"{labels['__name__']}{{{inner}}} {float(v)!r} {at}"
            for at, v in zip(stamps, np.asarray(values), strict=True)
        ]
    head = "# TYPE {} unknown\n" if typed else ""
    out = [head.format(name) + "\n".join(lines) + "\n" for name, lines in by_name.items()]
    return "".join(out) + ("# EOF\n" if typed else "")
