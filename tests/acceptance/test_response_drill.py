"""The whole drill, for real: three file systems fill; a person approves one cure, nobody answers, and one cure does not help.

Prometheus reads node_exporter, the daemon reads Prometheus and tells Alertmanager. The file systems are on loop devices, where
this machine mounts any, else in memory. The first response looks, is approved, cleans, sees through Prometheus that it helped and
that its forecast no longer crosses; its warning closes and is averted. Nobody answers the second: nothing is written, and the
disk is full. The third is approved over HTTP, does not help, and is taken back. An hour of a real disk is 10 s here.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.acceptance.daemon import Aiops, until

pytestmark = pytest.mark.acceptance

STEP_S, SIZE_MIB = 2, 48
CALM_S, FILL_S, HORIZON_S = 25, 320, 300
HOUR_S = 10
"""So many seconds here stand for an hour: a disk that fills in 32 hours."""
FILLER = """
import os, sys, time
path, calm, seconds = sys.argv[1], *map(float, sys.argv[2:])
time.sleep(calm)
stat = os.statvfs(path)
pieces = int(stat.f_bavail * stat.f_frsize / 65536)
begin = time.monotonic()
for number in range(pieces + 10):
    while time.monotonic() - begin < number * seconds / pieces:
        time.sleep(0.05)
    if os.path.exists(os.path.join(path, "cured")):
        break
    try:
        with open(os.path.join(path, f"piece-{number}"), "wb", buffering=0) as file:
            file.write(b"x" * 65536)
    except OSError:
        break
"""
TOOL = """#!{python} -I
import glob, os, sys
verb, place = sys.argv[1], sys.argv[2]
if verb == "report":
    print('{{"pieces": %d}}' % len(glob.glob(os.path.join(glob.escape(place), "piece-*"))))
elif verb == "clean":
    open(os.path.join(place, "cured"), "w").close()
    for one in glob.glob(os.path.join(glob.escape(place), "piece-*")):
        os.unlink(one)
elif verb == "mark":
    open(os.path.join(place, "marked"), "w").close()
elif verb == "unmark":
    os.unlink(os.path.join(place, "marked"))
"""
CARD = """\
apiVersion: aiops/v1
kind: ModelCard
name: drill_disk
summary: A file system of the drill will be full.
owner: {team: drill}
query: node_filesystem_avail_bytes{mountpoint=~".*(cured|ignored|worse).*"} / node_filesystem_size_bytes{mountpoint=~".*(cured|ignored|worse).*"}
signal: drill_free_ratio
unit: "1"
step: 2s
entity: [instance, mountpoint]
forecast: {model: exhaustion, limit: {below: 0.05}, horizon: 5m}
guards: {persistence: 2/3}
impact: Writes will fail.
stage: shadow
"""  # noqa: E501 - one query on a line
BOOK = """\
apiVersion: aiops/v1
kind: Runbook
name: NAME
summary: A file system of the drill fills. Look, then do what the runbook is for.
owner: {team: drill}
mode: approve
manual_minutes: 10
match: {kind: forecast, signal: drill_free_ratio, labels: ['mountpoint=~".*NAME.*"']}
target_by: [instance, mountpoint]
guards: {cooldown: 1h, max_runs: {count: 1, per: 1d}, max_targets: {count: 3, per: 1h}}
approval: {for: write, from: ["user:USER", "user:operator"], expires: 2m}
steps:
  - {id: look, uses: exec, effect: read, with: {argv: [tool, report, "${{ target.mountpoint }}"]}, output: json, timeout: 20s}
  - id: cure
    if: steps.look.json.pieces > 3
    uses: exec
    effect: write
    with: {argv: [tool, VERB, "${{ target.mountpoint }}"]}
    idempotent: true
    UNDO
    timeout: 30s
verify:
  within: WITHIN
  all:
    - {name: free again, promql: "min(node_filesystem_avail_bytes{$target} / node_filesystem_size_bytes{$target})", expect: ">= 0.9", for: 4s}
    FORECAST
