"""Saying what one knows from the command line, beside a daemon that holds the store."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.outcomes.incidents import Incident
from aiops.pipeline.desk import Desk
from aiops.store import Store
from tests.daemon.rig import card
from tests.outcomes.made import warning


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A data directory that is held open, and a config with a card that incidents are the truth of."""
    store = Store.open("", tmp_path / "data")
    with store.transaction() as tx:
        tx.put_warning(warning(1_790_000_000, id="abc1"))
    (tmp_path / "card.yaml").write_text(json.dumps(card("disk_full", truth={"incidents": ['severity="page"']})))
    (tmp_path / "aiops.yaml").write_text(json.dumps({"cards": ["card.yaml"]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.time", lambda: 1_790_050_000.0)
    yield store
    store.close()


def aiops(*arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--config", "aiops.yaml", "--data-dir", "data"])


def test_a_verdict(data: Store) -> None:
    done = aiops("warnings", "verdict", "abc", "hit", "--failed-at", "2026-09-21T15:00:00Z", "--by", "ann")
    assert (done.exit_code, done.stdout) == (0, "abc1: hit (judged by ann)\n")
    found = data.outcome_of("abc1")
    assert found is not None
    assert found.failed_s == 1_790_002_800
    assert data.verify_ledger().ok


def test_who_says_so_is_the_user_unless_named(data: Store) -> None:
    assert aiops("warnings", "verdict", "abc1", "false").exit_code == 0
    assert [s.who for s in data.statements()] == [getpass.getuser()]


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("verdict", "abc1", "missed"), 1, "is hit, late, false"), (("verdict", "none", "hit"), 1, "no warning none"),
        (("verdict", "abc1", "averted"), 1, "record that first"), (("acted", "abc1", "x", "--at", "soon"), 2, "is no time"),
        (("acted", "abc1", "x", "--at", "7"), 1, "after it opened"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_says_why(data: Store, arguments: tuple[str, ...], code: int, why: str) -> None:
    done = aiops("warnings", *arguments)
    assert (done.exit_code, why in done.stderr) == (code, True), done.stderr
    assert data.statements() == []


def test_an_action_and_what_was_averted(data: Store) -> None:
    assert aiops("warnings", "acted", "abc1", "deleted logs", "--by", "ann").stdout == "abc1: recorded, by ann\n"
    assert aiops("warnings", "verdict", "abc1", "averted", "--by", "bob", "--why", "clear").exit_code == 0
    aiops("warnings", "feedback", "abc1", "useful", "--by", "eve", "--note", "a\nb")
    shown = aiops("warnings", "show", "abc1").stdout
    assert "  verdict    averted: clear (judged by bob)" in shown
    assert "  action     deleted logs, by ann, 2026-09-22T04:06:40Z" in shown
    assert "  feedback   useful a\\nb, by eve" in shown
    said = json.loads(aiops("warnings", "show", "abc1", "-o", "json").stdout)["said"]
    assert [(one["kind"], one["who"]) for one in said] == [("action", "ann"), ("verdict", "bob"), ("feedback", "eve")]


def test_a_file_of_incidents(data: Store, tmp_path: Path) -> None:
    one = {"id": "1", "started_at": 1_790_020_000, "labels": {"severity": "page", "instance": "a"}, "title": "full\n7"}
    (tmp_path / "i.jsonl").write_text("\n".join(json.dumps(x) for x in (one, {**one, "id": "2", "labels": {}})))
    done = aiops("incidents", "import", "i.jsonl")
    assert (done.stdout, done.stderr) == ("disk_full abc1: hit\n", "2 incidents read\n")
    assert aiops("incidents", "import", "i.jsonl", "-o", "json").stdout == "", "again nothing changes"
    shown = aiops("incidents", "list").stdout.splitlines()
    assert [line.partition("full\\n7  ")[2] for line in shown] == ["[disk_full]", "[no card claims it]"]
    assert [json.loads(line)["id"] for line in aiops("incidents", "list", "-o", "json").stdout.splitlines()] == ["1", "2"]


@pytest.mark.parametrize(("content", "why"), [("[{]", "line 1: is no JSON"), ("{}", "holds neither")])
def test_a_file_that_is_wrong_is_named(data: Store, tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "i.json").write_text(content)
    done = aiops("incidents", "import", "i.json")
    assert (done.exit_code, "i.json: " in done.stderr, why in done.stderr) == (1, True, True)
    assert aiops("incidents", "import", "none.json").exit_code == 1


def test_incidents_are_listed_whatever_they_are_called(data: Store, tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text('{"id": "\\ud800", "started_at": 1790020000, "labels": {"a": "\\u0000"}}')
    assert aiops("incidents", "import", "i.json").exit_code == 1, "no JSON to us, though some programs write it"
    Desk(data).incident(Incident("\ud800", "webhook", {"a": "\0"}, 1_790_020_000), "hook", 1_790_030_000.0)
    (line,) = aiops("incidents", "list", "-o", "json").stdout.splitlines()
    assert json.loads(line)["id"] == "\ud800"
    assert "\\ud800" in aiops("incidents", "list").stdout


def test_without_a_store_there_is_nothing_to_say(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["warnings", "verdict", "a", "hit", "--data-dir", str(tmp_path / "none")])
    assert (done.exit_code, "holds no aiops.db" in done.stderr) == (1, True)
