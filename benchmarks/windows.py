"""What functions of a window cost VictoriaMetrics when they are to mean what they mean to Prometheus, and how far they agree.

Usage: python benchmarks/windows.py [--series 3000] [--times 5] [--work DIR]

The same counters in a real Prometheus and a real VictoriaMetrics; `rate` over 5 min as an instant query, over two hours, and
summed. CPU of the server a query: Prometheus, VictoriaMetrics' own function, and the form that `windows: prometheus` asks for.
*apart*: the largest relative difference to Prometheus.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile

import numpy as np
from common import Server, load, prometheus, victoria_metrics

from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits

START, HOURS, STEP, SCRAPE_MS = 1_790_000_000 // 3600 * 3600, 2, 60, 15_000


def write(folder: pathlib.Path, series: int) -> tuple[pathlib.Path, pathlib.Path]:
    """The same counters as OpenMetrics (s) and in Prometheus' text format (ms), scraped at odd milliseconds, one in 20 lost."""
    rng = np.random.default_rng(3)
    openmetrics, text = folder / "samples.om", folder / "samples.txt"
    with openmetrics.open("w") as first, text.open("w") as second:
        first.write("# TYPE bench_windows counter\n")
        for i in range(series):
            at = START * 1000 + int(rng.integers(0, SCRAPE_MS)) + np.arange(0, HOURS * 3_600_000, SCRAPE_MS)
            at = at[rng.random(len(at)) > 0.05]
            name = f'bench_windows_total{{instance="{i}",group="{i % 50}"}}'
            for ms, value in zip(at.tolist(), np.cumsum(rng.poisson(20, len(at))).tolist(), strict=True):
                first.write(f"{name} {value} {ms / 1000}\n")
                second.write(f"{name} {value} {ms}\n")
        first.write("# EOF\n")
    return openmetrics, text


def asked(server: Server, windows: str, query: str, start_s: int, end_s: int, times: int) -> tuple[float, np.ndarray]:
    """(seconds of the server's CPU a query, values in the order of labels)."""
    params = PrometheusParams.model_validate({"url": server.url, "windows": windows})
    source = PrometheusSource("bench", params, ReadLimits())
    source.query_api_only = True
    source.probe()
    before = server.cpu()
    blocks = [source.fetch(query, start_s, end_s, STEP).block for _ in range(times)]
    used = (server.cpu() - before) / times
    source.close()
    order = np.argsort([str(sorted(one.items())) for one in blocks[-1].labels])
    return used, blocks[-1].values[order]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=3000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.work) as made:
        folder = pathlib.Path(made)
        openmetrics, text = write(folder, args.series)
        load(openmetrics, folder)
        with prometheus(folder) as prom, victoria_metrics(folder, text) as victoria:
            print(f"{'':<34}{'server, ms of CPU a query':>36}{'apart':>24}")
            print(f"{'':<34}{'Prometheus':>12}{'own':>12}{'as Prometheus':>16}{'own':>12}{'as Prometheus':>16}")
            end = START + HOURS * 3600 - 600
            for query in ("rate(bench_windows_total[5m])", "sum by (group) (rate(bench_windows_total[5m]))"):
                for start in (end, START + 600):
                    ways = ((prom, "native"), (victoria, "native"), (victoria, "prometheus"))
                    said = [asked(server, windows, query, start, end, args.times) for server, windows in ways]
                    apart = [float(np.nanmax(np.abs(values / said[0][1] - 1))) for _, values in said[1:]]
                    name = f"{'sum by, ' if 'sum' in query else ''}{'newest' if start == end else f'{HOURS} h'}"
                    ms = [1000 * used for used, _ in said]
                    print(f"{name:<34}{ms[0]:12.0f}{ms[1]:12.0f}{ms[2]:16.0f}{apart[0]:12.1e}{apart[1]:16.1e}")


if __name__ == "__main__":
    main()
