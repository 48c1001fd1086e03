"""A small process that really leaks, fills, queues, lets a certificate expire, or holds connections, and serves /metrics.

Usage: python benchmarks/drill_exporter.py DRILL (--listen PORT | --record FROM TO STEP FILE | --follow) [--folder DIR]

DRILL is one drill as JSON. `--listen` does what the drill does as the real time passes and serves it under /metrics;
`--record` does the same on a clock of its own and writes what /metrics would have said to a file in OpenMetrics; `--follow` does
what it is told by one level a line on stdin, and answers each line, for things that another exporter looks at.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime
import http.server
import json
import mmap
import os
import pathlib
import socket
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
from drill_courses import LIMIT_DAYS, Drill, course_of, left_of

FIRES_AT = 0.9
"""The share of its capacity at which a thing's rule fires."""
MEMORY, CHUNK = 192 << 20, 512 << 10
MESSAGES, CONNECTIONS = 20_000, 400


class Memory:
    """Holds memory of this process, and gives it back."""

    def __init__(self, drill: Drill, folder: pathlib.Path) -> None:
        self.held: list[mmap.mmap] = []

    def resident(self) -> int:
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    def follow(self, level: float, now_s: float) -> None:
        """Come to `level` of the way to the limit."""
        more = level * FIRES_AT * MEMORY - self.resident()
        while more >= CHUNK:
            self.held.append(mmap.mmap(-1, CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))
            more -= CHUNK
        while more <= -CHUNK and self.held:
            self.held.pop().close()
            more += CHUNK

    def said(self) -> Iterator[tuple[str, float]]:
        """What /metrics says."""
        yield "process_resident_memory_bytes", self.resident()
        yield "process_memory_limit_bytes", MEMORY


class Filesystem:
    """Fills the file system that `folder` is on with one file."""

    def __init__(self, drill: Drill, folder: pathlib.Path) -> None:
        self.file = os.open(folder / "data", os.O_RDWR | os.O_CREAT)
        found = os.statvfs(folder)
        self.size, self.written = found.f_blocks * found.f_frsize, 0

    def follow(self, level: float, now_s: float) -> None:
        """Come to `level` of the way to the limit."""
        wanted = int(min(level * FIRES_AT, 1.0) * self.size)
        if wanted > self.written:
            os.posix_fallocate(self.file, self.written, wanted - self.written)
        else:
            os.ftruncate(self.file, wanted)
        self.written = wanted

    def said(self) -> Iterator[tuple[str, float]]:
        """Nothing: another exporter looks at it."""
        yield from ()


class Queue:
    """Messages that come in and are worked off."""

    def __init__(self, drill: Drill, folder: pathlib.Path) -> None:
        self.ready: collections.deque[bytes] = collections.deque()
        self.published = 0

    def follow(self, level: float, now_s: float) -> None:
        """Come to `level` of the way to the limit."""
        wanted = int(level * FIRES_AT * MESSAGES)
        while len(self.ready) < wanted:
            self.ready.append(b"message %d" % self.published)
            self.published += 1
        while len(self.ready) > wanted:
            self.ready.popleft()

    def said(self) -> Iterator[tuple[str, float]]:
        """What /metrics says."""
        yield "queue_messages_ready", len(self.ready)
        yield "queue_messages_published_total", self.published


class Certificate:
    """A certificate file, issued again when it is to end at another time."""

    def __init__(self, drill: Drill, folder: pathlib.Path) -> None:
        from cryptography import x509  # not where memory is what is watched
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self.x509, self.hash, self.key = x509, hashes.SHA256(), ec.generate_private_key(ec.SECP256R1())
        self.pem = serialization.Encoding.PEM
        self.drill, self.path = drill, folder / f"{drill.name}.pem"
        self.end_s = 0

    def follow(self, level: float, now_s: float) -> None:
        """Have a certificate with as much time left as `level` means, to a tenth of a re-issue."""
        wanted = round(now_s + left_of(level, self.drill))
        if abs(wanted - self.end_s) <= max(1.0, self.drill.day_s / 1440):
            return
        x509 = self.x509
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.drill.name)])
        end = datetime.datetime.fromtimestamp(wanted, datetime.UTC)
        issued = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        issued = issued.not_valid_before(end - datetime.timedelta(days=400)).not_valid_after(end)
        found = issued.sign(self.key, self.hash)
        self.path.write_bytes(found.public_bytes(self.pem))
        read = x509.load_pem_x509_certificate(self.path.read_bytes())
        self.end_s = round(read.not_valid_after_utc.timestamp())

    def said(self) -> Iterator[tuple[str, float]]:
        """What /metrics says, as it stands in the file."""
        yield "probe_ssl_earliest_cert_expiry", self.end_s
        yield "probe_success", 1


