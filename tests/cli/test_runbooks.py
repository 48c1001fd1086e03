"""`aiops runbooks`: for whoever writes them."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.runbooks.plan import NOT_EXECUTED
from aiops.store import Store
from aiops.store.response_rows import Decision, Run
from aiops.store.responses import Responses
from tests.runbooks.test_past import book, opened

SYMPTOM = {"kind": "forecast", "signal": "free", "lead_time": "6h", "confidence": 0.9, "labels": {"instance": "--db1"}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one runbook, a config that names it, a store with one warning of an hour ago, and a symptom in a file."""
    book(tmp_path / "books", least="1h")
    (tmp_path / "aiops.yaml").write_text(f"runbooks: [{tmp_path / 'books'}]\ndata_dir: {tmp_path / 'data'}\n")
    (tmp_path / "symptom.json").write_text(json.dumps(SYMPTOM))
    store = Store.open("", tmp_path / "data")
    with store.transaction() as tx:
        tx.put_warning(opened(int(time.time()) - 3600))
    store.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def aiops(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["runbooks", *arguments, "--config", "aiops.yaml"])
    assert done.exit_code == code, done.output
    return done


def lines(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in aiops(*arguments, "-o", "json", code=code).stdout.splitlines()]


def test_they_are_listed_and_shown(place: Path) -> None:
    (one,) = lines("list")
    assert (one["name"], one["mode"], one["steps"], one["writes"]) == ("fills", "approve", 1, 0)
    assert aiops("list").stdout.startswith("fills")
    assert "target_by: [instance]" in aiops("show", "fills").stdout
    assert lines("show", "fills")[0]["steps"][0]["id"] == "look"
    assert "no runbook 'fill'" in aiops("show", "fill", code=1).stderr


def test_it_is_explained_which_line_refuses_and_the_two_values(place: Path) -> None:
    (said,) = lines("explain", "--symptom", "symptom.json")
    assert (said["runbook"], said["fits"], said["refused"]) == ("fills", True, [])
    (place / "symptom.json").write_text(json.dumps(SYMPTOM | {"lead_time": "10m"}))
    (said,) = lines("explain", "--symptom", "symptom.json")
    assert said["refused"] == [{"line": "lead_time", "wanted": ">= 1h", "got": "10m"}]
    assert aiops("explain", "--symptom", "symptom.json").stdout == "fills: lead_time wants >= 1h, got 10m\n"


def test_a_kept_warning_is_explained_by_the_beginning_of_its_id(place: Path) -> None:
    (said,) = lines("explain", "a")
    assert said["runbook"] == "fills"
    assert "no warning" in aiops("explain", "zzz", code=1).stderr
    assert "name a warning" in aiops("explain", code=2).stderr


def test_a_plan_is_exact_and_sends_nothing(place: Path) -> None:
    (step,) = lines("plan", "fills", "--symptom", "symptom.json")
    assert step["what"] == "df -- --db1"
    assert step["known"] is True
    assert " [read] df -- --db1" in aiops("plan", "fills", "--symptom", "symptom.json").stdout


def test_it_says_what_the_configuration_would_refuse(place: Path) -> None:
    said = "df is not listed under responses.actions.exec.programs"
    (step,) = lines("plan", "fills", "--symptom", "symptom.json")
    assert (step["refused"], step["why_not_executed"]) == (said, said)
    assert f"(it would be refused: {said})" in aiops("plan", "fills", "--symptom", "symptom.json").stdout
    assert lines("explain", "--symptom", "symptom.json")[0]["steps_refused"] == {"look": said}
    assert f"\n  step look would be refused: {said}\n" in aiops("explain", "--symptom", "symptom.json").stdout
    with (place / "aiops.yaml").open("a") as config:
        config.write("responses: {actions: {exec: {programs: {df: /bin/df}}}}\n")
    assert {"refused", "unlisted"} & lines("plan", "fills", "--symptom", "symptom.json")[0].keys() == set()
    assert lines("explain", "--symptom", "symptom.json")[0]["steps_refused"] == {}


CHANGES = """
  - id: grow
    uses: exec
    effect: write
    with: {argv: [grow]}
    timeout: 1m
    idempotent: true
    irreversible: What has grown does not shrink.
guards: {cooldown: 1h, max_runs: {count: 2, per: 24h}, max_targets: {count: 3, per: 1h}}
verify: {within: 30m, all: [{name: clear, forecast: clear}]}
tests: [{name: it fits, symptom: {kind: forecast, signal: free, lead_time: 6h, labels: {}}, expect: {matched: true}}]
"""


