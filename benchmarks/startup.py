"""How soon the daemon serves and how small it stays, on the embedded default, beside an empty FastAPI application.

Usage: python benchmarks/startup.py [--runs 3] [--minutes 1]

Times a fresh process from its start to `/-/ready` 200 (for the peer: to its first 200), `aiops --help` from start to end, and
the daemon's resident memory after some minutes of watching this host. Medians; a ratio beside the peer in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator

PEER = """
import fastapi, uvicorn
app = fastapi.FastAPI()
app.get("/")(lambda: "ok")
uvicorn.run(app, port={port}, log_level="error")
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def served(command: list[str], url: str) -> Iterator[tuple[subprocess.Popen, float]]:
    """The process and how long it took to its first 200."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < 60:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    break
            time.sleep(0.01)
        yield process, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def daemon(folder: str) -> tuple[list[str], str]:
    port = free_port()
    command = [sys.executable, "-m", "aiops", "run", "--data-dir", folder, "--listen", f"127.0.0.1:{port}"]
    return command, f"http://127.0.0.1:{port}/-/ready"


def memory_mib(pid: int, what: str) -> float:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--minutes", type=float, default=1.0)
    a = p.parse_args()
    ours, peers, helps = [], [], []
    for _ in range(a.runs):
        with tempfile.TemporaryDirectory() as folder, served(*daemon(folder)) as (_, seconds):
            ours.append(seconds)
        port = free_port()
        with served([sys.executable, "-c", PEER.format(port=port)], f"http://127.0.0.1:{port}/") as (_, seconds):
            peers.append(seconds)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "aiops", "--help"], stdout=subprocess.DEVNULL, check=True)
        helps.append(time.perf_counter() - began)
    ready, empty = statistics.median(ours), statistics.median(peers)
    print(f"ready after            {ready:6.2f} s   {ready / empty:.2f} x an empty FastAPI application ({empty:.2f} s)")
    print(f"aiops --help           {statistics.median(helps):6.2f} s")
    with tempfile.TemporaryDirectory() as folder, served(*daemon(folder)) as (process, _):
        time.sleep(60 * a.minutes)
        total, anonymous = (memory_mib(process.pid, what) for what in ("VmRSS", "RssAnon"))
        print(f"resident after {a.minutes:g} min   {total:6.0f} MiB, {anonymous:.0f} MiB of it anonymous")


if __name__ == "__main__":
    main()
