"""Fifty drills before one Prometheus: what happened until now recorded by the exporters themselves, and their rules."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from common import Server, _running, free_port, load
from drill_courses import FAILURES, VARIANTS, Drill, Floats, course_of

HERE = pathlib.Path(__file__).resolve().parent
NODE = re.compile(r"^(node_filesystem_(?:avail_bytes|size_bytes|readonly))\{(.*)\} (\S+)$", re.M)


def drills_of(seed: int, now_s: int, lasts_s: tuple[float, float], day_s: float = 86400.0) -> list[Drill]:
    """Five failures in five variants, with their look-alikes; each takes so long to its limit, and is there before `now_s`."""
    rng, hour = np.random.default_rng([seed, 77]), day_s / 24
    found = []
    for failure in FAILURES:
        for variant in VARIANTS:
            for alike in (False, True):
                lasts = float(np.exp(rng.uniform(*np.log(lasts_s))))
                end = now_s - rng.uniform(2, 6) * hour
                found.append(Drill(failure, variant, alike, seed, end - lasts, lasts, day_s))
    return found


def exporter(drill: Drill, folder: pathlib.Path, *how: object) -> list[str]:
    """The command that runs one."""
    said = json.dumps(dataclasses.asdict(drill))
    return [sys.executable, str(HERE / "drill_exporter.py"), said, "--folder", str(folder), *map(str, how)]


@contextlib.contextmanager
def file_systems(drills: Sequence[Drill], folder: pathlib.Path) -> Iterator[dict[str, pathlib.Path]]:
    """A tmpfs of 16 MiB for each drill that fills one, by the drill's name."""
    mounted = {}
    try:
        for drill in drills:
            if drill.failure == "filesystem":
                place = folder / "mnt" / drill.name
                place.mkdir(parents=True)
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "aiops-drill", place], check=True)
                mounted[drill.name] = place
        yield mounted
    finally:
        for place in mounted.values():
            subprocess.run(["umount", "-l", place], check=False)


@contextlib.contextmanager
def node_exporter(folder: pathlib.Path) -> Iterator[Server]:
    """Debian's node_exporter, asked for file systems alone."""
    port = free_port()
    command = [
        "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults",
        "--collector.filesystem", "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run)($|/)",
    ]  # fmt: skip
    with _running(command, f"http://127.0.0.1:{port}", "/metrics", folder / "node.log") as server:
        yield server


def record(drills: Sequence[Drill], mounts: Mapping[str, pathlib.Path], folder: pathlib.Path, at: np.ndarray) -> None:
    """Run every exporter on a clock of its own over the instants `at`, and put what it said into `folder`/tsdb."""
    own = [drill for drill in drills if drill.failure != "filesystem"]
    (folder / "said").mkdir(exist_ok=True)

    def run(drill: Drill) -> pathlib.Path:
        file = folder / "said" / drill.name
        step_s = int(at[1] - at[0])
        subprocess.run(exporter(drill, folder, "--record", int(at[0]), int(at[-1]), step_s, file), check=True)
        return file

    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(run, own))
    if mounts:
        files.append(_fill([drill for drill in drills if drill.failure == "filesystem"], mounts, folder, at))
    with (folder / "samples.om").open("w") as out:
        for file in files:
            out.write(file.read_text())
            file.unlink()
        out.write("# EOF\n")
    load(folder / "samples.om", folder)


def _fill(
    drills: Sequence[Drill], mounts: Mapping[str, pathlib.Path], folder: pathlib.Path, at: np.ndarray
) -> pathlib.Path:
    """Fill the file systems instant by instant, and ask node_exporter each time what it sees."""
    levels = {drill.name: course_of(drill).level(at.astype(np.float64)) for drill in drills}
    lines: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(node_exporter(folder))
        fillers = {}
        for drill in drills:
            command = exporter(drill, mounts[drill.name], "--follow")
            fillers[drill.name] = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            )
        for i, now_s in enumerate(at.tolist()):
            for name, filler in fillers.items():
                assert filler.stdin is not None
                filler.stdin.write(f"{levels[name][i]}\n")
            for filler in fillers.values():
                assert filler.stdout is not None
                filler.stdout.readline()
            with urllib.request.urlopen(f"{node.url}/metrics") as answer:
                text = answer.read().decode()
            for name, labels, value in NODE.findall(text):
                if str(folder) in labels:
                    line = f'{name}{{{labels},instance="host",job="node"}} {value} {now_s}\n'
                    lines.setdefault(name, []).append(line)
    file = folder / "said" / "node"
    file.write_text("".join(line for some in lines.values() for line in some))
    return file


def asked(url: str, path: str, **arguments: object) -> Any:
    """The data of an answer of the HTTP API."""
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(arguments)}", timeout=120) as answer:
        return json.load(answer)["data"]


def drill_of(labels: Mapping[str, str], drills: Mapping[str, Drill]) -> str:
    """The name of the drill that a series belongs to; empty: none."""
    name = pathlib.PurePath(labels["mountpoint"]).name if "mountpoint" in labels else labels.get("instance", "")
    return name if name in drills else ""


def alerts(server: Server, from_s: int, to_s: int, interval_s: int) -> Iterator[tuple[dict[str, str], Floats]]:
    """(labels of the alert, instants at which it fires) of every rule of a server, as its own engine would have seen it."""
    for group in asked(server.url, "/api/v1/rules", type="alert")["groups"]:
        for rule in group["rules"]:
            step, last = interval_s, from_s
            found: dict[str, tuple[dict[str, str], list[float]]] = {}
            while last < to_s:  # 11,000 points a query
                end = min(to_s, last + 10_000 * step)
                for series in asked(
                    server.url, "/api/v1/query_range", query=rule["query"], start=last, end=end, step=step
                )["result"]:
                    labels = {k: v for k, v in series["metric"].items() if k != "__name__"}
                    labels |= {"alertname": rule["name"], "alertstate": "firing", **rule["labels"]}
                    _, at = found.setdefault(json.dumps(labels, sort_keys=True), (labels, []))
                    at += [float(t) for t, _ in series["values"]]
                last = end + step
            for labels, instants in found.values():
                yield labels, _held(np.array(instants), rule["duration"], step)


def _held(at: Floats, for_s: float, step: int) -> Floats:
    """The instants of `at` at which the condition has held for `for_s`."""
    breaks = np.flatnonzero(np.diff(at) > 1.5 * step) + 1
    parts = np.split(at, breaks)
    return np.concatenate([part[part - part[0] >= for_s] for part in parts])


def put_alerts(found: Sequence[tuple[dict[str, str], Floats]], folder: pathlib.Path) -> None:
    """ALERTS as they would have been written, into the data of a server that is not running."""
    with (folder / "alerts.om").open("w") as out:
        for labels, at in found:
            head = "ALERTS{" + ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(labels.items())) + "}"
            out.writelines(f"{head} 1 {int(t)}\n" for t in at)
        out.write("# EOF\n")
    load(folder / "alerts.om", folder)


def settled(server: Server, series: str, within_s: float = 90) -> None:
    """Wait until a server answers with a series."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if asked(server.url, "/api/v1/query", query=series)["result"]:
            return
        time.sleep(0.5)
    raise SystemExit(f"{series} is not there")
