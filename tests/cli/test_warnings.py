"""`aiops warnings` and `aiops audit`: what was decided, read beside a daemon that may be running."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.core.records import STAYED
from aiops.store import Store
from tests.store.samples import SYMPTOM, outcome, warning

BOOK = {
    "name": "disk-filling-up", "mode": "suggest", "capped_from": "auto", "summary": "Free it.", "impact": "Writes fail.",
    "plan": [{"effect": "read", "what": "df -h -- /data"}],
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory with three warnings, held open as by a running daemon."""
    store = Store.open("", tmp_path)
    hostile = {"instance": "a3\n00000000 FAKE line\x1b[31m\x1b]0;title\x07\u202e", "empty": ""}
    with store.transaction() as tx:
        tx.put_warning(warning(1, opened_s=60, verdict="hit", state="closed", closed_s=300, closed_why="the limit was crossed"))
        tx.put_outcome(outcome(1))
        tx.put_warning(warning(2, opened_s=120, stage="shadow", runbooks=(BOOK,)))
        timeless: dict[str, Any] = {"crossing": None, "first_crossing": None, "told_latest_s": None}
        tx.put_warning(warning(3, opened_s=180, entity=hostile, kind="anomaly", **timeless))
    yield tmp_path
    store.close()


def aiops(*arguments: str) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_warnings_are_listed_newest_first_with_verdict_and_record(data: Path) -> None:
    head, *lines = aiops("warnings", "list", "--data-dir", str(data)).stdout.splitlines()
    assert head.split()[:3] == ["ID", "STATE", "VERDICT"]
    assert [line.split()[0][-1] for line in lines] == ["3", "2", "1"]
    assert "hit" in lines[2]
    assert "[shadow: unproven]" in lines[1]
    assert "[ticket; new, unproven]" in lines[2]


@pytest.mark.row("A10")
@pytest.mark.parametrize("command", [("list",), ("show", f"{3:016x}")])
def test_what_a_label_holds_moves_no_cursor_and_colours_nothing(data: Path, command: tuple[str, ...]) -> None:
    shown = aiops("warnings", *command, "--data-dir", str(data)).stdout
    assert "FAKE line" in shown
    assert all(line.isprintable() for line in shown.split("\n"))


def test_what_a_person_wrote_moves_no_cursor_either(tmp_path: Path) -> None:
    why = "a test\n  verdict    hit\x1b[31m"
    with closing(Store.open("", tmp_path)) as store, store.transaction() as tx:
        tx.put_warning(warning(1, state="closed", closed_s=300, closed_why=why))
        tx.put_outcome(replace(outcome(1), detail=why))
    shown = aiops("warnings", "show", f"{1:016x}", "--data-dir", str(tmp_path)).stdout
    assert all(line.isprintable() for line in shown.split("\n"))
    assert sum(line.startswith("  verdict    ") for line in shown.split("\n")) == 1


@pytest.mark.parametrize("command", [("list",), ("show", f"{1:016x}")])
def test_half_a_character_in_a_label_is_told_as_json_too(tmp_path: Path, command: tuple[str, ...]) -> None:
    with closing(Store.open("", tmp_path)) as store, store.transaction() as tx:
        tx.put_warning(warning(1, entity={"instance": "\ud800"}))
    said = aiops("warnings", *command, "-o", "json", "--data-dir", str(tmp_path)).stdout
    assert json.loads(said)["entity"] == {"instance": "\ud800"}


def test_label_text_makes_no_line_of_its_own(data: Path) -> None:
    shown = aiops("warnings", "list", "--data-dir", str(data)).stdout.splitlines()
    assert len(shown) == 4
    assert "a3\\n00000000 FAKE line" in shown[1]


def test_as_json_each_warning_is_one_object_a_line(data: Path) -> None:
    lines = aiops("warnings", "list", "--data-dir", str(data), "-o", "json", "--limit", "2").stdout.splitlines()
    assert [json.loads(line)["opened_s"] for line in lines] == [180, 120]


def test_a_warning_over_many_that_share_nothing_says_on_how_many(data: Path) -> None:
    listed = tuple({"id": f"{i:016x}", "card": "disk_full", "entity": {"instance": f"b{i}"}, "opened_s": 60} for i in (7, 8, 9))
    store = Store.open("", data / "many")
    with store.transaction() as tx:
        tx.put_warning(warning(6, entity={}, members=listed))
    store.close()
    asked = ("--data-dir", str(data / "many"))
    assert aiops("warnings", "show", f"{6:016x}", *asked).stdout.splitlines()[0] == "disk_full: (3 entities)"
    assert "  disk_full (3 entities)  [" in aiops("warnings", "list", *asked).stdout


