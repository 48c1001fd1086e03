"""The API under load while turns run: how long its answers take, and whether a turn is late.

Usage: python benchmarks/api_load.py [--rate 300] [--seconds 150] [--idle 60] [--series 10000] [--warnings 1000] [--tokens 10]
       [--work DIR]

A real Prometheus holds two hours of minutes of the series and scrapes their next points each minute; `aiops run` watches them
with the default detector and forecaster, every 60 s, on the same cores as all else here. Its store holds warnings, each about one
of the series, every tenth of them open. The callers, each with a token of its own, ask together `--rate` times a second at fixed
instants, whatever the answers take: 70 % lists, 20 % one warning, 10 % its series for a plot, of any of the stored ones. Of the
lists, mixed anew for every caller, two of seven are the first page, one what is open, two a matcher on a label (of hundreds that
differ) and two any later page of 100 rows. A time is from when a request was due to its last byte, so that a slow answer makes
those behind it late too. CPU is user + system time of the daemon; what it takes for a request is that less what it took in as
long before anybody asked, its turns and all.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import numpy as np
from common import Server, cpu, free_port, load, prometheus
from steady_turn import CARD

STEP, HOURS = 60, 2
SHARES = {"list": 0.7, "one warning": 0.2, "plot": 0.1}
WHERE = '{card="bench",source="prom"}'
TURN, SETTLED = f"aiops_turn_last_success_timestamp_seconds{WHERE}", 3
CONNECTIONS = 16
"""Of one caller; a request that finds all of them busy waits, and its time runs."""


class Course:
    """Values of the series at any instant: around a level of their own, a third of them rising slowly."""

    def __init__(self, series: int) -> None:
        rng = np.random.default_rng(7)
        self.level = rng.uniform(0.2, 0.6, series)
        self.slope = np.where(np.arange(series) % 3 == 0, rng.uniform(0, 0.02, series), 0) / 3600
        self.names = [f'bench_used_ratio{{instance="host-{i:05d}",job="bench"}}' for i in range(series)]

    def at(self, time_s: float, begin_s: float) -> np.ndarray:
        noise = np.random.default_rng(int(time_s)).normal(0, 0.01, len(self.level))
        return self.level + self.slope * (time_s - begin_s) + noise


def history(path: pathlib.Path, course: Course, end_s: int) -> None:
    times = range(end_s - HOURS * 3600, end_s + 1, STEP)
    values = np.stack([course.at(t, times[0]) for t in times], axis=1)
    with path.open("w") as f:
        f.write("# TYPE bench_used_ratio gauge\n")
        for name, row in zip(course.names, values, strict=True):
            f.write("".join(f"{name} {v:.5f} {t}\n" for v, t in zip(row, times, strict=True)))
        f.write("# EOF\n")


@contextmanager
def exporter(course: Course, begin_s: int) -> Iterator[int]:
    """Serves the newest points of the series."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            values = course.at(time.time() // STEP * STEP, begin_s)
            body = "".join(f"{name} {v:.5f}\n" for name, v in zip(course.names, values, strict=True)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def fill_store(folder: pathlib.Path, warnings: int, series: int, now_s: int) -> list[str]:
    """Warnings about some of the series, as the forecaster gives them, every tenth open, of a card that is gone; their ids."""
    from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom
    from aiops.store import Store

    ids, store = [], Store.open("", folder)
    with store.transaction() as tx:
        for n in range(warnings):
            opened = now_s - 7200 - 60 * n
            entity = {"instance": f"host-{n * series // warnings:05d}"}
            crossing = Crossing(opened + 5000.0, opened + 9000.0, opened + 16000.0)
            lineage = Lineage("prom", "bench_used_ratio", opened - 3600, opened, "00" * 8, "", (), "bench@0", (), "built-in")
            said = ["1h: 0.02 an hour", "6h: 0.019 an hour"]
            evidence = {
                "reason": "steadily nearer to the limit over 2 h", "now": 0.71, "limit": 0.95, "above": True, "unit": "1",
                "model": "exhaustion", "slope_per_hour": 0.02, "window_s": 7200.0, "trend_start_s": opened - 7200.0,
                "windows": said, "against": [], "level": 0.8,
            }  # fmt: skip
            labels, is_open = {**entity, "job": "bench"}, n % 10 == 0
            card = "gone" if is_open else "bench"
            symptom = Symptom(card, "bench", labels, "exhaustion", opened, "warning", 0.6, 1.5, crossing, evidence, lineage)
            one = EarlyWarning(
                f"{random.Random(n).getrandbits(64):016x}", f"{n:016x}", card, "bench", "exhaustion", entity, labels,
                "open" if is_open else "closed", "shadow", opened, opened + 600, "warning", 0.6, 1.5, crossing, crossing,
                crossing.latest_s, crossing.earliest_s, (symptom,), opened - 7200.0, {"text": "new, unproven"}, horizon_s=86400.0,
            )  # fmt: skip
            if not is_open:
                one = one.having(closed_s=opened + 600, closed_why="no longer seen")
            tx.put_warning(one)
            ids.append(one.id)
            if is_open:
                continue
            tx.put_outcome(Outcome(one.id, "bench", entity, "false", opened + 700, opened, None, None, None, None))
    store.close()
    return ids


def write_config(folder: pathlib.Path, url: str, tokens: int) -> list[str]:
    """The config of the daemon, and the tokens that it knows."""
    from aiops.web.access.accounts import Accounts

    accounts, names = Accounts(), [f"caller-{n}" for n in range(tokens)]
    made = [accounts.new_token(name) for name in names]
    accounts.write(folder / "accounts")
    (folder / "cards").mkdir()
    (folder / "cards" / "bench.yaml").write_text(CARD)
    web = {"people": {name: {"role": "viewer"} for name in names}, "accounts_file": "accounts"}
    config = {"sources": {"prom": {"kind": "prometheus", "url": url}}, "cards": ["cards"], "web": web, "log_level": "warning"}
    (folder / "aiops.yaml").write_text(json.dumps(config))
    return made


@contextmanager
def daemon(folder: pathlib.Path, token: str, series: int) -> Iterator[tuple[Server, str]]:
    """`aiops run`, once it has taken turns with all series scored or forecast, and has compiled what it compiles once."""
    command = [sys.executable, "-m", "aiops", "run", "--config", str(folder / "aiops.yaml"), "--data-dir", str(folder / "data"),
               "--listen", f"127.0.0.1:{free_port()}"]  # fmt: skip
    url = f"http://{command[-1]}"
    service = {"start_new_session": True}  # as a service has one: the kernel shares cores between sessions
    with open(folder / "aiops.log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log, **service) as process:
        try:
            end, turns = time.monotonic() + 900, set[float]()
            while len(turns) < SETTLED:
                assert process.poll() is None, (folder / "aiops.log").read_text()
                assert time.monotonic() < end, f"{len(turns)} turns with all series active"
                time.sleep(1)
                found = state(url, token)
                turns |= {found[TURN]} if found.get('aiops_series{card="bench",state="active"}', 0.0) >= series else set()
            yield Server(url, process.pid), url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def metrics(url: str, token: str) -> dict[str, float]:
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and line[0] != "#")}


