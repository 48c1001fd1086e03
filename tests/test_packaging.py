"""The wheel and the image: their steps replayed into an empty environment elsewhere, and the commands run from there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import free_port

ROOT = Path(__file__).parents[1]
NOBODY = 65532
UV = [sys.executable, "-m", "uv", "--quiet"]


def instructions() -> list[list[tuple[str, str]]]:
    """The Dockerfile's instructions, (name, rest), by stage; continued lines joined, comments dropped."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    stages: list[list[tuple[str, str]]] = [[]]
    for line in lines:
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word == "FROM":
                stages.append([])
            stages[-1].append((word, rest.strip()))
    return stages[1:]


def last(name: str) -> str:
    return [rest for word, rest in instructions()[-1] if word == name][-1]


@dataclass(frozen=True)
class Installed:
    """The environment that the image would have, and who runs there."""

    folder: Path
    interpreter: Path
    wheel: Path
    uid: int | None

    def environment(self) -> dict[str, str]:
        own = dict(shlex.split(pair)[0].split("=", 1) for pair in shlex.split(last("ENV")))
        own |= {"PATH": f"{self.folder / 'opt/aiops/bin'}:/usr/bin:/bin"}
        return own | {"HOME": str(self.data), "AIOPS_DATA_DIR": str(self.data)}

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.folder / "opt/aiops/bin/aiops"), *arguments], cwd=cwd or self.folder / "empty", user=self.uid,
            group=self.uid, extra_groups=None if self.uid is None else [], env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def interpreter() -> tuple[Path, bool]:
    """(a Python, whether somebody without rights can run it): the system's where it is new enough."""
    for one in (Path("/usr/local/bin/python3"), Path("/usr/bin/python3")):
        if one.is_file():
            new = subprocess.run([one, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False)
            if new.returncode == 0:
                return one, True
    return Path(sys.executable), False


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """The build stage, step by step: only what it COPYs is there, only what the lock names is installed."""
    folder = Path(tempfile.mkdtemp(prefix="aiops-image-"))
    folder.chmod(0o755)
    try:
        src, home = folder / "src", folder / "opt" / "aiops"
        for word, rest in instructions()[0]:
            if word == "COPY":
                _copy(shlex.split(rest), src)
        python, by_anybody = interpreter()
        _do([*UV, "venv", "--python", python, home])
        _install(home, "--require-hashes", "--only-binary", ":all:", "-r", src / "requirements.txt")
        tools = folder / "opt" / "build"
        _do([*UV, "venv", "--python", python, tools])
        _install(tools, "--require-hashes", "--only-binary", ":all:", "-r", src / "requirements-build.txt")
        _do([tools / "bin" / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"], cwd=src)
        (wheel,) = (folder / "dist").glob("*.whl")
        _install(home, "--no-deps", wheel)
        for name in ("data", "empty"):
            (folder / name).mkdir(mode=0o700)
        uid = NOBODY if os.geteuid() == 0 and by_anybody else None
        if uid is not None:
            os.chown(folder / "data", uid, uid)
            os.chown(folder / "empty", uid, uid)
        yield Installed(folder, python, wheel, uid)
    finally:
        shutil.rmtree(folder)


def _copy(words: list[str], src: Path) -> None:
    *names, to = [word for word in words if not word.startswith("--")]
    for one in names:
        target = src / to if len(names) == 1 and not to.endswith("/") else src / to / one
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / one).is_dir():
            shutil.copytree(ROOT / one, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / one, target)


def _do(command: list[str | Path], cwd: Path | None = None) -> None:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"


def _install(home: Path, *what: str | Path) -> None:
    """From what is already on this machine if it is all there, else from the package index."""
    command: list[str | Path] = [*UV, "pip", "install", "--python", home / "bin" / "python"]
    done = subprocess.run([str(c) for c in [*command, "--offline", *what]], capture_output=True, check=False)
    if done.returncode:
        _do([*command, *what])


def test_the_wheel_holds_what_the_commands_need(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    cards, runbooks = (
        {f"aiops/_shipped/{p.relative_to(ROOT)}" for p in (ROOT / room).rglob("*.yaml")} for room in ("models", "runbooks")
    )
    assert cards
    assert runbooks
    assert cards | runbooks <= set(names)
    for needed in (
        r"aiops/store/migrations/versions/v0001\w*\.py", r"aiops/web/templates/\w+\.html", r"aiops/web/static/aiops\.css",
        r"aiops/_shipped/deploy/alerts\.yml", r"aiops/_shipped/deploy/alerts_test\.yml",
        r"aiops/backtest/incident/series/.+\.parquet", r".*\.dist-info/licenses/LICENSE",
    ):  # fmt: skip
        assert [n for n in names if re.fullmatch(needed, n)], needed


def test_the_wheel_holds_nothing_else(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {n.partition("/")[0] for n in names if ".dist-info/" not in n} == {"aiops"}
    assert not [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".npz", ".db"))]


def test_the_version_is_the_one_of_the_tree(installed: Installed) -> None:
    from aiops import __version__

    done = installed.run("--version")
    assert (done.returncode, done.stdout) == (0, f"aiops {__version__}\n"), done.stderr


def test_shipped_files_are_right_where_they_were_installed(installed: Installed) -> None:
    done = installed.run("check")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not list((installed.folder / "empty").iterdir())


def test_what_authors_wrote_is_tested_where_it_was_installed(installed: Installed) -> None:
    """Of some: what is in the wheel is what stands in the tree, where the tests of all of them are run."""
    (shipped,) = installed.folder.glob("opt/aiops/lib/python*/site-packages/aiops/_shipped")
    files = [shipped / "models" / "disk_full.yaml", shipped / "runbooks" / "disk-filling-up.yaml"]
    done = installed.run("test", *map(str, files))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    tested = {line.split(":")[0].removeprefix("ok   ") for line in done.stdout.splitlines() if line.startswith("ok ")}
    assert tested == set(map(str, files))


def test_the_demo_begins_where_it_was_installed(installed: Installed) -> None:
    demo = installed.start("demo", "--once", "--speed", "100000", "-o", "json")
    try:
        assert demo.stdout is not None
        line = demo.stdout.readline()
    finally:
        demo.kill()
        _, err = demo.communicate()
    assert line, err[-2000:]
    assert json.loads(line)["event"] == "history"


@pytest.mark.long
def test_the_demo_ends_with_a_judged_warning(installed: Installed) -> None:
    done = installed.run("demo", "--once", "--speed", "100000", "-o", "json")
    assert done.returncode == 0, done.stderr[-2000:]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["outcome"]["verdict"] == "hit"
    assert events[-1]["outcome"]["lead_s"] > 0


def test_the_daemon_serves_and_ends_cleanly_and_writes_only_to_its_data(installed: Installed) -> None:
    port = free_port()
    before = _written(installed)
    daemon = installed.start("run", "--listen", f"127.0.0.1:{port}")
    try:
        _wait(f"http://127.0.0.1:{port}/-/ready", daemon)
        health = installed.run("healthcheck", f"http://127.0.0.1:{port}")
        assert (health.returncode, health.stdout) == (0, "healthy\n"), health.stderr
    finally:
        daemon.send_signal(getattr(signal, last("STOPSIGNAL")))
        out, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, err[-2000:]
    assert out.splitlines()[-1] == "stopped"
    assert _written(installed) == before
    assert (installed.data / "token").stat().st_mode & 0o777 == 0o600


def test_healthcheck_of_nothing_is_unhealthy(installed: Installed) -> None:
    assert installed.run("healthcheck", f"http://127.0.0.1:{free_port()}").returncode == 1


def _wait(url: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, process.communicate()[1][-2000:]
        assert time.monotonic() < end, "not ready within a minute"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)


def _written(installed: Installed) -> Mapping[str, float]:
    """Every file beside the data directory with its time of change."""
    places = (installed.folder / "opt", installed.folder / "empty")
    return {str(p): p.stat().st_mtime for place in places for p in place.rglob("*") if p.is_file()}


def test_the_image_runs_as_nobody_with_a_volume_and_a_healthcheck() -> None:
    assert re.fullmatch(r"\d+:\d+", last("USER"))
    assert int(last("USER").partition(":")[0]) == NOBODY
    assert last("VOLUME") == re.search(r"AIOPS_DATA_DIR=(\S+)", last("ENV"))[1]  # type: ignore[index]
    assert '"aiops", "healthcheck"' in last("HEALTHCHECK")
    assert last("ENTRYPOINT") == '["aiops"]'
    assert last("STOPSIGNAL") == "SIGTERM"
    assert last("CMD") == '["run"]'
    assert "AIOPS_WEB__LISTEN=0.0.0.0:9464" in last("ENV"), "with other arguments it is reached too"


def test_the_image_installs_only_what_the_lock_names() -> None:
    installs = [rest for stage in instructions() for word, rest in stage if word == "RUN" and "pip install " in rest]
    *locked, own = installs
    assert [one.rpartition(" -r ")[2] for one in locked] == ["requirements.txt", "requirements-build.txt"]
    assert all("--require-hashes" in one for one in locked)
    assert "--no-deps" in own


def test_the_builder_gets_what_it_copies_and_no_more() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {one for word, rest in instructions()[0] if word == "COPY" for one in shlex.split(rest)[:-1]}
    assert "*" in ignored
    assert copied == allowed