notify: {route: out, impact: "Writes to ${{ target.mountpoint }} will fail."}
tests: [{name: another signal, symptom: {kind: forecast, signal: other, labels: {}}, expect: {matched: false}}]
"""  # noqa: E501 - one check on a line
GONE = "irreversible: what is cleaned is gone for good"
BACK = 'undo: {uses: exec, with: {argv: [tool, unmark, "${{ target.mountpoint }}"]}}'
CLEAR = "- {name: the forecast no longer crosses, forecast: clear}"
BOOKS = {"cured": ("clean", GONE, "5m", CLEAR), "ignored": ("clean", GONE, "5m", CLEAR), "worse": ("mark", BACK, "40s", "")}
"""What each does, whether that can be taken back, and when it must have helped."""


@dataclass
class Drill:
    """What runs, where, and what became of each warning and response."""

    aiops: Aiops
    config: Path
    places: dict[str, Path]
    alertmanager: str
    fillers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def warning(self, name: str) -> dict[str, Any] | None:
        mine = str(self.places[name])
        return next((w for w in self.aiops.warnings() if w["entity"].get("mountpoint") == mine), None)

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """What Alertmanager holds of it now."""
        with urllib.request.urlopen(f"{self.alertmanager}/api/v2/alerts", timeout=30) as answer:
            held = json.loads(answer.read())
        return [one for one in held if one["labels"].get("mountpoint") == str(self.places[name])]

    def response(self, name: str) -> dict[str, Any] | None:
        return next((r for r in self.aiops.get("/api/v1/responses") if r["runbook"] == name), None)

    def in_state(self, name: str, *states: str) -> dict[str, Any] | None:
        found = self.response(name)
        assert found is None or not found["ended"] or found["state"] in states, json.dumps(found)
        return found if found is not None and found["state"] in states else None

    def whole(self, name: str) -> dict[str, Any]:
        found = self.response(name)
        assert found is not None
        return dict(self.aiops.get(f"/api/v1/responses/{found['id']}"))


def mount(folder: Path, image: Path) -> str:
    """Mount a file system of its own there: on a loop device, else in memory; why not, if neither can be."""
    with image.open("wb") as file:
        file.truncate(SIZE_MIB * 2**20)
    make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", str(image)]
    made = [make, ["mount", "-o", "loop", str(image), str(folder)]]
    if all(shutil.which(one[0]) and subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in made):
        (folder / "lost+found").rmdir()
        return ""
    memory = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}M", "aiops-drill", str(folder)]
    done = subprocess.run(memory, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    mounted: list[Path] = []
    try:
        for name in BOOKS:
            folder = tmp_path_factory.mktemp(name)
            why = mount(folder, tmp_path_factory.mktemp("image") / name)
            if why:
                pytest.skip(f"no file system can be mounted here: {why}")
            mounted.append(folder)
        yield dict(zip(BOOKS, mounted, strict=True))
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def written(folder: Path, prometheus: str, alertmanager: str) -> Path:
    """A configuration with one card and three runbooks that may ask for approval."""
    import getpass

    (folder / "cards").mkdir()
    (folder / "books").mkdir()
    (folder / "cards" / "drill_disk.yaml").write_text(CARD)
    tool = folder / "tool"
    tool.write_text(TOOL.format(python=sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    for name, (verb, undo, within, forecast) in BOOKS.items():
        text = BOOK.replace("NAME", name).replace("VERB", verb).replace("UNDO", undo).replace("USER", getpass.getuser())
        text = text.replace("WITHIN", within).replace("    FORECAST\n", f"    {forecast}\n" if forecast else "")
        (folder / "books" / f"{name}.yaml").write_text(text)
    config = folder / "aiops.yaml"
    config.write_text(f"""\
