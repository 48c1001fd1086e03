"""Every command with `-o json`, run for real: it prints JSON and nothing else, errors go to stderr, exits are as written."""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from aiops.backtest import demo
from aiops.cli.app import app
from aiops.daemon.witness import Witness
from aiops.store import Store
from tests.backtest.recordings import write_series
from tests.responses.rig import book, early, made
from tests.scan.tanks import Tanks, tanks
from tests.servers import free_port
from tests.store.samples import outcome

OK, FOUND, USAGE, AWAY = 0, 1, 2, 3
LISTS = "sources: {prom: {kind: prometheus, url: '%s', data_class: internal}}\ndata_dir: %s\nrunbooks: [%s]\n"
INCIDENT = {"id": "INC-1", "system": "pager", "title": "disk", "started_at": "2026-01-02T03:04:05Z", "labels": {}}
CARD = """
apiVersion: aiops/v1
kind: ModelCard
name: tank
summary: A tank fills.
owner: {team: sre}
query: tank_used_ratio
unit: "1"
step: 5m
entity: [tank]
forecast: {model: exhaustion, limit: {above: 0.9}, horizon: 3d}
truth: {crossing: true}
"""


@dataclass(frozen=True)
class Place:
    """A folder with a config, a store that was lived in, and a Prometheus that answers; `words` of commands name parts of it."""

    folder: Path
    server: Tanks
    run_id: str

    def filled(self, words: str) -> list[str]:
        names = {"HERE": str(self.folder), "URL": self.server.url, "RUN": self.run_id, "NOBODY": f"http://127.0.0.1:{free_port()}"}
        return [_put(word, names) for word in words.split()]


