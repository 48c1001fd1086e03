"""Record the incident that `aiops demo` replays: a real file system fills, a real process leaks into its memory limit.

Usage: python benchmarks/record_demo.py run --work DIR [--minutes 126]
       python benchmarks/record_demo.py export --work DIR --out aiops/backtest/incident

`run` needs root (it makes three small ext4 loop mounts) and Debian's prometheus and prometheus-node-exporter. It scrapes
node_exporter and four small services every 5 s and plays this timetable, in minutes from the start:

     0  everything calm
    12  the plateau look-alike is written, to 60 % of its file system, over 25 min; then it stays
    15  the filler starts: a steady trickle that fills its file system at about minute 68
    20  one service starts to leak, about 10 MiB a minute, towards its address space limit at about minute 112
    90  somebody deletes the filler's files; the filler has ended
   126  end

`export` reads the samples back over `query_range` and writes one Parquet file an instance in the recording layout. CPU and
load are left out: the machine that records has other work, and what it does then is not part of the incident.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

STEP = 5
MOUNTS = {"/srv/shop/data": 96, "/srv/shop/archive": 96, "/srv/shop/cache": 64}  # MiB
FILL_START, FILL_MINUTES = 15, 53
PLATEAU_START, PLATEAU_MINUTES, PLATEAU_SHARE = 12, 25, 0.60
LEAK_START, LEAK_MIB_PER_MINUTE, ADDRESS_SPACE = 20, 10, 2**30
CLEANUP = 90
SERVICES = ("checkout-1", "catalog-1", "cart-1", "payments-1")
EXPORTED = {
    "shop-db-1": (
        '{__name__=~"node_filesystem_(avail_bytes|size_bytes|files|files_free)",mountpoint=~"/|/srv/shop/.+"}',
        '{__name__=~"node_filefd_(allocated|maximum)|node_procs_(running|blocked)"}',
        '{__name__=~"node_memory_(MemTotal|MemAvailable|SwapTotal|SwapFree)_bytes"}',
        '{__name__=~"node_network_(receive|transmit)_(packets|errs|drop)_total",device=~"lo|eth0"}',
        '{__name__=~"node_disk_io_time_seconds_total",device=~"vda|loop.+"}',
    ),
    **{service: ('{__name__=~"process_.+"}',) for service in SERVICES},
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def fill(path: pathlib.Path, start_min: float, minutes: float, share: float) -> None:
    """Write `share` of the file system at `path` at a steady, slightly uneven rate; stop when it is full or done."""
    time.sleep(start_min * 60)
    stat = os.statvfs(path)
    total = int(stat.f_bavail * stat.f_frsize * share)
    rng, written, n = random.Random(7), 0, 0
    begin = time.monotonic()
    while written < total:
        due = min(total, int(total * (time.monotonic() - begin) / (minutes * 60)))
        size = max(0, due - written)
        if size:
            try:
                with open(path / f"segment-{n // 40:05d}.log", "ab") as f:
                    f.write(os.urandom(size))
                    f.flush()
                    os.fsync(f.fileno())
            except OSError as e:
                print(f"{path}: {e}", flush=True)
                return
        written, n = written + size, n + 1
        time.sleep(rng.uniform(1.0, 4.0))


def metrics() -> str:
    """This process in the standard names of Prometheus client libraries."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[:2]
    virtual, resident = (int(n) * os.sysconf("SC_PAGE_SIZE") for n in pages)
    cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    values = {
        "process_virtual_memory_bytes": virtual,
        "process_virtual_memory_max_bytes": resource.getrlimit(resource.RLIMIT_AS)[0],
        "process_resident_memory_bytes": resident,
        "process_open_fds": len(os.listdir("/proc/self/fd")),
        "process_max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "process_cpu_seconds_total": cpu,
    }
    return "".join(f"# TYPE {n} {'counter' if n.endswith('total') else 'gauge'}\n{n} {v}\n" for n, v in values.items())


def work(rng: random.Random) -> None:
    """What a small service does: memory and files come and go, with the time of day and by chance."""
    while True:
        load = 1.5 + math.sin(time.time() / 900) + rng.expovariate(2.0)
        held = [bytearray(2**20) for _ in range(int(4 * load))]
        with contextlib.ExitStack() as files:
            for _ in range(int(6 * load)):
                files.enter_context(open("/dev/null", "rb"))
            sum(i * i for i in range(int(20_000 * load)))
            time.sleep(rng.uniform(1.0, 6.0))
        del held