class Pool:
    """Connections that are taken from a pool and given back."""

    def __init__(self, drill: Drill, folder: pathlib.Path) -> None:
        self.active: list[tuple[socket.socket, socket.socket]] = []

    def follow(self, level: float, now_s: float) -> None:
        """Come to `level` of the way to the limit."""
        wanted = int(min(level * FIRES_AT, 1.0) * CONNECTIONS)
        while len(self.active) < wanted:
            self.active.append(socket.socketpair())
        while len(self.active) > wanted:
            for end in self.active.pop():
                end.close()

    def said(self) -> Iterator[tuple[str, float]]:
        """What /metrics says."""
        yield "pool_connections_active", len(self.active)
        yield "pool_connections_max", CONNECTIONS


THINGS = {"memory": Memory, "filesystem": Filesystem, "queue": Queue, "certificate": Certificate, "pool": Pool}
Thing = Memory | Filesystem | Queue | Certificate | Pool


def rules(day_s: float, for_s: dict[str, int], interval_s: int, mountpoints: str) -> str:
    """A rule for each failure, as teams write them."""
    exprs = {
        "memory": ("ProcessMemoryNearLimit", "process_resident_memory_bytes / process_memory_limit_bytes > 0.9"),
        "filesystem": (
            "NodeFilesystemAlmostOutOfSpace",
            f'node_filesystem_avail_bytes{{fstype!="",mountpoint=~"{mountpoints}"}}'
            f' / node_filesystem_size_bytes{{fstype!="",mountpoint=~"{mountpoints}"}} * 100 < 10'
            f' and node_filesystem_readonly{{fstype!="",mountpoint=~"{mountpoints}"}} == 0',
        ),
        "queue": ("QueueBacklog", f"queue_messages_ready > {int(FIRES_AT * MESSAGES)}"),
        "certificate": (
            "CertificateExpiresSoon", f"probe_ssl_earliest_cert_expiry - time() < {LIMIT_DAYS * day_s:.0f} and probe_success == 1"
        ),
        "pool": ("ConnectionPoolExhausted", "pool_connections_active / pool_connections_max * 100 > 90"),
    }  # fmt: skip
    found = [
        {
            "alert": alert, "expr": expr, "for": f"{for_s[failure]}s", "labels": {"severity": "warning"},
            "annotations": {"summary": "{{ $labels.instance }} is at {{ $value }}", "runbook_url": f"https://runbooks.example/{alert}"},
        }
        for failure, (alert, expr) in exprs.items()
    ]  # fmt: skip
    return json.dumps({"groups": [{"name": "drills", "interval": f"{interval_s}s", "rules": found}]}, indent=1)


def record(drill: Drill, thing: Thing, from_s: int, to_s: int, step_s: int, file: pathlib.Path) -> None:
    """Do it all on a clock of its own."""
    at = np.arange(from_s, to_s + 1, step_s)
    levels = course_of(drill).level(at.astype(np.float64))
    lines: dict[str, list[str]] = collections.defaultdict(list)
    for now_s, level in zip(at.tolist(), levels.tolist(), strict=True):
        thing.follow(level, now_s)
        for name, value in thing.said():
            lines[name].append(f'{name}{{instance="{drill.name}",job="{drill.failure}"}} {value} {now_s}\n')
    file.write_text("".join(line for some in lines.values() for line in some))


def obey(thing: Thing) -> None:
    """Do what stdin says, a level a line."""
    for line in sys.stdin:
        thing.follow(float(line), 0.0)
        print(flush=True)


def live(drill: Drill, thing: Thing, port: int) -> None:
    """Do it as time passes, and say so under /metrics."""
    course, lock = course_of(drill), threading.Lock()

    class Metrics(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with lock:
                body = "".join(f"{name} {value}\n" for name, value in thing.said()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # whoever asked did not wait
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    if port:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() != 1:  # until whoever started it is gone
        now_s = time.time()
        with lock:
            thing.follow(float(course.level(np.array([now_s]))[0]), now_s)
        time.sleep(0.5)


def main() -> None:
    """One thing of one drill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drill", type=lambda text: Drill(**json.loads(text)))
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--listen", type=int)
    parser.add_argument("--record", nargs=4)
    parser.add_argument("--follow", action="store_true")
    asked = parser.parse_args()
    thing = THINGS[asked.drill.failure](asked.drill, asked.folder)
    if asked.record:
        from_s, to_s, step_s, file = asked.record
        record(asked.drill, thing, int(from_s), int(to_s), int(step_s), pathlib.Path(file))
    elif asked.follow:
        obey(thing)
    else:
        live(asked.drill, thing, asked.listen or 0)


if __name__ == "__main__":
    main()