sources: {{prom: {{kind: prometheus, url: "{prometheus}", step: {STEP_S}s, data_class: internal}}}}
receivers: {{am: {{kind: alertmanager, url: "{alertmanager}"}}, out: {{kind: stdout}}}}
routes: [{{receiver: am, continue: true}}, {{receiver: out}}]
cards: [cards]
runbooks: [books]
stages: {{drill_disk: ticket}}
responses: {{ceiling: approve, actions: {{exec: {{programs: {{tool: "{tool}"}}}}}}}}
""")
    return config


@pytest.fixture(scope="module")
def drill(places: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    folder = tmp_path_factory.mktemp("drill")
    with ExitStack() as stack:
        collector = stack.enter_context(servers.webhook())
        alertmanager = stack.enter_context(servers.alertmanager(folder / "am", webhook=collector.url))
        node = stack.enter_context(
            servers.node_exporter("--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|srv)($|/)")
        )
        prometheus = stack.enter_context(servers.prometheus(folder / "prom", {"node": node}, interval_s=STEP_S))
        config = written(folder, prometheus, alertmanager)
        found = Drill(Aiops(folder, config, ""), config, places, alertmanager)
        for name, path in places.items():
            # one after the other, so that they are no storm of one cause
            calm = CALM_S + 40 * list(places).index(name)
            filler = subprocess.Popen([sys.executable, "-c", FILLER, str(path), str(calm), str(FILL_S)])
            stack.enter_context(filler)
            stack.callback(filler.kill)
            found.fillers.append(filler)
        found.aiops = stack.enter_context(Aiops.started(folder, config))
        yield found


def test_a_response_is_approved_on_the_command_line_cleans_and_sees_that_it_helped(drill: Drill) -> None:
    asked = until(lambda: drill.in_state("cured", "awaiting_approval"), CALM_S + FILL_S, "the first response asks")
    until(lambda: drill.alerts("cured"), 60, "Alertmanager has the warning")
    whole = drill.whole("cured")
    assert [step["state"] for step in whole["steps"]] == ["DONE", "PENDING"]
    assert whole["steps"][0]["result"]["json"]["pieces"] > 3
    assert str(drill.places["cured"]) in json.dumps(whole["questions"][-1]["plan"])
    assert os.listdir(drill.places["cured"]).count("cured") == 0, "nothing is written before somebody says yes"
    done = drill.aiops.command("responses", "approve", asked["id"], "--confirm", asked["runbook"], "--config", str(drill.config))
    assert done.returncode == 0, done.stderr
    until(lambda: drill.in_state("cured", "succeeded"), 360, "it cleans, Prometheus shows it and the forecast no longer crosses")
    assert os.listdir(drill.places["cured"]) == ["cured"]


def test_a_cure_that_does_not_help_is_approved_over_http_and_taken_back(drill: Drill) -> None:
    asked = until(lambda: drill.in_state("worse", "awaiting_approval"), CALM_S + FILL_S, "the third response asks")
    token = (drill.aiops.data_dir / "token").read_text().strip()
    request = urllib.request.Request(
        f"{drill.aiops.url}/api/v1/responses/{asked['id']}/approve", json.dumps({"confirm": asked["runbook"]}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.loads(answer.read())["questions"][-1]["votes"] == ["operator"]
    until(lambda: drill.in_state("worse", "undone", "needs_a_person"), 180, "it does not help, and is taken back")
    whole = drill.whole("worse")
    assert (whole["state"], [step["id"] for step in whole["steps"] if step["undo"]]) == ("undone", ["cure"])
    assert "marked" not in os.listdir(drill.places["worse"])


def test_where_nobody_answers_nothing_is_written_and_the_failure_comes(drill: Drill) -> None:
    until(lambda: drill.in_state("ignored", "approval_expired"), CALM_S + FILL_S, "nobody answers")
    assert "cured" not in os.listdir(drill.places["ignored"])
    steps = drill.whole("ignored")["steps"]
    assert [step["state"] for step in steps] == ["DONE", "PENDING"]
    warning = until(lambda: (drill.warning("ignored") or {}).get("verdict") and drill.warning("ignored"), FILL_S, "it is judged")
    assert warning["verdict"] == "hit"
    lead_s = drill.aiops.get(f"/api/v1/warnings/{warning['id']}")["outcome"]["lead_s"]
    assert lead_s >= 3 * HOUR_S, "it was told hours ahead"


def test_the_forecast_clears_and_its_warning_closes(drill: Drill) -> None:
    told = drill.warning("cured")
    assert told is not None
    assert told["first_crossing"]["expected_s"] - told["opened_s"] >= 3 * HOUR_S, "it was told hours ahead"
    until(lambda: (drill.warning("cured") or {}).get("state") == "closed", 120, "the warning closes")


def test_the_first_warning_is_averted_by_its_response(drill: Drill) -> None:
    told = drill.warning("cured")
    assert told is not None
    judged = until(lambda: (drill.warning("cured") or {}).get("verdict"), 2 * HORIZON_S, "the horizon has passed")
    assert judged == "averted"
    found = drill.aiops.get(f"/api/v1/warnings/{told['id']}")
    assert "cured" in json.dumps(found["outcome"]), "it says by which runbook"
    assert told["opened_s"] < found["outcome"]["settled_s"]