def serve(port: int, seed: int, leak_from_min: float) -> None:
    """A service with an address space limit that serves its own metrics; from `leak_from_min` on it leaks."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(metrics().encode())

        def log_message(self, *args: object) -> None:
            pass

    def leak() -> None:
        time.sleep(leak_from_min * 60)
        held: list[bytes] = []
        while True:
            try:
                held.append(os.urandom(int(LEAK_MIB_PER_MINUTE * 2**20 / 12)))
            except MemoryError:
                os._exit(1)
            time.sleep(5)

    threading.Thread(target=work, args=(random.Random(seed),), daemon=True).start()
    if leak_from_min >= 0:
        threading.Thread(target=leak, daemon=True).start()
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def make_mount(images: pathlib.Path, mount: str, size_mib: int) -> None:
    image = images / f"{pathlib.Path(mount).name}.img"
    pathlib.Path(mount).mkdir(parents=True, exist_ok=True)
    with open(image, "wb") as f:
        f.truncate(size_mib * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), mount], check=True)


def scrape_config(jobs: dict[str, tuple[str, int]]) -> str:
    lines = [f"global: {{scrape_interval: {STEP}s, scrape_timeout: 4s}}", "scrape_configs:"]
    for instance, (job, port) in jobs.items():
        target = f"{{targets: ['127.0.0.1:{port}'], labels: {{instance: {instance}}}}}"
        lines += [f"- job_name: {job}", f"  static_configs: [{target}]"]
    return "\n".join(lines) + "\n"


def run(work_dir: pathlib.Path, minutes: float) -> None:
    work_dir.mkdir(parents=True, exist_ok=True)
    for mount, size in MOUNTS.items():
        make_mount(work_dir, mount, size)
    prom, node = free_port(), free_port()
    ports = {service: free_port() for service in SERVICES}
    jobs = {"shop-db-1": ("node", node)} | {s: (s.rpartition("-")[0], port) for s, port in ports.items()}
    (work_dir / "prom.yml").write_text(scrape_config(jobs))
    me = [sys.executable, __file__]
    commands = [
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"],
        ["prometheus", f"--config.file={work_dir}/prom.yml", f"--storage.tsdb.path={work_dir}/tsdb",
         f"--web.listen-address=127.0.0.1:{prom}"],
        *[[*me, "serve", str(port), str(i), str(LEAK_START if i == 0 else -1)] for i, port in enumerate(ports.values())],
        [*me, "fill", "/srv/shop/data", str(FILL_START), str(FILL_MINUTES), "1.1"],
        [*me, "fill", "/srv/shop/archive", str(PLATEAU_START), str(PLATEAU_MINUTES), str(PLATEAU_SHARE)],
    ]
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", *MOUNTS])
        start = time.time()
        for command in commands:
            log = stack.enter_context(open(work_dir / f"{pathlib.Path(command[0]).name}.log", "ab"))
            p = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "MALLOC_ARENA_MAX": "1"})
            stack.callback(p.wait)
            stack.callback(p.terminate)
        (work_dir / "state.json").write_text(json.dumps({"prometheus": prom, "start": start}))
        cleaned = False
        while time.time() < start + minutes * 60:
            time.sleep(1)
            if not cleaned and time.time() > start + CLEANUP * 60:
                for f in pathlib.Path("/srv/shop/data").glob("segment-*"):
                    f.unlink()
                cleaned = True
        (work_dir / "done").touch()
        signal.pause()  # keep serving until told to stop, so that `export` can be run


def query_range(base: str, query: str, start: int, end: int) -> list[dict]:
    out: dict[str, dict] = {}
    for a in range(start, end + 1, STEP * 10_000):
        args = {"query": query, "start": a, "end": min(end, a + STEP * 9_999), "step": STEP}
        with urllib.request.urlopen(f"{base}/api/v1/query_range?{urllib.parse.urlencode(args)}", timeout=60) as r:
            for s in json.load(r)["data"]["result"]:
                key = json.dumps(s["metric"], sort_keys=True)
                out.setdefault(key, {"metric": s["metric"], "values": []})["values"] += s["values"]
    return list(out.values())


def export(work_dir: pathlib.Path, out: pathlib.Path, minutes: float) -> None:
    """Write what was recorded, one Parquet file an instance; columns are named by metric and what tells them apart."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    state = json.loads((work_dir / "state.json").read_text())
    start = -(-int(state["start"]) // STEP) * STEP
    end = min(start + int(minutes * 60), int(time.time()) // STEP * STEP)
    grid = np.arange(start, end + 1, STEP, dtype=np.int64)
    (out / "series").mkdir(parents=True, exist_ok=True)
    for instance, queries in EXPORTED.items():
        columns, labels = {"time": pa.array(grid)}, {}
        for query in queries:
            selector = query[:-1] + f',instance="{instance}"}}'
            for s in query_range(f"http://127.0.0.1:{state['prometheus']}", selector, start, end):
                row = np.full(len(grid), np.nan)
                at = ((np.array([t for t, _ in s["values"]], np.int64) - start) // STEP).astype(int)
                row[at] = [float(v) for _, v in s["values"]]
                told = [s["metric"][key] for key in ("cpu", "mode", "device", "mountpoint") if key in s["metric"]]
                name = s["metric"]["__name__"] + (f"{{{','.join(told)}}}" if told else "")
                columns[name], labels[name] = pa.array(row, from_pandas=True), s["metric"]
        table = pa.table(columns).replace_schema_metadata({"aiops.labels": json.dumps(labels)})
        pq.write_table(table, out / "series" / f"{instance}.parquet", compression="zstd", compression_level=19)
        print(f"{instance}: {len(labels)} series of {len(grid)} points")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    elif sys.argv[1] == "fill":
        fill(pathlib.Path(sys.argv[2]), *map(float, sys.argv[3:6]))
    else:
        p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        p.add_argument("verb", choices=["run", "export"])
        p.add_argument("--work", type=pathlib.Path, required=True)
        p.add_argument("--minutes", type=float, default=126)
        p.add_argument("--out", type=pathlib.Path)
        a = p.parse_args()
        if a.verb == "run":
            shutil.rmtree(a.work / "tsdb", ignore_errors=True)
            run(a.work.resolve(), a.minutes)
        else:
            export(a.work.resolve(), a.out, a.minutes)