def state(url: str, token: str) -> dict[str, float]:
    try:
        return metrics(url, token)
    except OSError:
        return {}


@dataclasses.dataclass
class Seen:
    """What was measured: (what, seconds from when it was due, status) of each request, and the states of the turns."""

    answers: list[tuple[str, float, int]] = dataclasses.field(default_factory=list)
    overdue_s: float = 0.0
    turns: set[float] = dataclasses.field(default_factory=set)
    longest_s: float = 0.0


async def caller(address: tuple[str, int], token: str, due: list[tuple[float, str, str]], begin: float, seen: Seen) -> None:
    """One caller with its connections: asks at the instants that are due."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(None)
    loop = asyncio.get_running_loop()

    async def ask(at: float, what: str, path: str) -> None:
        connection = await idle.get()
        status = 0
        try:
            reader, writer = connection or await asyncio.open_connection(*address)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            length = re.search(rb"content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            connection = reader, writer
        except (OSError, asyncio.IncompleteReadError):
            connection = None
        idle.put_nowait(connection)
        seen.answers.append((what, loop.time() - at, status))

    async with asyncio.TaskGroup() as group:
        for after, what, path in due:
            await asyncio.sleep(max(0.0, begin + after - loop.time()))
            group.create_task(ask(begin + after, what, path))


async def watch(url: str, token: str, seconds: float, seen: Seen) -> None:
    """Looks at the turns every few seconds, as a Prometheus would."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        found = await asyncio.to_thread(metrics, url, token)
        seen.overdue_s = max(seen.overdue_s, found[f"aiops_job_overdue_seconds{WHERE}"])
        seen.turns.add(found[TURN])
        seen.longest_s = max(seen.longest_s, found[f"aiops_turn_duration_seconds{WHERE}"])
        await asyncio.sleep(5)