def _put(word: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        word = word.replace(name, value)
    return word


C, D = "--config HERE/aiops.yaml", "--data-dir HERE/data"
WARNING = "0000000000000001"
FINE = {
    "demo": ("--once --speed 1000000", OK),
    "scan": ("--prometheus URL", OK),
    "backtest": ("--data HERE/recording --warnings HERE/out.jsonl --workers 1", OK),
    "init": ("--prometheus URL --dir HERE/made", OK),
    "check": (C, FOUND),
    "test": ("HERE/books", OK),
    "plan": (f"{C} HERE/card.yaml", OK),
    "explain": (f"{WARNING} {D} {C}", OK),
    "suggest": (f"{D} {C} --since 0s", OK),
    "report": (f"{D} {C}", OK),
    "schema": ("card", OK),
    "healthcheck": ("NOBODY", FOUND),
    "warnings list": (D, OK),
    "warnings show": (f"{WARNING} {D}", OK),
    "warnings ack": (f"{WARNING} {D}", OK),
    "warnings feedback": (f"{WARNING} expected {D}", OK),
    "warnings unhush": (f"{WARNING} {D}", OK),
    "warnings verdict": (f"{WARNING} hit {D}", OK),
    "warnings acted": (f"{WARNING} cleaned {D}", OK),
    "cards list": (f"{C} {D}", OK),
    "cards show": (f"disk_full {D}", OK),
    "cards promote": (f"disk_full {D}", FOUND),
    "cards demote": (f"disk_full {D}", FOUND),
    "cards why-not": (f"disk_full {D}", OK),
    "cards compare": (f"disk_full {D}", FOUND),
    "cards record": (f"--from HERE/outcomes.jsonl {D}", OK),
    "runbooks list": (C, OK),
    "runbooks show": (f"mend {C}", OK),
    "runbooks explain": (f"{WARNING} {C}", OK),
    "runbooks plan": (f"mend {WARNING} {C}", OK),
    "runbooks replay": (C, OK),
    "runbooks diff": (f"HERE/books {C}", OK),
    "runbooks export": (f"mend {C}", OK),
    "responses list": (C, OK),
    "responses show": (f"RUN {C}", OK),
    "responses approve": (f"RUN {C} --confirm mend", OK),
    "responses deny": (f"RUN {C}", OK),
    "responses cancel": (f"RUN {C}", OK),
    "responses resolve": (f"RUN stop {C}", FOUND),
    "rules margin": ("HERE/rules.yml", OK),
    "rules list": ("--prometheus URL", OK),
    "sources list": (C, OK),
    "sources probe": (C, OK),
    "incidents import": (f"HERE/incidents.json {D}", OK),
    "incidents list": (D, OK),
    "audit verify": (D, OK),
    "audit export": (D, OK),
    "audit prove": (f"2 {D}", OK),
    "audit check-proof": ("HERE/proof.json", OK),
    "export rules": ("", OK),
    "export inhibit": ("", OK),
    "export dashboards": ("", OK),
    "export lineage": (D, OK),
    "state show": (D, OK),
    "state verify": (D, OK),
    "state export": (f"HERE/copy {D}", OK),
    "state import": ("HERE/copy --data-dir HERE/again", OK),
    "state prune": (f"{C} {D}", OK),
    "accounts set": ("ann --stdin --file HERE/accounts", OK),
    "accounts token": ("ann --file HERE/accounts", OK),
    "accounts list": ("--file HERE/accounts", OK),
    "accounts drop": ("ann --file HERE/accounts", OK),
    "kill-switch on": (C, OK),
    "kill-switch off": (C, OK),
    "kill-switch show": (C, OK),
}
"""What each command is given, in an order in which each finds what it needs, and how it ends."""
WRONG = {
    "scan": ("--prometheus NOBODY", AWAY),
    "backtest": ("--data HERE/none --warnings HERE/out.jsonl", FOUND),
    "init": ("--prometheus NOBODY --dir HERE/other", AWAY),
    "check": ("HERE/none.yaml", FOUND),
    "test": ("HERE/none.yaml", FOUND),
    "plan": ("--config HERE/away.yaml HERE/card.yaml", AWAY),
    "rules margin": ("HERE/none.yml", FOUND),
    "rules list": ("--prometheus NOBODY", AWAY),
    "sources probe": ("--config HERE/away.yaml", AWAY),
    "schema": ("nonsense", USAGE),
    "audit verify": (f"--against HERE/none.json {D}", USAGE),
    "audit check-proof": ("HERE/none.json", USAGE),
    "incidents import": (f"HERE/none.json {D}", FOUND),
    "accounts drop": ("nobody --file HERE/accounts", FOUND),
}
"""What else they are given, that they cannot do; every other one is given a config that is not there."""
FOUND_ON_STDOUT = {"check", "plan", "sources probe", "healthcheck", "test"}
"""Those whose lines say what was found."""


NOTHING_TO_SAY = {"suggest", "state prune", "cards record", "runbooks diff"}
"""Those that list nothing here, and so print no line."""


def commands() -> Iterator[str]:
    def walk(command: object, path: tuple[str, ...]) -> Iterator[str]:
        below = getattr(command, "commands", None)
        if below is None:
            yield " ".join(path)
        else:
            for name, one in below.items():
                yield from walk(one, (*path, name))

    return walk(get_command(app), ())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    with tanks(folder / "tanks") as server:
        yield _lived(folder, server)


def _lived(folder: Path, server: Tanks) -> Place:
    now = time.time()
    (folder / "books").mkdir()
    (folder / "data").mkdir()
    with made(folder / "data") as rig:
        rig.clock.now = now
        rig.folder = folder / "books"
        rig.write(book(owner={"team": "sre"}))
        rig.folder = folder / "data"
        rig.warn(early(1, now))
        rig.replica().tick(now)
        with rig.store.transaction() as tx:
            tx.put_outcome(outcome(2))
            tx.record("daemon", "warning.opened", WARNING, {}, now)
        Witness(rig.store, folder / "data").look(now)
        run_id = rig.one().id
    settings = LISTS % (server.url, folder / "data", folder / "books")
    (folder / "aiops.yaml").write_text(settings + f"responses: {{groups: {{sre: [{getpass.getuser()}]}}}}\n")
    (folder / "away.yaml").write_text(LISTS % (f"http://127.0.0.1:{free_port()}", folder / "data", folder / "books"))
    (folder / "card.yaml").write_text(CARD.lstrip())
    (folder / "rules.yml").write_text("groups:\n- name: g\n  rules:\n  - {alert: Full, expr: tank_used_ratio > 0.9}\n")
    (folder / "incidents.json").write_text(json.dumps({"incidents": [INCIDENT]}))
    (folder / "outcomes.jsonl").write_text("")
    minutes = np.arange(360)
    write_series(folder / "recording", "a", int(now) // 60 * 60 + 60 * minutes, {"load": np.sin(minutes / 200)})
    return Place(folder, server, run_id)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def run(words: list[str]) -> Ended:
    done = CliRunner().invoke(app, words, input="a long enough password\n")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Ended(done.exit_code, done.stdout, done.stderr)


def objects(out: str) -> list[object]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(autouse=True)
def _the_demo_is_over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of what it prints is read in `tests/backtest/test_demo.py`."""
    whole = demo.play
    monkeypatch.setattr(demo, "play", lambda: islice(whole(), 3))


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


def test_every_command_is_in_the_table() -> None:
    assert sorted(FINE) == sorted(set(commands()) - {"run"})


def test_what_every_command_prints_is_json_and_nothing_else(place: Place) -> None:
    said = {command: _prints_json(place, command) for command in FINE}  # one after another: each finds what it needs
    assert {command: why for command, why in said.items() if why} == {}


def _prints_json(place: Place, command: str) -> str:
    """What is wrong with what a command prints; empty: nothing."""
    words, code = FINE[command]
    done = run([*command.split(), *place.filled(words), "-o", "json"])
    try:
        found = objects(done.out)
    except ValueError as e:
        return f"no JSON: {e}: {done}"
    if command == "audit prove":
        (place.folder / "proof.json").write_text(done.out)
    whole = all(isinstance(one, dict) for one in found) and bool(found or done.err or command in NOTHING_TO_SAY)
    return "" if whole and done.code == code else str(done)


def test_what_a_command_cannot_do_is_said_on_stderr_with_the_exit_code_that_is_written(place: Place) -> None:
    said = {command: _fails_well(place, command) for command in FINE}
    assert {command: why for command, why in said.items() if why} == {}


def _fails_well(place: Place, command: str) -> str:
    """What is wrong with how a command fails; empty: nothing."""
    words, code = WRONG.get(command, ("", FOUND))
    given = place.filled(words) if words else _without_config(place, command)
    if not given:
        return ""
    done = run([*command.split(), *given, "-o", "json"])
    said = objects(done.out) or done.err if command in FOUND_ON_STDOUT else done.out == "" and done.err
    return "" if said and done.code == code and "Traceback" not in done.err else str(done)


def _without_config(place: Place, command: str) -> list[str]:
    """What a command is given when all is well, but a config or accounts that cannot be read; empty: it reads neither."""
    options = {one for parameter in _command(command).params for one in parameter.opts}  # type: ignore[attr-defined]
    given = _less(place.filled(FINE[command][0]), "--config", "--data-dir", "--file")
    if "--file" in options:
        (place.folder / "broken").write_text("{")
        return [*given, "--file", str(place.folder / "broken")]
    return [*given, "--config", str(place.folder / "none.yaml")] if "--config" in options else []


def _less(words: list[str], *options: str) -> list[str]:
    for name in options:
        if name in words:
            del words[words.index(name) : words.index(name) + 2]
    return words


def _command(path: str) -> object:
    found = get_command(app)
    for word in path.split():
        found = found.commands[word]  # type: ignore[attr-defined]
    return found


def test_a_store_that_is_not_there_is_said_by_whoever_reads_one(place: Place) -> None:
    for command in FINE:
        options = {one for parameter in _command(command).params for one in parameter.opts}  # type: ignore[attr-defined]
        if "--data-dir" not in options or command in ("state import", "explain"):
            continue
        words = _less(place.filled(FINE[command][0]), "--config", "--data-dir")
        done = run([*command.split(), *words, "--data-dir", str(place.folder / "nowhere"), "-o", "json"])
        objects(done.out)
        assert done.code in (OK, FOUND), (command, done)
        assert done.code == OK or done.err or done.out, command
    assert not (place.folder / "nowhere" / "aiops.db").exists()
    with closing(Store.reading("", place.folder / "data")) as store:
        assert store.verify_ledger().ok
