"""Record the incident that `aiops demo` replays: a real file system fills, a real process leaks memory.

Usage: python benchmarks/record_demo.py run --work DIR [--minutes 126]
       python benchmarks/record_demo.py export --work DIR --out aiops/_shipped/demo

`run` needs root (it makes two small ext4 loop mounts) and Debian's prometheus and prometheus-node-exporter. It scrapes
node_exporter and the leaking process every 5 s and plays this timetable, in minutes from the start:

     0  everything calm
    12  the plateau look-alike is written, to 60 % of its file system, over 25 min; then it stays
    15  the filler starts: a steady trickle that fills its file system at about minute 68
    20  the leaker starts to leak, about 6 MiB a minute
    90  somebody deletes the filler's files; the filler has ended
   126  end

`export` reads the samples back over `query_range` and writes one Parquet file an instance in the recording layout.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import pathlib
import random
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
SIZE_MIB = {"data": 96, "archive": 96}
FILL_START, FILL_MINUTES = 15, 53
PLATEAU_START, PLATEAU_MINUTES, PLATEAU_SHARE = 12, 25, 0.60
LEAK_START, LEAK_MIB_PER_MINUTE = 20, 6
CLEANUP = 90


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


def leak(port: int, start_min: float) -> None:
    """Hold ever more memory, and serve the process's own resident size."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rss = int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            body = (
                "# TYPE process_resident_memory_bytes gauge\n"
                f"process_resident_memory_bytes {rss}\n"
                f"# TYPE process_open_fds gauge\nprocess_open_fds {len(os.listdir('/proc/self/fd'))}\n"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    time.sleep(start_min * 60)
    held: list[bytes] = []
    while True:
        held.append(os.urandom(int(LEAK_MIB_PER_MINUTE * 2**20 / 12)))
        time.sleep(5)


def make_mount(work: pathlib.Path, name: str) -> pathlib.Path:
    image, mount = work / f"{name}.img", work / "mnt" / name
    mount.mkdir(parents=True, exist_ok=True)
    with open(image, "wb") as f:
        f.truncate(SIZE_MIB[name] * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    return mount


def run(work: pathlib.Path, minutes: float) -> None:
    work.mkdir(parents=True, exist_ok=True)
    data, archive = make_mount(work, "data"), make_mount(work, "archive")
    prom, node, app = free_port(), free_port(), free_port()
    (work / "prom.yml").write_text(
        f"global: {{scrape_interval: {STEP}s, scrape_timeout: 4s}}\n"
        "scrape_configs:\n"
        "- job_name: node\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{node}'], labels: {{instance: shop-db-1}}}}]\n"
        "- job_name: checkout\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{app}'], labels: {{instance: checkout-1}}}}]\n"
    )
    me = [sys.executable, __file__]
    commands = [
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"],
        ["prometheus", f"--config.file={work}/prom.yml", f"--storage.tsdb.path={work}/tsdb",
         f"--web.listen-address=127.0.0.1:{prom}"],
        [*me, "leak", str(app)],
        [*me, "fill", str(data), str(FILL_START), str(FILL_MINUTES), "1.1"],
        [*me, "fill", str(archive), str(PLATEAU_START), str(PLATEAU_MINUTES), str(PLATEAU_SHARE)],
    ]
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", str(data), str(archive)])
        start = time.time()
        for command in commands:
            log = stack.enter_context(open(work / f"{pathlib.Path(command[0]).name}.log", "ab"))
            p = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(p.wait)
            stack.callback(p.terminate)
        (work / "state.json").write_text(json.dumps({"prometheus": prom, "start": start, "mount": str(work / "mnt")}))
        cleaned = False
        while time.time() < start + minutes * 60:
            time.sleep(1)
            if not cleaned and time.time() > start + CLEANUP * 60:
                for f in data.glob("segment-*"):
                    f.unlink()
                cleaned = True
        (work / "done").touch()
        signal.pause()  # keep serving until told to stop, so that `export` can be run


def query_range(base: str, query: str, start: int, end: int) -> list[dict]:
    out: dict[str, dict] = {}
    for a in range(start, end + 1, STEP * 10_000):
        args = {"query": query, "start": a, "end": min(end, a + STEP * 9_999), "step": STEP}
        with urllib.request.urlopen(f"{base}/api/v1/query_range?{urllib.parse.urlencode(args)}", timeout=60) as r:
            for s in json.load(r)["data"]["result"]:
                out.setdefault(json.dumps(s["metric"], sort_keys=True), {"metric": s["metric"], "values": []})["values"] += s["values"]
    return list(out.values())


if __name__ == "__main__":
    if sys.argv[1] == "leak":
        leak(int(sys.argv[2]), LEAK_START)
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