@pytest.mark.parametrize(
    ("ceiling", "held"),
    [
        ("suggest", "only shown: mode suggest by responses.ceiling"), ("shadow", "only shown: mode shadow by responses.ceiling"),
        ("approve", "group:storage must say yes first"), ("auto", "group:storage must say yes first"),
    ],
)  # fmt: skip
def test_it_says_what_stands_between_a_change_and_its_being_done(place: Path, ceiling: str, held: str) -> None:
    path = next((place / "books").glob("*.yaml"))
    path.write_text(path.read_text().replace("\nnotify:", f"{CHANGES}notify:"))
    (place / "aiops.yaml").write_text(
        f"runbooks: [{place / 'books'}]\ndata_dir: {place / 'data'}\n"
        f"responses: {{ceiling: {ceiling}, actions: {{exec: {{programs: {{df: /bin/df, grow: /bin/true}}}}}}}}\n"
    )
    look, grow = lines("plan", "fills", "--symptom", "symptom.json")
    assert (look["why_not_executed"], grow["why_not_executed"]) == (NOT_EXECUTED, held)
    assert f"({held})" in aiops("plan", "fills", "--symptom", "symptom.json").stdout


def test_a_kept_warning_that_nothing_is_begun_about_is_explained(place: Path) -> None:
    store = Store.open("", place / "data")
    one = store.warnings()[0]
    with store.transaction() as tx:
        tx.put_warning(one.having(state="open", closed_s=None, stale_since_s=one.opened_s))
    store.close()
    (said,) = lines("explain", "a")
    assert [line["line"] for line in said["refused"]] == ["stale"]
    assert "stale wants a warning that is looked at, got nothing new since" in aiops("explain", "a").stdout
    assert "it does not fit: stale" in aiops("plan", "fills", "a", code=1).stderr


def test_what_has_begun_about_a_kept_warning_says_which_guard_stopped_it(place: Path) -> None:
    why = "it ran 10m ago, and its cooldown is 1h"
    store = Store.open("", place / "data")
    one = store.warnings()[0]
    run = Run("r1", "r1", "fills", "4f2c", "t", one.id, one.card, "auto", "matched", 0.0, 0.0, None, {}, {})
    runs = Responses(store)
    epoch = runs.take_lease("a", 60.0, 0.0)
    assert epoch is not None
    assert runs.begin(run, (), (), epoch, 0.0)
    assert runs.decide(Decision(run, "blocked", why, body={"because": "cooldown"}), epoch, 1.0)
    store.close()
    (said,) = lines("explain", "a")
    assert said["response"] == {"id": "r1", "state": "blocked", "because": "cooldown", "why": why}
    assert f"\n  response r1 is blocked: {why}\n" in aiops("explain", "a").stdout
    assert lines("explain", "--symptom", "symptom.json")[0]["response"] is None


def test_a_plan_of_what_does_not_fit_ends_with_1(place: Path) -> None:
    (place / "symptom.json").write_text(json.dumps(SYMPTOM | {"lead_time": "10m"}))
    assert "it does not fit: lead_time wants >= 1h, got 10m" in aiops("plan", "fills", "--symptom", "symptom.json", code=1).stderr


@pytest.mark.parametrize(("content", "said"), [("{", "symptom.json: the file"), ('{"kind": "forecast"}', "symptom.json: signal")])
def test_a_symptom_that_is_none_is_refused(place: Path, content: str, said: str) -> None:
    (place / "symptom.json").write_text(content)
    assert said in aiops("explain", "--symptom", "symptom.json", code=1).stderr


def test_the_past_is_replayed(place: Path) -> None:
    (one,) = lines("replay", "--since", "1d")
    assert (one["runbook"], one["would"], one["target"]) == ("fills", "suggested", {"instance": "a"})
    assert "suggested (mode suggest by responses.ceiling)" in aiops("replay", "--since", "1d").stdout
    assert "no warning of that time" in aiops("replay", "--since", "1m").stdout
    assert "--since" in aiops("replay", "--since", "soon", code=2).stderr


def test_an_edit_is_compared_with_a_folder(place: Path) -> None:
    book(place / "old", mode="suggest", least="1h")
    (change,) = lines("diff", "old", code=1)
    assert change["before"].startswith("fits, suggest")
    assert change["after"].startswith("fits, approve")
    assert "nothing changes" in aiops("diff", "books").stdout


def test_an_edit_is_compared_with_a_revision(place: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True)

    git("init", "-q")
    git("add", "books")
    git("commit", "-qm", "first")
    assert "nothing changes" in aiops("diff", "HEAD").stdout
    book(place / "books", mode="suggest", least="1h")
    (change,) = lines("diff", "HEAD", code=1)
    assert change["after"].startswith("fits, suggest")
    assert "neither a folder nor a revision" in aiops("diff", "no-such", code=1).stderr
    assert "neither a folder nor a revision" in aiops("diff", "HEAD:--output=x", code=1).stderr


def test_it_is_exported(place: Path) -> None:
    done = CliRunner().invoke(app, ["runbooks", "export", "fills", "--cacao", "--config", "aiops.yaml"])
    assert json.loads(done.stdout)["spec_version"] == "cacao-2.0"
    done = CliRunner().invoke(app, ["runbooks", "export", "fills", "--config", "aiops.yaml"])
    assert json.loads(done.stdout)["name"] == "fills"
