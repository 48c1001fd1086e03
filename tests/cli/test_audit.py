"""`aiops audit`: checkpoints hold the ledger, and one row is proven without the others."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.daemon.witness import Witness
from aiops.governance.checkpoint import FILE, Signer
from aiops.store import Store


def aiops(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["audit", *arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with closing(Store.open("", tmp_path)) as store:
        with store.transaction() as tx:
            for i in range(5):
                tx.record("däemon", "x", f"row-{i}", {"n": i}, 60.0 * i)
        Witness(store, tmp_path).look(1000.0)
        with store.transaction() as tx:
            tx.record("daemon", "later", "b", {}, 2000.0)
    return tmp_path


def test_a_ledger_is_held_against_its_newest_checkpoint(data: Path, tmp_path: Path) -> None:
    done = aiops("verify", "--data-dir", str(data))
    assert (done.exit_code, done.stdout) == (0, f"7 rows, unchanged; the first 6 are those of the checkpoint in {data / FILE}\n")
    found = json.loads(aiops("verify", "--data-dir", str(data), "-o", "json").stdout)
    assert (found["ok"], found["rows"], found["held"], len(found["merkle_root"])) == (True, 7, 6, 64)


def test_a_ledger_made_anew_with_a_chain_of_its_own_is_found(data: Path) -> None:
    kept = data.parent / f"{data.name}-outside.ndjson"
    kept.write_bytes((data / FILE).read_bytes())
    key = data.parent / f"{data.name}-outside.pub"
    key.write_text((data / "ledger.pub").read_text())
    for path in (data / "aiops.db", data / FILE, data / "ledger.key", data / "aiops.db-wal", data / "aiops.db-shm"):
        path.unlink(missing_ok=True)
    with closing(Store.open("", data)) as store:
        with store.transaction() as tx:
            for i in range(8):
                tx.record("daemon", "forged", f"{i}", {}, 60.0)
        Witness(store, data).look(1000.0)
    assert aiops("verify", "--data-dir", str(data)).exit_code == 0  # all of it is forged alike
    done = aiops("verify", "--data-dir", str(data), "--against", str(kept), "--key", str(key))
    assert (done.exit_code, "is not the row that was there" in done.stdout) == (1, True)
    done = aiops("verify", "--data-dir", str(data), "--key", str(key))
    assert (done.exit_code, "is not signed by" in done.stderr) == (2, True)


def test_a_checkpoint_that_somebody_wrote_is_no_checkpoint(data: Path) -> None:
    found = json.loads((data / FILE).read_text())
    (data / FILE).write_text(json.dumps({**found, "size": 2}))
    done = aiops("verify", "--data-dir", str(data))
    assert (done.exit_code, "not signed by the key that it names" in done.stderr) == (2, True)


def test_a_row_is_proven_without_the_others_and_without_a_ledger(data: Path) -> None:
    done = aiops("prove", "3", "--data-dir", str(data))
    assert done.exit_code == 0
    whole = json.loads(done.stdout)
    assert whole["row"]["object"] == "row-1"
    assert "row-0" not in done.stdout
    file, key = data / "proof.json", str(data / "ledger.pub")
    file.write_text(done.stdout)
    good = aiops("check-proof", str(file), "--key", key)
    assert (good.exit_code, good.stdout) == (0, "row 3 is one of the 6 of the checkpoint\n")
    for part, value, why in (
        ("row", {**whole["row"], "detail": {"n": 9}}, "the row was changed"),
        ("path", whole["path"][1:], "is not under that root"),
        ("checkpoint", {**whole["checkpoint"], "time": 1.0}, "is not signed"),
    ):
        file.write_text(json.dumps({**whole, part: value}))
        bad = aiops("check-proof", str(file), "--key", key)
        assert (bad.exit_code, why in bad.stdout) == (1, True)


def test_a_proof_can_be_read_too(data: Path) -> None:
    whole = json.loads(aiops("prove", "3", "--data-dir", str(data), "-o", "json").stdout)
    assert json.loads(aiops("prove", "3", "--data-dir", str(data)).stdout) == whole
    shown = aiops("prove", "3", "--data-dir", str(data), "-o", "text").stdout
    assert "däemon  x  row-1" in shown.splitlines()[0]
    for one in (whole["row"]["hash"], *whole["path"], whole["checkpoint"]["merkle_root"], whole["checkpoint"]["key"]):
        assert one in shown
    with pytest.raises(ValueError, match=r"Expecting|Extra"):
        json.loads(shown)


def test_a_proof_signed_by_another_key_is_none(data: Path) -> None:
    file = data / "proof.json"
    file.write_text(aiops("prove", "1", "--data-dir", str(data)).stdout)
    (data / "other").mkdir()
    Signer(data / "other")
    bad = aiops("check-proof", str(file), "--key", str(data / "other" / "ledger.pub"), "-o", "json")
    assert (bad.exit_code, json.loads(bad.stdout)["why"]) == (1, "the checkpoint is not signed by that key")
    assert aiops("check-proof", str(file)).exit_code == 0


@pytest.mark.parametrize("seq", [None, "3", 3.0, True])
def test_a_row_without_its_number_is_no_proof(data: Path, seq: object) -> None:
    whole = json.loads(aiops("prove", "3", "--data-dir", str(data)).stdout)
    whole["row"]["seq"] = seq
    if seq is None:
        del whole["row"]["seq"]
    file = data / "proof.json"
    file.write_text(json.dumps(whole))
    bad = aiops("check-proof", str(file))
    assert (bad.exit_code, "is not what" in bad.stderr) == (2, True)


def test_what_cannot_be_proven_is_said(data: Path) -> None:
    done = aiops("prove", "7", "--data-dir", str(data))
    assert (done.exit_code, "no checkpoint holds that row yet" in done.stderr) == (1, True)
    for content in (None, "no", "{}"):
        file = data / "proof.json"
        if content is not None:
            file.write_text(content)
        assert aiops("check-proof", str(file)).exit_code == 2
    for content in (None, "ab", "zz" * 32):
        key = data / "some.pub"
        if content is not None:
            key.write_text(content)
        assert aiops("verify", "--data-dir", str(data), "--key", str(key)).exit_code == 2


def test_rows_that_were_cut_off_are_found_by_the_checkpoint_beside_them(data: Path) -> None:
    with closing(sqlite3.connect(data / "aiops.db")) as connection:
        connection.execute("DROP TRIGGER ledger_no_delete")
        connection.execute("DELETE FROM ledger WHERE seq > 4")
        connection.commit()
    done = aiops("verify", "--data-dir", str(data))
    assert (done.exit_code, "there were 6 rows at the earlier check" in done.stdout) == (1, True)
    done = aiops("prove", "2", "--data-dir", str(data))
    assert (done.exit_code, "fewer rows than its newest checkpoint" in done.stderr) == (1, True)