def pages(url: str, token: str) -> list[str]:
    """Every later page of the list, as the links of one lead to the next."""
    found, path = [], "/api/v1/warnings"
    while path:
        request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            link = re.match("<([^>]+)>", answer.headers.get("Link", ""))
        path = link[1] if link else ""
        found += [path] if path else []
    return found


def a_list(rng: random.Random, later: list[str]) -> str:
    """One of the lists that people and programs ask for."""
    kind = rng.randrange(7)
    if kind < 3:
        return "/api/v1/warnings" + ("?state=open" if kind == 2 else "")
    if kind < 5:
        matcher = f'instance=~"host-0{rng.randrange(1000):03d}.*"'
        return f"/api/v1/warnings?match={quote(matcher)}"
    return rng.choice(later)


async def run(url: str, tokens: list[str], ids: list[str], rate: float, seconds: float) -> Seen:
    seen, rng = Seen(), random.Random(1)
    kinds, weights = zip(*SHARES.items(), strict=True)
    plans: list[list[tuple[float, str, str]]] = [[] for _ in tokens]
    later = pages(url, tokens[0])
    for n in range(int(rate * seconds)):
        what, one = rng.choices(kinds, weights)[0], rng.choice(ids)
        path = a_list(rng, later) if what == "list" else f"/api/v1/warnings/{one}{'/series' if what == 'plot' else ''}"
        plans[n % len(tokens)].append((n / rate, what, path))
    host, port = url.removeprefix("http://").split(":")
    begin = asyncio.get_running_loop().time() + 1.0
    asks = [caller((host, int(port)), token, plan, begin, seen) for token, plan in zip(tokens, plans, strict=True)]
    await asyncio.gather(watch(url, tokens[0], seconds, seen), *asks)
    return seen


def report(seen: Seen, took_s: float, cpu_s: float, idle: float, own_s: float) -> None:
    """`idle`: seconds of CPU a second before anybody asked."""
    print(f"{'':12} {'answers':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'max ms':>8} {'not 200':>8}")
    for what in (*SHARES, "all"):
        some = [a for a in seen.answers if what in (a[0], "all")]
        times = 1000 * np.array([a[1] for a in some])
        quantiles = " ".join(f"{q:8.1f}" for q in (*np.percentile(times, [50, 95, 99]), times.max()))
        print(f"{what:12} {len(some):8d} {quantiles} {sum(a[2] != 200 for a in some):8d}")
    ended = len(seen.turns) - 1
    print(f"turns: {ended} ended meanwhile, the longest took {seen.longest_s:.1f} s; overdue by {seen.overdue_s:.0f} s at most")
    used, own, each = cpu_s / took_s, own_s / took_s, 1000 * (cpu_s - idle * took_s) / len(seen.answers)
    print(f"in {took_s:.0f} s the daemon used {used:.0%} of a core, before it {idle:.0%}: {each:.2f} ms of CPU a request")
    print(f"the callers used {own:.0%} of a core")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rate", 300.0), ("seconds", 150.0), ("idle", 60.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, count in (("series", 10_000), ("warnings", 1000), ("tokens", 10)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--work", type=pathlib.Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work) as name:
        folder, now = pathlib.Path(name), int(time.time()) // STEP * STEP
        course = Course(asked.series)
        history(folder / "samples", course, now)
        load(folder / "samples", folder)
        (folder / "data").mkdir()
        ids = fill_store(folder / "data", asked.warnings, asked.series, now)
        with exporter(course, now - HOURS * 3600) as port, prometheus(folder, scrape=f"127.0.0.1:{port}") as server:
            tokens = write_config(folder, server.url, asked.tokens)
            with daemon(folder, tokens[0], asked.series) as (process, url):
                begun, before = time.monotonic(), process.cpu()
                time.sleep(asked.idle)
                idle = (process.cpu() - before) / (time.monotonic() - begun)
                begun, before, own = time.monotonic(), process.cpu(), cpu()
                seen = asyncio.run(run(url, tokens, ids, asked.rate, asked.seconds))
                report(seen, time.monotonic() - begun, process.cpu() - before, idle, cpu() - own)


if __name__ == "__main__":
    main()