def test_one_warning_is_shown_whole_with_its_plan(data: Path) -> None:
    shown = aiops("warnings", "show", f"{2:016x}", "--data-dir", str(data)).stdout
    assert "stage shadow (unproven)" in shown
    assert "expected   1970-01-01T00:03:20Z" in shown
    assert "runbook    disk-filling-up (suggest, the file asks for auto): Free it." in shown
    assert "1. [read] df -h -- /data" in shown
    assert "verdict    not yet: at the latest " in shown


def test_the_evidence_is_shown_in_words_and_what_speaks_against_it(data: Path) -> None:
    labels = {"instance": "a4", "metric": "load\nfake"}
    evidence = {
        "now": 31.5, "expected": 4.25, "usual_low": 3.1, "usual_high": 5.9, "score": 7.42, "threshold": 4.1, "share": 0.62,
        "reason": "unlike what was usual here", "also": [{"labels": {"cpu": "3"}, "now": 0.98, "score": 1.42}],
        "against": ["5 of its 9 series are as usual"],
    }  # fmt: skip
    strange = replace(SYMPTOM, kind="anomaly", labels=labels, crossing=None, evidence=evidence)
    store = Store.open("", data / "more")
    with store.transaction() as tx:
        tx.put_warning(warning(4, kind="anomaly", symptoms=(strange,), crossing=None, told_latest_s=None))
    store.close()
    shown = aiops("warnings", "show", f"{4:016x}", "--data-dir", str(data / "more")).stdout
    assert "  because    instance=a4, metric=load\\nfake\n             unlike what was usual here\n" in shown
    assert "now: 31.5\n" in shown
    assert "usual: 3.1 to 5.9 here at this hour, expected 4.25\n" in shown
    assert "score: 7.42 (threshold 4.1), 62% of the entity's\n" in shown
    assert "  also moved cpu=3: now 0.98, score 1.42\n  against    5 of its 9 series are as usual\n" in shown


def test_how_old_the_data_is_is_shown_where_it_is_older_than_usual(data: Path) -> None:
    old = replace(SYMPTOM, evidence={**SYMPTOM.evidence, "newest_s": 60})
    store = Store.open("", data / "old")
    with store.transaction() as tx:
        tx.put_warning(warning(5, symptoms=(old,), stale_since_s=120))
    store.close()
    shown = aiops("warnings", "show", f"{5:016x}", "--data-dir", str(data / "old")).stdout
    assert "  data       its source is away since 1970-01-01T00:02:00Z, the newest sample is " in shown
    assert " old, of 1970-01-01T00:01:00Z: what became of it since is not known, look there yourself\n" in shown


def test_a_judged_warning_shows_its_verdict_and_lead(data: Path) -> None:
    shown = aiops("warnings", "show", f"{1:016x}", "--data-dir", str(data)).stdout
    assert "verdict    hit, 3m10s before the failure" in shown
    assert "closed 1970-01-01T00:05:00Z: the limit was crossed" in shown


def test_a_warning_that_told_no_time_waits_for_a_person(data: Path) -> None:
    shown = aiops("warnings", "show", f"{3:016x}", "--data-dir", str(data)).stdout
    assert "expected" not in shown
    assert "verdict    not yet: a person's, or expired after 7 days" in shown
    assert "runbook    none matches" in shown


def test_what_ended_at_a_new_level_says_what_to_do(data: Path) -> None:
    store = Store.open("", data / "stayed")
    with store.transaction() as tx:
        tx.put_warning(warning(6, kind="anomaly", state="closed", closed_s=300, closed_why=STAYED, verdict=None))
    store.close()
    shown = aiops("warnings", "show", f"{6:016x}", "--data-dir", str(data / "stayed")).stdout
    assert "  do         find out whether the new level is wanted, for it is not told again; if it is not, undo what" in shown


def test_shown_as_json_the_outcome_is_there(data: Path) -> None:
    whole = json.loads(aiops("warnings", "show", f"{1:016x}", "--data-dir", str(data), "-o", "json").stdout)
    assert whole["outcome"]["verdict"] == "hit"


@pytest.mark.parametrize("wanted", ["ffff", "0000"])
def test_an_id_of_no_warning_or_of_several_is_refused(data: Path, wanted: str) -> None:
    result = aiops("warnings", "show", wanted, "--data-dir", str(data))
    assert result.exit_code == 1
    assert f"no warning {wanted}" in result.stderr


def test_where_nothing_was_warned_of_it_says_so(tmp_path: Path) -> None:
    Store.open("", tmp_path).close()
    assert aiops("warnings", "list", "--data-dir", str(tmp_path)).stdout == "no warnings yet\n"


def test_a_folder_without_database_is_told_and_not_made(tmp_path: Path) -> None:
    result = aiops("warnings", "list", "--data-dir", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "holds no aiops.db" in result.stderr
    assert not (tmp_path / "none").exists()


def test_an_unchanged_ledger_verifies(data: Path) -> None:
    result = aiops("audit", "verify", "--data-dir", str(data), "-o", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"], found["first_bad"]) == (0, True, None)


def test_a_changed_ledger_is_found_and_the_row_named(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        tx.record("daemon", "turn", "disk_full", {"n": 1}, 60.0)
        tx.record("daemon", "turn", "disk_full", {"n": 2}, 120.0)
    store.close()
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("UPDATE ledger SET actor = 'nobody' WHERE seq = 2")
        connection.commit()
    result = aiops("audit", "verify", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout.startswith("row 2: ")


def test_a_ledger_is_held_against_an_earlier_check_that_was_kept(tmp_path: Path) -> None:
    def at(folder: Path, *names: str) -> str:
        with closing(Store.open("", folder)) as store:
            for name in names:
                with store.transaction() as tx:
                    tx.record("daemon", name, "x", {}, 60.0)
        return aiops("audit", "verify", "--data-dir", str(folder), "-o", "json").stdout

    kept = tmp_path / "kept.json"
    kept.write_text(at(tmp_path / "whole", "a", "b"))
    rows = json.loads(kept.read_text())["rows"]
    at(tmp_path / "whole", "c")
    at(tmp_path / "cut", "a")
    at(tmp_path / "anew", "a", "other")
    against, names = ("--against", str(kept)), ("whole", "cut", "anew")
    verified = {name: aiops("audit", "verify", "--data-dir", str(tmp_path / name), *against) for name in names}
    assert {name: one.exit_code for name, one in verified.items()} == {"whole": 0, "cut": 1, "anew": 1}
    assert f"there were {rows} rows" in verified["cut"].stdout
    assert "is not the row that was there" in verified["anew"].stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [(None, "cannot be read"), ("no", "is not what"), ("{}", "is not what"), ('{"ok":false,"rows":1,"head":"0"}', "changed")],
)
def test_what_is_no_earlier_check_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "kept.json").write_text(text)
    result = aiops("audit", "verify", "--data-dir", str(tmp_path), "--against", str(tmp_path / "kept.json"))
    assert (result.exit_code, why in result.stderr) == (2, True)


def test_an_exported_ledger_holds_all_that_its_hashes_are_made_of(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store, store.transaction() as tx:
        for i in range(3):
            tx.record("däemon", "x", f"a{i}\n\u202e", {"b": [1.5, None], "a": "ü"}, 60.123 * i)
    result = aiops("audit", "export", "--data-dir", str(tmp_path), "-o", "json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    prev = "0" * 64
    for row in rows:
        body = json.dumps(
            [row["at_ms"], row["actor"], row["action"], row["object"], row["detail"]],
            sort_keys=True, ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip
        made = hashlib.sha256(b"\0" + bytes.fromhex(prev) + body.encode()).hexdigest()
        assert (row["prev_hash"], row["hash"]) == (prev, made)
        prev = made
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]


def test_an_export_of_the_last_days_leaves_out_what_is_older(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store, store.transaction() as tx:
        tx.record("daemon", "old", "x", {}, 60.0)
        tx.record("daemon", "new", "a\x1b[31m", {"n": 1}, time.time() - 3600)
    text = aiops("audit", "export", "--data-dir", str(tmp_path), "--since", "1d").stdout
    assert len(text.splitlines()) == 1
    assert "new" in text
    assert "\x1b" not in text
    wrong = aiops("audit", "export", "--data-dir", str(tmp_path), "--since", "soon")
    assert (wrong.exit_code, "--since: " in wrong.stderr) == (2, True)
